#pragma once

#include "absl/status/statusor.h"
#include "ports/retention_store.h"
#include "store/postgres/connection.h"

namespace gatelog::postgres {

// As RetentionStore::PreviewPrune, on a session that reads.
absl::StatusOr<ports::Pruned> PreviewPrune(Connection& connection,
                                           const ports::PruneLimits& limits);

}  // namespace gatelog::postgres
