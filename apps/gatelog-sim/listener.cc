#include "apps/gatelog-sim/listener.h"

#include <sys/resource.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/use_awaitable.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "apps/gatelog-sim/fleet.h"
#include "apps/gatelog-sim/linkage.h"
#include "base/log.h"

namespace gatelog::sim {
namespace {

constexpr auto kTuple = asio::experimental::as_tuple(asio::use_awaitable);
constexpr std::uint32_t kLoopback = 0x7F000000;  // 127.0.0.0
constexpr std::uint32_t kLoopbackMask = 0xFF000000;
constexpr std::chrono::milliseconds kAcceptRetry{100};  // when there is no file descriptor left
constexpr std::chrono::seconds kWatchInterval{1};
constexpr std::uint32_t kConnectionsMax =
    16;  // to one terminal; beyond the one that is served they are being turned away

// An abrupt end, so that the peer sees at once that nobody is there.
void Refuse(asio::ip::tcp::socket& socket) {
  std::error_code ignored;
  socket.set_option(asio::socket_base::linger(true, 0), ignored);
  socket.close(ignored);
}

}  // namespace

void RaiseFileLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
    LogWarn("The limit of open files could not be raised.");
}

Listener::Listener(asio::io_context& context, Fleet& fleet)
    : context_(context),
      fleet_(fleet),
      acceptor_(context),
      retry_timer_(context),
      watch_timer_(context) {}

absl::StatusOr<std::unique_ptr<Listener>> Listener::Open(asio::io_context& context,
                                                         std::uint16_t port, Fleet& fleet) {
  auto listener = std::unique_ptr<Listener>(new Listener(context, fleet));
  asio::ip::tcp::acceptor& acceptor = listener->acceptor_;
  std::error_code error;
  acceptor.open(asio::ip::tcp::v4(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind({asio::ip::tcp::v4(), port}, error);
  if (error) return PortError(port, error);
  listener->port_ = acceptor.local_endpoint().port();
  return listener;
}

absl::Status Listener::PortError(std::uint16_t port, const std::error_code& error) {
  const std::string why = error == asio::error::address_in_use
                              ? "another program, perhaps another gatelog-sim, is using it"
                              : error.message();
  return absl::FailedPreconditionError(absl::StrCat("The terminals cannot listen on TCP port ",
                                                    port, ": ", why,
                                                    ". Choose another with --port."));
}

absl::Status Listener::Start() {
  std::error_code error;
  acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (error) return PortError(port_, error);
  asio::co_spawn(context_, AcceptLoop(), asio::detached);
  asio::co_spawn(context_, WatchTimes(), asio::detached);
  return absl::OkStatus();
}

void Listener::Stop() {
  std::error_code ignored;
  acceptor_.close(ignored);
  retry_timer_.cancel();
  watch_timer_.cancel();
  // Closing takes a session out of the map.
  while (!sessions_.empty()) {
    const std::shared_ptr<Session> session = sessions_.begin()->second;
    session->Close("the simulator stops");
  }
}

asio::awaitable<void> Listener::AcceptLoop() {
  while (acceptor_.is_open()) {
    auto [error, socket] = co_await acceptor_.async_accept(kTuple);
    if (!acceptor_.is_open()) break;
    if (!error) {
      Take(std::move(socket));
    } else if (error != asio::error::connection_aborted) {
      // Out of descriptors or memory: the connections wait in the kernel until some are free.
      retry_timer_.expires_after(kAcceptRetry);
      co_await retry_timer_.async_wait(kTuple);
    }
  }
}

void Listener::Take(asio::ip::tcp::socket socket) {
  std::error_code error;
  const asio::ip::tcp::endpoint peer = socket.remote_endpoint(error);
  if (error) return;
  const asio::ip::tcp::endpoint local = socket.local_endpoint(error);
  if (error) return;
  const std::uint32_t peer_address = peer.address().to_v4().to_uint();
  const std::uint32_t local_address = local.address().to_v4().to_uint();
  Terminal* terminal = fleet_.FindNumber(local_address - kLoopback);
  const bool is_local =
      (peer_address & kLoopbackMask) == kLoopback && (local_address & kLoopbackMask) == kLoopback;
  if (!is_local || terminal == nullptr || terminal->away ||
      terminal->connections >= kConnectionsMax) {
    return Refuse(socket);
  }
  const absl::StatusOr<Linkage> linkage = LinkageOf(*terminal);
  if (!linkage.ok() || linkage->calls_gateway()) return Refuse(socket);
  absl::StatusOr<terminal::LinkStream> stream = StreamOf(*linkage, std::move(socket));
  if (!stream.ok()) return;
  const auto session = std::make_shared<Session>(
      *std::move(stream), false, absl::StrCat(peer.address().to_string(), ":", peer.port()),
      *terminal, [this](Session& ended) { sessions_.erase(&ended); });
  sessions_.emplace(session.get(), session);
  session->Start();
}

asio::awaitable<void> Listener::WatchTimes() {
  std::vector<std::shared_ptr<Session>> sessions;
  while (acceptor_.is_open()) {
    watch_timer_.expires_after(kWatchInterval);
    co_await watch_timer_.async_wait(kTuple);
    for (const auto& [key, session] : sessions_) sessions.push_back(session);
    const Session::Clock::time_point now = Session::Clock::now();
    for (const std::shared_ptr<Session>& session : sessions) session->CheckTimes(now);
    sessions.clear();
  }
}

}  // namespace gatelog::sim
