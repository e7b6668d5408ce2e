#pragma once

#include "absl/status/statusor.h"
#include "ports/event_store.h"
#include "store/sqlite/event_scan.h"

namespace gatelog::store {

// EventStore::Read on one connection, which sees one moment.
absl::StatusOr<ports::EventPage> ReadEvents(const IndexedEvents& events,
                                            const ports::EventQuery& query);

}  // namespace gatelog::store
