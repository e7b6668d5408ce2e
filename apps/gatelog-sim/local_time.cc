#include "apps/gatelog-sim/local_time.h"

#include <chrono>

#include "absl/strings/str_cat.h"

namespace gatelog::sim {
namespace {

constexpr std::uint32_t kYearMin = 1970;
constexpr std::uint32_t kYearMax = 2105;
constexpr int kWeeksInMonthMax = 5;

namespace time = gsdk::time;
using std::chrono::days;
using std::chrono::floor;
using std::chrono::seconds;
using std::chrono::sys_days;
using LocalTime = std::chrono::sys_time<seconds>;  // as if the wall showed UTC

absl::Status CheckWeekTime(const time::WeekTime& moment) {
  if (moment.year() != 0 && (moment.year() < kYearMin || moment.year() > kYearMax)) {
    return absl::InvalidArgumentError(absl::StrCat("The year is 0 for every year, or ", kYearMin,
                                                   " to ", kYearMax, "; not ", moment.year(), "."));
  }
  if (!time::Month_IsValid(moment.month()) || !time::Weekday_IsValid(moment.weekday())) {
    return absl::InvalidArgumentError("A month is 0 to 11, a weekday 0 to 6.");
  }
  if (moment.ordinal() < time::ORDINAL_LAST || moment.ordinal() >= kWeeksInMonthMax) {
    return absl::InvalidArgumentError(
        "A weekday comes five times a month at most; -1 is the last.");
  }
  if (moment.hour() > 23 || moment.minute() > 59 || moment.second() > 59) {
    return absl::InvalidArgumentError("A time of day is 00:00:00 to 23:59:59.");
  }
  return absl::OkStatus();
}

LocalTime MomentIn(std::chrono::year year, const time::WeekTime& moment) {
  const auto month = year / std::chrono::month(static_cast<unsigned>(moment.month()) + 1);
  const std::chrono::weekday weekday(static_cast<unsigned>(moment.weekday()));
  sys_days day = month / weekday[std::chrono::last];
  if (moment.ordinal() != time::ORDINAL_LAST) {
    const auto nth = month / weekday[static_cast<unsigned>(moment.ordinal()) + 1];
    if (nth.ok()) day = nth;
  }
  return day + std::chrono::hours(moment.hour()) + std::chrono::minutes(moment.minute()) +
         seconds(moment.second());
}

bool Covers(const time::DSTSchedule& schedule, LocalTime standard) {
  const std::chrono::year_month_day today(floor<days>(standard));
  const auto year_of = [&](const time::WeekTime& moment) {
    return moment.year() == 0 ? today.year() : std::chrono::year(static_cast<int>(moment.year()));
  };
  const LocalTime start = MomentIn(year_of(schedule.starttime()), schedule.starttime());
  const LocalTime end =
      MomentIn(year_of(schedule.endtime()), schedule.endtime()) - seconds(schedule.timeoffset());
  if (start <= end) return start <= standard && standard < end;
  // Across the new year, as south of the equator.
  return schedule.starttime().year() == 0 && (standard >= start || standard < end);
}

}  // namespace

absl::Status CheckTimeZone(std::int32_t time_zone) {
  if (time_zone >= kTimeZoneMin && time_zone <= kTimeZoneMax) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("timeZone is in seconds east of UTC, ",
                                                 kTimeZoneMin, " to ", kTimeZoneMax, "; not ",
                                                 time_zone, "."));
}

absl::Status CheckDaylightSaving(const time::DSTConfig& config) {
  if (config.schedules_size() > time::MAX_DST_SCHEDULES) {
    return absl::InvalidArgumentError(absl::StrCat("There are ", config.schedules_size(),
                                                   " schedules of daylight saving time; ",
                                                   time::MAX_DST_SCHEDULES, " are possible."));
  }
  for (const time::DSTSchedule& schedule : config.schedules()) {
    if (schedule.timeoffset() < time::MIN_DST_OFFSET ||
        schedule.timeoffset() > time::MAX_DST_OFFSET) {
      return absl::InvalidArgumentError(
          absl::StrCat("timeOffset is in seconds, ", time::MIN_DST_OFFSET, " to ",
                       time::MAX_DST_OFFSET, "; not ", schedule.timeoffset(), "."));
    }
    for (const time::WeekTime* moment : {&schedule.starttime(), &schedule.endtime()}) {
      if (absl::Status status = CheckWeekTime(*moment); !status.ok()) return status;
    }
    if ((schedule.starttime().year() == 0) != (schedule.endtime().year() == 0)) {
      return absl::InvalidArgumentError(
          "A schedule of daylight saving time names a year at both ends or at none.");
    }
  }
  return absl::OkStatus();
}

std::int64_t LocalSeconds(std::int64_t utc_s, std::int32_t time_zone,
                          const time::DSTConfig& config) {
  const std::int64_t standard_s = utc_s + time_zone;
  for (const time::DSTSchedule& schedule : config.schedules()) {
    if (Covers(schedule, LocalTime(seconds(standard_s)))) return standard_s + schedule.timeoffset();
  }
  return standard_s;
}

LocalMoment MomentOf(std::int64_t local_s) {
  const LocalTime time{seconds(local_s)};
  const sys_days day = floor<days>(time);
  const std::chrono::year_month_day date(day);
  LocalMoment moment;
  moment.year = static_cast<int>(date.year());
  moment.day_of_month = static_cast<unsigned>(date.day());
  moment.day_of_year =
      static_cast<int>((day - sys_days(date.year() / std::chrono::January / 1)).count());
  moment.weekday = std::chrono::weekday(day).c_encoding();
  moment.minute = static_cast<int>((time - day).count() / 60);
  return moment;
}

LocalMoment MomentOf(int year, int day_of_year) {
  const sys_days day =
      sys_days(std::chrono::year(year) / std::chrono::January / 1) + days(day_of_year);
  return MomentOf(std::chrono::duration_cast<seconds>(day.time_since_epoch()).count());
}

}  // namespace gatelog::sim
