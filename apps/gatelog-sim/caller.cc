#include "apps/gatelog-sim/caller.h"

#include <netinet/in.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/use_awaitable.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "apps/gatelog-sim/fleet.h"
#include "apps/gatelog-sim/linkage.h"
#include "apps/gatelog-sim/terminal.h"

namespace gatelog::sim {
namespace {

using asio::ip::tcp;

constexpr auto kTuple = asio::experimental::as_tuple(asio::use_awaitable);
constexpr std::uint32_t kLoopback = 0x7F000000;  // 127.0.0.0
constexpr std::chrono::milliseconds kLook{100};  // how often what is due is looked for
constexpr std::chrono::seconds kCheckInterval{1};
constexpr std::uint64_t kPausePurpose = 6;

// Leaves the choice of the local port to the connect, which knows more of them to be free.
using BindWithoutPort = asio::detail::socket_option::boolean<IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT>;

// Port 0, where nobody is, if the host is no address.
tcp::endpoint GatewayOf(const Linkage& linkage) {
  std::error_code error;
  const asio::ip::address host = asio::ip::make_address(linkage.gateway_host(), error);
  if (error) return {};
  return {host, static_cast<std::uint16_t>(UsesTls(linkage) ? linkage.gateway_tls_port()
                                                            : linkage.gateway_port())};
}

}  // namespace

Caller::Caller(asio::io_context& context, Fleet& fleet, std::uint64_t seed)
    : context_(context), fleet_(fleet), random_(MixSeed(seed, kPausePurpose)), timer_(context) {}

void Caller::Start() {
  for (const auto& terminal : fleet_.terminals()) {
    terminal->relinked = [this](Terminal& changed) { CallLater(changed); };
    waiting_.insert(terminal.get());
    due_.push({Clock::now(), terminal.get()});
  }
  asio::co_spawn(context_, CallThoseDue(), asio::detached);
}

void Caller::Stop() {
  stopped_ = true;
  timer_.cancel();
  // Closing takes a session out of the map.
  while (!sessions_.empty()) {
    const std::shared_ptr<Session> session = sessions_.begin()->second;
    session->Close("the simulator stops");
  }
}

asio::awaitable<void> Caller::CallThoseDue() {
  while (!stopped_) {
    while (!due_.empty() && due_.top().time <= Clock::now() && calling_ < kCallsAtATime) {
      Terminal& terminal = *due_.top().terminal;
      due_.pop();
      ++calling_;
      asio::co_spawn(context_, Call(terminal), asio::detached);
    }
    if (const Clock::time_point now = Clock::now(); now >= next_check_) {
      next_check_ = now + kCheckInterval;
      CheckTimes(now);
    }
    timer_.expires_after(kLook);
    co_await timer_.async_wait(kTuple);
  }
}

asio::awaitable<void> Caller::Call(Terminal& terminal) {
  waiting_.erase(&terminal);
  const absl::StatusOr<Linkage> linkage = LinkageOf(terminal);
  // One that does not call begins again when it is relinked, one that has called when that ends.
  const bool wanted = linkage.ok() && linkage->calls_gateway() && !in_call_.contains(&terminal);
  tcp::socket socket(context_);
  bool connected = false;
  if (wanted && !terminal.away && terminal.session() == nullptr) {
    connected = co_await Connect(socket, terminal, GatewayOf(*linkage));
  }
  --calling_;
  timer_.cancel();  // somebody else has his turn
  if (stopped_ || !wanted) co_return;
  if (!connected) {
    CallLater(terminal);
    co_return;
  }
  absl::StatusOr<terminal::LinkStream> stream = StreamOf(*linkage, std::move(socket));
  if (!stream.ok()) co_return;  // until it is relinked
  in_call_.insert(&terminal);
  const tcp::endpoint gateway = GatewayOf(*linkage);
  const auto session = std::make_shared<Session>(
      *std::move(stream), true, absl::StrCat(gateway.address().to_string(), ":", gateway.port()),
      terminal, [this, &terminal](Session& ended) {
        sessions_.erase(&ended);
        in_call_.erase(&terminal);
        CallLater(terminal);
      });
  sessions_.emplace(session.get(), session);
  session->Start();
}

asio::awaitable<bool> Caller::Connect(tcp::socket& socket, const Terminal& terminal,
                                      tcp::endpoint gateway) {
  std::error_code error;
  socket.open(tcp::v4(), error);
  if (!error) socket.set_option(BindWithoutPort(true), error);
  const asio::ip::address_v4 own(kLoopback + terminal.settings().number);
  if (!error) socket.bind({own, 0}, error);
  if (error) co_return false;
  asio::steady_timer limit(context_, kCallTimeMax);
  const auto open = std::make_shared<bool>(true);
  limit.async_wait([&socket, open](const std::error_code& cancelled) {
    std::error_code ignored;
    if (!cancelled && *open) socket.close(ignored);
  });
  const auto [refused] = co_await socket.async_connect(gateway, kTuple);
  *open = false;  // a limit that is due at this moment must not find the socket any more
  co_return !refused;
}

void Caller::CallLater(Terminal& terminal) {
  if (!waiting_.insert(&terminal).second) return;
  const auto pause = kCallPauseMin + std::chrono::duration_cast<std::chrono::milliseconds>(
                                         random_.Fraction() * (kCallPauseMax - kCallPauseMin));
  due_.push({Clock::now() + pause, &terminal});
}

void Caller::CheckTimes(Clock::time_point now) {
  std::vector<std::shared_ptr<Session>> sessions;
  for (const auto& [key, session] : sessions_) sessions.push_back(session);
  for (const std::shared_ptr<Session>& session : sessions) session->CheckTimes(now);
}

}  // namespace gatelog::sim
