#include "device/terminal/terminal_dialer.h"

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/connect.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "device/terminal/handshake.h"
#include "device/terminal/link_stream.h"
#include "device/terminal/peer_trust.h"
#include "device/terminal/terminal_session.h"

namespace gatelog::terminal {
namespace {

using asio::ip::tcp;

constexpr auto kAwaitTuple = asio::experimental::as_tuple(asio::use_awaitable);

using LinkReply = ports::Reply<absl::StatusOr<std::unique_ptr<ports::DeviceLink>>>;

std::string Seconds(std::chrono::milliseconds duration) {
  return absl::StrCat(static_cast<double>(duration.count()) / 1000, " s");
}

// One attempt to open a link. Held by its coroutine and by the caller's handle.
class Dialing final : public std::enable_shared_from_this<Dialing> {
 public:
  Dialing(asio::io_context& context, ports::DeviceAddress address,
          ports::DeviceLinkObserver& observer, LinkReply reply, TerminalOptions options,
          TerminalDialer::Security security)
      : address_(std::move(address)),
        peer_(ports::FormatAddress(address_)),
        options_(std::move(options)),
        security_(std::move(security)),
        observer_(observer),
        reply_(std::move(reply)),
        resolver_(context),
        socket_(context),
        timer_(context) {}

  void Start() { asio::co_spawn(timer_.get_executor(), Run(shared_from_this()), asio::detached); }

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

  absl::Status CheckAddress() const;
  absl::Status PeerError(absl::StatusCode code, std::string_view what) const;

  void SetTimeLimit(std::chrono::milliseconds limit, const std::string& otherwise);
  bool ended() const { return reply_ == nullptr; }
  void FinishWithLink(model::DeviceIdentity identity);
  void Fail(absl::Status status);
  void Shut();

  const ports::DeviceAddress address_;
  const std::string peer_;
  const TerminalOptions options_;
  const TerminalDialer::Security security_;
  ports::DeviceLinkObserver& observer_;
  LinkReply reply_;  // null: told, or given up
  tcp::resolver resolver_;
  tcp::socket socket_;  // until it is connected
  asio::steady_timer timer_;
  asio::ip::address remote_;
  std::optional<LinkStream> stream_;  // from then on
  std::optional<Handshake> handshake_;
};

asio::awaitable<void> Dialing::Run(Self self) {
  // Some addresses are refused without any waiting; the reply still comes after Dial has returned.
  co_await asio::post(self->timer_.get_executor(), asio::use_awaitable);
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
  if (address_.tls && security_.tls == nullptr) {
    return absl::UnimplementedError(
        absl::StrCat("this gateway has no certificate to show to ", peer_, " over TLS"));
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
  if (ended()) co_return absl::CancelledError();
  const auto [error, endpoint] = co_await asio::async_connect(socket_, *endpoints, kAwaitTuple);
  if (error) {
    co_return absl::UnavailableError(
        absl::StrCat("cannot connect to ", peer_, ": ", error.message()));
  }
  asio::error_code ignored;
  socket_.set_option(tcp::no_delay(true), ignored);
  remote_ = endpoint.address();
  if (address_.tls) {
    stream_.emplace(std::move(socket_), *security_.tls);
  } else {
    stream_.emplace(std::move(socket_));
  }
  handshake_.emplace(*stream_, Role::kGateway, peer_, options_);
  co_return absl::OkStatus();
}

Dialing::AwaitableOr<model::DeviceIdentity> Dialing::ShakeHands() {
  if (stream_->tls()) {
    const asio::error_code error = co_await stream_->HandshakeTls(asio::ssl::stream_base::client);
    if (error) {
      co_return PeerError(absl::StatusCode::kUnavailable,
                          absl::StrCat("did not agree on TLS; is it enabled there, for this "
                                       "gateway? (",
                                       error.message(), ")"));
    }
  }
  absl::StatusOr<model::DeviceIdentity> identity = co_await handshake_->Greet();
  if (!identity.ok() || ended()) co_return identity;
  ports::DeviceTrust trust = security_.trust ? security_.trust(identity->id) : ports::DeviceTrust();
  trust.id = identity->id;
  if (!address_.key.empty()) trust.key = address_.key;
  if (absl::Status status = CheckTrust(peer_, remote_, *stream_, trust); !status.ok()) {
    co_return status;
  }
  if (absl::Status proved = co_await handshake_->Prove(trust.key); !proved.ok()) co_return proved;
  co_return identity;
}

absl::Status Dialing::PeerError(absl::StatusCode code, std::string_view what) const {
  return absl::Status(code, absl::StrCat(peer_, " ", absl::string_view(what.data(), what.size())));
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
      TerminalSession::Opened{*std::move(stream_), handshake_->TakeReader(), peer_,
                              std::move(identity)},
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
  if (stream_) stream_->Close();
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
    : TerminalDialer(context, std::move(options), {}) {}

TerminalDialer::TerminalDialer(asio::io_context& context, Options options, Security security)
    : context_(context), options_(std::move(options)), security_(std::move(security)) {}

std::unique_ptr<ports::DeviceDialer::Attempt> TerminalDialer::Dial(
    const ports::DeviceAddress& address, ports::DeviceLinkObserver& observer, LinkReply reply) {
  const auto dialing =
      std::make_shared<Dialing>(context_, address, observer, std::move(reply), options_, security_);
  dialing->Start();
  return std::make_unique<DialHandle>(dialing);
}

}  // namespace gatelog::terminal
