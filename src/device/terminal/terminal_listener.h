#pragma once

#include <asio/io_context.hpp>
#include <asio/ssl/context.hpp>
#include <chrono>
#include <memory>

#include "base/listen_address.h"
#include "device/terminal/call_limits.h"
#include "device/terminal/terminal_options.h"
#include "ports/device_listener.h"

namespace gatelog::terminal {

// Takes the calls of terminals (docs/formats/terminal-link.md). The gateway says Hello first here
// too. A terminal that the gate knows nothing to be proved by is taken from loopback addresses
// only; one whose certificate is known is taken over TLS only.
//
// Limits: call_limits.h, and TerminalOptions::handshake_timeout for the whole of a handshake.
// Threads: one thread runs `context`; it and nothing else calls this.
class TerminalListener final : public ports::DeviceListener {
 public:
  struct Options {
    ListenAddress address;  // port 0 lets the system choose
    TerminalOptions link = {};
    asio::ssl::context* tls = nullptr;  // outlives this; null: plain TCP
    std::chrono::milliseconds silence_max = kCallSilence;
  };

  TerminalListener(asio::io_context& context, Options options);
  // Ends the calls of which no link has come.
  ~TerminalListener() override;

  void Listen(ports::CallGate& gate) override;
  Place place() const override;
  Counts counts() const override;
  // 0 while it does not listen yet.
  std::uint16_t port() const;

 private:
  class Accepting;

  const std::shared_ptr<Accepting> accepting_;
};

}  // namespace gatelog::terminal
