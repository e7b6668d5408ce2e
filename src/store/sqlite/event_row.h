#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "ports/event_store.h"
#include "store/sqlite/sqlite_database.h"

namespace gatelog::store {

// Bits of event.flags.
inline constexpr std::int64_t kFlagHasImage = 1;
inline constexpr std::int64_t kFlagChangedOnDevice = 2;
inline constexpr std::int64_t kFlagErased = 4;  // the personal part was taken out

// The columns by which rows of the table event are read.
inline constexpr char kEventColumns[] =
    "seq, log_device, epoch, id, timestamp, device, code, sub_code, person, entity, tna_key, "
    "flags, temperature, arrival_ms, phase, payload";
enum EventColumn : int {
  kSeqColumn,
  kLogDeviceColumn,
  kEpochColumn,
  kIdColumn,
  kTimestampColumn,
  kDeviceColumn,
  kCodeColumn,
  kSubCodeColumn,
  kPersonColumn,
  kEntityColumn,
  kTnaKeyColumn,
  kFlagsColumn,
  kTemperatureColumn,
  kArrivalColumn,
  kPhaseColumn,
  kPayloadColumn,
};

// Columns by their bits.
using EventColumns = std::uint32_t;
constexpr EventColumns Bit(EventColumn column) { return EventColumns{1} << column; }
// What EventOfRow reads.
inline constexpr EventColumns kColumnsOfEvent = Bit(kLogDeviceColumn) | Bit(kEpochColumn) |
                                                Bit(kFlagsColumn) | Bit(kArrivalColumn) |
                                                Bit(kPhaseColumn) | Bit(kPayloadColumn);
// kEventColumns, with NULL for those that are not asked for, which costs less than to take them out
// of the row. seq is always there.
std::string SomeEventColumns(EventColumns columns);

inline std::uint64_t SeqOf(const Statement& row) {
  return static_cast<std::uint64_t>(row.Integer(kSeqColumn));
}

// kDataLoss: the record cannot be read, which with the payload alone it need not be.
absl::StatusOr<ports::StoredEvent> EventOfRow(const Database& database, const Statement& row,
                                              bool payload_alone = false);

}  // namespace gatelog::store
