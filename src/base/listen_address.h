#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace gatelog {

// Where a server listens: a host name or IP address, and a TCP port; 0 lets the system choose.
struct ListenAddress {
  std::string host;
  std::uint16_t port = 0;

  bool operator==(const ListenAddress&) const = default;
};

// "127.0.0.1:4000", "localhost:0", "[::1]:4000". kInvalidArgument says what is wrong.
absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text);

// The form that ParseListenAddress reads.
std::string FormatListenAddress(const ListenAddress& address);

// Whether only programs on this machine can reach it: localhost, 127.0.0.0/8, ::1. No name is
// looked up.
bool IsLoopback(const ListenAddress& address);

// OK if a socket could listen on the address now; else a sentence that names the address and
// `option`, the flag that chooses another. kAlreadyExists: another process listens there.
// kPermissionDenied, kInvalidArgument: not ours to use. Blocks while a name is looked up.
absl::Status CheckCanListen(const ListenAddress& address, std::string_view option);

}  // namespace gatelog
