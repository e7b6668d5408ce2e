#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/anchor.h"
#include "model/identity.h"
#include "ports/event_store.h"
#include "ports/evidence_store.h"
#include "store/sqlite/chain_writer.h"
#include "store/sqlite/event_index.h"
#include "store/sqlite/record_lookup.h"
#include "store/sqlite/sqlite_database.h"

namespace gatelog::store {

// The anchors of erased events: those that the store keeps, and those that a collector still has in
// its memory and would give back with its next batch. Neither may tell of the person. One thread.
class ErasedAnchors {
 public:
  // Takes up the anchors that were marked in earlier runs.
  absl::Status Load(Database& database);

  // Marks what the store keeps of the log device's erased events; in the open transaction.
  absl::Status Mark(const RecordLookup& records, model::DeviceId log_device);

  // The anchors as they may be stored.
  absl::StatusOr<std::vector<model::Anchor>> Clean(const RecordLookup& records,
                                                   const ports::Batch& batch);

 private:
  // By log device: the IDs of erased events that may still come back.
  std::map<model::DeviceId, std::set<model::EventId>> marked_;
};

// Takes everything out that tells of the user, in the open transaction, and writes the entry that
// says so into the block under way. kNotFound: nothing does.
absl::StatusOr<ports::Erased> EraseUser(Database& database, ChainWriter& chain, EventIndex& index,
                                        ErasedAnchors& anchors, const std::string& user_id,
                                        const std::string& by);

// Makes the old pages leave the files: the write-ahead log is brought into the main file, where
// nothing of them is left, and emptied. False: a reader was in the way; to be tried again.
absl::StatusOr<bool> EmptyWriteAheadLog(Database& database);

}  // namespace gatelog::store
