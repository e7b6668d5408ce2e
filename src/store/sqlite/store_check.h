#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/store_upkeep.h"
#include "store/sqlite/sqlite_database.h"

namespace gatelog::store {

// Whether a store is whole: the file itself, and what its rows promise to each other. Every ID of
// an epoch from its first up to its next is one event or inside one gap; seq has no holes; the
// totals agree with the rows; each image has its event. Reads one moment; changes nothing. Takes as
// long as reading the whole file; `progress` is told of each part and says whether to go on.
//
// kDataLoss names the first fault and what to do. kFailedPrecondition: the file belongs to another
// program or to another version of gatelog. kCancelled: `progress` said no.
absl::StatusOr<ports::StoreReport> CheckStore(Database& database,
                                              const ports::CheckProgress& progress);

// The same of a file that no gateway uses, which is opened for reading alone: a backup, or the
// store in a data directory, which is held against gateways meanwhile. kNotFound: there is none.
// kFailedPrecondition: a gateway uses it, or a write-ahead log of a gateway that was killed lies
// beside it and has to be taken in first.
absl::StatusOr<ports::StoreReport> CheckStoreFile(const std::string& path,
                                                  const ports::CheckProgress& progress);

}  // namespace gatelog::store
