#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/retention_store.h"
#include "store/sqlite/chain_writer.h"
#include "store/sqlite/erasure.h"
#include "store/sqlite/event_index.h"
#include "store/sqlite/segments.h"
#include "store/sqlite/sqlite_database.h"

namespace gatelog::store {

// Takes segments out of the tables: first the entry that says so, with which they are not shown any
// more, then their rows, some in each transaction. What events tell of people goes otherwise: some
// events in each transaction, with an entry of how far that is. The committing thread; does not
// outlive the database and the index.
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
    bool nothing = false;  // there is nothing of that kind in it; it is passed over
    // The first block whose images go with it; behind the segment's end: those of all are gone.
    std::uint64_t images_from = 0;
    // Of people: the first event of it that is still to be looked through.
    std::uint64_t people_from = 0;
  };
  absl::StatusOr<std::optional<Plan>> Next(const ports::PruneLimits& limits);
  // Writes the entries about events and images into the block under way. OnCommitted with the
  // commit.
  absl::Status WriteEntries(const Plan& plan, const std::string& by, ChainWriter& chain);
  void OnCommitted(const Plan& plan);
  // The entry that, from the beginning of the block in which plan.people_from is, no event before
  // `next_seq` tells of a person any more.
  absl::Status WritePeopleEntry(const Plan& plan, std::uint64_t next_seq, const std::string& by,
                                ChainWriter& chain);
  // When that is committed, or there was nothing to commit. Adds up what was taken.
  void OnErased(const Plan& plan, const ErasedPeople& erased, ports::Pruned& pruned);

  bool rows_left() const {
    return events_left_ || images_left_ || index_.HasBefore(through_.first_seq);
  }
  // Rows of the table `person` went since its index was made anew.
  bool people_gone() const { return people_gone_; }
  void OnIndexCleaned() { people_gone_ = false; }
  struct Deleted {
    std::uint64_t bytes = 0;
    std::vector<std::string> people = {};  // whose row of the table `person` went with them
  };
  // Some rows of what is gone, in the open transaction: of events those of whole blocks, so that at
  // every moment all rows of a block are there or none.
  absl::StatusOr<Deleted> DeleteSome();

 private:
  absl::Status FindImagesLeft();
  absl::Status DeleteEvents(Deleted& deleted, std::unordered_set<std::int64_t>& people);
  // Which events a step deletes that begins at this one: those before the seq that is returned.
  absl::StatusOr<std::uint64_t> EndOfStep(std::uint64_t oldest) const;
  absl::Status DeleteErased(std::uint64_t from, std::uint64_t end);
  absl::Status DeleteImages(Deleted& deleted, std::unordered_set<std::int64_t>& people);
  absl::Status DeletePeople(std::unordered_set<std::int64_t> people, Deleted& deleted);

  Database& database_;
  EventIndex& index_;
  PrunedThrough through_;
  // The last blocks, by kind, up to which nothing is left to take, though no entry says so.
  std::map<evidence::Pruned, std::uint64_t> passed_;
  // The segment in which people are under way.
  struct PeopleSegment {
    Segment segment;
    std::uint64_t next_seq = 0;  // the events before are looked through
    bool counted = false;        // something was taken of it
  };
  std::optional<PeopleSegment> people_;
  bool people_gone_ = false;
  bool events_left_ = false;
  bool images_left_ = false;
  std::uint64_t images_at_ = 0;  // blocks before it have no images left
};

// As RetentionStore::PreviewPrune, over a connection of its own.
absl::StatusOr<ports::Pruned> PreviewPrune(Database& database, const ports::PruneLimits& limits);

// What a segment of events or images adds.
void AddTo(const Pruner::Plan& plan, ports::Pruned& pruned);

}  // namespace gatelog::store
