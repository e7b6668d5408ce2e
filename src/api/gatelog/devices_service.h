#pragma once

#include "base/clock.h"
#include "base/executor.h"
#include "core/fleet/fleet.h"
#include "gatelog/v1/devices.grpc.pb.h"

namespace gatelog::api {

// gatelog.v1.Devices: the devices that the gateway collects from.
//
// gRPC calls it on its own threads; all work is posted to the loop. Everything it is given must
// outlive the server.
class DevicesService final : public gatelog::v1::Devices::CallbackService {
 public:
  DevicesService(TimedExecutor& loop, core::Fleet& fleet, const Clock& clock)
      : loop_(loop), fleet_(fleet), clock_(clock) {}

 private:
  using Context = grpc::CallbackServerContext;
  using Unary = grpc::ServerUnaryReactor;

  Unary* Add(Context* context, const gatelog::v1::AddRequest* request,
             gatelog::v1::AddResponse* response) override;
  Unary* Remove(Context* context, const gatelog::v1::RemoveRequest* request,
                gatelog::v1::RemoveResponse* response) override;
  Unary* List(Context* context, const gatelog::v1::ListRequest* request,
              gatelog::v1::ListResponse* response) override;
  Unary* GetAcceptance(Context* context, const gatelog::v1::GetAcceptanceRequest* request,
                       gatelog::v1::Acceptance* response) override;
  Unary* ChangeAcceptance(Context* context, const gatelog::v1::ChangeAcceptanceRequest* request,
                          gatelog::v1::Acceptance* response) override;

  TimedExecutor& loop_;
  core::Fleet& fleet_;
  const Clock& clock_;
};

}  // namespace gatelog::api
