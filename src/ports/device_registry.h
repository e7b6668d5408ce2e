#pragma once

#include <set>
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
  bool calls_in = false;  // opens its links itself; the address says from where it did, with port 0

  bool operator==(const Registration&) const = default;
};

// Which devices are let in when they call.
struct AcceptFilter {
  bool all = false;
  std::set<model::DeviceId> devices = {};

  bool Accepts(model::DeviceId id) const { return all || devices.contains(id); }
  bool operator==(const AcceptFilter&) const = default;
};

// What a device has to prove itself by, whoever opens the link.
struct DeviceTrust {
  model::DeviceId id = 0;
  std::string key = {};          // secret shared with it, raw bytes; empty: none is known
  std::string certificate = {};  // SHA-256 of what it shows on TLS links (DER); empty: none is

  bool operator==(const DeviceTrust&) const = default;
};

// Remembers the devices that are kept, and who may call. Blocking; one thread at a time; durable
// when a call returns OK.
class DeviceRegistry {
 public:
  virtual ~DeviceRegistry() = default;

  virtual absl::StatusOr<std::vector<Registration>> Load() = 0;
  // Adds the device or replaces what was known of it.
  virtual absl::Status Save(const Registration& registration) = 0;
  // An unknown device is no error.
  virtual absl::Status Remove(model::DeviceId id) = 0;

  // Nobody is accepted before the first save. A save replaces all of the filter, or nothing.
  virtual absl::StatusOr<AcceptFilter> LoadAcceptFilter() = 0;
  virtual absl::Status SaveAcceptFilter(const AcceptFilter& filter) = 0;

  virtual absl::StatusOr<std::vector<DeviceTrust>> LoadTrust() = 0;
  // Replaces what was known of the device; without key and certificate it is forgotten.
  virtual absl::Status SaveTrust(const DeviceTrust& trust) = 0;
};

}  // namespace gatelog::ports
