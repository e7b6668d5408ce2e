#include "apps/gatelog/time_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apps/gatelog/failure.h"

namespace gatelog::cli {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<TimeBounds> Parse(const TimeText& from, const TimeText& to) {
  return ParseTimeBounds(from, to, "--since and --until", absl::FromUnixSeconds(1'000'000'000),
                         absl::UTCTimeZone());
}

TEST(TimeOptionsTest, WhatWasNotGivenIsNoBound) {
  const auto bounds = Parse({}, {});
  ASSERT_TRUE(bounds.ok()) << bounds.status();
  EXPECT_EQ(bounds->from_s, 0);
  EXPECT_EQ(bounds->to_s, 0);
}

TEST(TimeOptionsTest, AnEmptyTextIsGivenAndIsNoTime) {
  CLI::App app;
  TimeText text;
  AddTimeOption(app, "--since", text, "from then on");
  app.parse(std::vector<std::string>{"", "--since"});
  ASSERT_TRUE(text.has_value());
  EXPECT_EQ(ExitCodeOf(Parse(text, {}).status()), kExitUsage);
  EXPECT_EQ(ExitCodeOf(Parse({}, text).status()), kExitUsage);
}

TEST(TimeOptionsTest, BeforeTimesBeginNothingFits) {
  EXPECT_TRUE(Parse("1970-01-01", {}).ok()) << "everything";
  for (const auto& bounds :
       {Parse("1969-12-31", {}), Parse({}, "1970-01-01T00:00:00Z"), Parse({}, "1969-01-01")}) {
    EXPECT_EQ(ExitCodeOf(bounds.status()), kExitUsage);
    EXPECT_THAT(std::string(bounds.status().message()), HasSubstr("1970-01-01"));
  }
}

TEST(TimeOptionsTest, SomethingLiesBetween) {
  EXPECT_TRUE(Parse("an hour ago", "now").ok());
  for (const auto& bounds : {Parse("now", "now"), Parse("now", "an hour ago")}) {
    EXPECT_EQ(ExitCodeOf(bounds.status()), kExitUsage);
    EXPECT_THAT(std::string(bounds.status().message()), HasSubstr("--since and --until"));
  }
}

}  // namespace
}  // namespace gatelog::cli
