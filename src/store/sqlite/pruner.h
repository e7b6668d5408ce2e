#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/retention_store.h"
#include "store/sqlite/chain_writer.h"
#include "store/sqlite/event_index.h"
#include "store/sqlite/segments.h"
#include "store/sqlite/sqlite_database.h"

namespace gatelog::store {

// Takes segments out of the tables: first the entry that says so, with which they are not shown any
// more, then their rows, some in each transaction. The committing thread; does not outlive the
// database and the index.
class Pruner {
 public:
  Pruner(Database& database, EventIndex& index) : database_(database), index_(index) {}

  // What is gone, and whether rows of it are left. Once, before anything else.
  absl::Status Load();

  // The first event that is shown.
  std::uint64_t first_seq() const { return through_.first_seq; }

  // The next segment that may go and has not gone; nothing: there is none.
  struct Plan {
    evidence::Pruned what;
    Segment segment;
    // The first block whose images go with it; behind the segment's end: those of all are gone.
    std::uint64_t images_from = 0;
  };
  absl::StatusOr<std::optional<Plan>> Next(const ports::PruneLimits& limits);
  // Writes the entries into the block under way. OnCommitted with the commit.
  absl::Status WriteEntries(const Plan& plan, const std::string& by, ChainWriter& chain);
  void OnCommitted(const Plan& plan);

  bool rows_left() const {
    return events_left_ || images_left_ || index_.HasBefore(through_.first_seq);
  }
  struct Deleted {
    std::uint64_t bytes = 0;
    std::vector<std::string> people = {};  // of whom nothing tells any more; their rows are gone
  };
  // Some rows of what is gone, in the open transaction.
  absl::StatusOr<Deleted> DeleteSome();

 private:
  absl::Status FindImagesLeft();
  absl::Status DeleteEvents(Deleted& deleted, std::unordered_set<std::int64_t>& people);
  absl::Status DeleteImages(Deleted& deleted, std::unordered_set<std::int64_t>& people);
  absl::Status DeletePeople(std::unordered_set<std::int64_t> people, Deleted& deleted);

  Database& database_;
  EventIndex& index_;
  PrunedThrough through_;
  bool events_left_ = false;
  bool images_left_ = false;
  std::uint64_t images_at_ = 0;  // blocks before it have no images left
};

// As RetentionStore::PreviewPrune, over a connection of its own.
absl::StatusOr<ports::Pruned> PreviewPrune(Database& database, const ports::PruneLimits& limits);

// What the segment adds.
void AddTo(const Pruner::Plan& plan, ports::Pruned& pruned);

}  // namespace gatelog::store
