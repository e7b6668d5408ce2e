#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/personal_part.h"
#include "ports/event_store.h"
#include "store/sqlite/chain_writer.h"
#include "store/sqlite/erasure.h"
#include "store/sqlite/event_index.h"
#include "store/sqlite/event_row.h"
#include "store/sqlite/person_table.h"
#include "store/sqlite/record_lookup.h"
#include "store/sqlite/sqlite_database.h"

namespace gatelog::store {

evidence::GapEntry GapEntryOf(const model::Gap& gap, ChainWriter& chain);

// Writes batches into the transaction that is open on a connection, and into the block that is
// under way. One thread at a time; does not outlive the database, the chain and the index.
class EventWriter {
 public:
  EventWriter(Database& database, ChainWriter& chain, EventIndex& index)
      : database_(database), chain_(chain), index_(index), people_(database) {}

  // Once the tables are there; before anything else.
  absl::Status Load() { return erased_anchors_.Load(database_); }

  // Writes a batch, with numbers above `seq`, which is moved to the last one used. In `refusal`:
  // why the batch was refused, then nothing was written. Returns an error if the transaction as a
  // whole has failed.
  absl::Status Write(const ports::Batch& batch, std::uint64_t& seq, absl::Status& refusal);
  absl::Status WriteImages(const ports::ImageBatch& batch, absl::Status& refusal);

  // To be called at the end of every transaction.
  void OnCommitted() { people_.OnCommitted(); }
  void OnRolledBack() { people_.OnRolledBack(); }

  // Retention has taken a row of these users, in the open transaction.
  void OnPeopleGone(const std::vector<std::string>& user_ids);

  // As EraseUser and store::ErasePeople, in the open transaction.
  absl::StatusOr<ports::Erased> Erase(const std::string& user_id, const std::string& by);
  absl::StatusOr<ErasedPeople> ErasePeople(std::uint64_t first_seq, std::uint64_t end_seq,
                                           const std::string& by);

 private:
  // Also tells which generation the log has shown so far.
  absl::Status CheckFence(const ports::Batch& batch, model::Generation& generation,
                          absl::Status& refusal);
  // Of what the open transaction sees, up to a seq.
  RecordLookup Lookup(std::uint64_t last_seq) const {
    return {database_, index_.writing(), last_seq};
  }
  absl::Status WriteEvents(const ports::Batch& batch, std::uint64_t& seq);
  absl::Status WriteGaps(const ports::Batch& batch);
  absl::Status OpenEpoch(const ports::Batch& batch, std::uint64_t images_unsettled);
  // The row that the event refers to; null: it tells of no person. Valid until the next call.
  absl::StatusOr<const PeopleOfEvents::Row*> PersonOf(const model::Event& event, Timestamp arrival);

  Database& database_;
  ChainWriter& chain_;
  EventIndex& index_;
  ErasedAnchors erased_anchors_;
  PeopleOfEvents people_;
  model::SplitEvent split_;
};

}  // namespace gatelog::store
