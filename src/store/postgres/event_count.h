#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "ports/event_store.h"
#include "store/postgres/connection.h"
#include "store/postgres/event_query.h"
#include "store/postgres/segments.h"

namespace gatelog::postgres {

// EventStore::Count on one connection. What whole hours and codes alone decide is answered from
// the counts that segments have; for all else the events are looked at.
absl::StatusOr<std::vector<ports::EventCount>> CountEvents(Connection& connection,
                                                           const Segments& segments,
                                                           const ports::CountQuery& query,
                                                           SeqRange visible);

}  // namespace gatelog::postgres
