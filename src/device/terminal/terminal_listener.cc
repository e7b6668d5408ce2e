#include "device/terminal/terminal_listener.h"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "device/terminal/handshake.h"
#include "device/terminal/link_stream.h"
#include "device/terminal/peer_address.h"
#include "device/terminal/peer_trust.h"
#include "device/terminal/terminal_session.h"

namespace gatelog::terminal {
namespace {

using asio::ip::tcp;

constexpr auto kAwaitTuple = asio::experimental::as_tuple(asio::use_awaitable);

constexpr std::chrono::seconds kListenRetry{2};         // while the port is another program's
constexpr std::chrono::milliseconds kAcceptRetry{100};  // when there is no file descriptor left

}  // namespace

// Held by its coroutines and by the listener.
class TerminalListener::Accepting final : public std::enable_shared_from_this<Accepting> {
 public:
  Accepting(asio::io_context& context, Options options)
      : options_(std::move(options)), acceptor_(context), resolver_(context), timer_(context) {}

  void Start(ports::CallGate& gate) {
    gate_ = &gate;
    asio::co_spawn(acceptor_.get_executor(), Run(shared_from_this()), asio::detached);
  }
  void Close();

  const Counts& counts() const { return counts_; }
  std::uint16_t port() const { return port_; }
  Place place() const {
    const bool lasts = options_.address.port != 0;  // terminals keep what they are told
    return {.port = lasts ? port_ : std::uint16_t{0},
            .tls = options_.tls != nullptr,
            .loopback_only = gatelog::IsLoopback(options_.address)};
  }

 private:
  using Self = std::shared_ptr<Accepting>;
  class Call;

  static asio::awaitable<void> Run(Self self);
  asio::awaitable<void> Open();
  absl::Status OpenAt(const tcp::endpoint& endpoint);
  asio::awaitable<void> Pause(std::chrono::milliseconds time);
  void Take(tcp::socket socket);
  void Ended(const std::shared_ptr<Call>& call);

  const Options options_;
  ports::CallGate* gate_ = nullptr;
  tcp::acceptor acceptor_;
  tcp::resolver resolver_;
  asio::steady_timer timer_;
  bool closed_ = false;
  bool told_ = false;  // that the port is taken
  std::uint16_t port_ = 0;
  CallLimits limits_;
  std::set<std::shared_ptr<Call>> calls_;
  Counts counts_;
};

// One connection, from its acceptance until it is a link or closed.
class TerminalListener::Accepting::Call final : public std::enable_shared_from_this<Call> {
 public:
  Call(std::shared_ptr<Accepting> owner, LinkStream stream, const tcp::endpoint& remote)
      : owner_(std::move(owner)),
        address_(Unmapped(remote.address())),
        peer_(address_.to_string()),
        stream_(std::move(stream)),
        handshake_(stream_, Role::kTerminal, peer_, owner_->options_.link),
        timer_(stream_.executor()) {
    caller_.host = address_.to_string();
    caller_.tls = stream_.tls();
  }

  void Start() {
    const std::chrono::milliseconds all = owner_->options_.link.handshake_timeout;
    const std::chrono::milliseconds silent = std::min(owner_->options_.silence_max, all);
    After(silent, [rest = all - silent](Call& self) {
      if (!self.greeted_ && self.owner_->limits_.open() > kCallsBusy) return self.Close();
      self.After(rest, [](Call& late) { late.Close(); });
    });
    asio::co_spawn(stream_.executor(), Run(shared_from_this()), asio::detached);
  }
  void Close() { stream_.Close(); }
  const asio::ip::address& address() const { return address_; }

 private:
  template <typename Work>
  void After(std::chrono::milliseconds time, Work work) {
    timer_.expires_after(time);
    timer_.async_wait([weak = weak_from_this(), work](const asio::error_code& error) {
      if (const auto self = weak.lock(); self && !error) work(*self);
    });
  }

  static asio::awaitable<void> Run(std::shared_ptr<Call> self);
  asio::awaitable<void> Answer();
  void HandOver();
  asio::awaitable<void> TurnAway(absl::Status reason);

  const std::shared_ptr<Accepting> owner_;
  const asio::ip::address address_;
  const std::string peer_;  // without the port, which is another one at every call
  LinkStream stream_;
  Handshake handshake_;
  asio::steady_timer timer_;
  ports::Caller caller_;
  bool greeted_ = false;  // it has said who it is
};

asio::awaitable<void> TerminalListener::Accepting::Call::Run(std::shared_ptr<Call> self) {
  co_await self->Answer();
  self->timer_.cancel();
  self->stream_.Close();
  self->owner_->Ended(self);
}

asio::awaitable<void> TerminalListener::Accepting::Call::Answer() {
  Counts& counts = owner_->counts_;
  if (stream_.tls()) {
    const asio::error_code error = co_await stream_.HandshakeTls(asio::ssl::stream_base::server);
    if (error) {
      ++counts.failed;
      Log(LogLevel::kDebug, "A call came to nothing.",
          {{"peer", peer_}, {"error", error.message()}});
      co_return;
    }
  }
  absl::StatusOr<model::DeviceIdentity> identity = co_await handshake_.Greet();
  if (!identity.ok()) {
    ++counts.failed;
    Log(LogLevel::kDebug, "A call came to nothing.", {{"error", identity.status().message()}});
    co_return;
  }
  caller_.identity = *std::move(identity);
  greeted_ = true;
  if (owner_->closed_) co_return;
  const absl::StatusOr<ports::DeviceTrust> trust = owner_->gate_->Check(caller_);
  if (!trust.ok()) {
    ++counts.not_allowed;
    co_await handshake_.Refuse(trust.status());
    co_return;
  }
  if (absl::Status status = CheckTrust(peer_, address_, stream_, *trust); !status.ok()) {
    co_await TurnAway(std::move(status));
    co_return;
  }
  absl::Status proved = co_await handshake_.Prove(trust->key);
  if (owner_->closed_) co_return;
  if (proved.ok()) {
    HandOver();
  } else {
    ++counts.failed;
    owner_->gate_->OnCallFailed(caller_, proved);
  }
}

asio::awaitable<void> TerminalListener::Accepting::Call::TurnAway(absl::Status reason) {
  ++owner_->counts_.failed;
  owner_->gate_->OnCallFailed(caller_, reason);
  co_await handshake_.Refuse(reason);
}

void TerminalListener::Accepting::Call::HandOver() {
  ++owner_->counts_.links;
  owner_->gate_->OnCalled(caller_, [this](ports::DeviceLinkObserver& observer) {
    asio::error_code ignored;
    stream_.socket().set_option(tcp::no_delay(true), ignored);
    const auto session = std::make_shared<TerminalSession>(
        TerminalSession::Opened{std::move(stream_), handshake_.TakeReader(), peer_,
                                caller_.identity},
        owner_->options_.link, observer);
    // The observer hears nothing before it has the link.
    asio::post(timer_.get_executor(), [session] { session->Start(); });
    return std::make_unique<TerminalLink>(session);
  });
}

asio::awaitable<void> TerminalListener::Accepting::Run(Self self) {
  co_await self->Open();
  while (!self->closed_) {
    if (self->limits_.open() >= kCallsMax) {
      co_await self->Pause(kAcceptRetry);  // or until a call has ended
      continue;
    }
    auto [error, socket] = co_await self->acceptor_.async_accept(kAwaitTuple);
    if (self->closed_) co_return;
    if (!error) {
      self->Take(std::move(socket));
    } else if (error != asio::error::connection_aborted) {
      // Out of descriptors or memory: the calls wait in the kernel until some are free.
      co_await self->Pause(kAcceptRetry);
    }
  }
}

asio::awaitable<void> TerminalListener::Accepting::Open() {
  while (!closed_) {
    const auto [error, results] = co_await resolver_.async_resolve(
        options_.address.host, std::to_string(options_.address.port), tcp::resolver::passive,
        kAwaitTuple);
    if (closed_) co_return;
    absl::Status status =
        error ? absl::UnavailableError(error.message()) : OpenAt(results.begin()->endpoint());
    if (status.ok()) {
      LogInfo("Terminals can call in.", {{"address", FormatListenAddress(options_.address)},
                                         {"tls", options_.tls != nullptr}});
      co_return;
    }
    if (!std::exchange(told_, true)) {
      LogWarn("Terminals cannot call in yet; trying goes on.",
              {{"address", FormatListenAddress(options_.address)}, {"error", status.message()}});
    }
    co_await Pause(kListenRetry);
  }
}

absl::Status TerminalListener::Accepting::OpenAt(const tcp::endpoint& endpoint) {
  asio::error_code error;
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (!error) {
    port_ = acceptor_.local_endpoint().port();
    return absl::OkStatus();
  }
  asio::error_code ignored;
  acceptor_.close(ignored);
  return absl::UnavailableError(error == asio::error::address_in_use
                                    ? "another program, perhaps another gateway, listens there"
                                    : error.message());
}

asio::awaitable<void> TerminalListener::Accepting::Pause(std::chrono::milliseconds time) {
  timer_.expires_after(time);
  co_await timer_.async_wait(kAwaitTuple);
}

void TerminalListener::Accepting::Take(tcp::socket socket) {
  asio::error_code error;
  const tcp::endpoint remote = socket.remote_endpoint(error);
  if (error) return;  // it is gone already
  ++counts_.calls;
  if (!limits_.Admit(Unmapped(remote.address()), std::chrono::steady_clock::now())) {
    ++counts_.refused;
    return;
  }
  LinkStream stream = options_.tls == nullptr ? LinkStream(std::move(socket))
                                              : LinkStream(std::move(socket), *options_.tls);
  const auto call = std::make_shared<Call>(shared_from_this(), std::move(stream), remote);
  calls_.insert(call);
  call->Start();
}

void TerminalListener::Accepting::Ended(const std::shared_ptr<Call>& call) {
  if (calls_.erase(call) == 0) return;
  limits_.Ended(call->address());
  if (limits_.open() + 1 == kCallsMax) timer_.cancel();
}

void TerminalListener::Accepting::Close() {
  closed_ = true;
  asio::error_code ignored;
  acceptor_.close(ignored);
  resolver_.cancel();
  timer_.cancel();
  for (const auto& call : std::exchange(calls_, {})) call->Close();
}

TerminalListener::TerminalListener(asio::io_context& context, Options options)
    : accepting_(std::make_shared<Accepting>(context, std::move(options))) {}

TerminalListener::~TerminalListener() { accepting_->Close(); }

void TerminalListener::Listen(ports::CallGate& gate) { accepting_->Start(gate); }

ports::DeviceListener::Counts TerminalListener::counts() const { return accepting_->counts(); }

ports::DeviceListener::Place TerminalListener::place() const { return accepting_->place(); }

std::uint16_t TerminalListener::port() const { return accepting_->port(); }

}  // namespace gatelog::terminal
