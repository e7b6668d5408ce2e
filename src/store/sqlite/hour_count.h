#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "store/sqlite/posting_table.h"
#include "store/sqlite/sqlite_database.h"

namespace gatelog::store {

// How many events there are of each hour of device time and code: the table hour_count, a row per
// closed segment and day. Of each hour of the day: how many codes; of each of them, ascending, how
// far it (code << 8 | sub code) is above the one before, and how many events.
//
// By hour, then by code.
using HourCounts = std::map<std::uint32_t, std::map<std::int64_t, std::uint32_t>>;

// Writes the counts of one segment's day, whose first hour is `day` * 24.
absl::Status InsertDay(Database& database, std::uint64_t segment, std::uint32_t day,
                       const HourCounts& counts);

// Calls take(hour, code key, events) of a closed segment for the hours of [first, last].
absl::Status VisitCounts(
    Database& database, const ClosedSegment& segment, std::uint32_t first, std::uint32_t last,
    absl::FunctionRef<void(std::uint32_t hour, std::int64_t code_key, std::uint64_t events)> take);

}  // namespace gatelog::store
