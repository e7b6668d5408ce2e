#include "api/gsdk/device_service.h"

#include <utility>

#include "api/rpc/call.h"
#include "gsdk/device.pb.h"

namespace gatelog::api {
namespace {

namespace dv = gsdk::device;

absl::Status Unreadable() {
  return absl::InternalError("The device described its capabilities in a way that cannot be read.");
}

absl::Status FillInfo(const model::DeviceIdentity& identity, dv::GetInfoResponse& reply) {
  dv::FactoryInfo* info = reply.mutable_info();
  info->set_macaddr(identity.mac_address);
  info->set_modelname(identity.model_name);
  info->set_firmwareversion(identity.firmware_version);
  info->set_kernelversion(identity.kernel_version);
  info->set_bscoreversion(identity.core_version);
  info->set_boardversion(identity.board_version);
  return absl::OkStatus();
}

// Parsing keeps fields that this API version does not know, so the device's bytes arrive as they
// were sent.
absl::Status FillCapability(const model::DeviceIdentity& identity,
                            dv::GetCapabilityResponse& reply) {
  return reply.mutable_devicecapability()->ParseFromString(identity.device_capability)
             ? absl::OkStatus()
             : Unreadable();
}

absl::Status FillCapabilityInfo(const model::DeviceIdentity& identity,
                                dv::GetCapabilityInfoResponse& reply) {
  dv::CapabilityInfo* info = reply.mutable_capinfo();
  if (!info->ParseFromString(identity.capability_info)) return Unreadable();
  if (identity.capability_info.empty()) {  // the little that every link tells
    info->set_type(static_cast<dv::Type>(identity.type));
    info->set_imagelogsupported(identity.image_logs);
  }
  return absl::OkStatus();
}

// A handler that replies with what `fill` makes of the identity that the linked device told.
template <typename Request, typename Response>
auto FromIdentity(TimedExecutor& loop, core::Fleet& fleet,
                  absl::Status (*fill)(const model::DeviceIdentity&, Response&)) {
  return [&loop, &fleet, fill](const Request* request, Response* response) {
    return StartCallOn(
        loop, *request, response, [&fleet, fill](const Request& wanted, UnaryCall<Response> call) {
          const absl::StatusOr<ports::DeviceLink*> link = fleet.Link(wanted.deviceid());
          if (!link.ok()) return call.Finish(link.status());
          Response reply;
          if (absl::Status filled = fill((*link)->identity(), reply); !filled.ok())
            return call.Finish(filled);
          call.Reply(std::move(reply));
        });
  };
}

}  // namespace

DeviceService::DeviceService(TimedExecutor& loop, core::DeviceCalls& calls, core::Fleet& fleet)
    : ForwardedService(loop, calls,
                       *dv::FactoryInfo::descriptor()->file()->FindServiceByName("Device"),
                       {.served = {"GetInfo", "GetCapability", "GetCapabilityInfo"},
                        .lengthy = {"FactoryReset", "ClearDB", "ResetConfig", "UpgradeFirmware"}}) {
  Serve<dv::GetInfoRequest, dv::GetInfoResponse>(
      "GetInfo", FromIdentity<dv::GetInfoRequest>(loop, fleet, FillInfo));
  Serve<dv::GetCapabilityRequest, dv::GetCapabilityResponse>(
      "GetCapability", FromIdentity<dv::GetCapabilityRequest>(loop, fleet, FillCapability));
  Serve<dv::GetCapabilityInfoRequest, dv::GetCapabilityInfoResponse>(
      "GetCapabilityInfo",
      FromIdentity<dv::GetCapabilityInfoRequest>(loop, fleet, FillCapabilityInfo));
}

}  // namespace gatelog::api
