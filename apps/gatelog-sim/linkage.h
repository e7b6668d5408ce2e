#pragma once

#include <asio/ip/tcp.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "apps/gatelog-sim/terminal.h"
#include "device/terminal/frame_codec.h"
#include "device/terminal/link_stream.h"
#include "simulator/v1/linkage.pb.h"

namespace gatelog::sim {

using simulator::v1::Linkage;

// How a terminal is linked: who opens connections, to where, and whether over TLS. The loop's
// thread only. Errors: kDataLoss of the file.

// What the gateway or a reset set last, or else what the simulator was started with.
absl::StatusOr<Linkage> LinkageOf(Terminal& terminal);

inline bool UsesTls(const Linkage& linkage) { return !linkage.ca_certificate().empty(); }

// The bytes of a connection of this terminal, whoever opened it. kInvalidArgument: what it was told
// does not fit together; then the connection is closed.
absl::StatusOr<terminal::LinkStream> StreamOf(const Linkage& linkage, asio::ip::tcp::socket socket);

// Does what a SetConnectionMode, EnableTls or DisableTls asks for; it is in the file afterwards.
// `gateway_host`: where the connection's other end is. kInvalidArgument says what is wrong with it.
struct Relinked {
  terminal::Frame reply;  // without its request ID
  bool changed = false;   // then this connection is to end
};
absl::StatusOr<Relinked> Relink(Terminal& terminal, const terminal::Frame& request,
                                const std::string& gateway_host);

}  // namespace gatelog::sim
