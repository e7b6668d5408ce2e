#pragma once

#include <asio/ip/address.hpp>
#include <string>

#include "absl/status/status.h"
#include "device/terminal/link_stream.h"
#include "ports/device_registry.h"

namespace gatelog::terminal {

// Whether the terminal that `stream` leads to, as far as is known before keys are proved, may be
// the one that is trusted so: it shows the certificate that is known of it, over TLS; and there is
// something that it proves itself by, unless it is on a loopback address. kPermissionDenied says
// what is wrong; the message begins with `peer`.
absl::Status CheckTrust(const std::string& peer, const asio::ip::address& address,
                        const LinkStream& stream, const ports::DeviceTrust& trust);

}  // namespace gatelog::terminal
