#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "gsdk/time.pb.h"

// What a terminal's clock shows on its wall: UTC, a zone, and daylight saving time. Pure.
namespace gatelog::sim {

// Seconds east of UTC, from UTC-12 to UTC+14.
inline constexpr std::int32_t kTimeZoneMin = -12 * 3600;
inline constexpr std::int32_t kTimeZoneMax = 14 * 3600;

// kInvalidArgument says what is wrong with it.
absl::Status CheckTimeZone(std::int32_t time_zone);
absl::Status CheckDaylightSaving(const gsdk::time::DSTConfig& config);

// Seconds since 1970-01-01 00:00 on the terminal's wall. A schedule of daylight saving time begins
// by the clock without it and ends by the clock with it; with year 0 it holds every year, also
// across the new year. A fifth weekday that a month does not have is its last.
std::int64_t LocalSeconds(std::int64_t utc_s, std::int32_t time_zone,
                          const gsdk::time::DSTConfig& config);

// The calendar's view of LocalSeconds.
struct LocalMoment {
  int year = 1970;
  unsigned day_of_month = 1;
  int day_of_year = 0;   // January 1st is 0
  unsigned weekday = 0;  // Sunday is 0
  int minute = 0;        // of the day
};
LocalMoment MomentOf(std::int64_t local_s);
// The same for a day of a year alone, whose minute is 0.
LocalMoment MomentOf(int year, int day_of_year);

}  // namespace gatelog::sim
