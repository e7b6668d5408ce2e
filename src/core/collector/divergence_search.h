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
  // Once done: the first ID that differs. Unreadable records right before it count as differing.
  model::EventId result() const { return unreadable_from_ != 0 ? unreadable_from_ : high_; }

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
  model::EventId unreadable_from_ = 0;  // a run of unreadable records that ends right below low_
};

struct Comparison {
  std::size_t compared = 0;       // IDs that both sides have, readable
  model::EventId difference = 0;  // the first ID at which the records differ, with the unreadable
                                  // ones right before; 0: none
  model::EventId unreadable_from =
      0;  // where a run of unreadable records begins that lasts to the end; 0: there is none
};

// Compares what both sides have. Both ascend by ID.
Comparison Compare(std::span<const model::Anchor> device, std::span<const model::Anchor> stored);

}  // namespace gatelog::core
