#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/event_store.h"
#include "store/sqlite/sqlite_database.h"

namespace gatelog::store {

// Writes batches into the transaction that is open on a connection. One thread at a time; does not
// outlive the database.
class EventWriter {
 public:
  explicit EventWriter(Database& database) : database_(database) {}

  // Writes a batch, with numbers above `seq`, which is moved to the last one used. In `refusal`:
  // why the batch was refused, then nothing was written. Returns an error if the transaction as a
  // whole has failed.
  absl::Status Write(const ports::Batch& batch, std::uint64_t& seq, absl::Status& refusal);
  absl::Status WriteImages(const ports::ImageBatch& batch, absl::Status& refusal);

  // To be called at the end of every transaction.
  void OnCommitted() { new_people_.clear(); }
  void OnRolledBack();

 private:
  absl::Status CheckFence(const ports::Batch& batch, absl::Status& refusal);
  absl::Status WriteEvents(const ports::Batch& batch, std::uint64_t& seq);
  absl::Status WriteGaps(const ports::Batch& batch);
  absl::Status OpenEpoch(const ports::Batch& batch);
  // The number that stands for a user ID in the event table; made if there is none.
  absl::StatusOr<std::int64_t> PersonOf(const std::string& user_id);

  Database& database_;
  std::unordered_map<std::string, std::int64_t> people_;  // a cache, kPeopleCachedMax at most
  std::vector<std::string> new_people_;                   // those cached by the open transaction
};

}  // namespace gatelog::store
