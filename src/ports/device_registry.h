#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/identity.h"
#include "ports/device_address.h"

namespace gatelog::ports {

// A device that is kept across restarts.
struct Registration {
  model::DeviceId id = 0;
  DeviceAddress address = {};
  bool collected = true;
  bool monitored = false;

  bool operator==(const Registration&) const = default;
};

// Remembers the devices that are kept. Blocking; one thread at a time; durable when a call returns
// OK.
class DeviceRegistry {
 public:
  virtual ~DeviceRegistry() = default;

  virtual absl::StatusOr<std::vector<Registration>> Load() = 0;
  // Adds the device or replaces what was known of it.
  virtual absl::Status Save(const Registration& registration) = 0;
  // An unknown device is no error.
  virtual absl::Status Remove(model::DeviceId id) = 0;
};

}  // namespace gatelog::ports
