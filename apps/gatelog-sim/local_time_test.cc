#include "apps/gatelog-sim/local_time.h"

#include <gtest/gtest.h>

#include <chrono>

namespace gatelog::sim {
namespace {

namespace time = gsdk::time;

constexpr std::int32_t kHour = 3600;

std::int64_t At(int year, unsigned month, unsigned day, int hour, int minute = 0, int second = 0) {
  const std::chrono::sys_days date =
      std::chrono::year(year) / static_cast<int>(month) / static_cast<int>(day);
  return std::chrono::duration_cast<std::chrono::seconds>(date.time_since_epoch()).count() +
         hour * kHour + minute * 60 + second;
}

void Set(time::WeekTime& moment, time::Month month, time::Ordinal ordinal, time::Weekday weekday,
         std::uint32_t hour) {
  moment.set_month(month);
  moment.set_ordinal(ordinal);
  moment.set_weekday(weekday);
  moment.set_hour(hour);
}

// Last Sunday of March, 02:00, to last Sunday of October, 03:00.
time::DSTConfig Europe() {
  time::DSTConfig config;
  time::DSTSchedule& schedule = *config.add_schedules();
  Set(*schedule.mutable_starttime(), time::MONTH_MARCH, time::ORDINAL_LAST, time::WEEKDAY_SUNDAY,
      2);
  Set(*schedule.mutable_endtime(), time::MONTH_OCTOBER, time::ORDINAL_LAST, time::WEEKDAY_SUNDAY,
      3);
  schedule.set_timeoffset(kHour);
  return config;
}

// First Sunday of October, 02:00, to first Sunday of April, 03:00.
time::DSTConfig Australia() {
  time::DSTConfig config;
  time::DSTSchedule& schedule = *config.add_schedules();
  Set(*schedule.mutable_starttime(), time::MONTH_OCTOBER, time::ORDINAL_FIRST, time::WEEKDAY_SUNDAY,
      2);
  Set(*schedule.mutable_endtime(), time::MONTH_APRIL, time::ORDINAL_FIRST, time::WEEKDAY_SUNDAY, 3);
  schedule.set_timeoffset(kHour);
  return config;
}

TEST(LocalTimeTest, AZoneIsAddedToUtc) {
  EXPECT_EQ(LocalSeconds(At(2024, 1, 1, 0), 0, {}), At(2024, 1, 1, 0));
  EXPECT_EQ(LocalSeconds(At(2024, 1, 1, 0), 9 * kHour, {}), At(2024, 1, 1, 9));
  EXPECT_EQ(LocalSeconds(At(2024, 1, 1, 0), -kHour * 7 / 2, {}), At(2023, 12, 31, 20, 30));
}

TEST(LocalTimeTest, DaylightSavingBeginsByWinterAndEndsBySummerTime) {
  const time::DSTConfig dst = Europe();
  ASSERT_TRUE(CheckDaylightSaving(dst).ok());
  EXPECT_EQ(LocalSeconds(At(2024, 3, 31, 0, 59, 59), kHour, dst), At(2024, 3, 31, 1, 59, 59));
  EXPECT_EQ(LocalSeconds(At(2024, 3, 31, 1), kHour, dst), At(2024, 3, 31, 3));
  EXPECT_EQ(LocalSeconds(At(2024, 7, 1, 12), kHour, dst), At(2024, 7, 1, 14));
  EXPECT_EQ(LocalSeconds(At(2024, 10, 27, 0, 59, 59), kHour, dst), At(2024, 10, 27, 2, 59, 59));
  EXPECT_EQ(LocalSeconds(At(2024, 10, 27, 1), kHour, dst), At(2024, 10, 27, 2));
  EXPECT_EQ(LocalSeconds(At(2024, 12, 24, 12), kHour, dst), At(2024, 12, 24, 13));
}

TEST(LocalTimeTest, SouthOfTheEquatorItLastsOverTheNewYear) {
  const time::DSTConfig dst = Australia();
  const std::int32_t zone = 10 * kHour;
  EXPECT_EQ(LocalSeconds(At(2024, 1, 15, 0), zone, dst), At(2024, 1, 15, 11));
  EXPECT_EQ(LocalSeconds(At(2024, 4, 6, 15, 59, 59), zone, dst), At(2024, 4, 7, 2, 59, 59));
  EXPECT_EQ(LocalSeconds(At(2024, 4, 6, 16), zone, dst), At(2024, 4, 7, 2));
  EXPECT_EQ(LocalSeconds(At(2024, 7, 1, 0), zone, dst), At(2024, 7, 1, 10));
  EXPECT_EQ(LocalSeconds(At(2024, 12, 1, 0), zone, dst), At(2024, 12, 1, 11));
}

TEST(LocalTimeTest, AScheduleWithYearsHoldsInTheseOnly) {
  time::DSTConfig dst = Europe();
  dst.mutable_schedules(0)->mutable_starttime()->set_year(2024);
  EXPECT_FALSE(CheckDaylightSaving(dst).ok());
  dst.mutable_schedules(0)->mutable_endtime()->set_year(2024);
  ASSERT_TRUE(CheckDaylightSaving(dst).ok());
  EXPECT_EQ(LocalSeconds(At(2024, 7, 1, 12), 0, dst), At(2024, 7, 1, 13));
  EXPECT_EQ(LocalSeconds(At(2023, 7, 1, 12), 0, dst), At(2023, 7, 1, 12));
  EXPECT_EQ(LocalSeconds(At(2025, 7, 1, 12), 0, dst), At(2025, 7, 1, 12));
}

TEST(LocalTimeTest, AFifthWeekdayThatAMonthLacksIsItsLast) {
  time::DSTConfig fifth = Europe();
  fifth.mutable_schedules(0)->mutable_starttime()->set_ordinal(time::ORDINAL_FIFTH);
  // March 2024 has five Sundays, March 2022 has four.
  EXPECT_EQ(LocalSeconds(At(2024, 3, 31, 2), 0, fifth), At(2024, 3, 31, 3));
  EXPECT_EQ(LocalSeconds(At(2022, 3, 27, 2), 0, fifth), At(2022, 3, 27, 3));
  EXPECT_EQ(LocalSeconds(At(2022, 3, 27, 1), 0, fifth), At(2022, 3, 27, 1));
}

TEST(LocalTimeTest, WhatNoClockCanFollowIsRefused) {
  EXPECT_TRUE(CheckTimeZone(kTimeZoneMin).ok());
  EXPECT_TRUE(CheckTimeZone(kTimeZoneMax).ok());
  EXPECT_EQ(CheckTimeZone(kTimeZoneMin - 1).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CheckTimeZone(kTimeZoneMax + 1).code(), absl::StatusCode::kInvalidArgument);

  const auto refused = [](const auto& change) {
    time::DSTConfig config = Europe();
    change(*config.mutable_schedules(0));
    return CheckDaylightSaving(config).code() == absl::StatusCode::kInvalidArgument;
  };
  EXPECT_FALSE(refused([](time::DSTSchedule& one) { one.set_timeoffset(7200); }));
  EXPECT_TRUE(refused([](time::DSTSchedule& one) { one.set_timeoffset(7201); }));
  EXPECT_TRUE(refused([](time::DSTSchedule& one) { one.set_timeoffset(-7201); }));
  EXPECT_TRUE(refused([](time::DSTSchedule& one) { one.mutable_starttime()->set_hour(24); }));
  EXPECT_TRUE(refused([](time::DSTSchedule& one) { one.mutable_endtime()->set_minute(60); }));
  EXPECT_TRUE(refused([](time::DSTSchedule& one) { one.mutable_endtime()->set_second(60); }));
  EXPECT_TRUE(refused([](time::DSTSchedule& one) {
    one.mutable_endtime()->set_month(static_cast<time::Month>(12));
  }));
  EXPECT_TRUE(refused([](time::DSTSchedule& one) {
    one.mutable_endtime()->set_weekday(static_cast<time::Weekday>(7));
  }));
  EXPECT_TRUE(refused(
      [](time::DSTSchedule& one) { one.mutable_endtime()->set_ordinal(time::ORDINAL_SIXTH); }));
  EXPECT_TRUE(refused([](time::DSTSchedule& one) { one.mutable_endtime()->set_year(1969); }));
  time::DSTConfig three;
  for (int i = 0; i < 3; ++i) *three.add_schedules() = Europe().schedules(0);
  EXPECT_EQ(CheckDaylightSaving(three).code(), absl::StatusCode::kInvalidArgument);
}

TEST(LocalTimeTest, MomentsAreThoseOfTheCalendar) {
  const LocalMoment leap = MomentOf(At(2024, 12, 31, 23, 59));
  EXPECT_EQ(leap.year, 2024);
  EXPECT_EQ(leap.day_of_year, 365);
  EXPECT_EQ(leap.day_of_month, 31u);
  EXPECT_EQ(leap.weekday, 2u);
  EXPECT_EQ(leap.minute, 24 * 60 - 1);
  EXPECT_EQ(MomentOf(At(2023, 1, 1, 0)).day_of_year, 0);
  EXPECT_EQ(MomentOf(At(2023, 1, 1, 0)).weekday, 0u);
  EXPECT_EQ(MomentOf(2023, 59).day_of_month, 1u);   // March 1st
  EXPECT_EQ(MomentOf(2024, 59).day_of_month, 29u);  // of February
}

}  // namespace
}  // namespace gatelog::sim
