#include "core/query/code_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "model/event_code.h"

namespace gatelog::core {
namespace {

using ports::CodeChoice;
using ::testing::ElementsAre;

TEST(CodeSet, ChoicesSayWholeCodesAndSingleSubCodes) {
  CodeSet set;
  set.Add(0x1300);
  set.Add(0x1000, 2);
  set.Add(0x1000, 1);
  set.Add(0x1300, 7);
  EXPECT_THAT(set.Choices(), ElementsAre(CodeChoice(0x1000, {1, 2}), CodeChoice(0x1300)));
}

TEST(CodeSet, WhatNoEventCanHaveIsLeftOut) {
  CodeSet set;
  set.Add(0x10000);
  set.Add(0x1000, 256);
  set.Add(0x2000, 255);
  EXPECT_THAT(set.Choices(), ElementsAre(CodeChoice(0x2000, {255})));
}

// An empty list of a filter lets everything pass; an empty set must not.
TEST(CodeSet, AnEmptySetFitsNoEvent) {
  const auto choices = CodeSet().Choices();
  ASSERT_EQ(choices.size(), 1u);
  EXPECT_GT(choices[0].code, CodeSet::kCodeMax);
}

TEST(CodeSet, WhatIsNotWantedGoes) {
  CodeSet set = CodeSet::Of({{0x1000, {1, 2, 3}}, 0x1300, {0x1400, {5}}});
  set.KeepIf(
      [](std::uint32_t code, std::uint32_t sub_code) { return code != 0x1400 && sub_code != 2; });
  const auto choices = set.Choices();
  ASSERT_EQ(choices.size(), 2u);
  EXPECT_EQ(choices[0], CodeChoice(0x1000, {1, 3}));
  EXPECT_EQ(choices[1].sub_codes.size(), 255u);
}

// Counts by category rely on it.
TEST(CodeSet, NoMainCodeHasSubCodesOfTwoCategories) {
  for (const model::EventCode& entry : model::EventCodes()) {
    EXPECT_EQ(entry.category, model::EventCategory(entry.code, 0)) << entry.name;
  }
}

}  // namespace
}  // namespace gatelog::core
