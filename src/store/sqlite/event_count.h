#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "ports/event_store.h"
#include "store/sqlite/event_scan.h"

namespace gatelog::store {

// EventStore::Count on one connection, which sees one moment. By hours and codes alone, whole
// segments are counted by what was counted when they were closed.
absl::StatusOr<std::vector<ports::EventCount>> CountEvents(const IndexedEvents& events,
                                                           const ports::CountQuery& query);

}  // namespace gatelog::store
