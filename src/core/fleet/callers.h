#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "core/fleet/acceptance.h"
#include "core/fleet/call_notices.h"
#include "core/live/status_hub.h"
#include "model/identity.h"
#include "ports/device_listener.h"
#include "ports/device_registry.h"

namespace gatelog::core {

class Fleet;
class ManagedDevice;
struct DeviceSnapshot;

// Devices that called and were not linked; beyond, the one that called longest ago is forgotten.
inline constexpr std::size_t kPendingMax = 1'000;

struct PendingDevice {
  model::DeviceId id = 0;
  std::uint32_t type = 0;
  std::string host;
  Timestamp last_try{};
  std::string reason;  // why it was not linked, as last told, in words
};

// The devices that open their links themselves: which of them are let in, what they have to prove
// themselves by, and who was turned away. A link that one of them opened belongs to the fleet as
// any other; a device that is let in is listed until the filter no longer accepts it.
//
// Threads: the loop's, replies too.
class Callers final : public ports::CallGate {
 public:
  explicit Callers(Fleet& fleet);

  // What the registry has. Once, before anything else.
  void Start(ports::AcceptFilter filter, const std::vector<ports::DeviceTrust>& trust);

  // Is in force, and survives a restart, when the reply says OK. Links that devices opened which it
  // does not accept are ended. kInvalidArgument: device 0, or more devices than a gateway can have.
  void SetFilter(ports::AcceptFilter filter, ports::Reply<absl::Status> reply);
  // As SetFilter, of a part; as Acceptance::Change. Other keys and certificates end no link.
  void Change(AcceptanceChange change, ports::Reply<absl::Status> reply);
  const ports::AcceptFilter& filter() const { return acceptance_.filter(); }

  // Of a device that is kept with a key in its address it is that, unless another is known here.
  ports::DeviceTrust FindTrust(model::DeviceId id) const;

  // Tells a linked device how it is to be linked from now on; it then ends its link, if that
  // changes anything, and comes back the other way. What is needed for that is kept here.
  // kFailedPrecondition: the device could not come back, because its call would reach nobody; or
  // there would be nothing left that it proves itself by.
  void Relink(model::DeviceId id, ports::Relinking::To to, ports::Reply<absl::Status> reply);

  // Who called and has no link: not accepted, not proved, or one too many. By ID.
  std::vector<PendingDevice> pending() const;

  // Takes calls from now on, after Start; once for each listener, which is destroyed before the
  // fleet.
  void Listen(ports::DeviceListener& listener);

  struct Counts {  // since the start
    std::uint64_t links = 0;
    std::uint64_t not_allowed = 0;
    std::uint64_t failed = 0;       // did not prove themselves, or broke off
    std::uint64_t refused = 0;      // because of a limit, before a word was said
    std::uint64_t superfluous = 0;  // of devices that were linked already
    std::uint64_t pending_forgotten = 0;
  };
  Counts counts() const;

  absl::StatusOr<ports::DeviceTrust> Check(const ports::Caller& caller) override;
  void OnCalled(const ports::Caller& caller, ports::TakeLink take) override;
  void OnCallFailed(const ports::Caller& caller, const absl::Status& reason) override;

 private:
  absl::Status CheckRelink(const DeviceSnapshot& device, ports::Relinking::To to) const;
  // Whether a call of the device would come here.
  absl::Status CheckCanCall(const DeviceSnapshot& device, bool tls) const;
  // Of the listener for such calls; nullopt: there is none.
  std::optional<ports::DeviceListener::Place> PlaceOf(bool tls) const;
  // What the device answered to it: to be remembered.
  void OnRelinked(model::DeviceId id, ports::Relinking::To to, std::string certificate,
                  ports::Reply<absl::Status> reply);
  // Whether it is to be logged: it is told, and this reason is not the last one that was.
  bool AddPending(const ports::Caller& caller, std::string_view reason, bool tell);
  absl::StatusOr<ports::DeviceTrust> TurnAway(const ports::Caller& caller, LinkChange change,
                                              absl::Status reason);
  // Whether a call that came to nothing is told, in the log and to subscribers.
  bool Tells(model::DeviceId id);
  void DropThoseNotAccepted();
  // That it calls, and from where, also after a restart.
  void Remember(const ManagedDevice& device);

  Fleet& fleet_;
  Acceptance acceptance_;
  std::map<model::DeviceId, PendingDevice> pending_;
  std::vector<ports::DeviceListener*> listeners_;
  CallNotices notices_;
  Counts counts_;
};

}  // namespace gatelog::core
