#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "model/cursor.h"
#include "store/postgres/connection.h"

namespace gatelog::postgres {

// The version of the tables that this program writes; docs/formats/store.md describes them.
inline constexpr std::int64_t kSchemaVersion = 5;

// Brings a database without a store, or with an older one, to `version` in one transaction; one
// that is not kSchemaVersion is for tests of older stores. kFailedPrecondition: the schema was made
// by a newer gatelog or by another program.
absl::Status MigrateSchema(Connection& connection, const Clock& clock,
                           std::int64_t version = kSchemaVersion);

// Lets the role gatelog_reader read the views, and makes it if it is not there. Where the gateway's
// role may not do that, the log tells what an administrator runs.
absl::Status OfferReaderRole(Connection& connection);

absl::StatusOr<model::Incarnation> ReadIncarnation(Connection& connection);

}  // namespace gatelog::postgres
