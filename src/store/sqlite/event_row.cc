#include "store/sqlite/event_row.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "model/event.h"

namespace gatelog::store {

absl::StatusOr<ports::StoredEvent> EventOfRow(const Database& database, const Statement& row) {
  ports::StoredEvent stored;
  stored.seq = SeqOf(row);
  stored.log_device = static_cast<model::DeviceId>(row.Integer(kLogDeviceColumn));
  stored.epoch = static_cast<model::Epoch>(row.Integer(kEpochColumn));
  stored.arrival = Timestamp(std::chrono::milliseconds(row.Integer(kArrivalColumn)));
  stored.phase = static_cast<ports::Phase>(row.Integer(kPhaseColumn));
  stored.erased = (row.Integer(kFlagsColumn) & kFlagErased) != 0;
  absl::StatusOr<model::Event> event = model::ParseEvent(row.Bytes(kPayloadColumn));
  if (!event.ok()) {
    return absl::DataLossError(absl::StrCat(database.path(), " is damaged (event ", stored.seq,
                                            ": ", event.status().message(),
                                            "); keep a copy of it and restore a backup."));
  }
  stored.event = *std::move(event);
  return stored;
}

}  // namespace gatelog::store
