#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace gatelog::ports {

inline constexpr std::string_view kDefaultFamily = "terminal";
inline constexpr std::uint16_t kDefaultTerminalPort = 51211;

// A key shorter than this can be guessed by whoever listens to one handshake.
inline constexpr std::size_t kDeviceKeySizeMin = 16;  // bytes
inline constexpr std::size_t kDeviceKeySizeMax = 64;  // bytes
inline constexpr std::size_t kHostSizeMax = 253;      // bytes; the longest name that DNS knows

// How to reach a device.
struct DeviceAddress {
  std::string family{kDefaultFamily};  // scheme of the URL
  std::string host;                    // a name or an IP address, IPv6 without brackets
  std::uint16_t port = kDefaultTerminalPort;
  std::string key;   // secret shared with the device, raw bytes; empty: none
  bool tls = false;  // links to it are TLS

  bool operator==(const DeviceAddress&) const = default;
};

// Reads "HOST", "HOST:PORT", "[IPV6]:PORT" and "FAMILY://HOST:PORT?key=HEX&tls=1". The port may be
// left out for terminals only. Whether somebody serves the family is not checked. kInvalidArgument says
// what is wrong and never shows the key.
absl::StatusOr<DeviceAddress> ParseAddress(std::string_view text);

// "127.0.0.1:51211", "[::1]:51211", "uhppote://192.168.1.20:60000": what ParseAddress reads, but
// never the key. Port 0, of a device that calls in, is left out.
std::string FormatAddress(const DeviceAddress& address);

}  // namespace gatelog::ports
