#pragma once

#include <asio/io_context.hpp>
#include <memory>

#include "device/terminal/terminal_options.h"
#include "ports/device_link.h"

namespace gatelog::terminal {

// Opens terminal links (docs/formats/terminal-link.md).
//
// A key authenticates both sides, at the start of the connection. Without a key only terminals on
// loopback addresses are accepted. Host names are looked up one after another, on a thread that
// asio keeps for it; IP addresses need none.
//
// Errors beyond those of the port: kPermissionDenied also when the terminal wants a key that was
// not given, proves none, or a terminal beyond loopback has none. kInternal: what answers does not
// speak the terminal link, or breaks its rules. kUnimplemented: it speaks another version. Each
// message names the address.
class TerminalDialer final : public ports::DeviceDialer {
 public:
  using Options = TerminalOptions;

  // One thread runs `context`; it and nothing else calls the dialer, its attempts and its links,
  // all of which must be gone before the context is.
  explicit TerminalDialer(asio::io_context& context, Options options = {});

  std::unique_ptr<Attempt> Dial(
      const ports::DeviceAddress& address, ports::DeviceLinkObserver& observer,
      ports::Reply<absl::StatusOr<std::unique_ptr<ports::DeviceLink>>> reply) override;

 private:
  asio::io_context& context_;
  const Options options_;
};

}  // namespace gatelog::terminal
