#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "ports/event_store.h"
#include "store/postgres/connection.h"
#include "store/postgres/segments.h"

namespace gatelog::postgres {

// What may be shown, both ends with it; `last` is `first` - 1 where that is nothing.
struct SeqRange {
  std::uint64_t first = 1;
  std::uint64_t last = 0;
};

// EventStore::Read on one connection, segment by segment: those that cannot have a match are not
// looked at, and nobody waits for more than is asked for.
absl::StatusOr<ports::EventPage> ReadEvents(Connection& connection, const Segments& segments,
                                            const ports::EventQuery& query, SeqRange visible);

}  // namespace gatelog::postgres
