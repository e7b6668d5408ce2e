#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "evidence/entry.h"
#include "evidence/seal.h"
#include "model/identity.h"

namespace gatelog::evidence {

// What the chain says of one epoch of a log.
struct EpochAccount {
  model::EventId first = 0;
  model::Generation opened_with = 0;
  model::Generation generation = 0;  // the last one shown
  std::int64_t opened_ms = 0;
  std::uint64_t events = 0;
  std::uint64_t gaps = 0;
  std::uint64_t missing = 0;
  model::EventId image_next = 0;
  std::uint64_t images_wanted = 0;  // events that say they have one
  std::uint64_t images = 0;
  std::uint64_t images_absent = 0;
  std::uint64_t images_unsettled = 0;  // of the epoch before, which were not collected any more

  // The lowest ID neither stored nor in a gap.
  std::uint64_t next() const { return first + events + missing; }
};

// Adds up what the entries and events of a chain say of each epoch, in the order of the chain, so
// that manifests and the states of logs can be compared with it. One thread.
class Ledger {
 public:
  using Key = std::pair<model::DeviceId, model::Epoch>;

  // A finding, kDataLoss, if the chain contradicts itself here.
  absl::Status Take(const Entry& entry);
  absl::Status TakeEvent(model::DeviceId log_device, model::Epoch epoch, bool has_image);
  // A block whose events are gone: until the seal that covers the last such block, the manifests
  // say how many there were.
  void TakePruned() { counting_ = false; }

  // Compares the manifest of a seal over everything so far. `after_pruned`: it covers the last of
  // the blocks whose events are gone.
  absl::Status TakeManifest(std::uint64_t seal, std::span<const ManifestRow> rows,
                            bool after_pruned);

  // Nothing: the chain does not know the epoch.
  const EpochAccount* Find(model::DeviceId log_device, model::Epoch epoch) const;
  const std::map<Key, EpochAccount>& epochs() const { return epochs_; }
  // How many rows the tables of gaps, images and absences have, unless some were taken away.
  std::uint64_t gaps() const { return gaps_; }
  std::uint64_t images() const { return images_; }
  std::uint64_t absences() const { return absences_; }
  model::Incarnation incarnation() const { return incarnation_; }
  std::int64_t created_ms() const { return created_ms_; }

 private:
  absl::Status Open(const EpochEntry& entry);
  EpochAccount* FindChanged(model::DeviceId log_device, model::Epoch epoch);
  absl::Status CompareManifestRow(std::uint64_t seal, const ManifestRow& row);

  std::map<Key, EpochAccount> epochs_;
  std::set<Key> changed_;  // since the last seal
  bool counting_ = true;
  std::uint64_t gaps_ = 0;
  std::uint64_t images_ = 0;
  std::uint64_t absences_ = 0;
  model::Incarnation incarnation_ = 0;
  std::int64_t created_ms_ = 0;
};

// The status of something that is not as it was committed.
absl::Status Finding(const std::string& sentence);

}  // namespace gatelog::evidence
