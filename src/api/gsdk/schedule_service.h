#pragma once

#include "api/rpc/partly_served.h"
#include "gsdk/schedule.grpc.pb.h"

namespace gatelog::api {

// gsdk.schedule.Schedule: not served; clients hear so in a sentence. Image filters know the
// schedules 0 (never) and 1 (always).
class ScheduleService final : public PartlyServed<gsdk::schedule::Schedule::CallbackService> {
 public:
  ScheduleService() {
    RefuseAllBut("gsdk.schedule.Schedule", {},
                 "it knows the schedules 0 (never) and 1 (always) only");
  }
};

}  // namespace gatelog::api
