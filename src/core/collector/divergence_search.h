#pragma once

#include <span>

#include "model/anchor.h"

namespace gatelog::core {

// Finds the first record at which a device's log and the stored log differ, by bisection. Both are
// taken to agree up to some ID and to differ from there on, as a device does that lost its newest
// records and went on counting.
//
// Windows of records are compared rather than single ones, so that two records that look alike by
// chance do not mislead.
class DivergenceSearch {
 public:
  // Records below `low` agree, the one at `high` differs or is beyond one of the logs.
  DivergenceSearch(model::EventId low, model::EventId high) : low_(low), high_(high) {}

  bool done() const { return low_ >= high_; }
  // Once done: the first ID that differs.
  model::EventId result() const { return high_; }

  struct Window {
    model::EventId first;
    model::EventId last;
  };
  // What to compare next, from both sides; kAnchorCount records at most.
  Window window() const;

  // What the two sides hold inside window(). Records that only one side has decide nothing.
  void Compare(std::span<const model::Anchor> device, std::span<const model::Anchor> stored);

 private:
  model::EventId low_;
  model::EventId high_;
};

// The first ID at which both sides have a record and the records differ; 0 if there is none. Both
// ascend by ID. `compared` becomes the number of IDs that both have.
model::EventId FirstDifference(std::span<const model::Anchor> device,
                               std::span<const model::Anchor> stored, std::size_t& compared);

}  // namespace gatelog::core
