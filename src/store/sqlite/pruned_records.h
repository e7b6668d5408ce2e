#pragma once

#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "model/anchor.h"
#include "model/identity.h"
#include "ports/event_store.h"
#include "store/sqlite/event_scan.h"
#include "store/sqlite/sqlite_database.h"

namespace gatelog::store {

// What is left of a pruned event: by which a record is recognised that a terminal still holds, or
// shows again after it fell back to an older state. It tells of no person, and nothing of the chain
// depends on it.
struct PrunedRecord {
  model::DeviceId log_device = 0;
  model::Epoch epoch = 0;
  model::Anchor anchor;
};

// About, in the file.
inline constexpr std::uint64_t kPrunedRecordBytes = 26;

// A migration: the table.
absl::Status AddPrunedRecords(Database& database, const Clock& clock);

// In the open transaction. Records that need not be remembered any more go, some with each call.
absl::Status WritePrunedRecords(Database& database, std::span<const PrunedRecord> records);

absl::StatusOr<bool> IsPrunedRecord(Database& database, const model::RecordKey& key);

// EventStore::ReadAnchors over one connection and one moment.
absl::StatusOr<std::vector<model::Anchor>> ReadAnchors(const IndexedEvents& events,
                                                       model::DeviceId log_device,
                                                       std::span<const ports::RecordRange> ranges);

}  // namespace gatelog::store
