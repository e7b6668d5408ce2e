#pragma once

#include "base/executor.h"
#include "core/sealing/sealing.h"
#include "gatelog/v1/store.grpc.pb.h"

namespace gatelog::api {

// gatelog.v1.Store: care for the store of a running gateway.
//
// gRPC calls it on its own threads; all work is posted to the loop. Everything it is given must
// outlive the server.
class StoreService final : public gatelog::v1::Store::CallbackService {
 public:
  StoreService(TimedExecutor& loop, core::Sealing& sealing) : loop_(loop), sealing_(sealing) {}

 private:
  grpc::ServerUnaryReactor* Forget(grpc::CallbackServerContext* context,
                                   const gatelog::v1::ForgetRequest* request,
                                   gatelog::v1::ForgetResponse* response) override;

  TimedExecutor& loop_;
  core::Sealing& sealing_;
};

}  // namespace gatelog::api
