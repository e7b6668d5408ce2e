#pragma once

#include "apps/gatelog-sim/services/service.h"
#include "gsdk/schedule.pb.h"

namespace gatelog::sim {

// gsdk.schedule.Schedule: schedules and holiday groups of a terminal (schedule_rules.h says what
// they mean). Adding one whose ID is there replaces it; one call does all or nothing. A schedule
// may name a holiday group that comes later. One that an image filter names or a
// time-and-attendance key has cannot be deleted (kFailedPrecondition).
class ScheduleService final : public TypedService<ScheduleService> {
 public:
  using TypedService::TypedService;
  static std::span<const Method> Methods();

 private:
  using Schedules = gsdk::schedule::GetListResponse;
  using Holidays = gsdk::schedule::GetHolidayListResponse;

  absl::StatusOr<Schedules> GetList(const gsdk::schedule::GetListRequest& request);
  absl::StatusOr<gsdk::schedule::AddResponse> Add(const gsdk::schedule::AddRequest& request);
  absl::StatusOr<gsdk::schedule::DeleteResponse> Delete(
      const gsdk::schedule::DeleteRequest& request);
  absl::StatusOr<gsdk::schedule::DeleteAllResponse> DeleteAll(
      const gsdk::schedule::DeleteAllRequest& request);
  absl::StatusOr<Holidays> GetHolidayList(const gsdk::schedule::GetHolidayListRequest& request);
  absl::StatusOr<gsdk::schedule::AddHolidayResponse> AddHoliday(
      const gsdk::schedule::AddHolidayRequest& request);
  absl::StatusOr<gsdk::schedule::DeleteHolidayResponse> DeleteHoliday(
      const gsdk::schedule::DeleteHolidayRequest& request);
  absl::StatusOr<gsdk::schedule::DeleteAllHolidayResponse> DeleteAllHoliday(
      const gsdk::schedule::DeleteAllHolidayRequest& request);

  absl::Status CheckUnused(std::uint32_t schedule) const;
  absl::Status Save(const Schedules& schedules);
  absl::Status Save(const Holidays& holidays);
};

}  // namespace gatelog::sim
