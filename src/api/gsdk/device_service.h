#pragma once

#include "api/rpc/partly_served.h"
#include "base/executor.h"
#include "core/fleet/fleet.h"
#include "gsdk/device.grpc.pb.h"

namespace gatelog::api {

// gsdk.device.Device: what a linked device says of itself. What would change a device is not
// served.
//
// gRPC calls it on its own threads; all work is posted to the loop. Everything it is given must
// outlive the server.
class DeviceService final : public PartlyServed<gsdk::device::Device::CallbackService> {
 public:
  DeviceService(TimedExecutor& loop, core::Fleet& fleet);

 private:
  using Context = grpc::CallbackServerContext;
  using Unary = grpc::ServerUnaryReactor;

  Unary* GetInfo(Context* context, const gsdk::device::GetInfoRequest* request,
                 gsdk::device::GetInfoResponse* response) override;
  Unary* GetCapability(Context* context, const gsdk::device::GetCapabilityRequest* request,
                       gsdk::device::GetCapabilityResponse* response) override;
  Unary* GetCapabilityInfo(Context* context, const gsdk::device::GetCapabilityInfoRequest* request,
                           gsdk::device::GetCapabilityInfoResponse* response) override;

  TimedExecutor& loop_;
  core::Fleet& fleet_;
};

}  // namespace gatelog::api
