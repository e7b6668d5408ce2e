#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "apps/gatelog-sim/local_time.h"
#include "gsdk/schedule.pb.h"

// What a schedule may be, and when it holds. Pure.
//
// Periods are minutes of a day, the start within, the end not. A weekly schedule begins with
// Sunday. A daily one gives some days of every year, the first by its number (January 1st is 0);
// days that reach beyond the year's end are those at the beginning of the next, and on other days
// it does not hold. On a holiday the day of the first group that knows it counts instead. Dates of
// holidays are days of a year too: one recurs monthly on that day of the month, weekly on that
// weekday of the current year; a date has no year, so that one which does not recur holds every
// year like a yearly one. A group that a schedule names and the terminal does not have knows no
// holiday.
namespace gatelog::sim {

inline constexpr std::uint32_t kScheduleNever = gsdk::schedule::NEVER;
inline constexpr std::uint32_t kScheduleAlways = gsdk::schedule::ALWAYS;
inline constexpr int kSchedulesMax = 128;      // on a terminal, beside the two above
inline constexpr int kHolidayGroupsMax = 128;  // on a terminal
inline constexpr int kHolidaysMax = 128;       // in a group
inline constexpr int kNameCharactersMax = 48;  // of three bytes each at most
inline constexpr int kDaysOfYear = 366;
inline constexpr int kMinutesOfDay = 24 * 60;

// kInvalidArgument says what is wrong with it.
absl::Status CheckName(const std::string& name);
absl::Status CheckSchedule(const gsdk::schedule::ScheduleInfo& schedule);
absl::Status CheckHolidayGroup(const gsdk::schedule::HolidayGroup& group);

// Whether `schedule` holds at that moment, by the terminal's own clock.
bool Holds(const gsdk::schedule::ScheduleInfo& schedule,
           const google::protobuf::RepeatedPtrField<gsdk::schedule::HolidayGroup>& groups,
           const LocalMoment& now);

}  // namespace gatelog::sim
