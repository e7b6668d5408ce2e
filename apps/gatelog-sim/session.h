#pragma once

#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "apps/gatelog-sim/call_parts.h"
#include "device/terminal/frame_codec.h"
#include "device/terminal/link_stream.h"

namespace gatelog::sim {

class Terminal;

inline constexpr std::size_t kOutgoingBytesMax =
    4 * 1024 * 1024;  // beyond it the gateway does not read: disconnected
inline constexpr std::size_t kBulkBytesMax =
    256 * 1024;  // chunks wait while so much is still to be sent
inline constexpr std::size_t kOpenReadsMax = 64;
inline constexpr std::uint32_t kCreditMax = 1'024;  // chunks of one read
inline constexpr std::uint32_t kReadRecordsMax = 16'384;
inline constexpr std::uint32_t kReadImagesMax = 64;
inline constexpr std::chrono::seconds kHandshakeTimeMax{10};
inline constexpr std::chrono::seconds kSilenceMax{
    120};  // a gateway that says nothing for so long is gone
inline constexpr std::chrono::seconds kFarewellTimeMax{2};

// The terminal's side of one connection, from its acceptance to its end. Whatever a peer sends that
// makes no sense is answered by an Error and, where the stream cannot go on, by the end of the
// connection.
//
// The loop's thread only. Owned by its coroutines and by the listener; `terminal` outlives it.
class Session : public std::enable_shared_from_this<Session> {
 public:
  using Clock = std::chrono::steady_clock;

  // `called`: the terminal has opened the connection. `on_closed` is called once, when it has
  // ended.
  Session(terminal::LinkStream stream, bool called, std::string peer, Terminal& terminal,
          std::function<void(Session&)> on_closed);

  void Start();

  const std::string& peer() const { return peer_; }
  bool armed() const { return armed_; }

  // Sends a record that is in the log. May close the session.
  void Push(std::uint32_t id, const std::string& record);
  // Neither reads nor writes for that long; the connection stays.
  void Freeze(std::chrono::milliseconds duration) { frozen_until_ = Clock::now() + duration; }
  void Close(std::string_view why);
  // Lets go of the terminal and ends the connection: at once, or, while one of its calls is being
  // served, as soon as the answer is through.
  void HangUp(std::string_view why);
  // Looks for time limits that have passed; every second or so.
  void CheckTimes(Clock::time_point now);

 private:
  using Frame = terminal::Frame;
  using ErrorCode = terminal::v1::Error::Code;
  enum class State { kNew, kGreeted, kServing, kFarewell, kClosed };

  struct BulkRead {
    std::uint32_t request_id = 0;
    bool images = false;
    std::uint32_t next_id = 0;
    std::uint32_t remaining = 0;
    std::uint32_t credit = 0;
  };

  // How far a chunk is filled.
  struct Filling {
    std::size_t bytes = 0;
    bool more = false;  // the next chunk has to take over
  };

  asio::awaitable<void> ReadLoop();
  asio::awaitable<void> WriteLoop();
  asio::awaitable<void> WaitUntilThawed(asio::steady_timer& timer);
  void HandleInput();
  void Handle(const Frame& frame);
  void HandleHello(const Frame& frame);
  void HandleAuthenticate(const Frame& frame);
  void HandleRequest(const Frame& frame);
  void StartRead(const Frame& frame);
  void AddCredit(const Frame& frame);
  void HandleCall(const Frame& frame);
  void HandleRelink(const Frame& frame);
  void Reply(std::uint32_t request_id, const absl::Status& status);

  void Send(const Frame& frame);
  void SendError(std::uint32_t request_id, ErrorCode code, std::string_view text);
  // Sends the error as the last word.
  void Fail(std::uint32_t request_id, ErrorCode code, std::string_view text);
  // Nothing is taken any more; what is to be sent still is.
  void SayFarewell();
  void StartWriting();
  void QueueChunks();
  // Whether the record or image of this ID goes into the chunk; then it counts as read.
  static bool Fits(BulkRead& read, std::uint32_t id, std::size_t size, Filling& filling);
  // False: that was the read's last chunk.
  bool QueueLogChunk(BulkRead& read);
  bool QueueImageChunk(BulkRead& read);
  std::string TakeOutgoing();

  terminal::LinkStream stream_;
  const bool called_;
  const std::string peer_;
  Terminal& terminal_;
  std::function<void(Session&)> on_closed_;

  State state_ = State::kNew;
  bool armed_ = false;
  std::string gateway_nonce_;
  std::string nonce_;
  terminal::FrameReader reader_;
  std::deque<BulkRead> reads_;
  CallAssembler calls_;
  AnswerQueue answers_;
  bool calling_ = false;              // a call is being served
  bool leaving_ = false;              // it has ended this connection
  std::deque<std::string> outgoing_;  // encoded frames
  std::size_t outgoing_bytes_ = 0;    // of these, and of what is being written
  bool writing_ = false;
  Clock::time_point last_heard_;
  Clock::time_point state_since_;
  Clock::time_point frozen_until_{};
  asio::steady_timer read_timer_;
  asio::steady_timer write_timer_;
};

}  // namespace gatelog::sim
