#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "ports/event_store.h"
#include "store/sqlite/event_query.h"
#include "store/sqlite/sqlite_database.h"

namespace gatelog::store {

// EventStore::Count on one connection.
absl::StatusOr<std::vector<ports::EventCount>> CountEvents(Database& database,
                                                           const ports::CountQuery& query,
                                                           SeqRange visible);

}  // namespace gatelog::store
