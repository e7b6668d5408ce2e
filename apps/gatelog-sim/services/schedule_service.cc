#include "apps/gatelog-sim/services/schedule_service.h"

#include "apps/gatelog-sim/schedule_rules.h"
#include "apps/gatelog-sim/services/keyed_list.h"
#include "apps/gatelog-sim/setting_names.h"
#include "base/status_macros.h"

namespace gatelog::sim {
namespace {

namespace schedule = gsdk::schedule;

constexpr auto kIdOf = [](const auto& one) { return one.id(); };

}  // namespace

std::span<const ScheduleService::Method> ScheduleService::Methods() {
  static constexpr Method kMethods[] = {
      {"GetList", &Serve<&ScheduleService::GetList>},
      {"Add", &Serve<&ScheduleService::Add>},
      {"Delete", &Serve<&ScheduleService::Delete>},
      {"DeleteAll", &Serve<&ScheduleService::DeleteAll>},
      {"GetHolidayList", &Serve<&ScheduleService::GetHolidayList>},
      {"AddHoliday", &Serve<&ScheduleService::AddHoliday>},
      {"DeleteHoliday", &Serve<&ScheduleService::DeleteHoliday>},
      {"DeleteAllHoliday", &Serve<&ScheduleService::DeleteAllHoliday>},
  };
  return kMethods;
}

absl::Status ScheduleService::CheckUnused(std::uint32_t id) const {
  if (terminal_.event_rules().Names(id)) {
    return absl::FailedPreconditionError(
        absl::StrCat("A time-and-attendance key has schedule ", id,
                     "; set the configuration without it, then delete it."));
  }
  if (!terminal_.image_rules().Names(id)) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "An image filter names schedule ", id, "; set the filters without it, then delete it."));
}

absl::Status ScheduleService::Save(const Schedules& schedules) {
  return terminal_.Change(
      [&] { return Write(SettingStore::Area::kDatabase, setting::kSchedules, schedules); });
}

absl::Status ScheduleService::Save(const Holidays& holidays) {
  return terminal_.Change(
      [&] { return Write(SettingStore::Area::kDatabase, setting::kHolidays, holidays); });
}

absl::StatusOr<ScheduleService::Schedules> ScheduleService::GetList(
    const schedule::GetListRequest&) {
  return Read<Schedules>(setting::kSchedules);
}

absl::StatusOr<schedule::AddResponse> ScheduleService::Add(const schedule::AddRequest& request) {
  for (const schedule::ScheduleInfo& one : request.schedules()) {
    GATELOG_RETURN_IF_ERROR(CheckSchedule(one));
  }
  GATELOG_ASSIGN_OR_RETURN(Schedules list, Read<Schedules>(setting::kSchedules));
  GATELOG_RETURN_IF_ERROR(
      Merge(request.schedules(), kSchedulesMax, "schedules", kIdOf, *list.mutable_schedules()));
  GATELOG_RETURN_IF_ERROR(Save(list));
  return schedule::AddResponse();
}

absl::StatusOr<schedule::DeleteResponse> ScheduleService::Delete(
    const schedule::DeleteRequest& request) {
  GATELOG_ASSIGN_OR_RETURN(Schedules list, Read<Schedules>(setting::kSchedules));
  for (const std::uint32_t id : request.scheduleids()) {
    if (id == kScheduleNever || id == kScheduleAlways) {
      return absl::InvalidArgumentError(
          absl::StrCat("Schedule ", id, " is given and cannot be deleted."));
    }
    GATELOG_RETURN_IF_ERROR(CheckUnused(id));
  }
  GATELOG_RETURN_IF_ERROR(
      Remove(request.scheduleids(), "schedule", kIdOf, *list.mutable_schedules()));
  GATELOG_RETURN_IF_ERROR(Save(list));
  return schedule::DeleteResponse();
}

absl::StatusOr<schedule::DeleteAllResponse> ScheduleService::DeleteAll(
    const schedule::DeleteAllRequest&) {
  GATELOG_ASSIGN_OR_RETURN(const Schedules list, Read<Schedules>(setting::kSchedules));
  for (const schedule::ScheduleInfo& one : list.schedules()) {
    GATELOG_RETURN_IF_ERROR(CheckUnused(one.id()));
  }
  GATELOG_RETURN_IF_ERROR(Save(Schedules()));
  return schedule::DeleteAllResponse();
}

absl::StatusOr<ScheduleService::Holidays> ScheduleService::GetHolidayList(
    const schedule::GetHolidayListRequest&) {
  return Read<Holidays>(setting::kHolidays);
}

absl::StatusOr<schedule::AddHolidayResponse> ScheduleService::AddHoliday(
    const schedule::AddHolidayRequest& request) {
  for (const schedule::HolidayGroup& one : request.groups()) {
    GATELOG_RETURN_IF_ERROR(CheckHolidayGroup(one));
  }
  GATELOG_ASSIGN_OR_RETURN(Holidays list, Read<Holidays>(setting::kHolidays));
  GATELOG_RETURN_IF_ERROR(
      Merge(request.groups(), kHolidayGroupsMax, "holiday groups", kIdOf, *list.mutable_groups()));
  GATELOG_RETURN_IF_ERROR(Save(list));
  return schedule::AddHolidayResponse();
}

absl::StatusOr<schedule::DeleteHolidayResponse> ScheduleService::DeleteHoliday(
    const schedule::DeleteHolidayRequest& request) {
  GATELOG_ASSIGN_OR_RETURN(Holidays list, Read<Holidays>(setting::kHolidays));
  GATELOG_RETURN_IF_ERROR(
      Remove(request.groupids(), "holiday group", kIdOf, *list.mutable_groups()));
  GATELOG_RETURN_IF_ERROR(Save(list));
  return schedule::DeleteHolidayResponse();
}

absl::StatusOr<schedule::DeleteAllHolidayResponse> ScheduleService::DeleteAllHoliday(
    const schedule::DeleteAllHolidayRequest&) {
  GATELOG_RETURN_IF_ERROR(Save(Holidays()));
  return schedule::DeleteAllHolidayResponse();
}

}  // namespace gatelog::sim
