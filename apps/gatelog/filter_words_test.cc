#include "apps/gatelog/filter_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apps/gatelog/failure.h"

namespace gatelog::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FilterWordsTest : public testing::Test {
 protected:
  // What the command line makes of the options.
  absl::StatusOr<v1::Filter> Build(std::vector<std::string> options) {
    CLI::App app;
    FilterWords words;
    AddFilterOptions(app, words);
    std::reverse(options.begin(), options.end());
    app.parse(options);
    return BuildFilter(words, now_, zone_);
  }
  v1::Filter Built(const std::vector<std::string>& options) {
    const auto filter = Build(options);
    EXPECT_TRUE(filter.ok()) << filter.status();
    return filter.value_or(v1::Filter());
  }
  std::string Refusal(const std::vector<std::string>& options) {
    const absl::Status status = Build(options).status();
    EXPECT_FALSE(status.ok());
    return std::string(status.message());
  }

  const absl::TimeZone zone_ = absl::FixedTimeZone(2 * 60 * 60);
  const absl::Time now_ = absl::FromCivil(absl::CivilSecond(2026, 11, 23, 10, 30, 0), zone_);
};

TEST_F(FilterWordsTest, NothingMeansEverything) { EXPECT_EQ(Built({}).SerializeAsString(), ""); }

TEST_F(FilterWordsTest, EveryOptionHasItsField) {
  const v1::Filter filter = Built({"--device",        "1",
                                   "--device",        "2",
                                   "--log-device",    "3",
                                   "--user",          "anna",
                                   "--user",          "",
                                   "--card",          "0x0a1b",
                                   "--code",          "0x1300",
                                   "--code",          "0x1000/2",
                                   "--category",      "door",
                                   "--level",         "ALARM",
                                   "--door",          "4",
                                   "--entity",        "5",
                                   "--tna",           "6",
                                   "--since",         "today",
                                   "--until",         "2026-11-23 10:00",
                                   "--arrived-since", "an hour ago",
                                   "--arrived-until", "now",
                                   "--temperature",   "37.5..40",
                                   "--epoch",         "7",
                                   "--phase",         "live",
                                   "--first-id",      "8",
                                   "--last-id",       "9",
                                   "--image",         "--changed-on-device"});
  EXPECT_EQ(filter.ShortDebugString(),
            "log_device_ids: 3 device_ids: 1 device_ids: 2 user_ids: \"anna\" user_ids: \"\" "
            "event_codes: 4864 from_s: 1795384800 to_s: 1795420800 has_image: true "
            "code_pairs { event_code: 4096 sub_code: 2 } categories: \"Door\" levels: \"alarm\" "
            "entity_ids: 4 entity_ids: 5 tna_keys: 6 cards: \"\\n\\033\" "
            "arrival_from_ms: 1795419000000 arrival_to_ms: 1795422600000 temperature_from: 3750 "
            "temperature_to: 4000 epoch: 7 phase: PHASE_LIVE changed_on_device: true first_id: 8 "
            "last_id: 9");
}

TEST_F(FilterWordsTest, WordsOfAMeaningBecomePairs) {
  const v1::Filter filter = Built({"--code", "user expired"});
  EXPECT_EQ(filter.event_codes_size(), 0);
  ASSERT_EQ(filter.code_pairs_size(), 1);
  EXPECT_EQ(filter.code_pairs(0).event_code(), 0x1900u);
  EXPECT_EQ(filter.code_pairs(0).sub_code(), 3u);
}

TEST_F(FilterWordsTest, Temperatures) {
  using Range = std::pair<std::uint32_t, std::uint32_t>;
  EXPECT_EQ(ParseTemperatures("37.5..40").value_or(Range()), Range(3'750, 4'000));
  EXPECT_EQ(ParseTemperatures("37.5..").value_or(Range()), Range(3'750, 0));
  EXPECT_EQ(ParseTemperatures("..36").value_or(Range()), Range(0, 3'600));
  for (const char* text :
       {"", "..", "37", "40..37", "a..b", "-3..4", "37.5...40", "1e9..", "nan.."}) {
    const auto range = ParseTemperatures(text);
    EXPECT_EQ(ExitCodeOf(range.status()), kExitUsage) << text;
  }
}

TEST_F(FilterWordsTest, Cards) {
  EXPECT_EQ(ParseCard("00a1b2").value_or(""), std::string("\x00\xa1\xb2", 3));
  EXPECT_EQ(ParseCard("1B2").value_or(""), "\x01\xb2");
  for (const char* text : {"", "0x", "0000", "12g4", "card"}) {
    EXPECT_EQ(ExitCodeOf(ParseCard(text).status()), kExitUsage) << text;
  }
}

TEST_F(FilterWordsTest, WhatCannotBeMeantIsNamed) {
  EXPECT_THAT(Refusal({"--category", "window"}), HasSubstr("'window'"));
  EXPECT_THAT(Refusal({"--level", "info"}), HasSubstr("alert, alarm"));
  EXPECT_THAT(Refusal({"--phase", "later"}), HasSubstr("live, backlog"));
  EXPECT_THAT(Refusal({"--since", "tomorrowish"}), HasSubstr("tomorrowish"));
  EXPECT_THAT(Refusal({"--since", "today", "--until", "yesterday"}), HasSubstr("--until"));
  EXPECT_THAT(Refusal({"--arrived-since", "now", "--arrived-until", "today"}),
              HasSubstr("--arrived-until"));
  EXPECT_THAT(Refusal({"--first-id", "9", "--last-id", "8"}), HasSubstr("--last-id"));
  EXPECT_THAT(Refusal({"--code", "wibble"}), HasSubstr("wibble"));
}

}  // namespace
}  // namespace gatelog::cli
