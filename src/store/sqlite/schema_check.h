#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "store/sqlite/sqlite_database.h"

namespace gatelog::store {

// Names the first table, index, view or trigger of the database that is not what this version
// makes, and what is wrong with it; empty: there is none. The database is of kSchemaVersion. How
// its SQL is spaced does not count. Errors are of the file.
absl::StatusOr<std::string> FindForeignSchema(Database& database);

}  // namespace gatelog::store
