#pragma once

#include "absl/status/status.h"
#include "store/sqlite/data_directory.h"
#include "store/sqlite/sqlite_database.h"

namespace gatelog::store {

// What stands between a data directory as it is found and a store that can be relied on.

// Before the database is opened: makes it, whole or not at all, where there is none yet. kDataLoss:
// a file is missing, empty or cut short; the message says what to do.
absl::Status PrepareDatabaseFile(const DataDirectory& directory);

// After it was opened and brought up to date: if it was not closed the last time, whether SQLite
// finds its pages in order. Of a file larger than kCheckedBytesMax this would take too long at a
// start; `gatelog store check` does it and more.
absl::Status CheckAfterCrash(const DataDirectory& directory, Database& database);

inline constexpr std::int64_t kCheckedBytesMax = 256 * 1024 * 1024;

}  // namespace gatelog::store
