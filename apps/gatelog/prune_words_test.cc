#include "apps/gatelog/prune_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gatelog::cli {
namespace {

using ::testing::HasSubstr;

class PruneWordsTest : public testing::Test {
 protected:
  absl::StatusOr<v1::PruneRequest> Build(const PruneWords& words) const {
    return BuildPruneRequest(words, now_, zone_.zone);
  }

  const NamedZone zone_{absl::FixedTimeZone(2 * 60 * 60), "Two/East"};
  const absl::Time now_ = absl::FromCivil(absl::CivilSecond(2026, 11, 23, 10, 30, 0), zone_.zone);
};

TEST_F(PruneWordsTest, NothingMeansAsTheGatewayIsConfigured) {
  const auto request = Build({});
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->SerializeAsString(), "");
}

TEST_F(PruneWordsTest, DaysGoAsTheyAre) {
  PruneWords words;
  words.events_days = 365;
  words.images_days = 0;
  words.people_days = 90;
  const auto request = Build(words);
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->ShortDebugString(), "events_days: 365 images_days: 0 people_days: 90");
}

TEST_F(PruneWordsTest, TimesAreMeantInTheZone) {
  PruneWords words;
  words.events_before = "2026-11-22";
  words.images_before = "2026-11-22 00:00:01";
  words.people_before = "2026-11-21T22:00:02Z";
  const auto request = Build(words);
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->ShortDebugString(),
            "events_before_ms: 1795298400000 images_before_ms: 1795298401000 "
            "people_before_ms: 1795298402000");
}

TEST_F(PruneWordsTest, TimesAreShownInTheZoneWhichIsNamed) {
  v1::PruneResponse pruned;
  pruned.set_events(1'500);
  pruned.set_images(1);
  pruned.set_people(1);
  pruned.set_oldest_arrival_ms(1'795'298'400'000);
  pruned.set_newest_arrival_ms(1'795'298'401'000);
  const std::string words = DescribePruned(pruned, zone_);
  EXPECT_THAT(words, HasSubstr("1,500 events, 1 image, and what 1 event tells of people"));
  EXPECT_THAT(words,
              HasSubstr("arrived from 2026-11-22 00:00:00 to 2026-11-22 00:00:01 (Two/East)"));
}

}  // namespace
}  // namespace gatelog::cli
