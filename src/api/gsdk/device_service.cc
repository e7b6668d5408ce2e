#include "api/gsdk/device_service.h"

#include <utility>

#include "api/rpc/call.h"

namespace gatelog::api {
namespace {

namespace dv = gsdk::device;

absl::Status Unreadable() {
  return absl::InternalError("The device described its capabilities in a way that cannot be read.");
}

// Replies with what `fill(identity, reply)` makes of the identity that the linked device told.
template <typename Request, typename Response, typename Fill>
grpc::ServerUnaryReactor* FromIdentity(TimedExecutor& loop, core::Fleet& fleet,
                                       const Request& request, Response* response, Fill fill) {
  return StartCallOn(
      loop, request, response, [&fleet, fill](const Request& wanted, UnaryCall<Response> call) {
        const absl::StatusOr<ports::DeviceLink*> link = fleet.Link(wanted.deviceid());
        if (!link.ok()) return call.Finish(link.status());
        Response reply;
        if (absl::Status filled = fill((*link)->identity(), reply); !filled.ok())
          return call.Finish(filled);
        call.Reply(std::move(reply));
      });
}

}  // namespace

DeviceService::DeviceService(TimedExecutor& loop, core::Fleet& fleet) : loop_(loop), fleet_(fleet) {
  RefuseAllBut("gsdk.device.Device", {"GetInfo", "GetCapability", "GetCapabilityInfo"},
               "it reads devices' logs and does not change devices");
}

DeviceService::Unary* DeviceService::GetInfo(Context*, const dv::GetInfoRequest* request,
                                             dv::GetInfoResponse* response) {
  return FromIdentity(loop_, fleet_, *request, response,
                      [](const model::DeviceIdentity& identity, dv::GetInfoResponse& reply) {
                        dv::FactoryInfo* info = reply.mutable_info();
                        info->set_macaddr(identity.mac_address);
                        info->set_modelname(identity.model_name);
                        info->set_firmwareversion(identity.firmware_version);
                        info->set_kernelversion(identity.kernel_version);
                        info->set_bscoreversion(identity.core_version);
                        info->set_boardversion(identity.board_version);
                        return absl::OkStatus();
                      });
}

DeviceService::Unary* DeviceService::GetCapability(Context*,
                                                   const dv::GetCapabilityRequest* request,
                                                   dv::GetCapabilityResponse* response) {
  // Parsing keeps fields that this API version does not know, so the device's bytes arrive as they
  // were sent.
  return FromIdentity(
      loop_, fleet_, *request, response,
      [](const model::DeviceIdentity& identity, dv::GetCapabilityResponse& reply) {
        return reply.mutable_devicecapability()->ParseFromString(identity.device_capability)
                   ? absl::OkStatus()
                   : Unreadable();
      });
}

DeviceService::Unary* DeviceService::GetCapabilityInfo(Context*,
                                                       const dv::GetCapabilityInfoRequest* request,
                                                       dv::GetCapabilityInfoResponse* response) {
  return FromIdentity(
      loop_, fleet_, *request, response,
      [](const model::DeviceIdentity& identity, dv::GetCapabilityInfoResponse& reply) {
        dv::CapabilityInfo* info = reply.mutable_capinfo();
        if (!info->ParseFromString(identity.capability_info)) return Unreadable();
        if (identity.capability_info.empty()) {  // the little that every link tells
          info->set_type(static_cast<dv::Type>(identity.type));
          info->set_imagelogsupported(identity.image_logs);
        }
        return absl::OkStatus();
      });
}

}  // namespace gatelog::api
