#include "apps/gatelog-sim/services/tna_service.h"

#include "apps/gatelog-sim/event_rules.h"
#include "apps/gatelog-sim/named_schedules.h"
#include "apps/gatelog-sim/services/config_checks.h"
#include "apps/gatelog-sim/setting_names.h"
#include "base/status_macros.h"

namespace gatelog::sim {
namespace {

namespace api = gsdk::tna;

constexpr int kKeysMax = api::MAX_TNA_KEYS;
constexpr std::size_t kLabelSizeMax = api::MAX_TNA_LABEL_LENGTH;  // bytes

absl::Status NoKeys() {
  return absl::UnimplementedError(
      "This terminal has no time-and-attendance keys (TNASupported is false).");
}

}  // namespace

std::span<const TnaService::Method> TnaService::Methods() {
  static constexpr Method kMethods[] = {
      {"GetConfig", &Serve<&TnaService::GetConfig>},
      {"SetConfig", &Serve<&TnaService::SetConfig>},
  };
  return kMethods;
}

absl::Status TnaService::Check(const api::TNAConfig& config) {
  GATELOG_RETURN_IF_ERROR(CheckEnum("mode", config.mode(), api::Mode_IsValid));
  GATELOG_RETURN_IF_ERROR(CheckEnum(
      "key", config.key(), [](int key) { return key >= api::UNSPECIFIED && key <= kKeysMax; }));
  if (config.mode() == api::FIXED && config.key() == api::UNSPECIFIED)
    return absl::InvalidArgumentError("The mode FIXED needs a key.");
  if (config.labels_size() > kKeysMax || config.schedules_size() > kKeysMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("There are ", kKeysMax, " keys, and so many labels and schedules at most."));
  }
  for (const std::string& label : config.labels()) {
    if (label.size() > kLabelSizeMax) {
      return absl::InvalidArgumentError(absl::StrCat(
          "A key's label has ", kLabelSizeMax, " bytes at most; one has ", label.size(), "."));
    }
  }
  for (const std::uint32_t schedule : config.schedules()) {
    GATELOG_ASSIGN_OR_RETURN(const bool there,
                             HasSchedule(terminal_.store(), terminal_.id(), schedule));
    if (!there) {
      return absl::InvalidArgumentError(
          absl::StrCat("This terminal has no schedule ", schedule, "."));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<api::GetConfigResponse> TnaService::GetConfig(const api::GetConfigRequest&) {
  if (!terminal_.place().time_attendance) return NoKeys();
  api::GetConfigResponse response;
  GATELOG_ASSIGN_OR_RETURN(*response.mutable_config(),
                           Read(setting::kTna, DefaultTnaConfig(terminal_.place())));
  return response;
}

absl::StatusOr<api::SetConfigResponse> TnaService::SetConfig(const api::SetConfigRequest& request) {
  if (!terminal_.place().time_attendance) return NoKeys();
  GATELOG_RETURN_IF_ERROR(Check(request.config()));
  GATELOG_RETURN_IF_ERROR(terminal_.Change(
      [&] { return Write(SettingStore::Area::kConfig, setting::kTna, request.config()); }));
  return api::SetConfigResponse();
}

}  // namespace gatelog::sim
