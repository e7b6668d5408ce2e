#pragma once

#include "absl/status/status.h"
#include "base/clock.h"
#include "store/sqlite/sqlite_database.h"

namespace gatelog::store {

// Events per block where older ones are put under the chain.
inline constexpr std::uint32_t kOldEventsPerBlock = 4'096;

// The step of the schema from version 2 to 3, inside the transaction that is open: the chain's
// tables, and its first block with all that the store holds besides events.
absl::Status AddChain(Database& database, const Clock& clock);

// Puts the events that were there before the chain under it, a block in each transaction; goes on
// where an earlier start was cut short, and does nothing when all are chained.
absl::Status ChainOldEvents(Database& database, const Clock& clock);

}  // namespace gatelog::store
