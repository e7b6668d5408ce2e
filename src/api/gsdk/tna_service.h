#pragma once

#include "api/gsdk/forwarded_service.h"
#include "base/executor.h"
#include "core/access/log_access.h"

namespace gatelog::api {

// gsdk.tna.TNA: the records of a device's log that carry a time-and-attendance key or a job code,
// under their IDs in the log; the settings are the device's own.
//
// gRPC calls it on its own threads; all work is posted to the loop. Everything it is given must
// outlive the server.
class TnaService final : public ForwardedService {
 public:
  TnaService(TimedExecutor& loop, core::DeviceCalls& calls, core::LogAccess& access);
};

}  // namespace gatelog::api
