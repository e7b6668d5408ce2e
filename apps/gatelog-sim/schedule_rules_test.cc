#include "apps/gatelog-sim/schedule_rules.h"

#include <gtest/gtest.h>

#include <functional>

namespace gatelog::sim {
namespace {

namespace schedule = gsdk::schedule;
using Groups = google::protobuf::RepeatedPtrField<schedule::HolidayGroup>;

constexpr int kNine = 9 * 60;
constexpr int kFive = 17 * 60;

void AddPeriod(schedule::DaySchedule& day, int start, int end) {
  schedule::TimePeriod& period = *day.add_periods();
  period.set_starttime(start);
  period.set_endtime(end);
}

// Nine to five on weekdays, ID 2.
schedule::ScheduleInfo OfficeHours() {
  schedule::ScheduleInfo info;
  info.set_id(2);
  info.set_name("Office hours");
  for (int day = 0; day < 7; ++day) {
    schedule::DaySchedule& one = *info.mutable_weekly()->add_dayschedules();
    if (day != schedule::SUNDAY && day != schedule::SATURDAY) AddPeriod(one, kNine, kFive);
  }
  return info;
}

// Nine to five on each of so many days from this day of the year on, ID 3.
schedule::ScheduleInfo Season(std::uint32_t start, int days) {
  schedule::ScheduleInfo info;
  info.set_id(3);
  info.mutable_daily()->set_startdate(start);
  for (int day = 0; day < days; ++day)
    AddPeriod(*info.mutable_daily()->add_dayschedules(), kNine, kFive);
  return info;
}

LocalMoment At(int year, int day_of_year, int minute) {
  LocalMoment moment = MomentOf(year, day_of_year);
  moment.minute = minute;
  return moment;
}

bool IsRefused(schedule::ScheduleInfo info,
               const std::function<void(schedule::ScheduleInfo&)>& change) {
  EXPECT_TRUE(CheckSchedule(info).ok());
  change(info);
  return CheckSchedule(info).code() == absl::StatusCode::kInvalidArgument;
}

schedule::DaySchedule& Monday(schedule::ScheduleInfo& info) {
  return *info.mutable_weekly()->mutable_dayschedules(schedule::MONDAY);
}

TEST(ScheduleRulesTest, LimitsOfASchedule) {
  using Info = schedule::ScheduleInfo;
  const Info office = OfficeHours();
  EXPECT_TRUE(IsRefused(office, [](Info& info) { info.set_id(0); }));
  EXPECT_TRUE(IsRefused(office, [](Info& info) { info.set_id(1); }));
  EXPECT_TRUE(IsRefused(office, [](Info& info) { info.clear_weekly(); }));
  EXPECT_TRUE(IsRefused(
      office, [](Info& info) { info.mutable_weekly()->mutable_dayschedules()->RemoveLast(); }));
  EXPECT_TRUE(IsRefused(office, [](Info& info) { info.mutable_weekly()->add_dayschedules(); }));
  EXPECT_FALSE(IsRefused(office, [](Info& info) { info.set_name(std::string(48, 'x')); }));
  EXPECT_TRUE(IsRefused(office, [](Info& info) { info.set_name(std::string(49, 'x')); }));
  std::string hangul;  // three bytes each
  for (int i = 0; i < 48; ++i) hangul += "\xEB\xAC\xB8";
  EXPECT_FALSE(IsRefused(office, [&](Info& info) { info.set_name(hangul); }));
  EXPECT_TRUE(IsRefused(office, [&](Info& info) { info.set_name(hangul + "x"); }));

  EXPECT_FALSE(IsRefused(Season(365, 90), [](Info&) {}));
  EXPECT_TRUE(
      IsRefused(Season(0, 1), [](Info& info) { info.mutable_daily()->set_startdate(366); }));
  EXPECT_TRUE(
      IsRefused(Season(0, 1), [](Info& info) { info.mutable_daily()->clear_dayschedules(); }));
  EXPECT_TRUE(
      IsRefused(Season(0, 90), [](Info& info) { info.mutable_daily()->add_dayschedules(); }));
}

TEST(ScheduleRulesTest, LimitsOfADay) {
  using Info = schedule::ScheduleInfo;
  const Info office = OfficeHours();
  const auto refuses = [&](int start, int end) {
    return IsRefused(office, [&](Info& info) { AddPeriod(Monday(info), start, end); });
  };
  EXPECT_FALSE(refuses(0, kNine));        // they touch
  EXPECT_FALSE(refuses(kFive, 24 * 60));  // to midnight
  EXPECT_TRUE(refuses(-1, 10));
  EXPECT_TRUE(refuses(kFive, 24 * 60 + 1));
  EXPECT_TRUE(refuses(10, 10));
  EXPECT_TRUE(refuses(20, 10));
  EXPECT_TRUE(refuses(0, kNine + 1));
  EXPECT_TRUE(refuses(kNine + 10, kNine + 20));
  EXPECT_TRUE(refuses(kFive - 1, kFive + 1));
  EXPECT_FALSE(IsRefused(office, [](Info& info) {
    for (int i = 0; i < 4; ++i) AddPeriod(Monday(info), i * 10, i * 10 + 5);
  }));
  EXPECT_TRUE(IsRefused(office, [](Info& info) {
    for (int i = 0; i < 5; ++i) AddPeriod(Monday(info), i * 10, i * 10 + 5);
  }));
}

TEST(ScheduleRulesTest, LimitsOfHolidays) {
  using Info = schedule::ScheduleInfo;
  const auto add_groups = [](std::uint32_t count) {
    return [count](Info& info) {
      for (std::uint32_t id = 1; id <= count; ++id) info.add_holidays()->set_groupid(id);
    };
  };
  EXPECT_FALSE(IsRefused(OfficeHours(), add_groups(4)));
  EXPECT_TRUE(IsRefused(OfficeHours(), add_groups(5)));
  EXPECT_TRUE(IsRefused(OfficeHours(), [](Info& info) { info.add_holidays()->set_groupid(0); }));
  EXPECT_TRUE(IsRefused(OfficeHours(), [](Info& info) {
    info.add_holidays()->set_groupid(1);
    info.add_holidays()->set_groupid(1);
  }));
  EXPECT_TRUE(IsRefused(OfficeHours(), [](Info& info) {
    info.add_holidays()->set_groupid(1);
    AddPeriod(*info.mutable_holidays(0)->mutable_dayschedule(), 5, 4);
  }));

  schedule::HolidayGroup group;
  EXPECT_FALSE(CheckHolidayGroup(group).ok());
  group.set_id(1);
  for (std::uint32_t i = 0; i < 128; ++i) group.add_holidays()->set_date(i);
  EXPECT_TRUE(CheckHolidayGroup(group).ok());
  group.add_holidays();
  EXPECT_FALSE(CheckHolidayGroup(group).ok());
  group.mutable_holidays()->RemoveLast();
  group.mutable_holidays(0)->set_date(366);
  EXPECT_FALSE(CheckHolidayGroup(group).ok());
  group.mutable_holidays(0)->set_date(365);
  EXPECT_TRUE(CheckHolidayGroup(group).ok());
  group.mutable_holidays(0)->set_recurrence(static_cast<schedule::HolidayRecurrence>(4));
  EXPECT_FALSE(CheckHolidayGroup(group).ok());
}

TEST(ScheduleRulesTest, AWeeklyScheduleHoldsFromTheStartUpToTheEnd) {
  const schedule::ScheduleInfo office = OfficeHours();
  // January 1st, 2024, is a Monday.
  EXPECT_FALSE(Holds(office, {}, At(2024, 0, kNine - 1)));
  EXPECT_TRUE(Holds(office, {}, At(2024, 0, kNine)));
  EXPECT_TRUE(Holds(office, {}, At(2024, 0, kFive - 1)));
  EXPECT_FALSE(Holds(office, {}, At(2024, 0, kFive)));
  EXPECT_TRUE(Holds(office, {}, At(2024, 4, kNine)));
  EXPECT_FALSE(Holds(office, {}, At(2024, 5, kNine)));
  EXPECT_FALSE(Holds(office, {}, At(2024, 6, kNine)));
  EXPECT_TRUE(Holds(office, {}, At(2024, 7, kNine)));
}

TEST(ScheduleRulesTest, ADailyScheduleGivesDaysOfTheYearAlsoAcrossItsEnd) {
  const schedule::ScheduleInfo spring = Season(59, 2);
  EXPECT_FALSE(Holds(spring, {}, At(2023, 58, kNine)));
  EXPECT_TRUE(Holds(spring, {}, At(2023, 59, kNine)));
  EXPECT_TRUE(Holds(spring, {}, At(2023, 60, kNine)));
  EXPECT_FALSE(Holds(spring, {}, At(2023, 60, kFive)));
  EXPECT_FALSE(Holds(spring, {}, At(2023, 61, kNine)));
  const schedule::ScheduleInfo winter = Season(364, 3);
  EXPECT_FALSE(Holds(winter, {}, At(2023, 363, kNine)));
  EXPECT_TRUE(Holds(winter, {}, At(2023, 364, kNine)));
  EXPECT_TRUE(Holds(winter, {}, At(2024, 0, kNine)));
  EXPECT_TRUE(Holds(winter, {}, At(2024, 1, kNine)));
  EXPECT_FALSE(Holds(winter, {}, At(2024, 2, kNine)));
  // 2024 has a day more.
  EXPECT_TRUE(Holds(winter, {}, At(2025, 0, kNine)));
  EXPECT_FALSE(Holds(winter, {}, At(2025, 1, kNine)));
}

TEST(ScheduleRulesTest, AHolidayTakesThePlaceOfTheOrdinaryDay) {
  schedule::ScheduleInfo office = OfficeHours();
  schedule::HolidaySchedule& closed = *office.add_holidays();
  closed.set_groupid(7);
  schedule::HolidaySchedule& half = *office.add_holidays();
  half.set_groupid(8);
  AddPeriod(*half.mutable_dayschedule(), kNine, 12 * 60);
  // The terminal does not have the groups yet.
  EXPECT_TRUE(Holds(office, {}, At(2024, 0, kNine)));

  Groups groups;
  schedule::HolidayGroup& first = *groups.Add();
  first.set_id(7);
  schedule::HolidayGroup& second = *groups.Add();
  second.set_id(8);
  const auto set = [](schedule::HolidayGroup& group, std::uint32_t date,
                      schedule::HolidayRecurrence recurrence) {
    group.clear_holidays();
    group.add_holidays()->set_date(date);
    group.mutable_holidays(0)->set_recurrence(recurrence);
  };
  set(first, 0, schedule::RECUR_YEARLY);
  EXPECT_FALSE(Holds(office, groups, At(2024, 0, kNine)));
  EXPECT_TRUE(Holds(office, groups, At(2024, 1, kNine)));
  set(first, 0, schedule::DO_NOT_RECUR);
  EXPECT_FALSE(Holds(office, groups, At(2024, 0, kNine)));
  set(first, 0, schedule::RECUR_MONTHLY);
  EXPECT_FALSE(Holds(office, groups, At(2024, 31, kNine)));  // Thursday, February 1st
  EXPECT_TRUE(Holds(office, groups, At(2024, 32, kNine)));
  set(first, 0, schedule::RECUR_WEEKLY);
  EXPECT_FALSE(Holds(office, groups, At(2024, 7, kNine)));
  EXPECT_TRUE(Holds(office, groups, At(2024, 8, kNine)));

  // The first group that knows the day counts.
  set(second, 0, schedule::RECUR_YEARLY);
  EXPECT_FALSE(Holds(office, groups, At(2024, 0, kNine)));
  set(first, 100, schedule::RECUR_YEARLY);
  EXPECT_TRUE(Holds(office, groups, At(2024, 0, kNine)));
  EXPECT_FALSE(Holds(office, groups, At(2024, 0, 12 * 60)));
}

}  // namespace
}  // namespace gatelog::sim
