#include "apps/gatelog/time_words.h"

#include <gtest/gtest.h>

namespace gatelog::cli {
namespace {

// Two hours east of Greenwich; now is 2026-11-23 10:30:00 there.
class TimeWordsTest : public testing::Test {
 protected:
  std::int64_t At(int year, int month, int day, int hour = 0, int minute = 0,
                  int second = 0) const {
    const absl::CivilSecond civil(year, month, day, hour, minute, second);
    return absl::ToUnixSeconds(absl::FromCivil(civil, zone_));
  }
  std::int64_t Parsed(std::string_view text) const {
    const auto time = ParseTimeWords(text, now_, zone_);
    EXPECT_TRUE(time.ok()) << text << ": " << time.status();
    return time.value_or(-1);
  }

  const absl::TimeZone zone_ = absl::FixedTimeZone(2 * 60 * 60);
  const absl::Time now_ = absl::FromCivil(absl::CivilSecond(2026, 11, 23, 10, 30, 0), zone_);
};

TEST_F(TimeWordsTest, Rfc3339HasItsOwnZone) {
  EXPECT_EQ(Parsed("2026-11-23T08:30:00Z"), absl::ToUnixSeconds(now_));
  EXPECT_EQ(Parsed("2026-11-23T09:30:00+01:00"), absl::ToUnixSeconds(now_));
  EXPECT_EQ(Parsed("2026-11-23t08:30:00.25z"), absl::ToUnixSeconds(now_));
  for (const char* text :
       {"2026-11-23T08:30Z", "2026-11-23T09:30+01:00", "2026-11-23 09:30+01:00",
        "2026-11-23 09:30:00 +01:00", "2026-11-23 09:30 +01:00", "2026-11-23 08:30z"}) {
    EXPECT_EQ(Parsed(text), absl::ToUnixSeconds(now_)) << text;
  }
}

TEST_F(TimeWordsTest, CalendarTimesAreLocal) {
  EXPECT_EQ(Parsed("2026-11-23"), At(2026, 11, 23));
  EXPECT_EQ(Parsed("2026-11-23 08:00"), At(2026, 11, 23, 8, 0, 0));
  EXPECT_EQ(Parsed("2026-11-23 08:00:07"), At(2026, 11, 23, 8, 0, 7));
  EXPECT_EQ(Parsed("2026-11-23T08:00"), At(2026, 11, 23, 8, 0, 0));
  EXPECT_EQ(Parsed("08:15"), At(2026, 11, 23, 8, 15, 0));
}

TEST_F(TimeWordsTest, Words) {
  EXPECT_EQ(Parsed("now"), absl::ToUnixSeconds(now_));
  EXPECT_EQ(Parsed("today"), At(2026, 11, 23));
  EXPECT_EQ(Parsed("Yesterday"), At(2026, 11, 22));
  EXPECT_EQ(Parsed("yesterday 17:30"), At(2026, 11, 22, 17, 30, 0));
  EXPECT_EQ(Parsed("2 hours ago"), At(2026, 11, 23, 8, 30, 0));
  EXPECT_EQ(Parsed("an hour ago"), At(2026, 11, 23, 9, 30, 0));
  EXPECT_EQ(Parsed("90m ago"), At(2026, 11, 23, 9, 0, 0));
  EXPECT_EQ(Parsed("3 days ago"), At(2026, 11, 20, 10, 30, 0));
  EXPECT_EQ(Parsed("1 week ago"), At(2026, 11, 16, 10, 30, 0));
}

TEST_F(TimeWordsTest, MonthsAndYearsEndOnADayThatThereIs) {
  EXPECT_EQ(Parsed("2 months ago"), At(2026, 9, 23, 10, 30, 0));
  EXPECT_EQ(Parsed("a year ago"), At(2025, 11, 23, 10, 30, 0));
  const absl::Time march = absl::FromCivil(absl::CivilSecond(2028, 3, 31, 8, 0, 0), zone_);
  EXPECT_EQ(*ParseTimeWords("1 month ago", march, zone_), At(2028, 2, 29, 8, 0, 0));
}

TEST_F(TimeWordsTest, AWeekdayIsTheLatestOfThatName) {
  EXPECT_EQ(Parsed("Monday"), At(2026, 11, 23)) << "today is one";
  EXPECT_EQ(Parsed("sunday 17:30"), At(2026, 11, 22, 17, 30, 0));
  EXPECT_EQ(Parsed("tuesday"), At(2026, 11, 17));
}

TEST_F(TimeWordsTest, MidnightFollowsTheZonesOwnRules) {
  absl::TimeZone berlin;
  ASSERT_TRUE(absl::LoadTimeZone("Europe/Berlin", &berlin));
  // The day on which clocks went back had 25 hours.
  const absl::Time now = absl::FromCivil(absl::CivilSecond(2026, 10, 26, 12, 0, 0), berlin);
  EXPECT_EQ(*ParseTimeWords("today", now, berlin) - *ParseTimeWords("yesterday", now, berlin),
            25 * 60 * 60);
}

TEST_F(TimeWordsTest, WhatIsNoTimeIsRefusedWithExamples) {
  for (const char* text :
       {"", "soon", "2026-13-01", "2026-11-31", "25:00", "8:60", "ago", "hours ago", "-2 hours ago",
        "2 hours", "2 lightyears ago", "2026-11-23 today", "99999999999 days ago", "last week",
        "99999 years ago", "today +01:00", "2026-11-23 +01:00", "infinite-future"}) {
    const auto time = ParseTimeWords(text, now_, zone_);
    ASSERT_FALSE(time.ok()) << text;
    EXPECT_EQ(time.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(time.status().message().find("2 hours ago"), absl::string_view::npos);
  }
}

TEST_F(TimeWordsTest, Formats) {
  EXPECT_EQ(FormatSeconds(absl::ToUnixSeconds(now_), zone_), "2026-11-23 10:30:00");
  EXPECT_EQ(FormatSeconds(0, absl::UTCTimeZone()), "1970-01-01 00:00:00");
  EXPECT_EQ(FormatMilliseconds(absl::ToUnixMillis(now_) + 999, zone_), "2026-11-23 10:30:00");
  EXPECT_EQ(FormatMilliseconds(0, zone_), "");
}

TEST(DurationTest, TwoUnitsAreEnough) {
  EXPECT_EQ(FormatDuration(999), "0 s");
  EXPECT_EQ(FormatDuration(12'000), "12 s");
  EXPECT_EQ(FormatDuration(303'000), "5 m 3 s");
  EXPECT_EQ(FormatDuration(11'520'000), "3 h 12 m");
  EXPECT_EQ(FormatDuration(353'000'000), "4 d 2 h");
  EXPECT_EQ(FormatDuration(-5'000), "0 s") << "the clocks of two machines";
}

TEST(DurationTest, DriftHasASign) {
  EXPECT_EQ(FormatDrift(3'400), "+3 s");
  EXPECT_EQ(FormatDrift(-3'600'000), "-1 h 0 m");
  EXPECT_EQ(FormatDrift(-400), "0 s");
}

}  // namespace
}  // namespace gatelog::cli
