#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/backoff.h"
#include "base/clock.h"
#include "base/executor.h"
#include "core/fleet/callers.h"
#include "core/fleet/clock_drift.h"
#include "core/fleet/log_collection.h"
#include "core/ingest/ingest.h"
#include "core/live/live_hub.h"
#include "core/live/status_hub.h"
#include "model/identity.h"
#include "ports/device_link.h"
#include "ports/device_registry.h"

namespace gatelog::core {

class ManagedDevice;

inline constexpr std::size_t kDevicesMax = 20'000;

enum class LinkState { kDisconnected, kConnecting, kConnected };

// What the store has of the log of a linked device: everything of the epoch up to `newest`, or a
// gap.
struct StoredLog {
  model::Epoch epoch = 0;
  model::EventId epoch_first = 0;  // lowest ID that belongs to the epoch
  model::Generation generation = 0;
  model::Anchor newest;  // the newest record, stored or unreadable
};

// Everything one may want to know of a device at a glance.
struct DeviceSnapshot {
  model::DeviceId id = 0;
  ports::DeviceAddress address;
  LinkState state = LinkState::kDisconnected;
  std::optional<Timestamp> connected_since;
  std::optional<Timestamp> disconnected_since;    // since the gateway started
  std::optional<model::DeviceIdentity> identity;  // from the last link since the gateway started
  bool kept = false;                              // survives a restart
  bool redialled = false;                         // the gateway links it again by itself
  bool calls_in = false;  // it opened the link that is there; without one, it would
  bool collected = true;
  bool monitored = false;

  model::Epoch epoch = 0;  // 0: nothing stored yet
  model::EventId next = 0;
  model::LogStatus log;   // as last heard
  std::uint32_t lag = 0;  // records known to be on the device and not yet stored
  std::uint64_t stored = 0;
  std::uint64_t gaps = 0;
  std::uint64_t missing = 0;
  std::uint64_t images_wanted = 0;  // events that say they have an image
  std::uint64_t images = 0;         // stored
  std::uint64_t images_absent = 0;  // that will not be stored any more
  std::uint64_t images_lag = 0;     // neither: still to be collected

  std::optional<ports::StoredEvent> newest;  // the newest stored event, without its payload
  ClockDrift clock_drift{std::chrono::milliseconds(0)};

  std::string last_error;  // in words; empty: none since the gateway started
  std::optional<Timestamp> last_error_at;
  std::uint32_t failed_attempts = 0;  // to connect, since the last success
  std::uint64_t reads_repeated = 0;   // since the gateway started, as what follows
  std::uint64_t images_unreadable = 0;
};

// RS-485 and Wiegand slaves of a master, as clients set them.
struct Slaves {
  model::DeviceId master = 0;
  std::vector<model::DeviceId> rs485;
  std::vector<model::DeviceId> wiegand;
};

// The devices of this gateway: dials them, keeps them connected, collects their logs, feeds live
// events.
//
// Threads: everything on the loop's thread, replies too. Errors: kNotFound: no such device here;
// kUnavailable: known but not connected (says why); kResourceExhausted: devices_max reached.
class Fleet {
 public:
  struct Options {
    Backoff::Options reconnect;
    LogCollection::Options collection;
    bool collect = true;           // the logs of devices that come by Connect and AddAsync
    std::size_t image_reads = 64;  // devices that give images at a time
    std::size_t devices_max = kDevicesMax;
    std::chrono::milliseconds clock_drift_limit{60'000};  // beyond it a warning; 0: never
    std::string ca_certificate;    // of links over TLS, DER; empty: there are none
    bool report_attempts = false;  // to link a kept device, as LinkChange::kConnecting
  };

  struct Parts {  // all outlive the fleet
    TimedExecutor& loop;
    Executor& registry_worker;  // where the registry's calls block
    const Clock& clock;
    std::map<std::string, ports::DeviceDialer*> dialers;  // by DeviceAddress::family
    ports::DeviceRegistry& registry;
    Ingest& ingest;
    LiveHub& live;
    StatusHub& status;
  };

  Fleet(Parts parts, Options options);
  ~Fleet();

  // Takes up the devices that were kept. Once, before anything else.
  void Start(std::vector<ports::Registration> registrations,
             std::vector<ports::LogState> log_states, std::vector<ports::LogTotals> totals);

  // Something was taken out of the store: what it has as the newest event of each log is no longer
  // known, and is asked of it again.
  void ReloadNewest();

  // Links at once and once; fails if nobody is there. Not kept: when the link is lost, the device
  // is gone from the list. A device that is connected already keeps its link.
  void Connect(ports::DeviceAddress address, ports::Reply<absl::StatusOr<model::DeviceId>> reply);

  // Links at once, then keeps the device under the ID it told. Nothing is kept when it fails.
  void Add(ports::DeviceAddress address, bool collect,
           ports::Reply<absl::StatusOr<model::DeviceId>> reply);

  // Keeps the devices and goes on trying to link them; the reply does not wait for that. A device
  // that answers with another ID is not taken. ID 0 and doubled IDs: kInvalidArgument, nothing
  // kept. Whether a log is collected stays as it is; for a new device Options::collect decides. So
  // does the key of a device that is kept at the same host and port, if none is given.
  void AddAsync(std::vector<ports::Registration> registrations, ports::Reply<absl::Status> reply);

  // Ends the links and forgets the devices; what is stored stays.
  void Remove(std::vector<model::DeviceId> ids, ports::Reply<absl::Status> reply);

  // Ends the links. A kept device is linked again after a wait; others are gone from the list.
  absl::Status Disconnect(const std::vector<model::DeviceId>& ids);
  void DisconnectAll();

  std::vector<DeviceSnapshot> List() const;
  absl::StatusOr<DeviceSnapshot> Find(model::DeviceId id) const;

  // Whether the device's events go to live subscribers. Remembered for kept devices, also over a
  // reconnect; doing it twice is fine. Whatever a device records after the reply that enables it is
  // shown.
  void SetMonitoring(model::DeviceId id, bool enabled, ports::Reply<absl::Status> reply);

  // The device's link, valid until control returns to the loop.
  absl::StatusOr<ports::DeviceLink*> Link(model::DeviceId id);

  // The linked device whose slave this is, as that device tells or as a client has set.
  std::optional<model::DeviceId> MasterOf(model::DeviceId slave) const;

  // Replies with the log's status once every record up to its last ID is stored, and every image
  // that the device has of them.
  // kFailedPrecondition if that cannot be: the device is not collected, or the store does not take
  // it; kUnavailable if the link is lost meanwhile.
  void WhenStored(model::DeviceId id, ports::Reply<absl::StatusOr<model::LogStatus>> reply);

  // Nothing for a device that is not linked or not collected, and for one whose log cannot be told
  // from another. Whether the device's log is still this one only the device can tell: it is, if it
  // shows the newest record and the generation.
  std::optional<StoredLog> FindStored(model::DeviceId id) const;

  // Logs that are held in memory: those of the devices, and of such as were forgotten while
  // something of theirs was committed.
  std::size_t logs_held() const { return collections_.size(); }

  // Devices that open their links themselves.
  Callers& callers() { return callers_; }
  const Callers& callers() const { return callers_; }

  // In memory only, as clients expect: set again after a restart.
  std::vector<Slaves> slaves() const;
  absl::Status SetSlaves(std::vector<Slaves> slaves);

 private:
  friend class Callers;
  friend class ManagedDevice;

  // A device whose ID is not known yet.
  struct Introduction;
  using Introduced = absl::AnyInvocable<void(absl::StatusOr<ManagedDevice*>)>;

  void Introduce(ports::DeviceAddress address, Introduced done);
  absl::StatusOr<ManagedDevice*> Adopt(Introduction& introduction,
                                       std::unique_ptr<ports::DeviceLink> link);
  absl::StatusOr<ManagedDevice*> FindDevice(model::DeviceId id) const;
  ManagedDevice* FindByAddress(const ports::DeviceAddress& address);
  ManagedDevice& Obtain(model::DeviceId id, const ports::DeviceAddress& address);
  // One after another, so that commits need not wait for all of them.
  void LoadNewestOf(std::vector<model::DeviceId> logs);
  // The device's, made if there is none.
  LogCollection& MakeCollection(model::DeviceId id, std::optional<Ingest::Known> known);
  absl::Status CheckRegistrations(const std::vector<ports::Registration>& registrations) const;
  void SaveAndKeep(std::vector<ports::Registration> registrations,
                   ports::Reply<absl::Status> reply);
  void Keep(const ports::Registration& registration);
  void Forget(model::DeviceId id);
  ports::DeviceDialer* DialerFor(const ports::DeviceAddress& address) const;
  void Persist(absl::AnyInvocable<absl::Status(ports::DeviceRegistry&)> work,
               ports::Reply<absl::Status> reply);

  Parts parts_;
  Options options_;
  ImageTurns image_turns_;
  // Outlive the devices' links: commits come back to them. One for each device, and for a while
  // for one that was forgotten.
  std::map<model::DeviceId, std::unique_ptr<LogCollection>> collections_;
  std::map<model::DeviceId, std::unique_ptr<ManagedDevice>> devices_;
  std::map<std::uint64_t, std::unique_ptr<Introduction>> introductions_;
  std::uint64_t last_introduction_ = 0;
  std::map<model::DeviceId, Slaves> slaves_;
  Callers callers_{*this};
};

}  // namespace gatelog::core
