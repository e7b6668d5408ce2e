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

// Nothing: no segment with anything of that kind in it may go.
absl::StatusOr<std::optional<Segment>> NextSegment(Database& database, evidence::Pruned what,
                                                   std::uint64_t after_block, Timestamp before);

// What is gone according to the chain.
struct PrunedThrough {
  std::uint64_t events_block = 0;  // the last block whose events are pruned; 0: none is
  std::uint64_t images_block = 0;
  std::uint64_t images_from = 0;  // where the newest prune of images begins
  std::uint64_t first_seq = 1;    // the first event that is shown
};
absl::StatusOr<PrunedThrough> ReadPrunedThrough(Database& database);

// Calls `take` with the entries about images of the blocks [first, last], in order, until it
// says false.
absl::Status VisitImages(
    Database& database, std::uint64_t first, std::uint64_t last,
    absl::FunctionRef<absl::StatusOr<bool>(std::uint64_t block, const evidence::ImagesEntry&)>
        take);

}  // namespace gatelog::store
