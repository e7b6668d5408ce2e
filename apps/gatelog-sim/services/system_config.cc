#include "apps/gatelog-sim/services/system_config.h"

#include "absl/strings/str_cat.h"
#include "apps/gatelog-sim/event_rules.h"
#include "apps/gatelog-sim/local_time.h"
#include "apps/gatelog-sim/setting_names.h"
#include "base/status_macros.h"

namespace gatelog::sim {
namespace {

constexpr std::uint32_t kTimeZoneSet = 0x3201;
constexpr std::uint32_t kLocked = 0x3700;
constexpr std::uint32_t kUnlocked = 0x3800;

}  // namespace

absl::StatusOr<gsdk::system::SystemConfig> ReadSystemConfig(Terminal& terminal) {
  return ReadSetting(terminal.store(), terminal.id(), setting::kSystem, DefaultSystemConfig());
}

absl::Status SaveSystemConfig(Terminal& terminal, const gsdk::system::SystemConfig& config) {
  GATELOG_RETURN_IF_ERROR(CheckTimeZone(config.timezone()));
  if (!gsdk::system::CameraFrequency_IsValid(config.camerafrequency())) {
    return absl::InvalidArgumentError(absl::StrCat(
        "There is no camera frequency ", static_cast<int>(config.camerafrequency()), "."));
  }
  GATELOG_ASSIGN_OR_RETURN(const gsdk::system::SystemConfig before, ReadSystemConfig(terminal));
  return terminal.Change([&]() -> absl::Status {
    GATELOG_RETURN_IF_ERROR(terminal.store().Save(terminal.id(), SettingStore::Area::kConfig,
                                                  setting::kSystem, config.SerializeAsString()));
    if (config.timezone() != before.timezone()) {
      GATELOG_RETURN_IF_ERROR(terminal.StageCode(kTimeZoneSet));
    }
    if (config.islocked() == before.islocked()) return absl::OkStatus();
    return terminal.StageCode(config.islocked() ? kLocked : kUnlocked);
  });
}

}  // namespace gatelog::sim
