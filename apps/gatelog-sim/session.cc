#include "apps/gatelog-sim/session.h"

#include <openssl/rand.h>

#include <array>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/use_awaitable.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "apps/gatelog-sim/linkage.h"
#include "apps/gatelog-sim/terminal.h"
#include "base/log.h"

namespace gatelog::sim {
namespace {

constexpr auto kTuple = asio::experimental::as_tuple(asio::use_awaitable);
constexpr std::size_t kReadSize = 64 * 1024;
constexpr std::size_t kRecordOverhead = 8;  // bytes of a record's ID and tags in a chunk, at most

std::string_view View(absl::string_view text) { return {text.data(), text.size()}; }

std::string RandomNonce() {
  std::string nonce(terminal::kNonceSize, '\0');
  RAND_bytes(reinterpret_cast<unsigned char*>(nonce.data()), static_cast<int>(nonce.size()));
  return nonce;
}

terminal::v1::Error::Code ErrorCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return terminal::v1::Error::INVALID;
    case absl::StatusCode::kUnimplemented:
      return terminal::v1::Error::UNSUPPORTED;
    case absl::StatusCode::kAborted:
      return terminal::v1::Error::LOG_CHANGED;
    case absl::StatusCode::kNotFound:
      return terminal::v1::Error::NOT_FOUND;
    case absl::StatusCode::kAlreadyExists:
      return terminal::v1::Error::ALREADY_EXISTS;
    case absl::StatusCode::kResourceExhausted:
      return terminal::v1::Error::FULL;
    case absl::StatusCode::kFailedPrecondition:
      return terminal::v1::Error::PRECONDITION;
    default:
      return terminal::v1::Error::STORAGE;
  }
}

}  // namespace

Session::Session(terminal::LinkStream stream, bool called, std::string peer, Terminal& terminal,
                 std::function<void(Session&)> on_closed)
    : stream_(std::move(stream)),
      called_(called),
      peer_(std::move(peer)),
      terminal_(terminal),
      on_closed_(std::move(on_closed)),
      last_heard_(Clock::now()),
      state_since_(last_heard_),
      read_timer_(stream_.executor()),
      write_timer_(stream_.executor()) {}

void Session::Start() {
  std::error_code ignored;
  stream_.socket().set_option(asio::ip::tcp::no_delay(true), ignored);
  ++terminal_.connections;
  asio::co_spawn(
      stream_.executor(), [self = shared_from_this()] { return self->ReadLoop(); }, asio::detached);
}

void Session::Close(std::string_view why) {
  if (state_ == State::kClosed) return;
  Log(LogLevel::kDebug, "A connection ended.",
      {{"device", terminal_.id()}, {"peer", peer_}, {"reason", why}});
  state_ = State::kClosed;
  armed_ = false;
  stream_.Close();
  read_timer_.cancel();
  write_timer_.cancel();
  outgoing_.clear();
  reads_.clear();
  answers_.Clear();
  --terminal_.connections;
  // May drop the terminal's and the listener's hold on this session.
  const auto self = shared_from_this();
  terminal_.Release(*this);
  on_closed_(*this);
}

void Session::HangUp(std::string_view why) {
  if (!calling_) return Close(why);
  Log(LogLevel::kDebug, "A connection ends with the answer to a call.",
      {{"device", terminal_.id()}, {"peer", peer_}, {"reason", why}});
  leaving_ = true;
  armed_ = false;
  terminal_.Release(*this);
}

void Session::CheckTimes(Clock::time_point now) {
  const bool greeting = state_ == State::kNew || state_ == State::kGreeted;
  if (greeting && now - state_since_ > kHandshakeTimeMax) Close("no greeting came");
  if (state_ == State::kFarewell && now - state_since_ > kFarewellTimeMax)
    Close("the gateway did not hang up");
  if (state_ == State::kServing && now - last_heard_ > kSilenceMax && now > frozen_until_) {
    Close("the gateway fell silent");
  }
}

asio::awaitable<void> Session::WaitUntilThawed(asio::steady_timer& timer) {
  while (state_ != State::kClosed && Clock::now() < frozen_until_) {
    timer.expires_at(frozen_until_);
    co_await timer.async_wait(kTuple);
  }
}

asio::awaitable<void> Session::ReadLoop() {
  // One buffer for all sessions: a connection that is silent costs none. Nothing is awaited while
  // it is in use.
  static thread_local std::array<char, kReadSize> buffer;
  if (stream_.tls() && co_await stream_.HandshakeTls(called_ ? asio::ssl::stream_base::client
                                                             : asio::ssl::stream_base::server)) {
    Close("there was no agreement on TLS");
  }
  while (state_ != State::kClosed) {
    if (co_await stream_.WaitReadable()) break;
    co_await WaitUntilThawed(read_timer_);
    if (state_ == State::kClosed) break;
    std::error_code error;
    const std::size_t size = stream_.ReadSome(asio::buffer(buffer), error);
    if (error == asio::error::would_block) continue;
    if (error) {
      Close(error == asio::error::eof ? "the gateway hung up" : "the connection broke");
      break;
    }
    last_heard_ = Clock::now();
    if (state_ == State::kFarewell) continue;
    reader_.Append(std::string_view(buffer.data(), size));
    HandleInput();
  }
}

void Session::HandleInput() {
  while (state_ != State::kFarewell && state_ != State::kClosed) {
    absl::StatusOr<std::optional<Frame>> frame = reader_.Next();
    if (!frame.ok()) return Fail(0, terminal::v1::Error::INVALID, View(frame.status().message()));
    if (!frame->has_value()) return;
    Handle(**frame);
  }
}

void Session::Handle(const Frame& frame) {
  // A gateway that was called may say why it does not take the terminal.
  if (frame.has_error() && state_ != State::kServing) return Close(frame.error().text());
  switch (state_) {
    case State::kNew:
      return HandleHello(frame);
    case State::kGreeted:
      return HandleAuthenticate(frame);
    case State::kServing:
      return HandleRequest(frame);
    default:
      return;
  }
}

void Session::HandleHello(const Frame& frame) {
  if (!frame.has_hello())
    return Fail(frame.request_id(), terminal::v1::Error::INVALID,
                "A connection begins with Hello.");
  const terminal::v1::Hello& hello = frame.hello();
  if (hello.protocol_version() != terminal::kProtocolVersion) {
    return Fail(0, terminal::v1::Error::VERSION,
                absl::StrCat("Version ", hello.protocol_version(), " is not spoken here, only ",
                             terminal::kProtocolVersion, "."));
  }
  if (hello.nonce().size() != terminal::kNonceSize) {
    return Fail(0, terminal::v1::Error::INVALID,
                absl::StrCat("The nonce must have ", terminal::kNonceSize, " bytes."));
  }
  if (terminal_.session() != nullptr) {
    return Fail(0, terminal::v1::Error::BUSY, terminal_.holder());
  }
  gateway_nonce_ = hello.nonce();
  nonce_ = RandomNonce();
  Frame reply;
  reply.mutable_hello_reply()->set_protocol_version(terminal::kProtocolVersion);
  reply.mutable_hello_reply()->set_nonce(nonce_);
  reply.mutable_hello_reply()->set_key_required(!terminal_.settings().key.empty());
  *reply.mutable_hello_reply()->mutable_identity() = terminal_.identity();
  state_ = State::kGreeted;
  Send(reply);
}

void Session::HandleAuthenticate(const Frame& frame) {
  if (!frame.has_authenticate()) {
    return Fail(frame.request_id(), terminal::v1::Error::NOT_AUTHENTICATED,
                "Authenticate must come first.");
  }
  const std::string& key = terminal_.settings().key;
  const auto caller = called_ ? terminal::Role::kTerminal : terminal::Role::kGateway;
  Frame reply;
  if (!key.empty()) {
    const std::string expected =
        terminal::KeyProof(key, terminal::Role::kGateway, caller, gateway_nonce_, nonce_);
    if (!terminal::ProofMatches(frame.authenticate().proof(), expected)) {
      return Fail(0, terminal::v1::Error::NOT_AUTHENTICATED, "The key is not this terminal's.");
    }
    reply.mutable_authenticate_reply()->set_proof(
        terminal::KeyProof(key, terminal::Role::kTerminal, caller, gateway_nonce_, nonce_));
  }
  // Only now: a peer without the key cannot keep the gateway out by connecting first.
  if (!terminal_.Hold(shared_from_this())) {
    return Fail(0, terminal::v1::Error::BUSY, terminal_.holder());
  }
  state_ = State::kServing;
  Log(LogLevel::kDebug, "A gateway connected.", {{"device", terminal_.id()}, {"peer", peer_}});
  *reply.mutable_authenticate_reply()->mutable_log_status() = terminal_.log().status();
  Send(reply);
}

void Session::HandleRequest(const Frame& frame) {
  Frame reply;
  if (frame.has_keep_alive()) {
    *reply.mutable_keep_alive_reply()->mutable_log_status() = terminal_.log().status();
    reply.mutable_keep_alive_reply()->set_clock_ms(terminal_.clock_ms());
    return Send(reply);
  }
  if (frame.request_id() == 0) {
    return Fail(0, terminal::v1::Error::INVALID, "A request needs a request_id other than 0.");
  }
  reply.set_request_id(frame.request_id());
  switch (frame.body_case()) {
    case Frame::kArmPushes:
      armed_ = true;
      *reply.mutable_log_status() = terminal_.log().status();
      return Send(reply);
    case Frame::kReadLog:
    case Frame::kReadImages:
      return StartRead(frame);
    case Frame::kCredit:
      return AddCredit(frame);
    case Frame::kClearLog: {
      const auto status = terminal_.ClearLog(frame.clear_log().expected_last_id());
      if (!status.ok()) return Reply(frame.request_id(), status.status());
      *reply.mutable_log_status() = *status;
      return Send(reply);
    }
    case Frame::kGetImageFilters:
      *reply.mutable_image_filters() = terminal_.ImageFilters();
      return Send(reply);
    case Frame::kSetImageFilters:
      return Reply(frame.request_id(), terminal_.SetImageFilters(frame.set_image_filters()));
    case Frame::kCall:
      return HandleCall(frame);
    case Frame::kSetConnectionMode:
    case Frame::kEnableTls:
    case Frame::kDisableTls:
      return HandleRelink(frame);
    case Frame::BODY_NOT_SET:
      return SendError(frame.request_id(), terminal::v1::Error::UNSUPPORTED,
                       "This terminal does not know that request.");
    default:
      return Fail(frame.request_id(), terminal::v1::Error::INVALID,
                  "That is nothing a gateway sends here.");
  }
}

void Session::Reply(std::uint32_t request_id, const absl::Status& status) {
  if (!status.ok()) return SendError(request_id, ErrorCodeOf(status), View(status.message()));
  Frame reply;
  reply.set_request_id(request_id);
  reply.mutable_done();
  Send(reply);
}

void Session::StartRead(const Frame& frame) {
  BulkRead read;
  read.request_id = frame.request_id();
  read.images = frame.has_read_images();
  read.next_id = read.images ? frame.read_images().from_id() : frame.read_log().from_id();
  read.remaining = read.images ? frame.read_images().max_images() : frame.read_log().max_records();
  read.credit = read.images ? frame.read_images().credit() : frame.read_log().credit();
  const std::uint32_t most = read.images ? kReadImagesMax : kReadRecordsMax;
  const ErrorCode invalid = terminal::v1::Error::INVALID;
  if (read.remaining == 0 || read.remaining > most) {
    return SendError(
        read.request_id, invalid,
        absl::StrCat(read.remaining, " were asked for; 1 to ", most, " are possible."));
  }
  if (read.credit == 0 || read.credit > kCreditMax) {
    return SendError(
        read.request_id, invalid,
        absl::StrCat("The credit is ", read.credit, "; 1 to ", kCreditMax, " is possible."));
  }
  for (const BulkRead& open : reads_) {
    if (open.request_id == read.request_id) {
      return Fail(read.request_id, invalid,
                  absl::StrCat("Request ", read.request_id, " is still being answered."));
    }
  }
  if (reads_.size() == kOpenReadsMax) {
    return SendError(
        read.request_id, invalid,
        absl::StrCat("More than ", kOpenReadsMax, " reads at a time are not possible."));
  }
  reads_.push_back(read);
  StartWriting();
}

void Session::AddCredit(const Frame& frame) {
  for (BulkRead& read : reads_) {
    if (read.request_id != frame.request_id()) continue;
    const std::uint32_t chunks = frame.credit().chunks();
    if (chunks == 0 || chunks > kCreditMax - read.credit) {
      return Fail(read.request_id, terminal::v1::Error::INVALID,
                  absl::StrCat("Credit for ", chunks, " more chunks: 1 to ", kCreditMax,
                               " in all is possible."));
    }
    read.credit += chunks;
    return StartWriting();
  }
  // The last chunk and this credit crossed on their way.
}

void Session::HandleCall(const Frame& frame) {
  const std::uint32_t request_id = frame.request_id();
  const CallAssembler::Result taken = calls_.Take(request_id, frame.call());
  if (!taken.error.ok()) {
    return Fail(request_id, terminal::v1::Error::INVALID, View(taken.error.message()));
  }
  if (!taken.complete.has_value()) return;
  if (!taken.complete->refused.ok()) return Reply(request_id, taken.complete->refused);
  if (answers_.bytes() > kAnswersWaitingBytesMax) {
    return Reply(request_id, absl::ResourceExhaustedError(
                                 "The terminal has other large answers to send; try again."));
  }
  // What it does may end this session.
  calling_ = true;
  absl::StatusOr<std::string> response =
      terminal_.Call(taken.complete->method, taken.complete->request);
  calling_ = false;
  if (response.ok() && response->size() > kCallBytesMax) {
    response = absl::ResourceExhaustedError(absl::StrCat(
        "The answer has ", response->size(), " bytes; ", kCallBytesMax, " are possible."));
  }
  if (response.ok()) {
    answers_.Add(request_id, *std::move(response));
    StartWriting();
  } else {
    Reply(request_id, response.status());
  }
  if (leaving_ && state_ != State::kClosed) SayFarewell();
}

void Session::HandleRelink(const Frame& frame) {
  std::error_code ignored;
  const std::string gateway = stream_.socket().remote_endpoint(ignored).address().to_string();
  absl::StatusOr<Relinked> relinked = Relink(terminal_, frame, gateway);
  if (!relinked.ok()) return Reply(frame.request_id(), relinked.status());
  relinked->reply.set_request_id(frame.request_id());
  Send(relinked->reply);
  if (!relinked->changed || state_ == State::kClosed) return;
  SayFarewell();
  if (terminal_.relinked) terminal_.relinked(terminal_);
}

void Session::Push(std::uint32_t id, const std::string& record) {
  if (!armed_ || state_ != State::kServing) return;
  Frame frame;
  frame.mutable_push()->set_id(id);
  frame.mutable_push()->set_record(record);
  Send(frame);
}

void Session::Send(const Frame& frame) {
  if (state_ == State::kClosed) return;
  std::string bytes;
  if (const absl::Status status = terminal::AppendFrame(frame, bytes); !status.ok()) {
    return Close(View(status.message()));
  }
  if (outgoing_bytes_ + bytes.size() > kOutgoingBytesMax) return Close("the gateway does not read");
  outgoing_bytes_ += bytes.size();
  outgoing_.push_back(std::move(bytes));
  StartWriting();
}

void Session::SendError(std::uint32_t request_id, ErrorCode code, std::string_view text) {
  Frame frame;
  frame.set_request_id(request_id);
  frame.mutable_error()->set_code(code);
  frame.mutable_error()->set_text(std::string(text));
  Send(frame);
}

void Session::Fail(std::uint32_t request_id, ErrorCode code, std::string_view text) {
  Log(LogLevel::kDebug, "A gateway is turned away.",
      {{"device", terminal_.id()}, {"peer", peer_}, {"reason", text}});
  answers_.Clear();
  SendError(request_id, code, text);
  if (state_ != State::kClosed) SayFarewell();
}

void Session::SayFarewell() {
  state_ = State::kFarewell;
  state_since_ = Clock::now();
  armed_ = false;
  reads_.clear();
  const auto self = shared_from_this();
  terminal_.Release(*this);
}

void Session::StartWriting() {
  if (writing_ || state_ == State::kClosed) return;
  writing_ = true;
  asio::co_spawn(
      stream_.executor(), [self = shared_from_this()] { return self->WriteLoop(); },
      asio::detached);
}

asio::awaitable<void> Session::WriteLoop() {
  for (;;) {
    co_await WaitUntilThawed(write_timer_);
    if (state_ == State::kClosed) break;
    QueueChunks();
    if (outgoing_.empty()) break;
    if (terminal_.link_delay_ms > 0) {
      write_timer_.expires_after(std::chrono::milliseconds(terminal_.link_delay_ms));
      co_await write_timer_.async_wait(kTuple);
      if (state_ == State::kClosed || Clock::now() < frozen_until_) continue;
    }
    const std::string bytes = TakeOutgoing();
    const std::error_code error = co_await stream_.Write(bytes);
    outgoing_bytes_ -= bytes.size();
    if (error) {
      Close("the connection broke");
      break;
    }
  }
  writing_ = false;
  if (state_ == State::kFarewell) {
    // What the peer still sends is read and dropped until it hangs up: closing now could destroy
    // the Error on its way.
    std::error_code ignored;
    stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  }
}

// All that waits, up to the size of a chunk; a single frame on a slow link.
std::string Session::TakeOutgoing() {
  std::string bytes = std::move(outgoing_.front());
  outgoing_.pop_front();
  while (!outgoing_.empty() && terminal_.link_delay_ms == 0 &&
         bytes.size() + outgoing_.front().size() <= kBulkBytesMax) {
    bytes += outgoing_.front();
    outgoing_.pop_front();
  }
  return bytes;
}

void Session::QueueChunks() {
  // The reads take turns with each other and with the answers, so that a short one need not wait
  // for a long one.
  std::size_t without_credit = 0;
  while (outgoing_bytes_ < kBulkBytesMax && (!answers_.empty() || without_credit < reads_.size())) {
    if (!answers_.empty()) Send(answers_.Next());
    if (without_credit >= reads_.size()) continue;  // also when sending has ended the session
    BulkRead read = reads_.front();
    reads_.pop_front();
    if (read.credit == 0) {
      ++without_credit;
      reads_.push_back(read);
      continue;
    }
    --read.credit;
    without_credit = 0;
    const bool more = read.images ? QueueImageChunk(read) : QueueLogChunk(read);
    if (more && state_ == State::kServing) reads_.push_back(read);
  }
}

bool Session::Fits(BulkRead& read, std::uint32_t id, std::size_t size, Filling& filling) {
  if (read.remaining == 0) return false;
  if (filling.bytes >= terminal::kChunkSizeTarget) {
    filling.more = true;
    return false;
  }
  filling.bytes += size + kRecordOverhead;
  read.next_id = id + 1;
  --read.remaining;
  return true;
}

bool Session::QueueLogChunk(BulkRead& read) {
  Frame frame;
  frame.set_request_id(read.request_id);
  terminal::v1::LogChunk& chunk = *frame.mutable_log_chunk();
  Filling filling;
  const absl::Status status =
      terminal_.log().VisitRecords(read.next_id, [&](std::uint32_t id, std::string_view payload) {
        if (!Fits(read, id, payload.size(), filling)) return false;
        chunk.add_ids(id);
        chunk.add_records(payload.data(), payload.size());
        return true;
      });
  if (!status.ok()) {
    Reply(read.request_id, status);
    return false;
  }
  if (!filling.more) *chunk.mutable_last() = terminal_.log().status();
  Send(frame);
  return filling.more;
}

bool Session::QueueImageChunk(BulkRead& read) {
  Frame frame;
  frame.set_request_id(read.request_id);
  terminal::v1::ImageChunk& chunk = *frame.mutable_image_chunk();
  Filling filling;
  absl::Status status;
  if (terminal_.settings().images) {
    status =
        terminal_.log().VisitImages(read.next_id, [&](std::uint32_t id, std::string_view payload) {
          if (terminal_.Held(id)) return false;
          if (!Fits(read, id, payload.size(), filling)) return false;
          chunk.add_images(payload.data(), payload.size());
          return true;
        });
  }
  if (!status.ok()) {
    Reply(read.request_id, status);
    return false;
  }
  chunk.set_last(!filling.more);
  Send(frame);
  return filling.more;
}

}  // namespace gatelog::sim
