#include "core/fleet/callers.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/listen_address.h"
#include "base/log.h"
#include "core/fleet/fleet.h"
#include "core/fleet/managed_device.h"
#include "core/fleet/sure_reply.h"

namespace gatelog::core {
namespace {

// As far as the address tells: a name is not looked up.
bool IsOnThisMachine(const ports::DeviceAddress& address) {
  return IsLoopback(ListenAddress{address.host, 0});
}

}  // namespace

Callers::Callers(Fleet& fleet)
    : fleet_(fleet),
      acceptance_([&fleet](Acceptance::Write write, ports::Reply<absl::Status> reply) {
        fleet.Persist(std::move(write), std::move(reply));
      }) {}

void Callers::Start(ports::AcceptFilter filter, const std::vector<ports::DeviceTrust>& trust) {
  acceptance_.Start(std::move(filter), trust);
}

void Callers::Listen(ports::DeviceListener& listener) {
  listeners_.push_back(&listener);
  listener.Listen(*this);
}

Callers::Counts Callers::counts() const {
  Counts counts = counts_;
  for (const ports::DeviceListener* listener : listeners_) {
    counts.failed += listener->counts().failed;
    counts.refused += listener->counts().refused;
  }
  return counts;
}

void Callers::SetFilter(ports::AcceptFilter filter, ports::Reply<absl::Status> reply) {
  Change({.all = filter.all, .devices = std::move(filter.devices)}, std::move(reply));
}

void Callers::Change(AcceptanceChange change, ports::Reply<absl::Status> reply) {
  acceptance_.Change(std::move(change),
                     [this, reply = std::move(reply)](absl::Status status) mutable {
                       if (status.ok()) DropThoseNotAccepted();
                       reply(std::move(status));
                     });
}

void Callers::DropThoseNotAccepted() {
  std::vector<model::DeviceId> dropped;
  for (const auto& [id, device] : fleet_.devices_) {
    if (!filter().Accepts(id) && (device->called() || device->registration().calls_in)) {
      dropped.push_back(id);
    }
  }
  std::vector<model::DeviceId> forgotten;
  for (const model::DeviceId id : dropped) {
    ManagedDevice& device = *fleet_.devices_.at(id);
    if (device.registration().calls_in) forgotten.push_back(id);
    device.set_calls_in(false);
    if (device.called()) device.Disconnect(absl::OkStatus());
    if (!device.connected() && !device.kept()) fleet_.Forget(id);
  }
  if (forgotten.empty()) return;
  fleet_.Persist(
      [forgotten = std::move(forgotten)](ports::DeviceRegistry& registry) {
        for (const model::DeviceId id : forgotten) {
          if (absl::Status status = registry.Remove(id); !status.ok()) return status;
        }
        return absl::OkStatus();
      },
      [](const absl::Status& status) {
        // They are listed once more after a restart, and cannot call.
        if (!status.ok()) LogWarn("Devices were not forgotten.", {{"error", status.message()}});
      });
}

ports::DeviceTrust Callers::FindTrust(model::DeviceId id) const {
  ports::DeviceTrust trust = acceptance_.FindTrust(id);
  if (const auto device = fleet_.devices_.find(id);
      trust.key.empty() && device != fleet_.devices_.end()) {
    trust.key = device->second->registration().address.key;
  }
  return trust;
}

std::optional<ports::DeviceListener::Place> Callers::PlaceOf(bool tls) const {
  for (const ports::DeviceListener* listener : listeners_) {
    if (const ports::DeviceListener::Place place = listener->place(); place.tls == tls) {
      return place;
    }
  }
  return std::nullopt;
}

absl::Status Callers::CheckCanCall(const DeviceSnapshot& device, bool tls) const {
  const absl::string_view option = tls ? "device.listen_tls" : "device.listen";
  const std::optional<ports::DeviceListener::Place> place = PlaceOf(tls);
  std::string why;
  if (!place) {
    why = absl::StrCat("nothing listens there: ", option, " names no port");
  } else if (place->port == 0) {
    why = absl::StrCat("nothing of this gateway listens at the port of ", option,
                       "; the port may be 0, or another program's");
  } else if (place->loopback_only && !IsOnThisMachine(device.address)) {
    why = absl::StrCat("only this machine can reach ", option,
                       "; let the gateway listen where the device can reach it, such as ", option,
                       " = \"0.0.0.0:", place->port, "\"");
  } else {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat("device ", device.id, " would call the gateway",
                                                    tls ? " over TLS" : "", ", and ", why));
}

absl::Status Callers::CheckRelink(const DeviceSnapshot& device, ports::Relinking::To to) const {
  using To = ports::Relinking::To;
  const bool will_call =
      to == To::kDeviceToServer || (to != To::kServerToDevice && device.calls_in);
  const bool will_use_tls = to == To::kTls || (to != To::kPlain && device.address.tls);
  if (to == To::kTls && fleet_.options_.ca_certificate.empty()) {
    return absl::FailedPreconditionError("this gateway has no certificate for links over TLS");
  }
  if (to == To::kPlain && device.address.tls && FindTrust(device.id).key.empty() &&
      !IsOnThisMachine(device.address)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "device ", device.id,
        " is known by its certificate alone, and could not be linked without TLS; give it a key "
        "first, the same as on the terminal: gatelog device accept add ",
        device.id, " --key HEX"));
  }
  return will_call ? CheckCanCall(device, will_use_tls) : absl::OkStatus();
}

void Callers::Relink(model::DeviceId id, ports::Relinking::To to,
                     ports::Reply<absl::Status> reply) {
  const absl::StatusOr<ports::DeviceLink*> link = fleet_.Link(id);
  absl::Status status = link.status();
  if (status.ok()) status = CheckRelink(*fleet_.Find(id), to);
  if (!status.ok()) {
    reply(std::move(status));
    return;
  }
  using Place = ports::DeviceListener::Place;
  const ports::Relinking how{.to = to,
                             .port = PlaceOf(false).value_or(Place{}).port,
                             .tls_port = PlaceOf(true).value_or(Place{}).port,
                             .ca_certificate = fleet_.options_.ca_certificate};
  using Certificate = absl::StatusOr<std::string>;
  ports::Reply<Certificate> done = [this, id, to,
                                    reply = std::move(reply)](Certificate certificate) mutable {
    if (certificate.ok()) {
      OnRelinked(id, to, *std::move(certificate), std::move(reply));
    } else {
      reply(certificate.status());
    }
  };
  (*link)->Relink(how, SureReply<Certificate>(fleet_.parts_.loop, std::move(done),
                                              absl::UnavailableError(absl::StrCat(
                                                  "the gateway ended the link to device ", id,
                                                  " before the device had answered"))));
}

void Callers::OnRelinked(model::DeviceId id, ports::Relinking::To to, std::string certificate,
                         ports::Reply<absl::Status> reply) {
  using To = ports::Relinking::To;
  const auto found = fleet_.devices_.find(id);
  ManagedDevice* const device = found == fleet_.devices_.end() ? nullptr : found->second.get();
  AcceptanceChange change;
  if (device != nullptr && (to == To::kTls || to == To::kPlain)) {
    device->set_tls(to == To::kTls);
    if (device->remembered()) change.registration = device->registration();
  } else if (device != nullptr && to == To::kServerToDevice && !device->kept()) {
    // It calls no more, so it need not be listed without a link.
    if (device->registration().calls_in) change.unregistered = id;
    device->set_calls_in(false);
  }
  if (to == To::kTls || to == To::kPlain) change.certificates[id] = std::move(certificate);
  acceptance_.Note(std::move(change), std::move(reply));
}

std::vector<PendingDevice> Callers::pending() const {
  std::vector<PendingDevice> all;
  for (const auto& [id, device] : pending_) {
    const auto known = fleet_.devices_.find(id);
    // Since then it may have been dialled.
    if (known == fleet_.devices_.end() || !known->second->connected()) all.push_back(device);
  }
  return all;
}

bool Callers::Tells(model::DeviceId id) { return notices_.Admit(id, fleet_.parts_.clock.Now()); }

bool Callers::AddPending(const ports::Caller& caller, std::string_view reason, bool tell) {
  const model::DeviceId id = caller.identity.id;
  if (pending_.size() >= kPendingMax && !pending_.contains(id)) {
    const auto oldest = std::min_element(
        pending_.begin(), pending_.end(),
        [](const auto& a, const auto& b) { return a.second.last_try < b.second.last_try; });
    pending_.erase(oldest);
    ++counts_.pending_forgotten;
  }
  PendingDevice& pending = pending_[id];
  pending.id = id;
  pending.type = caller.identity.type;
  pending.host = caller.host;
  pending.last_try = fleet_.parts_.clock.Now();
  if (!tell || pending.reason == reason) return false;
  pending.reason = std::string(reason);
  return true;
}

absl::StatusOr<ports::DeviceTrust> Callers::TurnAway(const ports::Caller& caller, LinkChange change,
                                                     absl::Status reason) {
  const model::DeviceId id = caller.identity.id;
  ++counts_.not_allowed;
  const bool tell = Tells(id);
  const bool fresh = AddPending(caller, {reason.message().data(), reason.message().size()}, tell);
  if (!tell) return reason;
  fleet_.parts_.status.Publish({id, change, fleet_.parts_.clock.Now(), caller.tls});
  if (fresh) {  // said once, not at every attempt
    LogInfo("A device called and was turned away.",
            {{"device", id}, {"host", caller.host}, {"reason", reason.message()}});
  }
  return reason;
}

absl::StatusOr<ports::DeviceTrust> Callers::Check(const ports::Caller& caller) {
  const model::DeviceId id = caller.identity.id;
  if (!filter().Accepts(id)) {
    return TurnAway(caller, LinkChange::kNotAllowed,
                    absl::PermissionDeniedError(absl::StrCat(
                        "the gateway does not accept calls of device ", id,
                        "; an operator can let it in: gatelog device accept add ", id)));
  }
  const auto device = fleet_.devices_.find(id);
  if (device == fleet_.devices_.end() && fleet_.devices_.size() >= fleet_.options_.devices_max) {
    return TurnAway(caller, LinkChange::kCannotConnect,
                    absl::ResourceExhaustedError(absl::StrCat(
                        "the gateway has ", fleet_.options_.devices_max, " devices already")));
  }
  return FindTrust(id);
}

void Callers::OnCalled(const ports::Caller& caller, ports::TakeLink take) {
  const model::DeviceId id = caller.identity.id;
  pending_.erase(id);
  // Since Check the filter may have changed, the device been dialled, or the last place been taken.
  const auto known = fleet_.devices_.find(id);
  const bool linked = known != fleet_.devices_.end() && known->second->connected();
  if (linked || !filter().Accepts(id) ||
      (known == fleet_.devices_.end() && fleet_.devices_.size() >= fleet_.options_.devices_max)) {
    ++counts_.superfluous;
    if (!Tells(id)) return;
    LogWarn(
        "A device called, and its call was ended: it is linked already, or was not to be "
        "linked any more.",
        {{"device", id}, {"host", caller.host}});
    return;
  }
  ++counts_.links;
  ports::DeviceAddress address;
  address.host = caller.host;
  address.port = 0;
  address.tls = caller.tls;
  ManagedDevice& device = fleet_.Obtain(id, address);
  auto relay = std::make_unique<LinkRelay>();
  std::unique_ptr<ports::DeviceLink> link = take(*relay);
  if (!device.kept()) device.set_calls_in(true, address);
  device.Adopt(std::move(relay), std::move(link), address);
  if (!device.kept() && device.saved_caller() != address) Remember(device);
}

void Callers::Remember(const ManagedDevice& device) {
  const model::DeviceId id = device.registration().id;
  fleet_.Persist(
      [registration = device.registration()](ports::DeviceRegistry& registry) {
        return registry.Save(registration);
      },
      [this, id, address = device.registration().address](const absl::Status& status) {
        const auto known = fleet_.devices_.find(id);
        if (status.ok() && known != fleet_.devices_.end()) known->second->OnCallerSaved(address);
        if (status.ok()) return;
        LogWarn("A device that called is not remembered; it will be when it calls again.",
                {{"device", id}, {"error", status.message()}});
      });
}

void Callers::OnCallFailed(const ports::Caller& caller, const absl::Status& reason) {
  const model::DeviceId id = caller.identity.id;
  const auto known = fleet_.devices_.find(id);
  // Somebody who calls by the name of a linked device changes nothing about it.
  if (known != fleet_.devices_.end() && known->second->connected()) return;
  const bool tell = Tells(id);
  const bool fresh = AddPending(caller, {reason.message().data(), reason.message().size()}, tell);
  if (!tell) return;
  if (known != fleet_.devices_.end()) {
    known->second->CallFailed(reason);
  } else if (fresh) {
    LogWarn("A device called, and no link came of it.",
            {{"device", id}, {"error", reason.message()}});
  }
  fleet_.parts_.status.Publish(
      {id, LinkChange::kCannotConnect, fleet_.parts_.clock.Now(), caller.tls});
}

}  // namespace gatelog::core
