#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/access/record_filter.h"
#include "model/identity.h"
#include "ports/event_store.h"

namespace gatelog::core {

// Reads the log that a device holds out of the store, where the store has all of it. One thread at
// a time; all calls block.
class StoredLogReader {
 public:
  // Records [first, last] of the epoch are what the device holds; `from` is the first one wanted.
  // The filters are one at least; a record passes that any of them matches.
  StoredLogReader(model::DeviceId log_device, model::Epoch epoch, model::EventId first,
                  model::EventId last, model::EventId from, std::vector<RecordFilter> filters);

  // The next records that pass, encoded, ascending; perhaps none. Never after done(). kNotFound:
  // the store has not, or not any more, everything that the device holds, as the device has it:
  // then the device must be asked, from next_id() on. Other errors: those of EventStore.
  absl::StatusOr<std::vector<std::string>> Next(ports::EventStore& store, std::stop_token stop);

  bool done() const { return done_; }
  // The lowest ID that has not been looked at.
  model::EventId next_id() const { return next_id_; }

 private:
  absl::Status CheckWhole(ports::EventStore& store);
  // How many records from first_ on are unreadable before `end`; kNotFound where others are
  // missing.
  absl::StatusOr<std::uint64_t> CountUnreadable(ports::EventStore& store, model::EventId end);
  absl::StatusOr<ports::StoredEvent> OldestOf(ports::EventStore& store);

  const model::DeviceId log_device_;
  const model::Epoch epoch_;
  const model::EventId first_;
  const model::EventId last_;
  const std::vector<RecordFilter> filters_;
  ports::EventQuery query_;
  std::uint64_t oldest_seq_ = 0;  // of the records that the device holds; 0: not looked for yet
  model::EventId next_id_;
  bool done_ = false;
};

}  // namespace gatelog::core
