#pragma once

#include <cstdint>
#include <optional>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "evidence/entry.h"
#include "store/sqlite/sqlite_database.h"

namespace gatelog::store {

// What retention takes away at a time: the blocks after the last pruned one, up to a seal, all
// committed before the limit. It ends at the first seal with which it is full, or else at the last
// one before the limit.
struct Segment {
  std::uint64_t first_block = 0;
  std::uint64_t last_block = 0;
  std::uint64_t next_seq = 0;  // of the first event behind it
  std::uint64_t events = 0;
  std::uint64_t images = 0;   // that its entries name, those that were erased since with them
  std::int64_t first_ms = 0;  // when its first and its last block were committed
  std::int64_t last_ms = 0;
};

inline constexpr std::uint64_t kSegmentEvents = 10'000;
inline constexpr std::uint64_t kSegmentImages = 1'000;
inline constexpr std::uint64_t kSegmentBlocks = 10'000;

// Nothing: no block after that one may go. There may be no event or no image in a segment.
absl::StatusOr<std::optional<Segment>> NextSegment(Database& database, std::uint64_t after_block,
                                                   Timestamp before);

// What is gone according to the chain.
struct PrunedThrough {
  std::uint64_t events_block = 0;  // the last block whose events are pruned; 0: none is
  std::uint64_t images_block = 0;
  std::uint64_t images_from = 0;   // where the newest prune of images begins
  std::uint64_t first_seq = 1;     // the first event that is shown
  std::uint64_t people_block = 0;  // the last block of which no event tells of a person
  std::uint64_t people_seq = 1;    // the first event that may
};
absl::StatusOr<PrunedThrough> ReadPrunedThrough(Database& database);

// Where what the entry says of people ends: the first event that may tell of one.
absl::StatusOr<std::uint64_t> PeopleSeqOf(Database& database, const evidence::PruneEntry& entry);

absl::StatusOr<std::uint64_t> FirstSeqOf(Database& database, std::uint64_t block);
// The block of the event, which is one of [first, last].
absl::StatusOr<std::uint64_t> BlockOfEvent(Database& database, std::uint64_t seq,
                                           std::uint64_t first, std::uint64_t last);

// Calls `take` with the entries about images of the blocks [first, last], in order, until it
// says false.
absl::Status VisitImages(
    Database& database, std::uint64_t first, std::uint64_t last,
    absl::FunctionRef<absl::StatusOr<bool>(std::uint64_t block, const evidence::ImagesEntry&)>
        take);

}  // namespace gatelog::store
