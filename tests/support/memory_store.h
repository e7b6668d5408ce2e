#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "ports/device_registry.h"
#include "ports/event_store.h"

namespace gatelog::testing {

// Whether a commit that reports an error has been written all the same.
enum class Outcome { kNothingWritten, kWritten };

// An event store and device registry that forget everything when they go. Simple rather than fast:
// what other stores are compared with. Any thread.
class MemoryStore : public ports::EventStore, public ports::DeviceRegistry {
 public:
  explicit MemoryStore(model::Incarnation incarnation = 1) : incarnation_(incarnation) {}

  // The next Commit or CommitImages returns `status`.
  void FailNextCommit(absl::Status status, Outcome outcome);
  // Every call but last_seq and incarnation fails with `status` until OK is given.
  void FailAll(absl::Status status);

  // Retention takes the events before `first`, which is at most one behind the newest, and their
  // images.
  void PruneBefore(std::uint64_t first);

  // A Read that has looked at so many events ends, as at kLookedAtMax.
  void LookAtMost(std::uint64_t events);

  // Called at the beginning of each Commit and CommitImages, from where another thread could look
  // while it is under way.
  void WhileCommitting(absl::AnyInvocable<void()> look) { look_ = std::move(look); }

  // How often each was called, also when it failed.
  struct Calls {
    std::uint64_t commits = 0;
    std::uint64_t image_commits = 0;
    std::uint64_t reads = 0;  // Read, ReadAnchors, ReadGaps, ReadImage, ReadTotals, LoadLogStates
  };
  Calls calls() const;

  // Everything that was ever stored, by seq.
  std::vector<ports::StoredEvent> events() const;
  std::vector<model::Gap> gaps() const;
  std::map<model::RecordKey, model::Image> images() const;
  std::map<model::RecordKey, model::ImageAbsenceReason> absences() const;

  model::Incarnation incarnation() const override { return incarnation_; }
  std::uint64_t last_seq() const override;
  std::uint64_t first_seq() const override;
  absl::StatusOr<std::vector<ports::LogState>> LoadLogStates() override;
  absl::StatusOr<std::vector<absl::Status>> Commit(std::span<const ports::Batch> batches) override;
  absl::StatusOr<std::vector<absl::Status>> CommitImages(
      std::span<const ports::ImageBatch> batches) override;
  absl::StatusOr<ports::EventPage> Read(const ports::EventQuery& query) override;
  absl::StatusOr<std::vector<ports::EventCount>> Count(const ports::CountQuery& query) override;
  absl::StatusOr<std::vector<model::Anchor>> ReadAnchors(
      model::DeviceId log_device, std::span<const ports::RecordRange> ranges) override;
  absl::StatusOr<std::vector<model::Gap>> ReadGaps(std::span<const model::DeviceId> log_devices,
                                                   const model::RecordKey& after,
                                                   std::uint32_t limit) override;
  absl::StatusOr<std::pair<model::RecordKey, model::Image>> ReadImage(
      const model::RecordKey& key) override;
  absl::StatusOr<std::vector<ports::LogTotals>> ReadTotals() override;

  absl::StatusOr<std::vector<ports::Registration>> Load() override;
  absl::Status Save(const ports::Registration& registration) override;
  absl::Status Remove(model::DeviceId id) override;
  absl::StatusOr<ports::AcceptFilter> LoadAcceptFilter() override;
  absl::Status SaveAcceptFilter(const ports::AcceptFilter& filter) override;
  absl::StatusOr<std::vector<ports::DeviceTrust>> LoadTrust() override;
  absl::Status SaveTrust(const ports::DeviceTrust& trust) override;

 private:
  struct Failure {
    absl::Status status;
    Outcome outcome;
  };

  absl::Status CommitOne(const ports::Batch& batch) GATELOG_REQUIRES(mutex_);
  absl::Status CommitImagesOne(const ports::ImageBatch& batch) GATELOG_REQUIRES(mutex_);
  // Null: it was never stored, or is pruned.
  const model::Event* Find(const model::RecordKey& key) const GATELOG_REQUIRES(mutex_);
  std::string WhyNotStored(const model::RecordKey& key) const GATELOG_REQUIRES(mutex_);
  template <typename Batches, typename CommitBatch>
  absl::StatusOr<std::vector<absl::Status>> CommitAll(const Batches& batches, CommitBatch commit)
      GATELOG_REQUIRES(mutex_);

  const model::Incarnation incarnation_;
  absl::AnyInvocable<void()> look_;
  mutable Mutex mutex_;
  // The seq is the index + 1; those before first_seq_ are not shown.
  std::vector<ports::StoredEvent> events_ GUARDED_BY(mutex_);
  std::uint64_t first_seq_ GUARDED_BY(mutex_) = 1;
  std::uint64_t looked_at_max_ GUARDED_BY(mutex_) = ports::kLookedAtMax;
  std::map<model::RecordKey, std::uint64_t> seqs_ GUARDED_BY(mutex_);
  std::map<model::RecordKey, model::Gap> gaps_ GUARDED_BY(mutex_);
  std::map<model::RecordKey, model::Image> images_ GUARDED_BY(mutex_);
  std::map<model::RecordKey, model::ImageAbsenceReason> absences_ GUARDED_BY(mutex_);
  std::map<model::DeviceId, ports::LogState> states_ GUARDED_BY(mutex_);
  std::map<model::DeviceId, ports::Registration> registrations_ GUARDED_BY(mutex_);
  ports::AcceptFilter accept_filter_ GUARDED_BY(mutex_);
  std::map<model::DeviceId, ports::DeviceTrust> trust_ GUARDED_BY(mutex_);
  std::optional<Failure> next_failure_ GUARDED_BY(mutex_);
  absl::Status failing_ GUARDED_BY(mutex_);
  Calls calls_ GUARDED_BY(mutex_);
};

// Whether a stored event is one that the filter asks for; written for being read, not for speed.
bool Matches(const ports::EventFilter& filter, const ports::StoredEvent& event);

// What Count gives of these events, whatever their number.
std::vector<ports::EventCount> CountOf(const ports::CountQuery& query,
                                       const std::vector<ports::StoredEvent>& events);

}  // namespace gatelog::testing
