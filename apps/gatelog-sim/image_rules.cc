#include "apps/gatelog-sim/image_rules.h"

#include <algorithm>

#include "base/status_macros.h"
#include "gsdk/event.pb.h"

namespace gatelog::sim {

absl::StatusOr<ImageRules> ImageRules::Read(SettingStore& store, std::uint32_t device,
                                            const std::string& filters) {
  ImageRules result;
  gsdk::event::SetImageFilterRequest decoded;
  if (!decoded.ParseFromString(filters)) return result;
  std::vector<std::uint32_t> named;
  for (const gsdk::event::ImageFilter& filter : decoded.filters()) {
    result.rules_.push_back({filter.eventcode(), filter.scheduleid()});
    named.push_back(filter.scheduleid());
  }
  GATELOG_ASSIGN_OR_RETURN(result.schedules_, NamedSchedules::Read(store, device, named));
  return result;
}

bool ImageRules::Wants(std::uint32_t code, std::int64_t local_s) const {
  return std::any_of(rules_.begin(), rules_.end(), [&](const Rule& rule) {
    return rule.code == code && schedules_.Hold(rule.schedule, local_s);
  });
}

bool ImageRules::Names(std::uint32_t schedule) const {
  return std::any_of(rules_.begin(), rules_.end(),
                     [&](const Rule& rule) { return rule.schedule == schedule; });
}

}  // namespace gatelog::sim
