#include "core/fleet/managed_device.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "model/event.h"

namespace gatelog::core {

void LinkRelay::OnPush(model::EventId id, std::string_view payload) {
  if (target_ != nullptr) target_->OnPush(id, payload);
}

void LinkRelay::OnStatus(const model::LogStatus& status, Timestamp device_time) {
  if (target_ == nullptr) return;
  target_->OnClock(device_time);
  target_->OnStatus(status);
}

void LinkRelay::OnLost(const absl::Status& reason) {
  // The target destroys this relay.
  if (ManagedDevice* target = target_; target != nullptr) target->OnLost(reason);
}

ManagedDevice::ManagedDevice(Fleet& fleet, ports::Registration registration, bool kept,
                             LogCollection& collection)
    : fleet_(fleet),
      registration_(std::move(registration)),
      kept_(kept),
      collection_(collection),
      backoff_(fleet.options_.reconnect, registration_.id),
      clock_drift_(fleet.options_.clock_drift_limit) {
  // The collection outlives this device, and its listener with it.
  collection_.OnBroken([&fleet = fleet_, id = registration_.id](absl::Status reason) {
    // Not from inside the link's own reply.
    fleet.parts_.loop.Post([&fleet, id, reason = std::move(reason)] {
      const auto device = fleet.devices_.find(id);
      if (device != fleet.devices_.end()) device->second->OnLost(reason);
    });
  });
  collection_.OnReadError([&fleet = fleet_, id = registration_.id](const absl::Status& error) {
    const auto device = fleet.devices_.find(id);
    if (device != fleet.devices_.end()) device->second->SetLastError(error);
  });
}

ManagedDevice::~ManagedDevice() {
  if (redial_) fleet_.parts_.loop.Cancel(*redial_);
  ReleaseLink();
}

void ManagedDevice::set_registration(const ports::Registration& registration) {
  const bool moved = !(registration.address == registration_.address);
  const bool monitored = registration_.monitored || registration.monitored;
  SetCollected(registration.collected);
  registration_ = registration;
  registration_.monitored = monitored;
  saved_caller_.reset();
  if (registration.calls_in) saved_caller_ = registration.address;
  if (!moved || called()) return;
  if (connected()) {
    Disconnect(absl::OkStatus());
  } else {
    // Nobody is to be awaited, or dialled again later, at the old address.
    attempt_.reset();
    if (redial_) fleet_.parts_.loop.Cancel(*std::exchange(redial_, std::nullopt));
    backoff_.Reset();
  }
}

void ManagedDevice::set_calls_in(bool calls_in, const ports::DeviceAddress& address) {
  if (calls_in) {
    registration_.address = address;
  } else {
    saved_caller_.reset();
  }
  registration_.calls_in = calls_in;
}

void ManagedDevice::OnCallerSaved(const ports::DeviceAddress& address) {
  if (registration_.calls_in) saved_caller_ = address;
}

void ManagedDevice::SetCollected(bool collected) {
  if (std::exchange(registration_.collected, collected) == collected || !armed_) return;
  if (collected) {
    collection_.Attach(*link_, log_);
  } else {
    collection_.Detach();
  }
}

void ManagedDevice::Dial() {
  if (link_ != nullptr || attempt_ != nullptr) return;
  if (redial_) fleet_.parts_.loop.Cancel(*std::exchange(redial_, std::nullopt));
  ports::DeviceDialer* dialer = fleet_.DialerFor(registration_.address);
  if (dialer == nullptr) {
    DialFailed(absl::UnimplementedError(
        absl::StrCat("no driver for '", registration_.address.family, "' devices is built in")));
    return;
  }
  if (fleet_.options_.report_attempts) Publish(LinkChange::kConnecting);
  relay_ = std::make_unique<LinkRelay>();
  attempt_ = dialer->Dial(registration_.address, *relay_,
                          [this](absl::StatusOr<std::unique_ptr<ports::DeviceLink>> link) {
                            OnDialled(std::move(link));
                          });
}

void ManagedDevice::OnDialled(absl::StatusOr<std::unique_ptr<ports::DeviceLink>> link) {
  attempt_.reset();
  if (!link.ok()) {
    DialFailed(link.status());
    return;
  }
  const model::DeviceId answered = (*link)->identity().id;
  if (answered != registration_.id) {
    link->reset();
    DialFailed(absl::FailedPreconditionError(
        absl::StrCat("device ", answered, " answers there, not ", registration_.id)));
    return;
  }
  Adopt(std::move(relay_), *std::move(link), registration_.address);
}

void ManagedDevice::Adopt(std::unique_ptr<LinkRelay> relay, std::unique_ptr<ports::DeviceLink> link,
                          const ports::DeviceAddress& from) {
  attempt_.reset();
  if (redial_) fleet_.parts_.loop.Cancel(*std::exchange(redial_, std::nullopt));
  relay_ = std::move(relay);
  link_ = std::move(link);
  linked_at_ = from;
  relay_->set_target(this);
  identity_ = link_->identity();
  armed_ = false;
  connected_since_ = fleet_.parts_.clock.Now();
  disconnected_since_.reset();
  failed_attempts_ = 0;
  link_error_.clear();
  LogInfo("Device connected.", {{"device", registration_.id},
                                {"host", linked_at_.host},
                                {"called", called()},
                                {"model", identity_->model_name}});
  Publish(LinkChange::kConnected);
  link_->ArmPushes([this](const absl::StatusOr<model::LogStatus>& status) { OnArmed(status); });
}

void ManagedDevice::OnArmed(const absl::StatusOr<model::LogStatus>& status) {
  if (!status.ok()) {
    fleet_.parts_.loop.Post([&fleet = fleet_, id = registration_.id, reason = status.status()] {
      const auto device = fleet.devices_.find(id);
      if (device != fleet.devices_.end()) device->second->OnLost(reason);
    });
    return;
  }
  armed_ = true;
  backoff_.Reset();
  log_ = *status;
  last_live_ = status->last;
  recent_.clear();
  if (registration_.collected) collection_.Attach(*link_, *status);
  for (auto& reply : std::exchange(awaiting_armed_, {})) reply(absl::OkStatus());
}

void ManagedDevice::WhenArmed(ports::Reply<absl::Status> reply) {
  if (armed_) return reply(absl::OkStatus());
  if (link_ == nullptr) return reply(fleet_.Link(registration_.id).status());
  awaiting_armed_.push_back(std::move(reply));
}

void ManagedDevice::OnPush(model::EventId id, std::string_view payload) {
  if (!armed_) return;
  log_.last = std::max(log_.last, id);
  absl::StatusOr<model::Event> event = model::ParseEvent(payload);
  const bool whole = event.ok() && event->id == id;
  const model::Anchor record =
      whole ? model::AnchorOf(*event) : model::AnchorOfUnreadable(id, payload);
  if (whole && IsNew(record) && registration_.monitored) {
    fleet_.parts_.live.Publish(registration_.id, *std::move(event));
  }
  if (registration_.collected) collection_.OnPush(record);
}

bool ManagedDevice::IsNew(const model::Anchor& pushed) {
  if (pushed.id <= last_live_ &&
      std::find(recent_.begin(), recent_.end(), pushed) != recent_.end()) {
    return false;
  }
  last_live_ = pushed.id;
  recent_.push_back(pushed);
  if (recent_.size() > model::kAnchorCount) recent_.pop_front();
  return true;
}

void ManagedDevice::OnStatus(const model::LogStatus& status) {
  if (!armed_) return;
  const bool restarted = status.generation != log_.generation || status.last < log_.last;
  if (restarted) last_live_ = status.last;
  log_ = status;
  if (registration_.collected) collection_.OnStatus(status);
}

void ManagedDevice::OnClock(Timestamp device_time) {
  if (device_time == Timestamp{}) return;  // not told
  const ClockDrift::Change change = clock_drift_.Measure(device_time, fleet_.parts_.clock.Now());
  if (change == ClockDrift::Change::kNone) return;
  const double seconds = static_cast<double>(clock_drift_.last()->count()) / 1000;
  if (change == ClockDrift::Change::kWentBeyond) {
    LogWarn("A device's clock is wrong, and so are the times of its events; set it.",
            {{"device", registration_.id}, {"ahead_s", seconds}});
  } else {
    LogInfo("A device's clock is right again.",
            {{"device", registration_.id}, {"ahead_s", seconds}});
  }
}

void ManagedDevice::Disconnect(const absl::Status& reason) {
  attempt_.reset();
  if (link_ != nullptr) {
    OnLost(reason);
  } else if (kept_) {
    DialLater();
  }
}

void ManagedDevice::OnLost(const absl::Status& reason) {
  if (link_ == nullptr) return;
  ReleaseLink();
  connected_since_.reset();
  disconnected_since_ = fleet_.parts_.clock.Now();
  if (!reason.ok()) {
    link_error_ = std::string(reason.message());
    SetLastError(reason);
  }
  LogInfo("Device disconnected.",
          {{"device", registration_.id},
           {"reason", reason.ok() ? absl::string_view("asked for") : reason.message()}});
  Publish(LinkChange::kDisconnected);
  if (kept_) DialLater();
  if (remembered()) return;
  fleet_.parts_.loop.Post([&fleet = fleet_, id = registration_.id] {
    const auto device = fleet.devices_.find(id);
    if (device != fleet.devices_.end() && !device->second->connected() &&
        !device->second->remembered()) {
      fleet.Forget(id);
    }
  });
}

void ManagedDevice::ReleaseLink() {
  collection_.Detach();
  armed_ = false;
  attempt_.reset();
  link_.reset();
  relay_.reset();
  for (auto& reply : std::exchange(awaiting_armed_, {})) {
    reply(absl::UnavailableError(
        absl::StrCat("device ", registration_.id, " is not connected: the link ended")));
  }
}

void ManagedDevice::DialFailed(const absl::Status& reason) {
  relay_.reset();
  // Said once, not at every attempt.
  if (link_error_ != reason.message()) {
    LogWarn("A device cannot be reached; trying goes on.", {{"device", registration_.id},
                                                            {"host", registration_.address.host},
                                                            {"error", reason.message()}});
  }
  link_error_ = std::string(reason.message());
  SetLastError(reason);
  ++failed_attempts_;
  Publish(LinkChange::kCannotConnect);
  DialLater();
}

void ManagedDevice::CallFailed(const absl::Status& reason) {
  if (link_error_ != reason.message()) {
    LogWarn("A device called, and no link came of it.",
            {{"device", registration_.id}, {"error", reason.message()}});
  }
  link_error_ = std::string(reason.message());
  SetLastError(reason);
  ++failed_attempts_;
}

void ManagedDevice::SetLastError(const absl::Status& error) {
  last_error_ = std::string(error.message());
  last_error_at_ = fleet_.parts_.clock.Now();
}

void ManagedDevice::DialLater() {
  if (redial_) return;
  redial_ = fleet_.parts_.loop.PostAfter(backoff_.Next(), [this] {
    redial_.reset();
    Dial();
  });
}

void ManagedDevice::Publish(LinkChange change) {
  // Of an attempt: as it was to be.
  const bool tls =
      change == LinkChange::kCannotConnect ? registration_.address.tls : linked_at_.tls;
  fleet_.parts_.status.Publish({registration_.id, change, fleet_.parts_.clock.Now(), tls});
}

DeviceSnapshot ManagedDevice::Snapshot() const {
  const Collector& collector = collection_.collector();
  DeviceSnapshot snapshot;
  snapshot.id = registration_.id;
  snapshot.address = link_ != nullptr ? linked_at_ : registration_.address;
  snapshot.calls_in = snapshot.address.port == 0;
  snapshot.state = link_ != nullptr      ? LinkState::kConnected
                   : attempt_ != nullptr ? LinkState::kConnecting
                                         : LinkState::kDisconnected;
  snapshot.connected_since = connected_since_;
  snapshot.identity = identity_;
  snapshot.kept = remembered();
  snapshot.redialled = kept_;
  snapshot.collected = registration_.collected;
  snapshot.monitored = registration_.monitored;
  snapshot.epoch = collector.state().epoch;
  snapshot.next = collector.state().next;
  snapshot.log = registration_.collected ? collector.log() : log_;
  snapshot.lag = registration_.collected ? collector.lag() : 0;
  snapshot.stored = collection_.totals().events;
  snapshot.gaps = collection_.totals().gaps;
  snapshot.missing = collection_.totals().missing;
  const ports::LogTotals& totals = collection_.totals();
  snapshot.images_wanted = totals.images_wanted;
  snapshot.images = totals.images;
  snapshot.images_absent = totals.images_absent;
  const std::uint64_t settled = totals.images + totals.images_absent;
  snapshot.images_lag = totals.images_wanted > settled ? totals.images_wanted - settled : 0;
  snapshot.disconnected_since = disconnected_since_;
  snapshot.newest = collection_.newest();
  snapshot.clock_drift = clock_drift_;
  snapshot.last_error = last_error_;
  snapshot.last_error_at = last_error_at_;
  snapshot.reads_repeated = collection_.counts().reads_repeated;
  snapshot.images_unreadable = collection_.counts().images_unreadable;
  snapshot.failed_attempts = failed_attempts_;
  return snapshot;
}

}  // namespace gatelog::core
