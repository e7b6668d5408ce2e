#pragma once

#include <stop_token>

#include "absl/status/statusor.h"
#include "ports/store_upkeep.h"
#include "store/postgres/connection.h"

namespace gatelog::postgres {

// Whether what a store holds agrees with itself: every ID below `next` is one event or in one gap,
// events are numbered without a hole and say what their records say, and totals, counts, images and
// people belong to what is there. That pages and indexes are sound is the server's to check
// (pg_amcheck). The connection has a transaction open that sees one moment. Errors: as
// StoreUpkeep::Check says.
absl::StatusOr<ports::StoreReport> CheckStore(Connection& connection,
                                              const ports::CheckProgress& progress,
                                              const std::stop_token& stop);

}  // namespace gatelog::postgres
