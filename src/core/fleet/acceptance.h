#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "model/identity.h"
#include "ports/device_link.h"
#include "ports/device_registry.h"

namespace gatelog::core {

// Changes that clients have asked for and that wait to be written; beyond: kResourceExhausted.
inline constexpr std::size_t kAcceptanceChangesMax = 256;

// Devices of which a key or a certificate is known; beyond: kResourceExhausted.
inline constexpr std::size_t kTrustedDevicesMax = 40'000;

// What is to be different; all else stays as it is when the change's turn comes.
struct AcceptanceChange {
  std::optional<bool> all = {};
  std::optional<std::set<model::DeviceId>> devices = {};  // instead of those named until then
  std::set<model::DeviceId> add = {};
  std::set<model::DeviceId> remove = {};  // after `add`
  std::map<model::DeviceId, std::string> keys = {};
  std::map<model::DeviceId, std::string> certificates = {};  // empty: none from then on
  std::set<model::DeviceId> forget = {};  // their key and certificate; after those above

  // Kept, and forgotten, with it.
  std::optional<ports::Registration> registration = {};
  std::optional<model::DeviceId> unregistered = {};

  bool changes_filter() const { return all || devices || !add.empty() || !remove.empty(); }
};

// Which devices may call, and what they prove themselves by: in memory as in the registry. Changes
// go one after another, each on top of what the one before has left in force, so that of two that
// are asked for at a time neither undoes the other.
//
// Threads: the loop's, replies too.
class Acceptance {
 public:
  using Write = absl::AnyInvocable<absl::Status(ports::DeviceRegistry&)>;
  // Has it written elsewhere and replies later, on the loop.
  using Persist = absl::AnyInvocable<void(Write write, ports::Reply<absl::Status> reply)>;

  explicit Acceptance(Persist persist) : persist_(std::move(persist)) {}

  // What the registry has. Once, before anything else.
  void Start(ports::AcceptFilter filter, const std::vector<ports::DeviceTrust>& trust);

  const ports::AcceptFilter& filter() const { return filter_; }
  // With neither key nor certificate: nothing is known.
  ports::DeviceTrust FindTrust(model::DeviceId id) const;

  // In force, and survives a restart, when the reply says OK; else nothing has changed here, though
  // part of it may be there after a restart: never so that a device is accepted that need not prove
  // what it had to, or was to. kInvalidArgument: device 0, or more devices than a gateway can have.
  void Change(AcceptanceChange change, ports::Reply<absl::Status> reply);

  // As Change, of what devices have already done: their certificates are known at once, since the
  // devices may come back before it is written, and stay known when it cannot be. There are as many
  // at a time as devices answer.
  void Note(AcceptanceChange change, ports::Reply<absl::Status> reply);

 private:
  struct Waiting {
    AcceptanceChange change;
    bool asked_for = false;  // by a client
    ports::Reply<absl::Status> reply;
  };

  // `filter`: as it would be, if it changes.
  absl::Status Check(const std::optional<ports::AcceptFilter>& filter,
                     const std::vector<ports::DeviceTrust>& trust) const;
  // What is as it was before is left out.
  std::vector<ports::DeviceTrust> TrustAfter(const AcceptanceChange& change) const;
  void Know(const ports::DeviceTrust& trust);
  void KnowCertificates(const AcceptanceChange& change);
  // Unless something is being written.
  void WriteFirst();
  void OnWritten(absl::Status status);

  Persist persist_;
  ports::AcceptFilter filter_;
  std::map<model::DeviceId, ports::DeviceTrust> trust_;
  std::deque<Waiting> waiting_;  // the first is the one that is being written
  std::size_t asked_for_ = 0;    // of these
  bool writing_ = false;
};

}  // namespace gatelog::core
