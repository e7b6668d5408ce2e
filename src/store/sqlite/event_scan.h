#pragma once

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "ports/event_store.h"
#include "store/sqlite/event_index.h"
#include "store/sqlite/event_matcher.h"
#include "store/sqlite/event_row.h"
#include "store/sqlite/sqlite_database.h"
#include "store/sqlite/stop_guard.h"

namespace gatelog::store {

// A run of seq, both ends in it; `last` is `first` - 1 where it is empty.
struct SeqRange {
  std::uint64_t first = 1;
  std::uint64_t last = 0;
};

// Events as one connection finds them.
struct IndexedEvents {
  Database& database;
  const IndexView& view;
  SeqRange visible;
};

// Where a scan has ended. Without `to_the_end`, `seq_reached` is the last event that it looked at.
struct ScanEnd {
  bool to_the_end = true;
  std::uint64_t seq_reached = 0;
};

// Calls `take` with the row (kEventColumns, those in `columns`) of each event of the range that
// matches, in order, until it says false or so many rows were looked at. Lists say which rows those
// are, where there are lists of what is asked for; elsewhere each row is looked at. kCancelled:
// `stop`.
absl::StatusOr<ScanEnd> ScanEvents(const IndexedEvents& events, const EventMatcher& matcher,
                                   EventColumns columns, SeqRange range, ports::Order order,
                                   std::uint64_t looked_at_max, const StopGuard& stop,
                                   absl::FunctionRef<absl::StatusOr<bool>(const Statement&)> take);

}  // namespace gatelog::store
