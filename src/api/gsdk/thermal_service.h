#pragma once

#include "api/gsdk/forwarded_service.h"
#include "base/executor.h"
#include "core/access/log_access.h"

namespace gatelog::api {

// gsdk.thermal.Thermal: the records of a device's log that carry a temperature, under their IDs in
// the log; the settings are the device's own.
//
// gRPC calls it on its own threads; all work is posted to the loop. Everything it is given must
// outlive the server.
class ThermalService final : public ForwardedService {
 public:
  ThermalService(TimedExecutor& loop, core::DeviceCalls& calls, core::LogAccess& access);
};

}  // namespace gatelog::api
