#pragma once

#include "api/rpc/partly_served.h"
#include "base/executor.h"
#include "core/access/log_access.h"
#include "gsdk/tna.grpc.pb.h"

namespace gatelog::api {

// gsdk.tna.TNA: the records of a device's log that carry a time-and-attendance key. Their IDs are
// those of the log.
//
// gRPC calls it on its own threads; all work is posted to the loop. Everything it is given must
// outlive the server.
class TnaService final : public PartlyServed<gsdk::tna::TNA::CallbackService> {
 public:
  TnaService(TimedExecutor& loop, core::LogAccess& access);

 private:
  grpc::ServerUnaryReactor* GetTNALog(grpc::CallbackServerContext* context,
                                      const gsdk::tna::GetTNALogRequest* request,
                                      gsdk::tna::GetTNALogResponse* response) override;

  TimedExecutor& loop_;
  core::LogAccess& access_;
};

}  // namespace gatelog::api
