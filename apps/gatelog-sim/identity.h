#pragma once

#include "apps/gatelog-sim/device_log.h"
#include "apps/gatelog-sim/site.h"
#include "terminal/v1/link.pb.h"

namespace gatelog::sim {

// What the terminal says of itself. Capabilities are those that the simulator really has behind the
// link.
terminal::v1::Identity MakeIdentity(const Place& place, DeviceLog::Limits limits, bool images);

}  // namespace gatelog::sim
