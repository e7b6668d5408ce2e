#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "terminal/v1/link.pb.h"

namespace gatelog::terminal {

using Frame = ::gatelog::terminal::v1::Frame;

inline constexpr std::uint32_t kProtocolVersion = 1;
inline constexpr std::uint16_t kDefaultPort = 51211;
inline constexpr std::size_t kLengthSize = 4;              // bytes before each frame
inline constexpr std::size_t kFrameSizeMax = 1024 * 1024;  // bytes of one encoded Frame
// Of a terminal that has proved nothing yet: what a HelloReply can have at most, and some more.
inline constexpr std::size_t kHandshakeFrameSizeMax = 192 * 1024;
inline constexpr std::size_t kChunkSizeTarget = 256 * 1024;  // bytes; a chunk of this size is sent
inline constexpr std::size_t kNonceSize = 16;
inline constexpr std::size_t kCallPartSizeMax =
    256 * 1024;  // bytes of one part of a call or answer

// Appends the frame, with its length in front, to `out`. kInvalidArgument if it is larger than
// kFrameSizeMax: then nothing is appended.
absl::Status AppendFrame(const Frame& frame, std::string& out);

// Finds frames in a stream of bytes. Pure: no socket, no clock. Between frames it holds next to no
// memory; it never holds more than one frame of the largest size and what was appended last, if
// Next is called until it gives nothing.
class FrameReader {
 public:
  FrameReader() = default;
  explicit FrameReader(std::size_t frame_size_max) : frame_size_max_(frame_size_max) {}

  // Of frames from the next one on that Next has not seen the beginning of.
  void set_frame_size_max(std::size_t size) { frame_size_max_ = size; }

  // Takes bytes as they arrive.
  void Append(std::string_view bytes) { buffer_.append(bytes); }

  // The next whole frame; nullopt if more bytes are needed. kInvalidArgument for a length of zero
  // or above the largest size, found as soon as the length is there, and for bytes that are no
  // Frame: the stream is then beyond repair.
  absl::StatusOr<std::optional<Frame>> Next();

  // Whether part of a frame is waiting for the rest.
  bool HoldsPart() const { return start_ < buffer_.size(); }

 private:
  std::string buffer_;
  std::size_t start_ = 0;
  std::size_t frame_size_max_ = kFrameSizeMax;
};

// kNonceSize random bytes, never to be used twice. kInternal if the system has no randomness to
// give.
absl::StatusOr<std::string> MakeNonce();

// The proof of a shared key: HMAC-SHA-256 over who proves it, who has opened the connection, the
// gateway's nonce and the terminal's nonce.
enum class Role { kGateway, kTerminal };
std::string KeyProof(std::string_view key, Role prover, Role caller, std::string_view gateway_nonce,
                     std::string_view terminal_nonce);

// Compares without telling by its time where the difference is.
bool ProofMatches(std::string_view a, std::string_view b);

}  // namespace gatelog::terminal
