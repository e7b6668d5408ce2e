#include "device/terminal/terminal_dialer.h"

#include <algorithm>
#include <array>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/connect.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "device/terminal/frame_codec.h"
#include "device/terminal/link_codec.h"
#include "device/terminal/terminal_session.h"

namespace gatelog::terminal {
namespace {

using asio::ip::tcp;

constexpr auto kAwaitTuple = asio::experimental::as_tuple(asio::use_awaitable);

constexpr std::size_t kHandshakeReadSize = 4 * 1024;

using LinkReply = ports::Reply<absl::StatusOr<std::unique_ptr<ports::DeviceLink>>>;

bool IsLoopback(const asio::ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).is_loopback();
  }
  return address.is_loopback();
}

std::string Seconds(std::chrono::milliseconds duration) {
  return absl::StrCat(static_cast<double>(duration.count()) / 1000, " s");
}

// One attempt to open a link. Held by its coroutine and by the caller's handle.
class Dialing final : public std::enable_shared_from_this<Dialing> {
 public:
  Dialing(asio::io_context& context, ports::DeviceAddress address,
          ports::DeviceLinkObserver& observer, LinkReply reply, TerminalOptions options)
      : address_(std::move(address)),
        peer_(ports::FormatAddress(address_)),
        options_(std::move(options)),
        observer_(observer),
        reply_(std::move(reply)),
        resolver_(context),
        socket_(context),
        timer_(context) {}

  void Start() { asio::co_spawn(socket_.get_executor(), Run(shared_from_this()), asio::detached); }

  // No reply comes afterwards.
  void GiveUp() {
    const LinkReply dropped = std::exchange(reply_, nullptr);
    Shut();
  }

 private:
  using Self = std::shared_ptr<Dialing>;
  template <typename T>
  using AwaitableOr = asio::awaitable<absl::StatusOr<T>>;

  // The coroutines below belong to Run, which keeps the object alive. After a time-out or GiveUp
  // they go on with whatever error the closed socket gives, and Reply does nothing.
  static asio::awaitable<void> Run(Self self);
  asio::awaitable<absl::Status> Connect();
  AwaitableOr<std::vector<tcp::endpoint>> Resolve();
  AwaitableOr<model::DeviceIdentity> ShakeHands();
  AwaitableOr<Frame> Exchange(const Frame& question);

  absl::Status CheckAddress() const;
  absl::StatusOr<v1::HelloReply> CheckHelloReply(const Frame& frame) const;
  absl::Status CheckProof(const v1::HelloReply& hello, const std::string& nonce,
                          const v1::AuthenticateReply& reply) const;
  absl::Status PeerError(absl::StatusCode code, std::string_view what) const;
  absl::Status Refusal(const v1::Error& error) const;

  void SetTimeLimit(std::chrono::milliseconds limit, const std::string& otherwise);
  bool ended() const { return reply_ == nullptr; }
  void FinishWithLink(model::DeviceIdentity identity);
  void Fail(absl::Status status);
  void Shut();

  const ports::DeviceAddress address_;
  const std::string peer_;
  const TerminalOptions options_;
  ports::DeviceLinkObserver& observer_;
  LinkReply reply_;  // null: told, or given up
  tcp::resolver resolver_;
  tcp::socket socket_;
  asio::steady_timer timer_;
  FrameReader reader_;
};

asio::awaitable<void> Dialing::Run(Self self) {
  // Some addresses are refused without any waiting; the reply still comes after Dial has returned.
  co_await asio::post(self->socket_.get_executor(), asio::use_awaitable);
  if (self->ended()) co_return;
  self->SetTimeLimit(self->options_.connect_timeout, "did not accept a connection");
  absl::Status connected = co_await self->Connect();
  if (!connected.ok()) {
    self->Fail(std::move(connected));
    co_return;
  }
  if (self->ended()) co_return;
  self->SetTimeLimit(self->options_.handshake_timeout,
                     "accepted the connection but did not finish the handshake");
  absl::StatusOr<model::DeviceIdentity> identity = co_await self->ShakeHands();
  if (self->ended()) co_return;
  if (identity.ok()) {
    self->FinishWithLink(*std::move(identity));
  } else {
    self->Fail(std::move(identity).status());
  }
}

absl::Status Dialing::CheckAddress() const {
  if (address_.family != ports::kDefaultFamily) {
    return absl::InvalidArgumentError(absl::StrCat("this gateway has no device family '",
                                                   address_.family, "'; it knows '",
                                                   std::string(ports::kDefaultFamily), "'"));
  }
  if (address_.host.empty() || address_.port == 0) {
    return absl::InvalidArgumentError(absl::StrCat("'", peer_, "' is no address of a terminal"));
  }
  return absl::OkStatus();
}

Dialing::AwaitableOr<std::vector<tcp::endpoint>> Dialing::Resolve() {
  asio::error_code not_literal;
  const asio::ip::address literal = asio::ip::make_address(address_.host, not_literal);
  if (!not_literal) co_return std::vector<tcp::endpoint>{{literal, address_.port}};
  const auto [error, results] = co_await resolver_.async_resolve(
      address_.host, std::to_string(address_.port), tcp::resolver::numeric_service, kAwaitTuple);
  if (error) {
    co_return absl::UnavailableError(
        absl::StrCat("the host of ", peer_, " was not found: ", error.message()));
  }
  std::vector<tcp::endpoint> endpoints;
  for (const auto& result : results) endpoints.push_back(result.endpoint());
  co_return endpoints;
}

asio::awaitable<absl::Status> Dialing::Connect() {
  if (absl::Status status = CheckAddress(); !status.ok()) co_return status;
  absl::StatusOr<std::vector<tcp::endpoint>> endpoints = co_await Resolve();
  if (!endpoints.ok()) co_return std::move(endpoints).status();
  if (address_.key.empty()) {
    std::erase_if(*endpoints, [](const tcp::endpoint& e) { return !IsLoopback(e.address()); });
    if (endpoints->empty()) {
      co_return absl::PermissionDeniedError(
          absl::StrCat("no key was given for ", peer_,
                       "; without one only terminals on loopback addresses are accepted. Give the "
                       "terminal a key "
                       "and add it as terminal://HOST:PORT?key=HEX"));
    }
  }
  if (ended()) co_return absl::CancelledError();
  const auto [error, endpoint] = co_await asio::async_connect(socket_, *endpoints, kAwaitTuple);
  if (error) {
    co_return absl::UnavailableError(
        absl::StrCat("cannot connect to ", peer_, ": ", error.message()));
  }
  asio::error_code ignored;
  socket_.set_option(tcp::no_delay(true), ignored);
  co_return absl::OkStatus();
}

Dialing::AwaitableOr<Frame> Dialing::Exchange(const Frame& question) {
  std::string bytes;
  if (absl::Status status = AppendFrame(question, bytes); !status.ok()) co_return status;
  // No look at the error: a terminal may say why it refuses and close at once, and that is still
  // there to read.
  co_await asio::async_write(socket_, asio::buffer(bytes), kAwaitTuple);
  std::array<char, kHandshakeReadSize> buffer;
  while (!ended()) {
    absl::StatusOr<std::optional<Frame>> frame = reader_.Next();
    if (!frame.ok()) {
      co_return PeerError(
          absl::StatusCode::kInternal,
          absl::StrCat("does not speak the terminal link: ", frame.status().message()));
    }
    if (frame->has_value()) co_return **std::move(frame);
    const auto [error, size] = co_await socket_.async_read_some(asio::buffer(buffer), kAwaitTuple);
    if (error) {
      co_return PeerError(absl::StatusCode::kUnavailable,
                          error == asio::error::eof
                              ? "closed the connection during the handshake"
                              : absl::StrCat("broke the handshake off: ", error.message()));
    }
    reader_.Append({buffer.data(), size});
  }
  co_return absl::CancelledError();
}

Dialing::AwaitableOr<model::DeviceIdentity> Dialing::ShakeHands() {
  absl::StatusOr<std::string> nonce = MakeNonce();
  if (!nonce.ok()) co_return nonce.status();
  Frame hello;
  hello.mutable_hello()->set_protocol_version(kProtocolVersion);
  hello.mutable_hello()->set_gateway(options_.gateway_name);
  hello.mutable_hello()->set_nonce(*nonce);
  absl::StatusOr<Frame> hello_answer = co_await Exchange(hello);
  if (!hello_answer.ok()) co_return std::move(hello_answer).status();
  absl::StatusOr<v1::HelloReply> terminal = CheckHelloReply(*hello_answer);
  if (!terminal.ok()) co_return std::move(terminal).status();

  Frame authenticate;
  authenticate.mutable_authenticate();
  if (!address_.key.empty()) {
    authenticate.mutable_authenticate()->set_proof(
        KeyProof(address_.key, Role::kGateway, *nonce, terminal->nonce()));
  }
  absl::StatusOr<Frame> answer = co_await Exchange(authenticate);
  if (!answer.ok()) co_return std::move(answer).status();
  if (answer->has_error()) co_return Refusal(answer->error());
  if (!answer->has_authenticate_reply()) {
    co_return PeerError(absl::StatusCode::kInternal, "answered the key with another frame");
  }
  const v1::AuthenticateReply& reply = answer->authenticate_reply();
  if (absl::Status status = CheckProof(*terminal, *nonce, reply); !status.ok()) co_return status;

  absl::StatusOr<model::DeviceIdentity> identity = DecodeIdentity(terminal->identity());
  const absl::StatusOr<model::LogStatus> log_status = DecodeLogStatus(reply.log_status());
  const absl::Status wrong = identity.ok() ? log_status.status() : identity.status();
  if (!wrong.ok()) {
    co_return PeerError(absl::StatusCode::kInternal,
                        absl::StrCat("describes itself wrongly: ", wrong.message()));
  }
  co_return identity;
}

absl::StatusOr<v1::HelloReply> Dialing::CheckHelloReply(const Frame& frame) const {
  if (frame.has_error()) return Refusal(frame.error());
  if (!frame.has_hello_reply()) {
    return PeerError(absl::StatusCode::kInternal, "answered the greeting with another frame");
  }
  const v1::HelloReply& reply = frame.hello_reply();
  if (reply.protocol_version() != kProtocolVersion) {
    return PeerError(absl::StatusCode::kUnimplemented,
                     absl::StrCat("speaks version ", reply.protocol_version(),
                                  " of the terminal link; this gateway speaks ", kProtocolVersion));
  }
  if (reply.nonce().size() != kNonceSize) {
    return PeerError(
        absl::StatusCode::kInternal,
        absl::StrCat("sent a nonce of ", reply.nonce().size(), " bytes; ", kNonceSize, " are due"));
  }
  if (reply.key_required() && address_.key.empty()) {
    return PeerError(absl::StatusCode::kPermissionDenied,
                     "requires a key and none was given; add it as terminal://HOST:PORT?key=HEX");
  }
  return reply;
}

absl::Status Dialing::CheckProof(const v1::HelloReply& hello, const std::string& nonce,
                                 const v1::AuthenticateReply& reply) const {
  if (address_.key.empty()) return absl::OkStatus();
  if (reply.proof().empty()) {
    return PeerError(absl::StatusCode::kPermissionDenied,
                     "did not prove that it knows the key; set the key on the terminal too");
  }
  const std::string expected = KeyProof(address_.key, Role::kTerminal, nonce, hello.nonce());
  if (!ProofMatches(reply.proof(), expected)) {
    return PeerError(absl::StatusCode::kPermissionDenied,
                     "has another key than the one given; it is not trusted");
  }
  return absl::OkStatus();
}

absl::Status Dialing::PeerError(absl::StatusCode code, std::string_view what) const {
  return absl::Status(code, absl::StrCat(peer_, " ", absl::string_view(what.data(), what.size())));
}

absl::Status Dialing::Refusal(const v1::Error& error) const {
  const absl::Status status = DecodeError(error);
  return PeerError(status.code(), absl::StrCat("refused the link: ", status.message()));
}

void Dialing::SetTimeLimit(std::chrono::milliseconds limit, const std::string& otherwise) {
  timer_.expires_after(limit);
  timer_.async_wait([weak = weak_from_this(), limit, otherwise](const asio::error_code& error) {
    const Self self = weak.lock();
    if (error || !self) return;
    self->Fail(self->PeerError(absl::StatusCode::kDeadlineExceeded,
                               absl::StrCat(otherwise, " within ", Seconds(limit))));
  });
}

void Dialing::FinishWithLink(model::DeviceIdentity identity) {
  timer_.cancel();
  const auto session = std::make_shared<TerminalSession>(
      TerminalSession::Opened{std::move(socket_), std::move(reader_), peer_, std::move(identity)},
      options_, observer_);
  std::exchange(reply_, nullptr)(std::make_unique<TerminalLink>(session));
  // Not before: the observer hears nothing until the reply has been given.
  session->Start();
}

void Dialing::Fail(absl::Status status) {
  if (ended()) return;
  LinkReply reply = std::exchange(reply_, nullptr);
  Shut();
  reply(std::move(status));
}

void Dialing::Shut() {
  asio::error_code ignored;
  resolver_.cancel();
  timer_.cancel();
  socket_.close(ignored);
}

// The caller's end of an attempt.
class DialHandle final : public ports::DeviceDialer::Attempt {
 public:
  explicit DialHandle(std::shared_ptr<Dialing> dialing) : dialing_(std::move(dialing)) {}
  ~DialHandle() override { dialing_->GiveUp(); }

 private:
  const std::shared_ptr<Dialing> dialing_;
};

}  // namespace

TerminalDialer::TerminalDialer(asio::io_context& context, Options options)
    : context_(context), options_(std::move(options)) {}

std::unique_ptr<ports::DeviceDialer::Attempt> TerminalDialer::Dial(
    const ports::DeviceAddress& address, ports::DeviceLinkObserver& observer, LinkReply reply) {
  const auto dialing =
      std::make_shared<Dialing>(context_, address, observer, std::move(reply), options_);
  dialing->Start();
  return std::make_unique<DialHandle>(dialing);
}

}  // namespace gatelog::terminal
