#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/backoff.h"
#include "core/fleet/clock_drift.h"
#include "core/fleet/fleet.h"
#include "core/fleet/log_collection.h"
#include "ports/device_link.h"
#include "ports/device_registry.h"

namespace gatelog::core {

// Stands between a link and the device it belongs to, which is known only after the link came up.
class LinkRelay final : public ports::DeviceLinkObserver {
 public:
  void set_target(ManagedDevice* target) { target_ = target; }

  void OnPush(model::EventId id, std::string_view payload) override;
  void OnStatus(const model::LogStatus& status, Timestamp device_time) override;
  void OnLost(const absl::Status& reason) override;

 private:
  ManagedDevice* target_ = nullptr;
};

// One device of the fleet: keeps its link, passes pushes on, tells of changes. Threads: the loop's.
class ManagedDevice {
 public:
  // `kept`: the device is dialled again whenever its link is lost.
  ManagedDevice(Fleet& fleet, ports::Registration registration, bool kept,
                LogCollection& collection);
  ~ManagedDevice();

  // Dials now, unless there is a link or an attempt.
  void Dial();
  // Takes over a link that told this device's ID. `from`: the device called from there, with port
  // 0; else where it was dialled.
  void Adopt(std::unique_ptr<LinkRelay> relay, std::unique_ptr<ports::DeviceLink> link,
             const ports::DeviceAddress& from);
  // Ends link and attempt; a kept device is dialled again after a wait.
  void Disconnect(const absl::Status& reason);

  void OnPush(model::EventId id, std::string_view payload);
  void OnStatus(const model::LogStatus& status);
  void OnClock(Timestamp device_time);
  void OnLost(const absl::Status& reason);

  // It called, and no link came of it.
  void CallFailed(const absl::Status& reason);

  void set_kept(bool kept) { kept_ = kept; }
  // Of a device that is not kept: it is listed without a link too, as one that calls from
  // `address`.
  void set_calls_in(bool calls_in, const ports::DeviceAddress& address = {});
  // Where it calls from, as the registry has it; nullopt: the registry does not know that it calls.
  const std::optional<ports::DeviceAddress>& saved_caller() const { return saved_caller_; }
  void OnCallerSaved(const ports::DeviceAddress& address);
  void set_registration(const ports::Registration& registration);
  // Links to it are TLS from the next one on, or are not.
  void set_tls(bool tls) { registration_.address.tls = tls; }
  const ports::Registration& registration() const { return registration_; }
  bool kept() const { return kept_; }
  // Whether it is listed when it has no link, also after a restart.
  bool remembered() const { return kept_ || registration_.calls_in; }
  // Whether the device opened the link that is there.
  bool called() const { return link_ != nullptr && linked_at_.port == 0; }
  bool connected() const { return link_ != nullptr; }
  ports::DeviceLink* link() { return link_.get(); }
  // Why there is no link, in words; empty if that was asked for.
  const std::string& link_error() const { return link_error_; }
  // Replies when the link that is there pushes what happens; kUnavailable if it ends before that.
  void WhenArmed(ports::Reply<absl::Status> reply);
  void set_monitored(bool monitored) { registration_.monitored = monitored; }
  // Begins or ends the collection of the log, also on the link that is there.
  void SetCollected(bool collected);
  LogCollection& collection() { return collection_; }
  DeviceSnapshot Snapshot() const;

 private:
  void OnDialled(absl::StatusOr<std::unique_ptr<ports::DeviceLink>> link);
  void OnArmed(const absl::StatusOr<model::LogStatus>& status);
  // Whether a push is not a repetition of a recent one. A lower ID than the last alone does not
  // make it one: the counter may have begun anew.
  bool IsNew(const model::Anchor& pushed);
  void DialFailed(const absl::Status& reason);
  void DialLater();
  void ReleaseLink();
  void Publish(LinkChange change);
  void SetLastError(const absl::Status& error);

  Fleet& fleet_;
  ports::Registration registration_;
  bool kept_;
  std::optional<ports::DeviceAddress> saved_caller_;
  LogCollection& collection_;
  Backoff backoff_;

  std::unique_ptr<ports::DeviceDialer::Attempt> attempt_;
  std::unique_ptr<LinkRelay> relay_;  // outlives link_
  std::unique_ptr<ports::DeviceLink> link_;
  ports::DeviceAddress linked_at_;  // of link_; port 0: the device called from there
  bool armed_ = false;
  std::vector<ports::Reply<absl::Status>> awaiting_armed_;
  std::optional<TimerId> redial_;
  std::optional<Timestamp> connected_since_;
  std::optional<model::DeviceIdentity> identity_;
  model::LogStatus log_;              // as last heard, for devices that are not collected
  model::EventId last_live_ = 0;      // the last push, or the newest record when the link came up
  std::deque<model::Anchor> recent_;  // the last pushes of this link, kAnchorCount at most
  std::optional<Timestamp> disconnected_since_;
  ClockDrift clock_drift_;
  std::string last_error_;
  std::optional<Timestamp> last_error_at_;
  std::string link_error_;  // since the last link
  std::uint32_t failed_attempts_ = 0;
};

}  // namespace gatelog::core
