#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "model/cursor.h"
#include "store/sqlite/memory_segment.h"
#include "store/sqlite/sqlite_database.h"

namespace gatelog::store {

// The version of the tables that this program writes; docs/formats/store.md describes them.
inline constexpr std::int64_t kSchemaVersion = 7;

// Brings a new or older database to kSchemaVersion: its tables in one transaction, then the old
// events under the chain and into lists in steps that a later start goes on with.
// kFailedPrecondition: the file was written by a newer gatelog, or belongs to another program.
absl::Status MigrateSchema(Database& database, const Clock& clock = SystemClock(),
                           const IndexShape& shape = {});

// Whether the database is a store of kSchemaVersion; changes nothing. Errors as above, and of an
// older one.
absl::Status CheckSchemaVersion(Database& database);

// Chosen when the database was made, or restored.
absl::StatusOr<model::Incarnation> ReadIncarnation(Database& database);

// Chooses a new one.
absl::Status ChangeIncarnation(Database& database, const Clock& clock = SystemClock());

}  // namespace gatelog::store
