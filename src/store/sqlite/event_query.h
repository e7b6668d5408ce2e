#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "ports/event_store.h"
#include "store/sqlite/sqlite_database.h"

namespace gatelog::store {

// What may be shown, both ends with it; `last` is `first` - 1 where that is nothing.
struct SeqRange {
  std::uint64_t first = 1;
  std::uint64_t last = 0;
};

// EventStore::Read on one connection.
absl::StatusOr<ports::EventPage> ReadEvents(Database& database, const ports::EventQuery& query,
                                            SeqRange visible);

}  // namespace gatelog::store
