#pragma once

#include <asio/io_context.hpp>
#include <asio/ssl/context.hpp>
#include <functional>
#include <memory>

#include "device/terminal/terminal_options.h"
#include "ports/device_link.h"
#include "ports/device_registry.h"

namespace gatelog::terminal {

// Opens terminal links (docs/formats/terminal-link.md).
//
// A key authenticates both sides, at the start of the connection; a certificate that is known of
// the terminal authenticates it on a TLS link. Without either only terminals on loopback addresses
// are accepted. Host names are looked up one after another, on a thread that asio keeps for it; IP
// addresses need none.
//
// Errors beyond those of the port: kPermissionDenied also when the terminal wants a key that was
// not given, proves none, or nothing is known that a terminal beyond loopback could prove itself
// by; that is seen when it has said who it is. kInternal: what answers does not
// speak the terminal link, or breaks its rules. kUnimplemented: it speaks another version. Each
// message names the address.
class TerminalDialer final : public ports::DeviceDialer {
 public:
  using Options = TerminalOptions;

  // What links are secured by besides the keys in addresses.
  struct Security {
    asio::ssl::context* tls = nullptr;  // outlives the dialer; null: there are no TLS links
    // What the terminal of that ID has to prove itself by; null: nothing is known of any.
    std::function<ports::DeviceTrust(model::DeviceId)> trust = nullptr;
  };

  // One thread runs `context`; it and nothing else calls the dialer, its attempts and its links,
  // all of which must be gone before the context is.
  explicit TerminalDialer(asio::io_context& context, Options options = {});
  TerminalDialer(asio::io_context& context, Options options, Security security);

  std::unique_ptr<Attempt> Dial(
      const ports::DeviceAddress& address, ports::DeviceLinkObserver& observer,
      ports::Reply<absl::StatusOr<std::unique_ptr<ports::DeviceLink>>> reply) override;

 private:
  asio::io_context& context_;
  const Options options_;
  const Security security_;
};

}  // namespace gatelog::terminal
