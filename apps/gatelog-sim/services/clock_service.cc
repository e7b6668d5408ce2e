#include "apps/gatelog-sim/services/clock_service.h"

#include <limits>

#include "apps/gatelog-sim/local_time.h"
#include "apps/gatelog-sim/services/system_config.h"
#include "apps/gatelog-sim/setting_names.h"
#include "base/status_macros.h"

namespace gatelog::sim {
namespace {

namespace time = gsdk::time;
namespace sys = gsdk::system;

constexpr std::uint32_t kDaylightSavingSet = 0x3202;

}  // namespace

std::span<const TimeService::Method> TimeService::Methods() {
  static constexpr Method kMethods[] = {
      {"Get", &Serve<&TimeService::Get>},
      {"Set", &Serve<&TimeService::Set>},
      {"GetConfig", &Serve<&TimeService::GetConfig>},
      {"SetConfig", &Serve<&TimeService::SetConfig>},
      {"GetDSTConfig", &Serve<&TimeService::GetDSTConfig>},
      {"SetDSTConfig", &Serve<&TimeService::SetDSTConfig>},
  };
  return kMethods;
}

absl::StatusOr<time::GetResponse> TimeService::Get(const time::GetRequest&) {
  time::GetResponse response;
  response.set_gmttime(static_cast<std::uint64_t>(terminal_.clock_ms() / 1000));
  return response;
}

absl::StatusOr<time::SetResponse> TimeService::Set(const time::SetRequest& request) {
  constexpr std::uint64_t kSecondsMax = std::numeric_limits<std::uint32_t>::max();
  // What is above cannot be shown either way, and would not fit the milliseconds.
  const std::uint64_t utc_s = std::min(request.gmttime(), kSecondsMax + 1);
  GATELOG_RETURN_IF_ERROR(terminal_.SetClock(static_cast<std::int64_t>(utc_s) * 1000));
  return time::SetResponse();
}

absl::StatusOr<time::GetConfigResponse> TimeService::GetConfig(const time::GetConfigRequest&) {
  GATELOG_ASSIGN_OR_RETURN(const sys::SystemConfig system, ReadSystemConfig(terminal_));
  time::GetConfigResponse response;
  response.mutable_config()->set_timezone(system.timezone());
  response.mutable_config()->set_syncwithserver(system.synctime());
  return response;
}

absl::StatusOr<time::SetConfigResponse> TimeService::SetConfig(
    const time::SetConfigRequest& request) {
  GATELOG_ASSIGN_OR_RETURN(sys::SystemConfig system, ReadSystemConfig(terminal_));
  system.set_timezone(request.config().timezone());
  system.set_synctime(request.config().syncwithserver());
  GATELOG_RETURN_IF_ERROR(SaveSystemConfig(terminal_, system));
  return time::SetConfigResponse();
}

absl::StatusOr<time::GetDSTConfigResponse> TimeService::GetDSTConfig(
    const time::GetDSTConfigRequest&) {
  time::GetDSTConfigResponse response;
  GATELOG_ASSIGN_OR_RETURN(*response.mutable_config(),
                           Read<time::DSTConfig>(setting::kDaylightSaving));
  return response;
}

absl::StatusOr<time::SetDSTConfigResponse> TimeService::SetDSTConfig(
    const time::SetDSTConfigRequest& request) {
  const time::DSTConfig& config = request.config();
  GATELOG_RETURN_IF_ERROR(CheckDaylightSaving(config));
  GATELOG_ASSIGN_OR_RETURN(const time::DSTConfig before,
                           Read<time::DSTConfig>(setting::kDaylightSaving));
  if (config.SerializeAsString() == before.SerializeAsString()) return time::SetDSTConfigResponse();
  const absl::Status changed = terminal_.Change([&]() -> absl::Status {
    GATELOG_RETURN_IF_ERROR(Write(SettingStore::Area::kConfig, setting::kDaylightSaving, config));
    return terminal_.StageCode(kDaylightSavingSet);
  });
  if (!changed.ok()) return changed;
  return time::SetDSTConfigResponse();
}

std::span<const SystemService::Method> SystemService::Methods() {
  static constexpr Method kMethods[] = {
      {"GetConfig", &Serve<&SystemService::GetConfig>},
      {"SetConfig", &Serve<&SystemService::SetConfig>},
  };
  return kMethods;
}

absl::StatusOr<sys::GetConfigResponse> SystemService::GetConfig(const sys::GetConfigRequest&) {
  sys::GetConfigResponse response;
  GATELOG_ASSIGN_OR_RETURN(*response.mutable_config(), ReadSystemConfig(terminal_));
  return response;
}

absl::StatusOr<sys::SetConfigResponse> SystemService::SetConfig(
    const sys::SetConfigRequest& request) {
  GATELOG_RETURN_IF_ERROR(SaveSystemConfig(terminal_, request.config()));
  return sys::SetConfigResponse();
}

}  // namespace gatelog::sim
