#pragma once

#include <string>

#include "base/clock.h"
#include "model/identity.h"

namespace gatelog::model {

// Why records are not in the store. The numbers are stored: never change one.
enum class GapReason : int {
  kOverwritten = 1,  // the device's log was full and went on without them
  kCleared = 2,      // somebody cleared the device's log
  kAbsent = 3,       // the device has records before and after, but not these
  kUnreadable = 4,   // the device gave bytes that are no event; they are kept in `raw`
  kUnverified = 5,   // overwritten, or from another life of the counter: it cannot be told
};

// "overwritten", "cleared" and so on.
const char* GapReasonName(GapReason reason);

// Records [first, last] of one epoch that could not be stored (G1).
struct Gap {
  DeviceId log_device = 0;
  Epoch epoch = 0;
  EventId first = 0;
  EventId last = 0;
  GapReason reason = GapReason::kAbsent;
  Timestamp found{};
  std::string raw;  // of one unreadable record

  bool operator==(const Gap&) const = default;
};

}  // namespace gatelog::model
