#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <unordered_map>

#include "absl/status/statusor.h"
#include "apps/gatelog-sim/session.h"

namespace gatelog::sim {

class Fleet;

// Accepts the gateways' connections for all terminals on one wildcard socket, and tells the
// terminals apart by the address that was dialled: 127.0.0.0 plus the terminal's number. Peers that
// are not on this host's loopback are refused.
//
// The loop's thread only. `context` and `fleet` outlive it.
class Listener {
 public:
  // Takes the port, but peers are refused until Start. Both fail with kFailedPrecondition, in one
  // sentence, when the port cannot be used.
  static absl::StatusOr<std::unique_ptr<Listener>> Open(asio::io_context& context,
                                                        std::uint16_t port, Fleet& fleet);

  std::uint16_t port() const { return port_; }
  absl::Status Start();
  // Closes all connections.
  void Stop();

 private:
  Listener(asio::io_context& context, Fleet& fleet);
  static absl::Status PortError(std::uint16_t port, const std::error_code& error);
  asio::awaitable<void> AcceptLoop();
  asio::awaitable<void> WatchTimes();
  void Take(asio::ip::tcp::socket socket);

  asio::io_context& context_;
  Fleet& fleet_;
  asio::ip::tcp::acceptor acceptor_;
  asio::steady_timer retry_timer_;
  asio::steady_timer watch_timer_;
  std::uint16_t port_ = 0;
  std::unordered_map<Session*, std::shared_ptr<Session>> sessions_;
};

// Raises this process's limit of open files as far as it may; every connection needs one.
void RaiseFileLimit();

}  // namespace gatelog::sim
