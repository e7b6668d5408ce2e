#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/identity.h"
#include "ports/device_link.h"
#include "ports/device_registry.h"

namespace gatelog::ports {

// A device that opened a connection by itself, as it says of itself.
struct Caller {
  model::DeviceIdentity identity;
  std::string host;  // the IP address that it calls from
  bool tls = false;
};

// Makes the link to a device that called and has proved who it is; once. Dropped instead: its
// connection is closed. `observer` must outlive the link; it hears nothing before this has
// returned.
using TakeLink = absl::AnyInvocable<std::unique_ptr<DeviceLink>(DeviceLinkObserver& observer)>;

// Decides about callers. All calls come on the loop's thread.
class CallGate {
 public:
  virtual ~CallGate() = default;

  // The device has said who it is and proved nothing yet. What it has to prove itself by; nothing
  // known is no error, the family then takes it from this machine only. An error turns it away, in
  // words that it is told.
  virtual absl::StatusOr<DeviceTrust> Check(const Caller& caller) = 0;

  // It was let in by Check and has proved itself.
  virtual void OnCalled(const Caller& caller, TakeLink take) = 0;

  // It was let in by Check, and no link came of it.
  virtual void OnCallFailed(const Caller& caller, const absl::Status& reason) = 0;
};

// Where devices of one family call in. Threads: the loop's.
class DeviceListener {
 public:
  virtual ~DeviceListener() = default;

  // Takes calls from now on, and until it is destroyed; once. Goes on trying while the place is
  // taken by another program. The gate outlives the listener.
  virtual void Listen(CallGate& gate) = 0;

  // Where devices can call now.
  struct Place {
    // 0: nowhere that lasts: not open yet, another program's, or another one at every start.
    std::uint16_t port = 0;
    bool tls = false;            // the calls that it takes
    bool loopback_only = false;  // devices on other machines cannot reach it
  };
  virtual Place place() const = 0;

  // Since the start.
  struct Counts {
    std::uint64_t calls = 0;    // connections that were opened
    std::uint64_t refused = 0;  // of these: turned away because of a limit, before a word was said
    std::uint64_t failed = 0;   // of these: no handshake, or a wrong one
    std::uint64_t not_allowed = 0;  // of these: turned away by the gate
    std::uint64_t links = 0;        // of these: handed to the gate
  };
  virtual Counts counts() const = 0;
};

}  // namespace gatelog::ports
