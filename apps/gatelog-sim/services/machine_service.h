#pragma once

#include "apps/gatelog-sim/services/service.h"
#include "gsdk/device.pb.h"

namespace gatelog::sim {

// gsdk.device.Device as far as it is the terminal's own doing; what it is and can do the gateway
// knows from its greeting. A locked terminal refuses people until it is unlocked. Reboot,
// FactoryReset and ResetConfig with the network end the link, after the answer.
class MachineService final : public TypedService<MachineService> {
 public:
  using TypedService::TypedService;
  static std::span<const Method> Methods();

 private:
  absl::StatusOr<gsdk::device::LockResponse> Lock(const gsdk::device::LockRequest& request);
  absl::StatusOr<gsdk::device::UnlockResponse> Unlock(const gsdk::device::UnlockRequest& request);
  absl::StatusOr<gsdk::device::RebootResponse> Reboot(const gsdk::device::RebootRequest& request);
  absl::StatusOr<gsdk::device::FactoryResetResponse> FactoryReset(
      const gsdk::device::FactoryResetRequest& request);
  absl::StatusOr<gsdk::device::ClearDBResponse> ClearDB(
      const gsdk::device::ClearDBRequest& request);
  absl::StatusOr<gsdk::device::ResetConfigResponse> ResetConfig(
      const gsdk::device::ResetConfigRequest& request);

  absl::Status SetLocked(bool locked);
};

}  // namespace gatelog::sim
