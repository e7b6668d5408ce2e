#include "apps/gatelog-sim/named_schedules.h"

#include <algorithm>

#include "apps/gatelog-sim/schedule_rules.h"
#include "apps/gatelog-sim/setting_names.h"
#include "base/status_macros.h"

namespace gatelog::sim {
namespace {

bool IsGiven(std::uint32_t id) { return id == kScheduleNever || id == kScheduleAlways; }

}  // namespace

absl::StatusOr<NamedSchedules> NamedSchedules::Read(SettingStore& store, std::uint32_t device,
                                                    std::span<const std::uint32_t> ids) {
  NamedSchedules result;
  if (std::all_of(ids.begin(), ids.end(), IsGiven)) return result;
  GATELOG_ASSIGN_OR_RETURN(const auto all, ReadSetting<gsdk::schedule::GetListResponse>(
                                               store, device, setting::kSchedules));
  for (const gsdk::schedule::ScheduleInfo& schedule : all.schedules()) {
    if (std::find(ids.begin(), ids.end(), schedule.id()) != ids.end())
      result.schedules_.push_back(schedule);
  }
  GATELOG_ASSIGN_OR_RETURN(result.holidays_, ReadSetting<gsdk::schedule::GetHolidayListResponse>(
                                                 store, device, setting::kHolidays));
  return result;
}

bool NamedSchedules::Hold(std::uint32_t id, std::int64_t local_s) const {
  if (IsGiven(id)) return id == kScheduleAlways;
  return std::any_of(
      schedules_.begin(), schedules_.end(), [&](const gsdk::schedule::ScheduleInfo& schedule) {
        return schedule.id() == id && Holds(schedule, holidays_.groups(), MomentOf(local_s));
      });
}

absl::StatusOr<bool> HasSchedule(SettingStore& store, std::uint32_t device, std::uint32_t id) {
  if (IsGiven(id)) return true;
  GATELOG_ASSIGN_OR_RETURN(const auto schedules, ReadSetting<gsdk::schedule::GetListResponse>(
                                                     store, device, setting::kSchedules));
  return std::any_of(
      schedules.schedules().begin(), schedules.schedules().end(),
      [&](const gsdk::schedule::ScheduleInfo& schedule) { return schedule.id() == id; });
}

}  // namespace gatelog::sim
