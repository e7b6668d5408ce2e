#include "apps/gatelog/code_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gatelog::cli {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

CodeFilter Parsed(const std::vector<std::string>& words) {
  const auto filter = ParseCodeWords(words);
  EXPECT_TRUE(filter.ok()) << filter.status();
  return filter.value_or(CodeFilter());
}

using Pair = std::pair<std::uint32_t, std::uint32_t>;

TEST(CodeWordsTest, NoWordsMeanEveryEvent) { EXPECT_TRUE(Parsed({}).empty()); }

TEST(CodeWordsTest, NumbersMeanEverySubCodeEvenWhenUnknown) {
  for (const char* word : {"0x1300", "4864", "0X1300"}) {
    EXPECT_THAT(Parsed({word}).whole, ElementsAre(0x1300U)) << word;
    EXPECT_THAT(Parsed({word}).pairs, IsEmpty()) << word;
  }
  EXPECT_THAT(Parsed({"0xFEDC"}).whole, ElementsAre(0xFEDCU));
}

TEST(CodeWordsTest, APairMeansItself) {
  const CodeFilter filter = Parsed({"0x1300/3"});
  EXPECT_THAT(filter.whole, IsEmpty());
  EXPECT_THAT(filter.pairs, ElementsAre(Pair(0x1300, 3)));
}

TEST(CodeWordsTest, NamesWithAndWithoutPrefixInAnyCase) {
  for (const char* word :
       {"BS2_EVENT_IDENTIFY_SUCCESS", "EVENT_IDENTIFY_SUCCESS", "identify_success"}) {
    EXPECT_THAT(Parsed({word}).whole, ElementsAre(0x1300U)) << word;
  }
  const CodeFilter sub = Parsed({"BS2_SUB_EVENT_IDENTIFY_FACE"});
  EXPECT_THAT(sub.whole, IsEmpty());
  EXPECT_THAT(sub.pairs, ElementsAre(Pair(0x1300, 3), Pair(0x1500, 3)));  // also under duress
}

TEST(CodeWordsTest, WordsOfTheMeaningFindTheirPairsOnly) {
  const CodeFilter denied = Parsed({"denied"});
  EXPECT_THAT(denied.pairs, Contains(Pair(0x1900, 3)));
  EXPECT_THAT(denied.pairs, Not(Contains(Pair(0x1300, 3))));
  const CodeFilter expired = Parsed({"User Expired"});
  EXPECT_THAT(expired.pairs, ElementsAre(Pair(0x1900, 3)));
}

TEST(CodeWordsTest, SeveralWordsAddUp) {
  const CodeFilter filter = Parsed({"user expired", "0x5400", "0x1900"});
  EXPECT_THAT(filter.whole, ElementsAre(0x1900U, 0x5400U));
  EXPECT_THAT(filter.pairs, IsEmpty());  // 0x1900 is meant as a whole
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
