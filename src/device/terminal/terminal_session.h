#pragma once

#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "device/terminal/frame_codec.h"
#include "device/terminal/link_stream.h"
#include "device/terminal/open_request.h"
#include "device/terminal/terminal_options.h"
#include "model/identity.h"
#include "ports/device_link.h"

namespace gatelog::terminal {

// The connection to one terminal after the handshake. Held by its coroutines (one that reads, one
// that writes, one that watches the time) and by the link; each coroutine ends soon after Close or
// a lost connection.
//
// Threads: the io_context's only thread. Callbacks may call anything, also Close.
class TerminalSession final : public std::enable_shared_from_this<TerminalSession> {
 public:
  // What the handshake leaves behind.
  struct Opened {
    LinkStream stream;
    FrameReader reader;
    std::string peer;  // as shown in messages
    model::DeviceIdentity identity;
  };

  TerminalSession(Opened opened, TerminalOptions options, ports::DeviceLinkObserver& observer);

  // Reads and writes from now on; once. Requests may be sent before.
  void Start();

  // Closes the connection, drops open replies. No callback comes afterwards.
  void Close();

  // Takes `frame`, whose request ID is set here, and the request that its answer belongs to.
  void Send(Frame frame, std::unique_ptr<OpenRequest> request);

  // Sends a call of a method with its encoded request, in parts where it is long: kCallSizeMax at
  // most.
  void Call(std::string_view method, std::string call, std::unique_ptr<OpenRequest> request);

  // As Send, for a request that is refused before it is sent; it is answered from the loop.
  void Refuse(std::unique_ptr<OpenRequest> request, absl::Status status);

  const model::DeviceIdentity& identity() const { return identity_; }
  const std::shared_ptr<AnswerRoom>& answer_room() const { return options_.answer_room; }

  // Frames that were not expected and did no harm: late answers, answers to nothing, unknown kinds.
  std::uint64_t ignored_frames() const { return ignored_frames_; }

 private:
  using Self = std::shared_ptr<TerminalSession>;
  using TimePoint = std::chrono::steady_clock::time_point;
  enum class State { kOpen, kLost, kClosed };

  struct Waiting {
    std::unique_ptr<OpenRequest> request;
    bool sent = false;
    TimePoint deadline;
    absl::Status at_deadline;  // what the request is told then
  };

  // A call in several parts, of which some have not been sent.
  struct UnsentCall {
    std::uint32_t id = 0;
    std::string method;
    std::string request;
    std::size_t sent = 0;  // bytes of the request
  };

  struct KeepAlive {
    bool pending = false;
    TimePoint sent;
    TimePoint next;
  };

  // Each keeps the session alive through `self`.
  static asio::awaitable<void> ReadFrames(Self self);
  static asio::awaitable<void> WriteFrames(Self self);
  static asio::awaitable<void> WatchTime(Self self);

  bool open() const { return state_ == State::kOpen; }
  void HandleInput(std::string_view bytes);
  void HandleFrame(Frame& frame);
  void HandleUnasked(Frame& frame);  // frames with request ID 0
  void HandleKeepAliveReply(const v1::KeepAliveReply& reply);
  void HandleAnswer(Frame& frame);
  void HandleLateAnswer(const Frame& frame);
  void GrantCredit(std::uint32_t request_id);

  bool IsUnsent(std::uint32_t id) const;
  void DropUnsent(std::uint32_t id);
  void QueueCallPart();  // of the next call that has some left; they take turns
  absl::Status TooManyOpen() const;
  void AwaitAnswer(std::uint32_t id, std::unique_ptr<OpenRequest> request);
  void Await(std::uint32_t id, Waiting waiting);
  std::uint32_t NewRequestId();
  absl::Status Queue(const Frame& frame);
  void QueueOrLose(const Frame& frame);
  void ExpireRequests(TimePoint now);
  void CheckKeepAlive(TimePoint now);
  TimePoint KeepAliveDeadline() const;
  TimePoint NextDeadline() const;

  absl::Status PeerError(absl::StatusCode code, std::string_view what) const;
  void LoseByReadError(const asio::error_code& error);
  void LoseByViolation(std::string_view what);
  void Lose(const absl::Status& reason);
  void Shut();

  LinkStream stream_;
  FrameReader reader_;
  const std::string peer_;
  const model::DeviceIdentity identity_;
  const TerminalOptions options_;
  ports::DeviceLinkObserver* observer_;

  State state_ = State::kOpen;
  std::map<std::uint32_t, Waiting> requests_;  // by request ID
  std::set<std::uint32_t> given_up_reads_;     // request IDs; timed out, their chunks still come
  std::deque<UnsentCall> unsent_calls_;
  std::size_t unsent_call_bytes_ = 0;  // of whole requests
  std::uint32_t last_request_id_ = 0;
  std::uint64_t ignored_frames_ = 0;

  std::string outgoing_;          // not yet given to TCP
  std::size_t writing_size_ = 0;  // being given to TCP
  asio::steady_timer write_wake_;

  asio::steady_timer clock_;  // of WatchTime; cancelled when an earlier deadline appears
  KeepAlive keep_alive_;
  TimePoint last_heard_;
};

// The user's end of a session: destroying it closes the connection.
class TerminalLink final : public ports::DeviceLink {
 public:
  explicit TerminalLink(std::shared_ptr<TerminalSession> session);
  ~TerminalLink() override;

  const model::DeviceIdentity& identity() const override { return session_->identity(); }
  void ArmPushes(ports::Reply<absl::StatusOr<model::LogStatus>> reply) override;
  void ReadLog(model::EventId from, std::uint32_t max,
               ports::Reply<absl::StatusOr<ports::LogPage>> reply) override;
  void ReadImages(model::EventId from, std::uint32_t max,
                  ports::Reply<absl::StatusOr<std::vector<std::string>>> reply) override;
  void ClearLog(model::EventId expected_last,
                ports::Reply<absl::StatusOr<model::LogStatus>> reply) override;
  void GetImageFilters(ports::Reply<absl::StatusOr<std::vector<std::string>>> reply) override;
  void SetImageFilters(std::vector<std::string> filters, ports::Reply<absl::Status> reply) override;
  void Relink(const ports::Relinking& how,
              ports::Reply<absl::StatusOr<std::string>> reply) override;
  void Call(std::string_view method, std::string request,
            ports::Reply<absl::StatusOr<std::string>> reply) override;

 private:
  const std::shared_ptr<TerminalSession> session_;
};

}  // namespace gatelog::terminal
