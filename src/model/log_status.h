#pragma once

#include "model/identity.h"

namespace gatelog::model {

// What a device's log holds at one moment. An empty log has first 0; last may then still name the
// last ID given out.
struct LogStatus {
  EventId first = 0;
  EventId last = 0;
  Generation generation = 0;

  bool empty() const { return first == 0; }
  bool operator==(const LogStatus&) const = default;
};

}  // namespace gatelog::model
