#pragma once

#include <span>

#include "apps/gatelog-sim/services/service.h"
#include "gsdk/tna.pb.h"

namespace gatelog::sim {

// gsdk.tna.TNA: which time-and-attendance key events get; see EventRules. Logs of them are the
// gateway's. kUnimplemented at a terminal without keys.
class TnaService : public TypedService<TnaService> {
 public:
  using TypedService::TypedService;

  absl::StatusOr<gsdk::tna::GetConfigResponse> GetConfig(
      const gsdk::tna::GetConfigRequest& request);
  // kInvalidArgument if it names a schedule that the terminal does not have.
  absl::StatusOr<gsdk::tna::SetConfigResponse> SetConfig(
      const gsdk::tna::SetConfigRequest& request);

  static std::span<const Method> Methods();

 private:
  absl::Status Check(const gsdk::tna::TNAConfig& config);
};

}  // namespace gatelog::sim
