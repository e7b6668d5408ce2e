#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "ports/event_store.h"
#include "store/sqlite/sqlite_database.h"

namespace gatelog::store {

// EventStore::Read on one connection; `visible` is the newest seq that may be shown.
absl::StatusOr<ports::EventPage> ReadEvents(Database& database, const ports::EventQuery& query,
                                            std::uint64_t visible);

}  // namespace gatelog::store
