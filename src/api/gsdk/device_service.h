#pragma once

#include "api/gsdk/forwarded_service.h"
#include "base/executor.h"
#include "core/fleet/fleet.h"

namespace gatelog::api {

// gsdk.device.Device: what a linked device said of itself, and commands that it is given. A command
// that restarts the device ends its link: the call is answered before, and the fleet links it
// again.
//
// gRPC calls it on its own threads; all work is posted to the loop. Everything it is given must
// outlive the server.
class DeviceService final : public ForwardedService {
 public:
  DeviceService(TimedExecutor& loop, core::DeviceCalls& calls, core::Fleet& fleet);
};

}  // namespace gatelog::api
