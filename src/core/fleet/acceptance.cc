#include "core/fleet/acceptance.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/fleet/fleet.h"

namespace gatelog::core {
namespace {

ports::AcceptFilter FilterAfter(ports::AcceptFilter filter, const AcceptanceChange& change) {
  if (change.all) filter.all = *change.all;
  if (change.devices) filter.devices = *change.devices;
  filter.devices.insert(change.add.begin(), change.add.end());
  for (const model::DeviceId id : change.remove) filter.devices.erase(id);
  return filter;
}

bool IsKnown(const ports::DeviceTrust& trust) {
  return !trust.key.empty() || !trust.certificate.empty();
}

// Of the devices of which something is known, or of the others.
absl::Status SaveTrust(ports::DeviceRegistry& registry,
                       const std::vector<ports::DeviceTrust>& trust, bool known) {
  for (const ports::DeviceTrust& one : trust) {
    if (IsKnown(one) != known) continue;
    if (absl::Status status = registry.SaveTrust(one); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

void Acceptance::Start(ports::AcceptFilter filter, const std::vector<ports::DeviceTrust>& trust) {
  filter_ = std::move(filter);
  for (const ports::DeviceTrust& one : trust) trust_[one.id] = one;
}

ports::DeviceTrust Acceptance::FindTrust(model::DeviceId id) const {
  const auto known = trust_.find(id);
  return known == trust_.end() ? ports::DeviceTrust{.id = id} : known->second;
}

void Acceptance::Know(const ports::DeviceTrust& trust) {
  if (IsKnown(trust)) {
    trust_[trust.id] = trust;
  } else {
    trust_.erase(trust.id);
  }
}

void Acceptance::KnowCertificates(const AcceptanceChange& change) {
  for (const auto& [id, certificate] : change.certificates) {
    ports::DeviceTrust trust = FindTrust(id);
    trust.certificate = certificate;
    Know(trust);
  }
}

std::vector<ports::DeviceTrust> Acceptance::TrustAfter(const AcceptanceChange& change) const {
  std::map<model::DeviceId, ports::DeviceTrust> after;
  const auto of = [&](model::DeviceId id) -> ports::DeviceTrust& {
    return after.try_emplace(id, FindTrust(id)).first->second;
  };
  for (const auto& [id, key] : change.keys) of(id).key = key;
  for (const auto& [id, certificate] : change.certificates) of(id).certificate = certificate;
  for (const model::DeviceId id : change.forget) after[id] = {.id = id};
  std::vector<ports::DeviceTrust> all;
  for (auto& [id, trust] : after) {
    // A noted certificate is in memory already, and is to be written all the same.
    if (change.certificates.contains(id) || trust != FindTrust(id)) all.push_back(std::move(trust));
  }
  return all;
}

absl::Status Acceptance::Check(const std::optional<ports::AcceptFilter>& filter,
                               const std::vector<ports::DeviceTrust>& trust) const {
  if (filter && filter->devices.contains(0)) {
    return absl::InvalidArgumentError("a device ID of 0 was given");
  }
  if (filter && filter->devices.size() > kDevicesMax) {
    return absl::InvalidArgumentError(absl::StrCat("the filter names ", filter->devices.size(),
                                                   " devices; a gateway can have ", kDevicesMax));
  }
  const auto fresh = std::count_if(trust.begin(), trust.end(), [this](const auto& one) {
    return IsKnown(one) && !trust_.contains(one.id);
  });
  if (trust_.size() + static_cast<std::size_t>(fresh) > kTrustedDevicesMax) {
    return absl::ResourceExhaustedError(
        absl::StrCat("keys or certificates of ", trust_.size(), " devices are known, and ",
                     kTrustedDevicesMax, " can be; those of devices that are gone can be ",
                     "forgotten: gatelog device accept remove ID"));
  }
  return absl::OkStatus();
}

void Acceptance::Change(AcceptanceChange change, ports::Reply<absl::Status> reply) {
  if (asked_for_ >= kAcceptanceChangesMax) {
    reply(absl::ResourceExhaustedError(absl::StrCat(
        kAcceptanceChangesMax, " changes of what is accepted wait to be written; try again")));
    return;
  }
  ++asked_for_;
  waiting_.push_back({std::move(change), true, std::move(reply)});
  WriteFirst();
}

void Acceptance::Note(AcceptanceChange change, ports::Reply<absl::Status> reply) {
  KnowCertificates(change);
  waiting_.push_back({std::move(change), false, std::move(reply)});
  WriteFirst();
}

void Acceptance::WriteFirst() {
  while (!writing_ && !waiting_.empty()) {
    const AcceptanceChange& change = waiting_.front().change;
    // Once more: what was written before it may have forgotten them.
    if (!waiting_.front().asked_for) KnowCertificates(change);
    std::optional<ports::AcceptFilter> filter;
    if (change.changes_filter()) filter = FilterAfter(filter_, change);
    std::vector<ports::DeviceTrust> trust = TrustAfter(change);
    writing_ = true;
    if (absl::Status status = Check(filter, trust); !status.ok() && waiting_.front().asked_for) {
      OnWritten(std::move(status));
      continue;
    }
    persist_(
        [filter = std::move(filter), trust = std::move(trust), registration = change.registration,
         unregistered = change.unregistered](ports::DeviceRegistry& registry) {
          // Keys before the filter that lets their devices in, and what is forgotten after it:
          // should it go no further, nobody is let in who need prove nothing.
          absl::Status status = SaveTrust(registry, trust, true);
          if (status.ok() && filter) status = registry.SaveAcceptFilter(*filter);
          if (status.ok()) status = SaveTrust(registry, trust, false);
          if (status.ok() && registration) status = registry.Save(*registration);
          if (status.ok() && unregistered) status = registry.Remove(*unregistered);
          return status;
        },
        [this](absl::Status status) {
          OnWritten(std::move(status));
          WriteFirst();
        });
  }
}

void Acceptance::OnWritten(absl::Status status) {
  Waiting done = std::move(waiting_.front());
  waiting_.pop_front();
  if (done.asked_for) --asked_for_;
  writing_ = false;
  if (status.ok()) {
    filter_ = FilterAfter(std::move(filter_), done.change);
    for (const ports::DeviceTrust& trust : TrustAfter(done.change)) Know(trust);
  }
  done.reply(std::move(status));
}

}  // namespace gatelog::core
