#include "store/sqlite/event_row.h"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "model/event.h"

namespace gatelog::store {

std::string SomeEventColumns(EventColumns columns) {
  std::string_view left = kEventColumns;
  std::string some;
  for (int column = kSeqColumn; column <= kPayloadColumn; ++column) {
    const std::string_view name = left.substr(0, left.find(", "));
    if (column != kSeqColumn) some += ", ";
    const bool wanted = column == kSeqColumn || (columns >> column & 1) != 0;
    some += wanted ? name : std::string_view("NULL");
    left.remove_prefix(std::min(left.size(), name.size() + 2));
  }
  return some;
}

absl::StatusOr<ports::StoredEvent> EventOfRow(const Database& database, const Statement& row,
                                              bool payload_alone) {
  ports::StoredEvent stored;
  stored.seq = SeqOf(row);
  stored.log_device = static_cast<model::DeviceId>(row.Integer(kLogDeviceColumn));
  stored.epoch = static_cast<model::Epoch>(row.Integer(kEpochColumn));
  stored.arrival = Timestamp(std::chrono::milliseconds(row.Integer(kArrivalColumn)));
  stored.phase = static_cast<ports::Phase>(row.Integer(kPhaseColumn));
  stored.erased = (row.Integer(kFlagsColumn) & kFlagErased) != 0;
  // Passed on, bytes that are no message would spoil the answer that they are in.
  const std::string_view payload = row.Bytes(kPayloadColumn);
  if (payload_alone && model::ParseEventId(payload) != 0) {
    stored.event.payload.assign(payload);
    return stored;
  }
  absl::StatusOr<model::Event> event = model::ParseEvent(payload);
  if (!event.ok()) {
    return absl::DataLossError(absl::StrCat(database.path(), " is damaged (event ", stored.seq,
                                            ": ", event.status().message(),
                                            "); keep a copy of it and restore a backup."));
  }
  stored.event = *std::move(event);
  return stored;
}

}  // namespace gatelog::store
