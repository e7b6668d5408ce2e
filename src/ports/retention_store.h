#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"

namespace gatelog::ports {

// What may go: that which arrived before. Nothing: all of that kind stays. Images also go with the
// events among which they were stored.
struct PruneLimits {
  std::optional<Timestamp> events_before = {};
  std::optional<Timestamp> images_before = {};
  // What events tell of people: user IDs, temperatures, cards, fields that nobody knows. The events
  // stay without. An image that is still there goes with what its event tells.
  std::optional<Timestamp> people_before = {};
};

// How much went, or would go.
struct Pruned {
  std::uint64_t segments = 0;
  std::uint64_t events = 0;
  std::uint64_t images = 0;
  std::uint64_t people = 0;  // events that told of a person, and do no more
  std::uint64_t bytes = 0;   // about, in the file; they are used again, the file does not shrink
  // Arrival of the oldest and the newest of it; nothing if there is none.
  std::optional<Timestamp> oldest = {};
  std::optional<Timestamp> newest = {};

  void Add(const Pruned& more) {
    segments += more.segments;
    events += more.events;
    images += more.images;
    people += more.people;
    bytes += more.bytes;
    if (more.oldest) oldest = std::min(oldest.value_or(*more.oldest), *more.oldest);
    if (more.newest) newest = std::max(newest.value_or(*more.newest), *more.newest);
  }
};

// The retention side of an event store. Taken away are whole segments, from the oldest on: a
// segment is closed (sealed, in a store that keeps evidence), and all of it is older than the
// limit. What is gone is known: it is no gap, `next` and the anchors of its logs stay, and so do
// the totals of what was ever stored. Of an event that tells of nobody any more the anchor knows no
// user either.
//
// Errors: those of EventStore.
class RetentionStore {
 public:
  virtual ~RetentionStore() = default;

  // What PruneSome would take away, if it were called until nothing is left to do. Blocks for as
  // long as reading that takes; any thread, one at a time.
  virtual absl::StatusOr<Pruned> PreviewPrune(const PruneLimits& limits) = 0;

  struct Step {
    Pruned pruned;      // by this step; the bytes of a segment come with the steps after it
    bool more = false;  // there may be more to do
  };
  // One short transaction: a segment stops being shown and the entry that says so is committed
  // (`by` is who asked), or some rows of such a segment are deleted, or some events are made to
  // tell of nobody, with an entry. A store without a chain of evidence has no entries, and leaves
  // `by` alone. A process that ends in between leaves a store that verifies; the
  // rest goes with the next call. The committing thread.
  virtual absl::StatusOr<Step> PruneSome(const PruneLimits& limits, const std::string& by) = 0;
};

}  // namespace gatelog::ports
