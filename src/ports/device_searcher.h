#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/identity.h"
#include "ports/device_link.h"

namespace gatelog::ports {

// A device that answered a search. It has proved nothing of it.
struct FoundDevice {
  model::DeviceId id = 0;
  std::uint32_t type = 0;
  std::string host;  // an IP address
  std::uint16_t port = 0;
  bool calls_in = false;  // then it calls `gateway`, HOST:PORT, and listens nowhere
  bool tls = false;
  std::string gateway;
  bool uses_dhcp = false;
};

// Looks for devices of one family that are near. Threads: the loop's; the reply comes there, unless
// the searcher is destroyed before.
class DeviceSearcher {
 public:
  virtual ~DeviceSearcher() = default;

  // Who answers within that time; by ID, each device once for each address it answers from. The
  // reply comes when the time is over. kResourceExhausted: too many searches are under way.
  // kUnavailable: there is no network to search in.
  virtual void Search(std::chrono::milliseconds time,
                      Reply<absl::StatusOr<std::vector<FoundDevice>>> reply) = 0;
};

}  // namespace gatelog::ports
