#pragma once

#include <asio/awaitable.hpp>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "device/terminal/frame_codec.h"
#include "device/terminal/link_stream.h"
#include "device/terminal/terminal_options.h"
#include "model/identity.h"

namespace gatelog::terminal {

// The gateway's side of the handshake, whoever opened the connection: Greet, then Prove, once each.
// Ends with an error when the stream is closed; sets no time limit of its own.
//
// The statuses name the terminal as `peer`, which is how it is called in messages. Threads: the
// stream's.
class Handshake {
 public:
  // `caller`: who has opened the connection.
  Handshake(LinkStream& stream, Role caller, std::string peer, const TerminalOptions& options);

  // Who the terminal says it is; nothing is proved by it yet.
  asio::awaitable<absl::StatusOr<model::DeviceIdentity>> Greet();

  // Both sides prove that they know the key; an empty one proves nothing.
  asio::awaitable<absl::Status> Prove(const std::string& key);

  // Says why the terminal is turned away, as the last word.
  asio::awaitable<void> Refuse(const absl::Status& reason);

  // What arrived after the handshake; takes frames of any allowed size.
  FrameReader TakeReader();

 private:
  asio::awaitable<absl::StatusOr<Frame>> Exchange(const Frame& question);
  absl::StatusOr<v1::HelloReply> CheckHelloReply(const Frame& frame) const;
  absl::Status CheckProof(const std::string& key, const v1::AuthenticateReply& reply) const;
  absl::Status PeerError(absl::StatusCode code, std::string_view what) const;
  absl::Status Refusal(const v1::Error& error) const;

  LinkStream& stream_;
  const Role caller_;
  const std::string peer_;
  const std::string hint_;  // what else may be wrong when the terminal breaks it off
  const TerminalOptions& options_;
  FrameReader reader_{kHandshakeFrameSizeMax};
  std::string nonce_;
  std::string terminal_nonce_;
  bool key_required_ = false;
};

}  // namespace gatelog::terminal
