#include "apps/gatelog/time_zones.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apps/gatelog/failure.h"

namespace gatelog::cli {
namespace {

using ::testing::HasSubstr;

TEST(LocalZoneTest, TheEnvironmentNamesTheZone) {
  for (const char* text : {"Asia/Tokyo", ":Asia/Tokyo", "/usr/share/zoneinfo/Asia/Tokyo"}) {
    const auto zone = LocalZone(text);
    ASSERT_TRUE(zone.ok()) << zone.status();
    EXPECT_EQ(zone->name, "Asia/Tokyo") << text;
    EXPECT_EQ(zone->zone.At(absl::UnixEpoch()).offset, 9 * 60 * 60) << text;
  }
}

TEST(LocalZoneTest, AnEmptyTextIsUtc) {
  const auto zone = LocalZone("");
  ASSERT_TRUE(zone.ok()) << zone.status();
  EXPECT_EQ(zone->name, "UTC");
  EXPECT_EQ(zone->zone, absl::UTCTimeZone());
}

TEST(LocalZoneTest, WithoutTheEnvironmentTheMachineSays) {
  const auto zone = LocalZone(nullptr);
  ASSERT_TRUE(zone.ok()) << zone.status();
  EXPECT_EQ(zone->zone, absl::LocalTimeZone());
}

TEST(LocalZoneTest, WhatIsNoZoneIsRefusedAndNotReplaced) {
  for (const char* text : {"UTC+5", "<+03>-3", "Europe/Berlni", "CET-1CEST,M3.5.0,M10.5.0/3"}) {
    const auto zone = LocalZone(text);
    EXPECT_EQ(ExitCodeOf(zone.status()), kExitUsage) << text;
    EXPECT_THAT(std::string(zone.status().message()), HasSubstr(text));
    EXPECT_THAT(std::string(zone.status().message()), HasSubstr("--zone"));
  }
}

}  // namespace
}  // namespace gatelog::cli
