#include "core/fleet/fleet.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/fleet/managed_device.h"
#include "core/fleet/sure_reply.h"

namespace gatelog::core {
namespace {

absl::Status UnknownDevices(const std::vector<model::DeviceId>& ids) {
  if (ids.empty()) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat("this gateway has no device ", absl::StrJoin(ids, ", ")));
}

}  // namespace

struct Fleet::Introduction {
  ports::DeviceAddress address;
  std::unique_ptr<LinkRelay> relay = std::make_unique<LinkRelay>();
  std::unique_ptr<ports::DeviceDialer::Attempt> attempt;
  Introduced done;
};

Fleet::Fleet(Parts parts, Options options)
    : parts_(std::move(parts)), options_(options), image_turns_(options.image_reads) {}

Fleet::~Fleet() = default;

void Fleet::Start(std::vector<ports::Registration> registrations,
                  std::vector<ports::LogState> log_states, std::vector<ports::LogTotals> totals) {
  std::map<model::DeviceId, Ingest::Known> known;
  for (ports::LogState& state : log_states) known[state.log_device].state = std::move(state);
  for (const ports::LogTotals& of_log : totals) known[of_log.log_device].totals = of_log;
  // Of devices that are not kept the store knows more than is needed here; should they come again,
  // it is asked then.
  for (const ports::Registration& registration : registrations) {
    Ingest::Known& of_log = known[registration.id];
    of_log.state.log_device = of_log.totals.log_device = registration.id;
    MakeCollection(registration.id, std::move(of_log));
  }
  std::vector<model::DeviceId> logs;
  for (const ports::Registration& registration : registrations) {
    Keep(registration);
    logs.push_back(registration.id);
  }
  LoadNewestOf(std::move(logs));
}

void Fleet::LoadNewestOf(std::vector<model::DeviceId> logs) {
  while (!logs.empty()) {
    const auto found = collections_.find(logs.back());
    logs.pop_back();
    if (found == collections_.end()) continue;
    const LogCollection& log = *found->second;
    if (log.totals().events == 0 || log.newest()) continue;
    found->second->LoadNewest(
        [this, logs = std::move(logs)]() mutable { LoadNewestOf(std::move(logs)); });
    return;
  }
}

void Fleet::ReloadNewest() {
  std::vector<model::DeviceId> logs;
  for (const auto& [id, collection] : collections_) {
    collection->ForgetNewest();
    logs.push_back(id);
  }
  LoadNewestOf(std::move(logs));
}

ports::DeviceDialer* Fleet::DialerFor(const ports::DeviceAddress& address) const {
  const auto dialer = parts_.dialers.find(address.family);
  return dialer == parts_.dialers.end() ? nullptr : dialer->second;
}

LogCollection& Fleet::MakeCollection(model::DeviceId id, std::optional<Ingest::Known> known) {
  auto& collection = collections_[id];
  if (collection == nullptr) {
    collection = std::make_unique<LogCollection>(
        LogCollection::Parts{parts_.loop, parts_.clock, parts_.ingest, image_turns_}, id,
        std::move(known), options_.collection);
  }
  return *collection;
}

ManagedDevice& Fleet::Obtain(model::DeviceId id, const ports::DeviceAddress& address) {
  auto& device = devices_[id];
  if (device == nullptr) {
    device = std::make_unique<ManagedDevice>(
        *this, ports::Registration{.id = id, .address = address, .collected = options_.collect},
        false, MakeCollection(id, std::nullopt));
  }
  return *device;
}

absl::StatusOr<ManagedDevice*> Fleet::FindDevice(model::DeviceId id) const {
  const auto device = devices_.find(id);
  if (device == devices_.end()) return UnknownDevices({id});
  return device->second.get();
}

ManagedDevice* Fleet::FindByAddress(const ports::DeviceAddress& address) {
  for (const auto& [id, device] : devices_) {
    if (device->registration().address == address) return device.get();
  }
  return nullptr;
}

void Fleet::Keep(const ports::Registration& registration) {
  ManagedDevice& device = Obtain(registration.id, registration.address);
  device.set_kept(!registration.calls_in);
  device.set_registration(registration);
  if (device.kept()) device.Dial();
}

void Fleet::Forget(model::DeviceId id) {
  devices_.erase(id);
  const auto collection = collections_.find(id);
  if (collection == collections_.end()) return;
  // Its commits come back to it first, so that a device that is added again is counted right.
  collection->second->WhenCommitted([this, id] {
    if (!devices_.contains(id)) collections_.erase(id);
  });
}

void Fleet::Persist(absl::AnyInvocable<absl::Status(ports::DeviceRegistry&)> work,
                    ports::Reply<absl::Status> reply) {
  parts_.registry_worker.Post([&registry = parts_.registry, &loop = parts_.loop,
                               work = std::move(work), reply = std::move(reply)]() mutable {
    loop.Post([reply = std::move(reply), status = work(registry)]() mutable {
      reply(std::move(status));
    });
  });
}

void Fleet::Introduce(ports::DeviceAddress address, Introduced done) {
  ManagedDevice* const known = FindByAddress(address);
  if (known != nullptr && known->connected()) {
    done(known);
    return;
  }
  ports::DeviceDialer* dialer = DialerFor(address);
  if (dialer == nullptr) {
    done(absl::InvalidArgumentError(
        absl::StrCat("no driver for '", address.family, "' devices is built in")));
    return;
  }
  if (known == nullptr && devices_.size() + introductions_.size() >= options_.devices_max) {
    done(absl::ResourceExhaustedError(
        absl::StrCat("the gateway has ", options_.devices_max, " devices already")));
    return;
  }
  const std::uint64_t number = ++last_introduction_;
  auto& introduction = introductions_[number] = std::make_unique<Introduction>();
  introduction->address = address;
  introduction->done = std::move(done);
  introduction->attempt = dialer->Dial(
      address, *introduction->relay,
      [this, number](absl::StatusOr<std::unique_ptr<ports::DeviceLink>> link) {
        const std::unique_ptr<Introduction> finished = std::move(introductions_.at(number));
        introductions_.erase(number);
        finished->done(link.ok() ? Adopt(*finished, *std::move(link)) : link.status());
      });
}

absl::StatusOr<ManagedDevice*> Fleet::Adopt(Introduction& introduction,
                                            std::unique_ptr<ports::DeviceLink> link) {
  const model::DeviceId id = link->identity().id;
  ManagedDevice& device = Obtain(id, introduction.address);
  if (device.connected()) {
    const ports::DeviceAddress& address = device.registration().address;
    if (address == introduction.address) return &device;
    return absl::AlreadyExistsError(
        absl::StrCat("device ", id, " is connected already, at ", ports::FormatAddress(address)));
  }
  device.Adopt(std::move(introduction.relay), std::move(link), introduction.address);
  return &device;
}

void Fleet::Connect(ports::DeviceAddress address,
                    ports::Reply<absl::StatusOr<model::DeviceId>> reply) {
  Introduce(std::move(address),
            [reply = std::move(reply)](absl::StatusOr<ManagedDevice*> device) mutable {
              if (device.ok()) {
                reply((*device)->registration().id);
              } else {
                reply(device.status());
              }
            });
}

void Fleet::Add(ports::DeviceAddress address, bool collect,
                ports::Reply<absl::StatusOr<model::DeviceId>> reply) {
  Introduce(address, [this, address, collect,
                      reply = std::move(reply)](absl::StatusOr<ManagedDevice*> device) mutable {
    if (!device.ok()) {
      reply(device.status());
      return;
    }
    ports::Registration registration = (*device)->registration();
    registration.address = address;
    registration.collected = collect;
    registration.calls_in = false;
    // Before its pushes are armed, so that not even a page of its log is read against the order.
    if (!(*device)->kept()) (*device)->SetCollected(collect);
    SaveAndKeep({registration},
                [reply = std::move(reply), id = registration.id](absl::Status status) mutable {
                  if (status.ok()) {
                    reply(id);
                  } else {
                    reply(std::move(status));
                  }
                });
  });
}

absl::Status Fleet::CheckRegistrations(
    const std::vector<ports::Registration>& registrations) const {
  std::set<model::DeviceId> ids;
  for (const ports::Registration& registration : registrations) {
    if (registration.id == 0) return absl::InvalidArgumentError("a device ID of 0 was given");
    if (!ids.insert(registration.id).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("device ", registration.id, " was given twice"));
    }
  }
  const auto fresh = std::count_if(ids.begin(), ids.end(),
                                   [this](model::DeviceId id) { return !devices_.contains(id); });
  if (fresh > 0 && devices_.size() + static_cast<std::size_t>(fresh) > options_.devices_max) {
    return absl::ResourceExhaustedError(absl::StrCat("the gateway can have ", options_.devices_max,
                                                     " devices, and has ", devices_.size()));
  }
  return absl::OkStatus();
}

void Fleet::AddAsync(std::vector<ports::Registration> registrations,
                     ports::Reply<absl::Status> reply) {
  for (ports::Registration& registration : registrations) {
    const auto known = devices_.find(registration.id);
    registration.collected =
        known == devices_.end() ? options_.collect : known->second->registration().collected;
    if (known == devices_.end() || !registration.address.key.empty()) continue;
    // Clients of the event API have no way to say the key that it is kept with.
    const ports::DeviceAddress& kept = known->second->registration().address;
    if (kept.host == registration.address.host && kept.port == registration.address.port) {
      registration.address.key = kept.key;
    }
  }
  SaveAndKeep(std::move(registrations), std::move(reply));
}

void Fleet::SaveAndKeep(std::vector<ports::Registration> registrations,
                        ports::Reply<absl::Status> reply) {
  if (absl::Status status = CheckRegistrations(registrations); !status.ok()) {
    reply(std::move(status));
    return;
  }
  for (ports::Registration& registration : registrations) {
    // Registering a device again does not end its monitoring.
    if (const auto known = devices_.find(registration.id); known != devices_.end()) {
      registration.monitored |= known->second->registration().monitored;
    }
  }
  auto save = [registrations](ports::DeviceRegistry& registry) {
    for (const ports::Registration& registration : registrations) {
      if (absl::Status status = registry.Save(registration); !status.ok()) return status;
    }
    return absl::OkStatus();
  };
  Persist(std::move(save), [this, registrations = std::move(registrations),
                            reply = std::move(reply)](absl::Status status) mutable {
    if (status.ok()) {
      for (const ports::Registration& registration : registrations) Keep(registration);
    }
    reply(std::move(status));
  });
}

void Fleet::Remove(std::vector<model::DeviceId> ids, ports::Reply<absl::Status> reply) {
  std::vector<model::DeviceId> unknown;
  for (const model::DeviceId id : ids) {
    if (!devices_.contains(id)) unknown.push_back(id);
  }
  auto remove = [ids](ports::DeviceRegistry& registry) {
    for (const model::DeviceId id : ids) {
      if (absl::Status status = registry.Remove(id); !status.ok()) return status;
    }
    return absl::OkStatus();
  };
  Persist(std::move(remove),
          [this, ids, unknown, reply = std::move(reply)](absl::Status status) mutable {
            if (status.ok()) {
              for (const model::DeviceId id : ids) {
                const auto device = devices_.find(id);
                if (device == devices_.end()) continue;
                device->second->set_kept(false);
                device->second->Disconnect(absl::OkStatus());
                Forget(id);
              }
              status = UnknownDevices(unknown);
            }
            reply(std::move(status));
          });
}

absl::Status Fleet::Disconnect(const std::vector<model::DeviceId>& ids) {
  std::vector<model::DeviceId> unknown;
  for (const model::DeviceId id : ids) {
    const auto device = devices_.find(id);
    if (device == devices_.end()) {
      unknown.push_back(id);
    } else {
      device->second->Disconnect(absl::OkStatus());
    }
  }
  return UnknownDevices(unknown);
}

void Fleet::DisconnectAll() {
  for (const auto& [id, device] : devices_) device->Disconnect(absl::OkStatus());
}

std::vector<DeviceSnapshot> Fleet::List() const {
  std::vector<DeviceSnapshot> snapshots;
  snapshots.reserve(devices_.size());
  for (const auto& [id, device] : devices_) snapshots.push_back(device->Snapshot());
  return snapshots;
}

absl::StatusOr<DeviceSnapshot> Fleet::Find(model::DeviceId id) const {
  const absl::StatusOr<ManagedDevice*> device = FindDevice(id);
  if (!device.ok()) return device.status();
  return (*device)->Snapshot();
}

void Fleet::SetMonitoring(model::DeviceId id, bool enabled, ports::Reply<absl::Status> reply) {
  const absl::StatusOr<ManagedDevice*> device = FindDevice(id);
  if (!device.ok()) {
    reply(device.status());
    return;
  }
  if (enabled && !(*device)->connected()) {
    reply(Link(id).status());
    return;
  }
  const bool changed = (*device)->registration().monitored != enabled;
  (*device)->set_monitored(enabled);
  if (!changed || !(*device)->remembered()) {
    return enabled ? (*device)->WhenArmed(std::move(reply)) : reply(absl::OkStatus());
  }
  Persist([registration = (*device)->registration()](
              ports::DeviceRegistry& registry) { return registry.Save(registration); },
          [this, id, enabled, reply = std::move(reply)](absl::Status status) mutable {
            // As it was, so that asking again saves it again.
            const auto found = devices_.find(id);
            if (!status.ok() && found != devices_.end()) found->second->set_monitored(!enabled);
            if (!status.ok() || !enabled) return reply(std::move(status));
            found == devices_.end() ? reply(Link(id).status())
                                    : found->second->WhenArmed(std::move(reply));
          });
}

absl::StatusOr<ports::DeviceLink*> Fleet::Link(model::DeviceId id) {
  const absl::StatusOr<ManagedDevice*> device = FindDevice(id);
  if (!device.ok()) return device.status();
  if (ports::DeviceLink* link = (*device)->link(); link != nullptr) return link;
  const std::string& why = (*device)->link_error();
  return absl::UnavailableError(
      absl::StrCat("device ", id, " is not connected", why.empty() ? "" : ": ", why));
}

std::optional<model::DeviceId> Fleet::MasterOf(model::DeviceId slave) const {
  const auto among = [slave](const std::vector<model::DeviceId>& ids) {
    return std::find(ids.begin(), ids.end(), slave) != ids.end();
  };
  for (const auto& [id, device] : devices_) {
    if (!device->connected()) continue;
    const model::DeviceIdentity& identity = device->link()->identity();
    if (among(identity.rs485_slaves) || among(identity.wiegand_slaves)) return id;
    const auto set = slaves_.find(id);
    if (set != slaves_.end() && (among(set->second.rs485) || among(set->second.wiegand))) return id;
  }
  return std::nullopt;
}

std::optional<StoredLog> Fleet::FindStored(model::DeviceId id) const {
  const auto found = devices_.find(id);
  if (found == devices_.end() || !found->second->connected()) return std::nullopt;
  if (!found->second->registration().collected) return std::nullopt;
  const Collector& collector = found->second->collection().collector();
  const ports::LogState& state = collector.state();
  // Without a generation only the collector can tell whether the device's log is still the same.
  if (state.generation == 0 && !collector.caught_up()) return std::nullopt;
  if (state.epoch == 0 || state.anchors.empty()) return std::nullopt;
  const model::Anchor& newest = state.anchors.back();
  // Else what is stored ends with a gap.
  if (newest.id < state.epoch_first || newest.id + 1 != state.next) return std::nullopt;
  return StoredLog{state.epoch, state.epoch_first, state.generation, newest};
}

void Fleet::WhenStored(model::DeviceId id, ports::Reply<absl::StatusOr<model::LogStatus>> reply) {
  if (const absl::StatusOr<ports::DeviceLink*> link = Link(id); !link.ok()) {
    reply(link.status());
    return;
  }
  ManagedDevice& device = *devices_.at(id);
  if (!device.registration().collected) {
    reply(absl::FailedPreconditionError(
        absl::StrCat("the log of device ", id, " is not collected, so it cannot be stored first")));
    return;
  }
  if (absl::Status health = parts_.ingest.health(); !health.ok()) {
    reply(absl::FailedPreconditionError(
        absl::StrCat("the store does not take events: ",
                     absl::string_view(health.message().data(), health.message().size()))));
    return;
  }
  using Status = absl::StatusOr<model::LogStatus>;
  ports::Reply<Status> on_status = [this, id, reply = std::move(reply)](Status status) mutable {
    const auto found = devices_.find(id);
    if (!status.ok() || found == devices_.end()) {
      reply(status.ok() ? UnknownDevices({id}) : std::move(status));
      return;
    }
    found->second->OnStatus(*status);
    found->second->collection().WhenStored(std::move(reply));
  };
  // What the device holds now, rather than what was last heard of it.
  device.link()->ArmPushes(
      SureReply<Status>(parts_.loop, std::move(on_status),
                        absl::UnavailableError(absl::StrCat("the gateway ended the link to device ",
                                                            id, " before its log was stored"))));
}

std::vector<Slaves> Fleet::slaves() const {
  std::vector<Slaves> all;
  for (const auto& [master, slaves] : slaves_) all.push_back(slaves);
  return all;
}

absl::Status Fleet::SetSlaves(std::vector<Slaves> slaves) {
  for (const Slaves& one : slaves) {
    if (!devices_.contains(one.master)) return UnknownDevices({one.master});
  }
  slaves_.clear();
  for (Slaves& one : slaves) slaves_[one.master] = std::move(one);
  return absl::OkStatus();
}

}  // namespace gatelog::core
