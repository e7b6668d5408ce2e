#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "store/sqlite/posting_table.h"
#include "store/sqlite/sqlite_database.h"

namespace gatelog::store {

// Whether the lists and counts of a closed segment say what its rows do, of the events from
// `first_seq` on. In words what is wrong; empty: nothing. kDataLoss: a list cannot be read.
absl::StatusOr<std::string> CheckSegment(Database& database, const ClosedSegment& segment,
                                         std::uint64_t first_seq);

// The same of what belongs to no closed segment and is not behind them either.
absl::StatusOr<std::string> CheckNoOtherLists(Database& database, std::uint64_t closed_end);

}  // namespace gatelog::store
