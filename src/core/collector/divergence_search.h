#pragma once

#include <span>

#include "model/anchor.h"

namespace gatelog::core {

// What two stretches of records have in common. Records that only one side has, and unreadable
// ones, tell nothing.
struct Comparison {
  model::EventId last_equal =
      0;  // the highest ID below `difference` at which both have the same record; 0: none
  model::EventId difference = 0;  // the lowest ID at which the records differ; 0: none
};

// Both sides ascend by ID. Where several records are stored under one ID, as happens when a device
// had several lives, it is enough that one of them is the same.
Comparison Compare(std::span<const model::Anchor> device, std::span<const model::Anchor> stored);

// Finds where a device's log ceases to be the stored one. Both are taken to agree up to some ID and
// to differ from there on, as a device does that lost its newest records and went on counting.
//
// First a bisection, by windows of records rather than single ones, so that two records that look
// alike by chance do not mislead. Then, downwards from the difference, the search for the last
// record that both have: what lies between tells nothing, is not stored, and so belongs to the new
// part.
class DivergenceSearch {
 public:
  // `floor`: the device's lowest ID. Records below `low` agree as far as they tell; the one at
  // `high` differs or is beyond one of the logs.
  DivergenceSearch(model::EventId floor, model::EventId low, model::EventId high)
      : floor_(floor), low_(low), high_(high) {}

  bool done() const { return found_ || high_ <= floor_; }
  // Once done: the first ID that is not known to be the same; `floor` if nothing is.
  model::EventId result() const { return high_; }
  model::EventId floor() const { return floor_; }

  struct Window {
    model::EventId first;
    model::EventId last;
  };
  // What to compare next, from both sides; kAnchorCount IDs at most.
  Window window() const;

  // What the two sides hold inside window().
  void Compare(std::span<const model::Anchor> device, std::span<const model::Anchor> stored);

 private:
  bool bisecting() const { return low_ < high_; }

  model::EventId floor_;
  model::EventId low_;
  model::EventId high_;
  bool found_ = false;
};

}  // namespace gatelog::core
