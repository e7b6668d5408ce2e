#pragma once

#include "apps/gatelog-sim/services/service.h"
#include "gsdk/system.pb.h"
#include "gsdk/time.pb.h"

namespace gatelog::sim {

// gsdk.time.Time: the terminal's clock, its zone and daylight saving time. Setting the clock writes
// 0x3200, another zone 0x3201, another daylight saving time 0x3202. Zone and syncWithServer are
// those of the system's settings. syncWithServer is kept and does nothing: no gateway tells a
// terminal the time by itself.
class TimeService final : public TypedService<TimeService> {
 public:
  using TypedService::TypedService;
  static std::span<const Method> Methods();

 private:
  absl::StatusOr<gsdk::time::GetResponse> Get(const gsdk::time::GetRequest& request);
  absl::StatusOr<gsdk::time::SetResponse> Set(const gsdk::time::SetRequest& request);
  absl::StatusOr<gsdk::time::GetConfigResponse> GetConfig(
      const gsdk::time::GetConfigRequest& request);
  absl::StatusOr<gsdk::time::SetConfigResponse> SetConfig(
      const gsdk::time::SetConfigRequest& request);
  absl::StatusOr<gsdk::time::GetDSTConfigResponse> GetDSTConfig(
      const gsdk::time::GetDSTConfigRequest& request);
  absl::StatusOr<gsdk::time::SetDSTConfigResponse> SetDSTConfig(
      const gsdk::time::SetDSTConfigRequest& request);
};

// gsdk.system.System: settings of the terminal as a whole.
class SystemService final : public TypedService<SystemService> {
 public:
  using TypedService::TypedService;
  static std::span<const Method> Methods();

 private:
  absl::StatusOr<gsdk::system::GetConfigResponse> GetConfig(
      const gsdk::system::GetConfigRequest& request);
  absl::StatusOr<gsdk::system::SetConfigResponse> SetConfig(
      const gsdk::system::SetConfigRequest& request);
};

}  // namespace gatelog::sim
