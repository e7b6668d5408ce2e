#include "device/terminal/terminal_session.h"

#include <algorithm>
#include <array>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "device/terminal/link_codec.h"

namespace gatelog::terminal {
namespace {

constexpr auto kAwaitTuple = asio::experimental::as_tuple(asio::use_awaitable);

std::string Seconds(std::chrono::milliseconds duration) {
  return absl::StrCat(static_cast<double>(duration.count()) / 1000, " s");
}

absl::Status OutOfRange(const char* what, std::uint32_t asked, std::uint32_t max) {
  return absl::InvalidArgumentError(
      absl::StrCat("a read of ", asked, " ", what, " was asked for; 1 to ", max, " are allowed"));
}

}  // namespace

TerminalSession::TerminalSession(Opened opened, TerminalOptions options,
                                 ports::DeviceLinkObserver& observer)
    : stream_(std::move(opened.stream)),
      reader_(std::move(opened.reader)),
      peer_(std::move(opened.peer)),
      identity_(std::move(opened.identity)),
      options_(std::move(options)),
      observer_(&observer),
      write_wake_(stream_.executor()),
      clock_(stream_.executor()) {
  last_heard_ = std::chrono::steady_clock::now();
  keep_alive_.next = last_heard_ + options_.keep_alive_interval;
}

void TerminalSession::Start() {
  if (!open()) return;
  asio::co_spawn(stream_.executor(), ReadFrames(shared_from_this()), asio::detached);
  asio::co_spawn(stream_.executor(), WriteFrames(shared_from_this()), asio::detached);
  asio::co_spawn(stream_.executor(), WatchTime(shared_from_this()), asio::detached);
}

void TerminalSession::Close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  Shut();
  // Taken out first: a reply's destruction may run code that comes back here.
  const auto dropped = std::exchange(requests_, {});
}

asio::awaitable<void> TerminalSession::ReadFrames(Self self) {
  // One buffer for all sessions: a quiet connection costs none. Nothing is awaited while it is in
  // use.
  static thread_local std::array<char, kReadBufferSize> buffer;
  self->HandleInput({});  // what came together with the end of the handshake
  while (self->open()) {
    asio::error_code error = co_await self->stream_.WaitReadable();
    if (!self->open()) co_return;
    const std::size_t size = error ? 0 : self->stream_.ReadSome(asio::buffer(buffer), error);
    if (error == asio::error::would_block) continue;
    if (error) {
      self->LoseByReadError(error);
    } else {
      self->last_heard_ = std::chrono::steady_clock::now();
      self->HandleInput({buffer.data(), size});
    }
  }
}

void TerminalSession::LoseByReadError(const asio::error_code& error) {
  const char* where = reader_.HoldsPart() ? " in the middle of a frame" : "";
  Lose(PeerError(absl::StatusCode::kUnavailable,
                 error == asio::error::eof
                     ? absl::StrCat("closed the connection", where)
                     : absl::StrCat("is no longer reachable", where, ": ", error.message())));
}

asio::awaitable<void> TerminalSession::WriteFrames(Self self) {
  std::string writing;
  while (self->open()) {
    if (self->outgoing_.empty()) self->QueueCallPart();
    if (self->outgoing_.empty()) {
      self->write_wake_.expires_at(TimePoint::max());
      co_await self->write_wake_.async_wait(kAwaitTuple);
      continue;
    }
    writing.clear();
    writing.swap(self->outgoing_);
    self->writing_size_ = writing.size();
    const asio::error_code error = co_await self->stream_.Write(writing);
    self->writing_size_ = 0;
    if (error && self->open()) {
      self->Lose(self->PeerError(absl::StatusCode::kUnavailable,
                                 absl::StrCat("takes no more bytes: ", error.message())));
    }
  }
}

asio::awaitable<void> TerminalSession::WatchTime(Self self) {
  while (self->open()) {
    self->clock_.expires_at(self->NextDeadline());
    co_await self->clock_.async_wait(kAwaitTuple);
    const TimePoint now = std::chrono::steady_clock::now();
    if (self->open()) self->ExpireRequests(now);
    if (self->open()) self->CheckKeepAlive(now);
  }
}

void TerminalSession::HandleInput(std::string_view bytes) {
  reader_.Append(bytes);
  while (open()) {
    absl::StatusOr<std::optional<Frame>> frame = reader_.Next();
    if (!frame.ok()) {
      const absl::string_view what = frame.status().message();
      return LoseByViolation({what.data(), what.size()});
    }
    if (!frame->has_value()) return;
    HandleFrame(**frame);
  }
}

void TerminalSession::HandleFrame(Frame& frame) {
  switch (frame.body_case()) {
    case Frame::kHello:
    case Frame::kHelloReply:
    case Frame::kAuthenticate:
    case Frame::kAuthenticateReply:
      return LoseByViolation("a handshake in the middle of a session");
    case Frame::kKeepAlive:
    case Frame::kArmPushes:
    case Frame::kReadLog:
    case Frame::kReadImages:
    case Frame::kCredit:
    case Frame::kClearLog:
    case Frame::kGetImageFilters:
    case Frame::kSetImageFilters:
    case Frame::kSetConnectionMode:
    case Frame::kEnableTls:
    case Frame::kDisableTls:
    case Frame::kCall:
      return LoseByViolation("a request from the terminal");
    default:
      return frame.request_id() == 0 ? HandleUnasked(frame) : HandleAnswer(frame);
  }
}

void TerminalSession::HandleUnasked(Frame& frame) {
  switch (frame.body_case()) {
    case Frame::kPush:
      return observer_->OnPush(frame.push().id(), frame.push().record());
    case Frame::kKeepAliveReply:
      return HandleKeepAliveReply(frame.keep_alive_reply());
    case Frame::kError: {
      const absl::Status error = DecodeError(frame.error());
      return Lose(PeerError(absl::StatusCode::kUnavailable,
                            absl::StrCat("ended the session: ", error.message())));
    }
    case Frame::BODY_NOT_SET:  // of a later version
      ++ignored_frames_;
      return;
    default:
      return LoseByViolation("an answer without a request ID");
  }
}

void TerminalSession::HandleKeepAliveReply(const v1::KeepAliveReply& reply) {
  const absl::StatusOr<model::LogStatus> status = DecodeLogStatus(reply.log_status());
  if (!status.ok()) {
    return LoseByViolation(std::string(status.status().message()));
  }
  if (!keep_alive_.pending) {
    ++ignored_frames_;
    return;
  }
  keep_alive_.pending = false;
  const TimePoint now = std::chrono::steady_clock::now();
  keep_alive_.next = now + options_.keep_alive_interval;
  if (keep_alive_.next < clock_.expiry()) clock_.cancel();
  Timestamp clock{std::chrono::milliseconds(reply.clock_ms())};
  if (clock != Timestamp{}) {
    clock += std::chrono::duration_cast<std::chrono::milliseconds>((now - keep_alive_.sent) / 2);
  }
  observer_->OnStatus(*status, clock);
}

void TerminalSession::HandleAnswer(Frame& frame) {
  const std::uint32_t id = frame.request_id();
  const auto found = requests_.find(id);
  if (found == requests_.end()) return HandleLateAnswer(frame);
  if (frame.has_error()) {
    const std::unique_ptr<OpenRequest> request = std::move(found->second.request);
    requests_.erase(found);
    DropUnsent(id);
    return request->Fail(request->Decode(frame.error()));
  }
  if (IsUnsent(id)) return LoseByViolation("a call was answered before all of it was sent");
  const absl::StatusOr<OpenRequest::Progress> progress = found->second.request->Take(frame);
  if (progress.ok() && *progress == OpenRequest::Progress::kMore) {
    found->second.deadline = std::chrono::steady_clock::now() + options_.request_timeout;
    if (found->second.request->in_chunks()) GrantCredit(id);
    return;
  }
  const std::unique_ptr<OpenRequest> request = std::move(found->second.request);
  requests_.erase(found);
  if (progress.ok() && *progress == OpenRequest::Progress::kNoRoom) {
    return request->Fail(absl::ResourceExhaustedError(
        absl::StrCat("the answers of all devices that are coming in have ",
                     options_.answer_room->max(), " bytes; try again when some are done")));
  }
  if (progress.ok()) return request->Succeed();
  const std::string what(progress.status().message());
  request->Fail(PeerError(absl::StatusCode::kInternal,
                          absl::StrCat("broke the rules of the terminal link: ", what)));
  LoseByViolation(what);
}

void TerminalSession::HandleLateAnswer(const Frame& frame) {
  ++ignored_frames_;
  if (frame.has_error()) DropUnsent(frame.request_id());
  if (given_up_reads_.count(frame.request_id()) == 0) return;
  // The rest of a read is let through, so that the terminal need not keep it open for ever.
  const bool more = (frame.has_log_chunk() && !frame.log_chunk().has_last()) ||
                    (frame.has_image_chunk() && !frame.image_chunk().last());
  if (more) return GrantCredit(frame.request_id());
  given_up_reads_.erase(frame.request_id());
}

void TerminalSession::GrantCredit(std::uint32_t request_id) {
  Frame frame;
  frame.set_request_id(request_id);
  frame.mutable_credit()->set_chunks(1);
  QueueOrLose(frame);
}

void TerminalSession::Send(Frame frame, std::unique_ptr<OpenRequest> request) {
  if (requests_.size() >= kOpenRequestsMax) return Refuse(std::move(request), TooManyOpen());
  const std::uint32_t id = NewRequestId();
  frame.set_request_id(id);
  if (absl::Status status = Queue(frame); !status.ok()) {
    return Refuse(std::move(request), std::move(status));
  }
  AwaitAnswer(id, std::move(request));
}

absl::Status TerminalSession::TooManyOpen() const {
  return PeerError(absl::StatusCode::kResourceExhausted,
                   absl::StrCat("has ", kOpenRequestsMax, " open requests already"));
}

void TerminalSession::AwaitAnswer(std::uint32_t id, std::unique_ptr<OpenRequest> request) {
  Await(id, {std::move(request), true, std::chrono::steady_clock::now() + options_.request_timeout,
             PeerError(absl::StatusCode::kDeadlineExceeded,
                       absl::StrCat("did not answer within ", Seconds(options_.request_timeout)))});
}

void TerminalSession::Call(std::string_view method, std::string call,
                           std::unique_ptr<OpenRequest> request) {
  if (call.size() > ports::kCallSizeMax) {
    return Refuse(std::move(request), absl::InvalidArgumentError(absl::StrCat(
                                          "a call of ", call.size(), " bytes was asked for; ",
                                          ports::kCallSizeMax, " are allowed")));
  }
  if (call.size() <= kCallPartSizeMax) {
    Frame frame;
    frame.mutable_call()->set_method(method.data(), method.size());
    frame.mutable_call()->set_request(std::move(call));
    return Send(std::move(frame), std::move(request));
  }
  if (!open()) {
    return Refuse(std::move(request),
                  PeerError(absl::StatusCode::kUnavailable, "is no longer connected"));
  }
  if (unsent_call_bytes_ + call.size() > kUnsentCallBytesMax) {
    return Refuse(std::move(request),
                  PeerError(absl::StatusCode::kResourceExhausted,
                            absl::StrCat("has ", unsent_call_bytes_,
                                         " bytes of other calls to take in first")));
  }
  if (requests_.size() >= kOpenRequestsMax) return Refuse(std::move(request), TooManyOpen());
  const std::uint32_t id = NewRequestId();
  AwaitAnswer(id, std::move(request));
  unsent_call_bytes_ += call.size();
  unsent_calls_.push_back({id, std::string(method), std::move(call), 0});
  write_wake_.cancel();
}

bool TerminalSession::IsUnsent(std::uint32_t id) const {
  return std::any_of(unsent_calls_.begin(), unsent_calls_.end(),
                     [id](const UnsentCall& call) { return call.id == id; });
}

void TerminalSession::DropUnsent(std::uint32_t id) {
  const auto found = std::find_if(unsent_calls_.begin(), unsent_calls_.end(),
                                  [id](const UnsentCall& call) { return call.id == id; });
  if (found == unsent_calls_.end()) return;
  unsent_call_bytes_ -= found->request.size();
  unsent_calls_.erase(found);
}

void TerminalSession::QueueCallPart() {
  if (unsent_calls_.empty()) return;
  UnsentCall call = std::move(unsent_calls_.front());
  unsent_calls_.pop_front();
  if (call.sent == 0 && requests_.count(call.id) == 0) {  // given up before it began
    unsent_call_bytes_ -= call.request.size();
    return QueueCallPart();
  }
  Frame frame;
  frame.set_request_id(call.id);
  v1::Call& part = *frame.mutable_call();
  if (call.sent == 0) part.set_method(call.method);
  part.set_request(call.request.substr(call.sent, kCallPartSizeMax));
  call.sent += part.request().size();
  part.set_more(call.sent < call.request.size());
  // Nobody may wait any more; the terminal gets the rest all the same, since it cannot tell a call
  // that was given up from one that goes on.
  if (const auto found = requests_.find(call.id); found != requests_.end()) {
    found->second.deadline = std::chrono::steady_clock::now() + options_.request_timeout;
  }
  if (part.more()) {
    unsent_calls_.push_back(std::move(call));
  } else {
    unsent_call_bytes_ -= call.request.size();
  }
  QueueOrLose(frame);
}

void TerminalSession::Refuse(std::unique_ptr<OpenRequest> request, absl::Status status) {
  // A request whose time is over at once is answered in order with the others, and before OnLost.
  if (open()) return Await(NewRequestId(), {std::move(request), false, {}, std::move(status)});
  // After OnLost nothing is promised but an answer.
  asio::post(stream_.executor(), [self = shared_from_this(), request = std::move(request),
                                  status = std::move(status)]() {
    if (self->state_ != State::kClosed) request->Fail(status);
  });
}

void TerminalSession::Await(std::uint32_t id, Waiting waiting) {
  const bool earlier = waiting.deadline < clock_.expiry();
  requests_.emplace(id, std::move(waiting));
  if (earlier) clock_.cancel();
}

std::uint32_t TerminalSession::NewRequestId() {
  if (++last_request_id_ == 0) ++last_request_id_;
  return last_request_id_;
}

absl::Status TerminalSession::Queue(const Frame& frame) {
  if (!open()) return PeerError(absl::StatusCode::kUnavailable, "is no longer connected");
  const std::size_t waiting = outgoing_.size() + writing_size_;
  if (waiting + kLengthSize + frame.ByteSizeLong() > options_.send_buffer_max) {
    return PeerError(absl::StatusCode::kResourceExhausted,
                     absl::StrCat("does not take what is sent to it; ", waiting, " bytes wait"));
  }
  absl::Status status = AppendFrame(frame, outgoing_);
  if (status.ok()) write_wake_.cancel();
  return status;
}

void TerminalSession::QueueOrLose(const Frame& frame) {
  const absl::Status status = Queue(frame);
  if (!status.ok()) Lose(absl::UnavailableError(status.message()));
}

void TerminalSession::ExpireRequests(TimePoint now) {
  // One at a time from the front: a reply may send requests or close the session.
  while (open()) {
    const auto due = std::find_if(requests_.begin(), requests_.end(), [now](const auto& entry) {
      return entry.second.deadline <= now;
    });
    if (due == requests_.end()) return;
    if (due->second.sent && due->second.request->in_chunks()) given_up_reads_.insert(due->first);
    const Waiting expired = std::move(due->second);
    requests_.erase(due);
    expired.request->Fail(expired.at_deadline);
    if (given_up_reads_.size() > kGivenUpReadsMax) {
      Lose(PeerError(absl::StatusCode::kUnavailable,
                     absl::StrCat("has left more than ", kGivenUpReadsMax, " reads unfinished")));
    }
  }
}

void TerminalSession::CheckKeepAlive(TimePoint now) {
  if (keep_alive_.pending) {
    if (now < KeepAliveDeadline()) return;
    return Lose(
        PeerError(absl::StatusCode::kUnavailable,
                  absl::StrCat("did not answer a keep-alive for ",
                               Seconds(std::chrono::duration_cast<std::chrono::milliseconds>(
                                   KeepAliveDeadline() - keep_alive_.sent)))));
  }
  if (now < keep_alive_.next) return;
  keep_alive_.pending = true;
  keep_alive_.sent = now;
  Frame frame;
  frame.mutable_keep_alive();
  QueueOrLose(frame);
}

TerminalSession::TimePoint TerminalSession::KeepAliveDeadline() const {
  if (!keep_alive_.pending) return keep_alive_.next;
  // A terminal that is busy sending a page answers late: any byte shows that it is there, for a
  // while.
  return std::min(std::max(last_heard_, keep_alive_.sent) + options_.keep_alive_timeout,
                  keep_alive_.sent + options_.keep_alive_patience);
}

TerminalSession::TimePoint TerminalSession::NextDeadline() const {
  TimePoint next = KeepAliveDeadline();
  for (const auto& [id, waiting] : requests_) next = std::min(next, waiting.deadline);
  return next;
}

absl::Status TerminalSession::PeerError(absl::StatusCode code, std::string_view what) const {
  return absl::Status(code, absl::StrCat(peer_, " ", absl::string_view(what.data(), what.size())));
}

void TerminalSession::LoseByViolation(std::string_view what) {
  Lose(PeerError(absl::StatusCode::kInternal,
                 absl::StrCat("broke the rules of the terminal link: ",
                              absl::string_view(what.data(), what.size()))));
}

void TerminalSession::Lose(const absl::Status& reason) {
  if (!open()) return;
  state_ = State::kLost;
  Shut();
  const absl::Status unavailable = absl::UnavailableError(reason.message());
  const auto unanswered = std::exchange(requests_, {});
  for (const auto& [id, waiting] : unanswered) {
    waiting.request->Fail(unavailable);
    if (state_ == State::kClosed) return;
  }
  observer_->OnLost(reason);
}

void TerminalSession::Shut() {
  unsent_calls_.clear();
  stream_.Close();
  write_wake_.cancel();
  clock_.cancel();
}

TerminalLink::TerminalLink(std::shared_ptr<TerminalSession> session)
    : session_(std::move(session)) {}

TerminalLink::~TerminalLink() { session_->Close(); }

void TerminalLink::ArmPushes(ports::Reply<absl::StatusOr<model::LogStatus>> reply) {
  Frame frame;
  frame.mutable_arm_pushes();
  session_->Send(std::move(frame), ExpectStatus(std::move(reply)));
}

void TerminalLink::ReadLog(model::EventId from, std::uint32_t max,
                           ports::Reply<absl::StatusOr<ports::LogPage>> reply) {
  std::unique_ptr<OpenRequest> request = ExpectLog(from, max, std::move(reply));
  if (max == 0 || max > ports::kReadRecordsMax) {
    return session_->Refuse(std::move(request), OutOfRange("records", max, ports::kReadRecordsMax));
  }
  Frame frame;
  v1::ReadLog& read = *frame.mutable_read_log();
  read.set_from_id(from);
  read.set_max_records(max);
  read.set_credit(kReadCredit);
  session_->Send(std::move(frame), std::move(request));
}

void TerminalLink::ReadImages(model::EventId from, std::uint32_t max,
                              ports::Reply<absl::StatusOr<std::vector<std::string>>> reply) {
  std::unique_ptr<OpenRequest> request = ExpectImages(from, max, std::move(reply));
  if (max == 0 || max > ports::kReadImagesMax) {
    return session_->Refuse(std::move(request), OutOfRange("images", max, ports::kReadImagesMax));
  }
  Frame frame;
  v1::ReadImages& read = *frame.mutable_read_images();
  read.set_from_id(from);
  read.set_max_images(max);
  read.set_credit(kReadCredit);
  session_->Send(std::move(frame), std::move(request));
}

void TerminalLink::ClearLog(model::EventId expected_last,
                            ports::Reply<absl::StatusOr<model::LogStatus>> reply) {
  Frame frame;
  frame.mutable_clear_log()->set_expected_last_id(expected_last);
  session_->Send(std::move(frame), ExpectStatus(std::move(reply)));
}

void TerminalLink::GetImageFilters(ports::Reply<absl::StatusOr<std::vector<std::string>>> reply) {
  Frame frame;
  frame.mutable_get_image_filters();
  session_->Send(std::move(frame), ExpectFilters(std::move(reply)));
}

void TerminalLink::SetImageFilters(std::vector<std::string> filters,
                                   ports::Reply<absl::Status> reply) {
  Frame frame;
  auto& to = *frame.mutable_set_image_filters()->mutable_filters();
  to.Assign(std::make_move_iterator(filters.begin()), std::make_move_iterator(filters.end()));
  session_->Send(std::move(frame), ExpectDone(std::move(reply)));
}

void TerminalLink::Relink(const ports::Relinking& how,
                          ports::Reply<absl::StatusOr<std::string>> reply) {
  using To = ports::Relinking::To;
  Frame frame;
  if (how.to == To::kTls) {
    frame.mutable_enable_tls()->set_ca_certificate(how.ca_certificate);
    frame.mutable_enable_tls()->set_tls_port(how.tls_port);
    return session_->Send(std::move(frame), ExpectTlsEnabled(std::move(reply)));
  }
  if (how.to == To::kPlain) {
    frame.mutable_disable_tls();
  } else {
    v1::SetConnectionMode& mode = *frame.mutable_set_connection_mode();
    mode.set_mode(how.to == To::kDeviceToServer ? v1::SetConnectionMode::DEVICE_TO_SERVER
                                                : v1::SetConnectionMode::SERVER_TO_DEVICE);
    mode.set_port(how.port);
    mode.set_tls_port(how.tls_port);
  }
  session_->Send(std::move(frame), ExpectDoneAsText(std::move(reply)));
}

void TerminalLink::Call(std::string_view method, std::string request,
                        ports::Reply<absl::StatusOr<std::string>> reply) {
  session_->Call(method, std::move(request),
                 ExpectAnswer(session_->answer_room(), std::move(reply)));
}

}  // namespace gatelog::terminal
