#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/cursor.h"
#include "store/sqlite/memory_segment.h"
#include "tests/power_cut/workload.h"
#include "tests/support/disk_model.h"
#include "tests/support/disk_vfs.h"

namespace gatelog::power_cut {

// So small that a short run closes many segments.
inline constexpr store::IndexShape kSmallSegments = {
    .segment_events = 100, .block_bytes = 60, .short_list_bytes = 20, .entries_per_commit_min = 50};

// How a store is used in a run.
struct Settings {
  int checkpoint_pages = 24;         // small, so that a short run goes through many checkpoints
  std::string synchronous = "FULL";  // anything else is a mutant
};

// What a store holds, row for row, as one number; and how far its events go.
struct Contents {
  std::uint64_t fingerprint = 0;
  std::uint64_t last_seq = 0;

  bool operator==(const Contents&) const = default;
};

// A moment at which something was acknowledged: the opening, or a transaction. Places are counts of
// operations on the disk.
struct Moment {
  std::size_t submitted_at = 0;
  std::size_t acknowledged_at = 0;
  Contents contents;  // from then on
};

// A process on one disk, from its opening of the store to its end.
struct Life {
  testing::DiskModel disk;  // at its beginning
  std::vector<testing::DiskOperation> record;
  std::vector<Moment> moments;             // the first one: opened
  model::Incarnation incarnation = 0;      // 0: it did not get that far
  std::uint64_t pruned = 0;                // events that were taken away by its end, in all
  std::optional<std::size_t> in_doubt_at;  // a transaction that failed was submitted here
  absl::Status end;                        // OK: it did all its steps
  std::uint64_t fault_calls = 0;           // writes, truncations and syncs
};

struct LifePlan {
  std::uint64_t seed = 1;
  int steps = 40;
  // The call at which the disk fails.
  std::optional<std::uint64_t> fault_at = {};
  testing::DiskVfs::Fault fault = testing::DiskVfs::Fault::kIoError;
  testing::DiskVfs::Lasting lasting = testing::DiskVfs::Lasting::kOnce;
  bool left_open = false;  // the lock file says that the process before did not close the store
  int steps_after_failure = 0;  // tries after the store has failed, all of which must fail as well
};

// Lives on a copy of the disk's cached files, in a directory of its own. An error says what went
// wrong that no fault explains.
absl::StatusOr<Life> Live(const testing::DiskModel& disk, const LifePlan& plan,
                          const Settings& settings);

// What the store in the directory holds.
absl::StatusOr<Contents> ReadContents(const std::string& directory);

// A disk with a new, empty store.
testing::DiskModel DiskWithNewStore();

// The lock file of a process that was killed while the store was open. It is no part of images:
// what is written to it is synced at once.
void WriteOpenLockFile(const std::string& directory);

// Writes the files of an image into a directory.
void WriteImage(const testing::DiskImage& image, const std::string& directory);

}  // namespace gatelog::power_cut
