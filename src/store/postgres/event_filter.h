#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "ports/event_store.h"
#include "store/postgres/connection.h"

namespace gatelog::postgres {

// Which way to the matching events. How many events it passes by that do not match decides how far
// one read may go.
enum class Path {
  kAll,     // every event of the range in order of seq
  kLog,     // one log's events, in the order of their keys: where there are indexes
  kPeople,  // some people's events: where there are indexes
  kCodes,   // events of some codes: where there are indexes
  kCards,   // events of some cards: where there are indexes
  kDevices  // events of some devices: where there are indexes
};

// What a filter says about rows of the table event, in SQL, with the values bound to it.
struct Filter {
  std::vector<std::string> conditions;
  Params params;
  std::vector<std::int32_t> people;  // what stands for the filter's users
  bool possible = true;              // false: nothing can match
  Path path = Path::kAll;
  // Nothing but the path and time narrows: whatever the path leads to, matches.
  bool exact = false;
  // Where there are indexes, the one to take is the same for whatever values: planning, which takes
  // longer than a short read, can be saved.
  bool planned_once = false;
};
absl::StatusOr<Filter> FilterOf(Connection& connection, const ports::EventFilter& wanted,
                                const std::stop_token& stop);

}  // namespace gatelog::postgres
