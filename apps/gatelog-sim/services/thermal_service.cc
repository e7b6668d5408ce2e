#include "apps/gatelog-sim/services/thermal_service.h"

#include "apps/gatelog-sim/event_rules.h"
#include "apps/gatelog-sim/services/config_checks.h"
#include "apps/gatelog-sim/setting_names.h"
#include "base/status_macros.h"

namespace gatelog::sim {
namespace {

namespace api = gsdk::thermal;

constexpr std::uint32_t kTemperatureMax = 10'000;  // hundredths of a degree Celsius
constexpr std::uint32_t kPercentMax = 100;

absl::Status NoThermalCamera() {
  return absl::UnimplementedError(
      "This terminal has no thermal camera (thermalSupported is false).");
}

absl::Status Check(const api::ThermalConfig& config) {
  GATELOG_RETURN_IF_ERROR(CheckEnum("checkMode", config.checkmode(), api::CheckMode_IsValid));
  GATELOG_RETURN_IF_ERROR(
      CheckEnum("maskCheckMode", config.maskcheckmode(), api::CheckMode_IsValid));
  GATELOG_RETURN_IF_ERROR(CheckEnum("checkOrder", config.checkorder(), api::CheckOrder_IsValid));
  GATELOG_RETURN_IF_ERROR(
      CheckEnum("temperatureFormat", config.temperatureformat(), api::TemperatureFormat_IsValid));
  GATELOG_RETURN_IF_ERROR(CheckEnum("maskDetectionLevel", config.maskdetectionlevel(),
                                    api::MaskDetectionLevel_IsValid));
  GATELOG_RETURN_IF_ERROR(CheckRange("temperatureThresholdHigh", config.temperaturethresholdhigh(),
                                     config.temperaturethresholdlow(), kTemperatureMax));
  const api::ThermalCamera& camera = config.camera();
  GATELOG_RETURN_IF_ERROR(CheckRange("emissionRate", camera.emissionrate(), 0, kPercentMax));
  const api::ThermalCameraROI& roi = camera.roi();
  GATELOG_RETURN_IF_ERROR(CheckRange(
      "ROI.x + ROI.width", std::int64_t{roi.x()} + std::int64_t{roi.width()}, 0, kPercentMax));
  return CheckRange("ROI.y + ROI.height", std::int64_t{roi.y()} + std::int64_t{roi.height()}, 0,
                    kPercentMax);
}

}  // namespace

std::span<const ThermalService::Method> ThermalService::Methods() {
  static constexpr Method kMethods[] = {
      {"GetConfig", &Serve<&ThermalService::GetConfig>},
      {"SetConfig", &Serve<&ThermalService::SetConfig>},
  };
  return kMethods;
}

absl::StatusOr<api::GetConfigResponse> ThermalService::GetConfig(const api::GetConfigRequest&) {
  if (!terminal_.place().thermal) return NoThermalCamera();
  api::GetConfigResponse response;
  GATELOG_ASSIGN_OR_RETURN(*response.mutable_config(),
                           Read(setting::kThermal, DefaultThermalConfig(terminal_.place())));
  return response;
}

absl::StatusOr<api::SetConfigResponse> ThermalService::SetConfig(
    const api::SetConfigRequest& request) {
  if (!terminal_.place().thermal) return NoThermalCamera();
  GATELOG_RETURN_IF_ERROR(Check(request.config()));
  GATELOG_RETURN_IF_ERROR(terminal_.Change(
      [&] { return Write(SettingStore::Area::kConfig, setting::kThermal, request.config()); }));
  return api::SetConfigResponse();
}

}  // namespace gatelog::sim
