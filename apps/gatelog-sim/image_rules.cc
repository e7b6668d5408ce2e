#include "apps/gatelog-sim/image_rules.h"

#include <algorithm>

#include "apps/gatelog-sim/services/schedule_rules.h"
#include "apps/gatelog-sim/setting_names.h"
#include "base/status_macros.h"
#include "gsdk/event.pb.h"

namespace gatelog::sim {
namespace {

bool IsGiven(std::uint32_t schedule) {
  return schedule == kScheduleNever || schedule == kScheduleAlways;
}

}  // namespace

absl::StatusOr<ImageRules> ImageRules::Read(SettingStore& store, std::uint32_t device,
                                            const std::string& filters) {
  ImageRules result;
  gsdk::event::SetImageFilterRequest decoded;
  if (!decoded.ParseFromString(filters)) return result;
  bool timed = false;
  for (const gsdk::event::ImageFilter& filter : decoded.filters()) {
    result.rules_.push_back({filter.eventcode(), filter.scheduleid()});
    timed = timed || !IsGiven(filter.scheduleid());
  }
  if (!timed) return result;
  GATELOG_ASSIGN_OR_RETURN(const auto schedules, ReadSetting<gsdk::schedule::GetListResponse>(
                                                     store, device, setting::kSchedules));
  for (const gsdk::schedule::ScheduleInfo& schedule : schedules.schedules()) {
    if (result.Names(schedule.id())) result.schedules_.push_back(schedule);
  }
  GATELOG_ASSIGN_OR_RETURN(result.holidays_, ReadSetting<gsdk::schedule::GetHolidayListResponse>(
                                                 store, device, setting::kHolidays));
  return result;
}

bool ImageRules::Wants(std::uint32_t code, std::int64_t local_s) const {
  for (const Rule& rule : rules_) {
    if (rule.code != code || rule.schedule == kScheduleNever) continue;
    if (rule.schedule == kScheduleAlways) return true;
    for (const gsdk::schedule::ScheduleInfo& schedule : schedules_) {
      if (schedule.id() == rule.schedule && Holds(schedule, holidays_.groups(), MomentOf(local_s)))
        return true;
    }
  }
  return false;
}

bool ImageRules::Names(std::uint32_t schedule) const {
  return std::any_of(rules_.begin(), rules_.end(),
                     [&](const Rule& rule) { return rule.schedule == schedule; });
}

absl::StatusOr<bool> HasSchedule(SettingStore& store, std::uint32_t device, std::uint32_t id) {
  if (IsGiven(id)) return true;
  GATELOG_ASSIGN_OR_RETURN(const auto schedules, ReadSetting<gsdk::schedule::GetListResponse>(
                                                     store, device, setting::kSchedules));
  for (const gsdk::schedule::ScheduleInfo& schedule : schedules.schedules()) {
    if (schedule.id() == id) return true;
  }
  return false;
}

}  // namespace gatelog::sim
