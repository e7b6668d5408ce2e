#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
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

  // Marks what the store keeps of these of the log device's events, which are erased; in the open
  // transaction.
  absl::Status Mark(const RecordLookup& records, model::DeviceId log_device,
                    const std::set<model::EventId>& erased);

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

// An event that tells of a person, with what its digest is made of. The views live until the next
// event.
struct TellingEvent {
  std::uint64_t seq = 0;
  model::RecordKey key;
  std::int64_t person = 0;     // 0: before there were rows for nobody
  std::string_view salt = {};  // of that row
  std::string_view payload = {};
};
// Calls `take` with the events of [first, end) that tell of a person, in order, until it says
// false.
absl::Status VisitTelling(Database& database, std::uint64_t first, std::uint64_t end,
                          absl::FunctionRef<absl::StatusOr<bool>(const TellingEvent&)> take);

// What was taken out of a stretch of events.
struct ErasedPeople {
  std::uint64_t next_seq = 0;  // of the first event behind it
  std::uint64_t events = 0;
  std::uint64_t images = 0;
  std::uint64_t image_bytes = 0;
  std::vector<std::string> gone = {};  // users of whom a row of the table `person` was the last
};
// Takes out of the events of [first, end) what tells of people, and their images, whoever it was:
// of so many of them as go into one short transaction, which is open. Writes the entry that says so
// into the block under way, if there was anything.
absl::StatusOr<ErasedPeople> ErasePeople(Database& database, ChainWriter& chain, EventIndex& index,
                                         ErasedAnchors& anchors, std::uint64_t first,
                                         std::uint64_t end, const std::string& by);

}  // namespace gatelog::store
