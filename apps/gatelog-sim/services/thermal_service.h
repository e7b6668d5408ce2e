#pragma once

#include <span>

#include "apps/gatelog-sim/services/service.h"
#include "gsdk/thermal.pb.h"

namespace gatelog::sim {

// gsdk.thermal.Thermal: whether temperatures are measured, and what follows; see EventRules. The
// log of them is the gateway's. kUnimplemented at a terminal without a thermal camera.
class ThermalService : public TypedService<ThermalService> {
 public:
  using TypedService::TypedService;

  absl::StatusOr<gsdk::thermal::GetConfigResponse> GetConfig(
      const gsdk::thermal::GetConfigRequest& request);
  absl::StatusOr<gsdk::thermal::SetConfigResponse> SetConfig(
      const gsdk::thermal::SetConfigRequest& request);

  static std::span<const Method> Methods();
};

}  // namespace gatelog::sim
