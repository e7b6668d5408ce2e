#include "apps/gatelog/code_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gatelog::cli {
namespace {

using testing::Contains;
using testing::ElementsAre;

CodeFilter Parsed(const std::vector<std::string>& words) {
  const auto filter = ParseCodeWords(words);
  EXPECT_TRUE(filter.ok()) << filter.status();
  return filter.value_or(CodeFilter());
}

TEST(CodeWordsTest, NoWordsMeanEveryEvent) {
  const CodeFilter filter = Parsed({});
  EXPECT_TRUE(filter.empty());
  EXPECT_TRUE(filter.Matches(0x1234, 5));
}

TEST(CodeWordsTest, NumbersMeanEverySubCodeEvenWhenUnknown) {
  for (const char* word : {"0x1300", "4864", "0X1300"}) {
    const CodeFilter filter = Parsed({word});
    EXPECT_THAT(filter.main_codes(), ElementsAre(0x1300U)) << word;
    EXPECT_TRUE(filter.Matches(0x1300, 0xEE));
    EXPECT_FALSE(filter.Matches(0x1400, 0));
    EXPECT_FALSE(filter.finer_than_main_codes());
  }
  EXPECT_THAT(Parsed({"0xFEDC"}).main_codes(), ElementsAre(0xFEDCU));
}

TEST(CodeWordsTest, APairMeansItself) {
  const CodeFilter filter = Parsed({"0x1300/3"});
  EXPECT_THAT(filter.main_codes(), ElementsAre(0x1300U));
  EXPECT_TRUE(filter.finer_than_main_codes());
  EXPECT_TRUE(filter.Matches(0x1300, 3));
  EXPECT_FALSE(filter.Matches(0x1300, 4));
}

TEST(CodeWordsTest, NamesWithAndWithoutPrefixInAnyCase) {
  for (const char* word :
       {"BS2_EVENT_IDENTIFY_SUCCESS", "EVENT_IDENTIFY_SUCCESS", "identify_success"}) {
    EXPECT_THAT(Parsed({word}).main_codes(), ElementsAre(0x1300U)) << word;
  }
  const CodeFilter sub = Parsed({"BS2_SUB_EVENT_IDENTIFY_FACE"});
  EXPECT_THAT(sub.main_codes(), ElementsAre(0x1300U, 0x1500U));  // also under duress
  EXPECT_TRUE(sub.Matches(0x1300, 3));
  EXPECT_FALSE(sub.Matches(0x1300, 1));
}

TEST(CodeWordsTest, WordsOfTheMeaningFindTheirPairsOnly) {
  const CodeFilter denied = Parsed({"denied"});
  EXPECT_THAT(denied.main_codes(), Contains(0x1900U));
  EXPECT_TRUE(denied.Matches(0x1900, 3));
  EXPECT_FALSE(denied.Matches(0x1300, 3));
  const CodeFilter expired = Parsed({"User Expired"});
  EXPECT_TRUE(expired.Matches(0x1900, 3));
  EXPECT_FALSE(expired.Matches(0x1900, 2));
  EXPECT_TRUE(expired.finer_than_main_codes());
}

TEST(CodeWordsTest, SeveralWordsAddUp) {
  const CodeFilter filter = Parsed({"user expired", "0x5400", "0x1900"});
  EXPECT_THAT(filter.main_codes(), ElementsAre(0x1900U, 0x5400U));
  EXPECT_TRUE(filter.Matches(0x1900, 2));
  EXPECT_FALSE(filter.finer_than_main_codes());
}

TEST(CodeWordsTest, WhatMatchesNothingIsNamed) {
  for (const char* word : {"", " ", "0x10000", "70000", "0x1300/0x100", "-1", "wibble"}) {
    const auto filter = ParseCodeWords({word});
    ASSERT_FALSE(filter.ok()) << word;
    EXPECT_NE(filter.status().message().find(word), absl::string_view::npos);
  }
}

}  // namespace
}  // namespace gatelog::cli
