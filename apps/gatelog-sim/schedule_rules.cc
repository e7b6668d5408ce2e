#include "apps/gatelog-sim/schedule_rules.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace gatelog::sim {
namespace {

namespace schedule = gsdk::schedule;
using Groups = google::protobuf::RepeatedPtrField<schedule::HolidayGroup>;

constexpr int kDaysOfWeek = schedule::WEEKDAYS;

absl::Status CheckDay(const schedule::DaySchedule& day) {
  if (day.periods_size() > schedule::MAX_TIME_PERIODS) {
    return absl::InvalidArgumentError(absl::StrCat("A day has ", schedule::MAX_TIME_PERIODS,
                                                   " periods at most, not ", day.periods_size(),
                                                   "."));
  }
  std::vector<const schedule::TimePeriod*> periods;
  for (const schedule::TimePeriod& period : day.periods()) {
    if (period.starttime() < 0 || period.starttime() >= period.endtime() ||
        period.endtime() > kMinutesOfDay) {
      return absl::InvalidArgumentError(
          absl::StrCat("A period lies within minutes 0 to ", kMinutesOfDay, " of a day; ",
                       period.starttime(), " to ", period.endtime(), " does not."));
    }
    periods.push_back(&period);
  }
  std::sort(periods.begin(), periods.end(),
            [](const auto* a, const auto* b) { return a->starttime() < b->starttime(); });
  for (std::size_t i = 1; i < periods.size(); ++i) {
    if (periods[i]->starttime() < periods[i - 1]->endtime()) {
      return absl::InvalidArgumentError(
          absl::StrCat("Two periods of a day overlap at minute ", periods[i]->starttime(), "."));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckDays(const google::protobuf::RepeatedPtrField<schedule::DaySchedule>& days) {
  for (const schedule::DaySchedule& day : days) GATELOG_RETURN_IF_ERROR(CheckDay(day));
  return absl::OkStatus();
}

absl::Status CheckOrdinary(const schedule::ScheduleInfo& info) {
  if (info.has_weekly()) {
    if (info.weekly().dayschedules_size() != kDaysOfWeek) {
      return absl::InvalidArgumentError(
          absl::StrCat("A weekly schedule has ", kDaysOfWeek, " days, from Sunday on; schedule ",
                       info.id(), " has ", info.weekly().dayschedules_size(), "."));
    }
    return CheckDays(info.weekly().dayschedules());
  }
  if (!info.has_daily()) {
    return absl::InvalidArgumentError(
        absl::StrCat("Schedule ", info.id(), " is neither weekly nor daily."));
  }
  const schedule::DailySchedule& daily = info.daily();
  if (daily.startdate() >= kDaysOfYear) {
    return absl::InvalidArgumentError(absl::StrCat("startDate is a day of the year, 0 to ",
                                                   kDaysOfYear - 1, "; not ", daily.startdate(),
                                                   "."));
  }
  if (daily.dayschedules_size() == 0 || daily.dayschedules_size() > schedule::MAX_DAILY_SCHEDULES) {
    return absl::InvalidArgumentError(absl::StrCat("A daily schedule has 1 to ",
                                                   schedule::MAX_DAILY_SCHEDULES, " days, not ",
                                                   daily.dayschedules_size(), "."));
  }
  return CheckDays(daily.dayschedules());
}

int DaysIn(int year) { return MomentOf(year, 365).day_of_year == 365 ? 366 : 365; }

bool IsWithin(const schedule::DaySchedule& day, int minute) {
  for (const schedule::TimePeriod& period : day.periods()) {
    if (period.starttime() <= minute && minute < period.endtime()) return true;
  }
  return false;
}

bool IsHoliday(const schedule::Holiday& holiday, const LocalMoment& now) {
  const int date = static_cast<int>(holiday.date());
  switch (holiday.recurrence()) {
    case schedule::RECUR_MONTHLY:
      return MomentOf(now.year, date).day_of_month == now.day_of_month;
    case schedule::RECUR_WEEKLY:
      return MomentOf(now.year, date).weekday == now.weekday;
    default:
      return date == now.day_of_year;
  }
}

bool Knows(const Groups& groups, std::uint32_t id, const LocalMoment& now) {
  for (const schedule::HolidayGroup& group : groups) {
    if (group.id() != id) continue;
    for (const schedule::Holiday& holiday : group.holidays()) {
      if (IsHoliday(holiday, now)) return true;
    }
  }
  return false;
}

}  // namespace

absl::Status CheckName(const std::string& name) {
  // Bytes that begin a character.
  const auto characters =
      std::count_if(name.begin(), name.end(), [](char byte) { return (byte & 0xC0) != 0x80; });
  if (name.size() <= schedule::MAX_NAME_LENGTH && characters <= kNameCharactersMax) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("A name has ", kNameCharactersMax,
                                                 " characters and ", schedule::MAX_NAME_LENGTH,
                                                 " bytes at most."));
}

absl::Status CheckSchedule(const schedule::ScheduleInfo& info) {
  if (info.id() == kScheduleNever || info.id() == kScheduleAlways) {
    return absl::InvalidArgumentError(
        absl::StrCat("Schedule ", info.id(), " is given: 0 is never, 1 is always."));
  }
  GATELOG_RETURN_IF_ERROR(CheckName(info.name()));
  GATELOG_RETURN_IF_ERROR(CheckOrdinary(info));
  if (info.holidays_size() > schedule::MAX_HOLIDAY_GROUPS) {
    return absl::InvalidArgumentError(absl::StrCat("A schedule has ", schedule::MAX_HOLIDAY_GROUPS,
                                                   " holiday groups at most, not ",
                                                   info.holidays_size(), "."));
  }
  std::set<std::uint32_t> groups;
  for (const schedule::HolidaySchedule& holiday : info.holidays()) {
    if (holiday.groupid() == 0 || !groups.insert(holiday.groupid()).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("Schedule ", info.id(), " names holiday group ", holiday.groupid(),
                       holiday.groupid() == 0 ? "; their IDs begin with 1." : " twice."));
    }
    GATELOG_RETURN_IF_ERROR(CheckDay(holiday.dayschedule()));
  }
  return absl::OkStatus();
}

absl::Status CheckHolidayGroup(const schedule::HolidayGroup& group) {
  if (group.id() == 0) return absl::InvalidArgumentError("IDs of holiday groups begin with 1.");
  GATELOG_RETURN_IF_ERROR(CheckName(group.name()));
  if (group.holidays_size() > kHolidaysMax) {
    return absl::InvalidArgumentError(absl::StrCat(
        "A holiday group has ", kHolidaysMax, " dates at most, not ", group.holidays_size(), "."));
  }
  for (const schedule::Holiday& holiday : group.holidays()) {
    if (holiday.date() >= kDaysOfYear) {
      return absl::InvalidArgumentError(absl::StrCat("A holiday's date is a day of the year, 0 to ",
                                                     kDaysOfYear - 1, "; not ", holiday.date(),
                                                     "."));
    }
    if (!schedule::HolidayRecurrence_IsValid(holiday.recurrence())) {
      return absl::InvalidArgumentError(
          absl::StrCat("There is no recurrence ", static_cast<int>(holiday.recurrence()), "."));
    }
  }
  return absl::OkStatus();
}

bool Holds(const schedule::ScheduleInfo& info, const Groups& groups, const LocalMoment& now) {
  for (const schedule::HolidaySchedule& holiday : info.holidays()) {
    if (Knows(groups, holiday.groupid(), now)) return IsWithin(holiday.dayschedule(), now.minute);
  }
  if (info.has_weekly()) {
    return IsWithin(info.weekly().dayschedules(static_cast<int>(now.weekday)), now.minute);
  }
  int day = now.day_of_year - static_cast<int>(info.daily().startdate());
  if (day < 0) day += DaysIn(now.year - 1);
  if (day >= info.daily().dayschedules_size()) return false;
  return IsWithin(info.daily().dayschedules(day), now.minute);
}

}  // namespace gatelog::sim
