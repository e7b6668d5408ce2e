#pragma once

#include <cstdint>
#include <limits>

#include "model/identity.h"

namespace gatelog::store {

// What events are found by. The numbers are stored: never change one.
enum class ListKind : int {
  kPerson = 1,  // event.person
  kCode = 2,    // code << 8 | sub code
  kLog = 3,     // log device and epoch, as LogKey; with the IDs
  kDevice = 4,  // event.device, of events whose device is not their log device
  kImage = 5,   // as kLog, of events that say they have an image
  kHour = 6,    // event.timestamp in hours since 1970
};

inline constexpr ListKind kListKinds[] = {ListKind::kPerson, ListKind::kCode,  ListKind::kLog,
                                          ListKind::kDevice, ListKind::kImage, ListKind::kHour};

inline constexpr std::uint32_t kHourSeconds = 3'600;
inline constexpr std::uint32_t kHoursPerDay = 24;

// Whether the lists of the kind tell the records' IDs.
constexpr bool HasIds(ListKind kind) { return kind == ListKind::kLog || kind == ListKind::kImage; }

constexpr std::int64_t LogKey(model::DeviceId log_device, model::Epoch epoch) {
  return static_cast<std::int64_t>(std::uint64_t{log_device} << 32 | epoch);
}

constexpr std::int64_t CodeKey(std::uint32_t code, std::uint32_t sub_code) {
  return static_cast<std::int64_t>(std::uint64_t{code} << 8 | (sub_code & 0xFF));
}

// Keys of one kind, both ends in it.
struct KeyRange {
  ListKind kind = ListKind::kPerson;
  std::int64_t first = 0;
  std::int64_t last = 0;
};

constexpr KeyRange LogKeys(ListKind kind, model::DeviceId log_device) {
  return {kind, LogKey(log_device, 0),
          LogKey(log_device, std::numeric_limits<model::Epoch>::max())};
}

constexpr KeyRange AllKeys(ListKind kind) {
  return {kind, std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()};
}

}  // namespace gatelog::store
