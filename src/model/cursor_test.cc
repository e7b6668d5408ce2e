#include "model/cursor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace gatelog::model {
namespace {

using ::testing::HasSubstr;

TEST(Cursor, ComesBackAsItWas) {
  constexpr auto kMax = std::numeric_limits<std::uint64_t>::max();
  for (const Cursor cursor :
       {Cursor{0x3f9c2a7d10b4e586, 40213}, Cursor{1, 0}, Cursor{kMax, kMax}}) {
    const absl::StatusOr<Cursor> parsed = ParseCursor(FormatCursor(cursor));
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(*parsed, cursor);
  }
}

TEST(Cursor, HasOneForm) {
  EXPECT_EQ(FormatCursor({0x3f9c2a7d10b4e586, 40213}), "3f9c2a7d10b4e586-40213");
  EXPECT_EQ(FormatCursor({0xab, 1}), "00000000000000ab-1");
}

TEST(Cursor, RefusesOtherTexts) {
  for (const char* text :
       {"", "1", "-", "3f9c2a7d10b4e586", "3f9c2a7d10b4e586-", "3f9c2a7d10b4e586-x",
        "3f9c2a7d10b4e586-1x", "3f9c2a7d10b4e586--1", "3f9c2a7d10b4e586-+1", " 3f9c2a7d10b4e586-1",
        "xf9c2a7d10b4e586-1", "3f9c2a7d10b4e5861-1", "3f9c2a7d10b4e586-18446744073709551616"}) {
    const absl::StatusOr<Cursor> cursor = ParseCursor(text);
    ASSERT_FALSE(cursor.ok()) << text;
    EXPECT_EQ(cursor.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(cursor.status().message()), HasSubstr("is no cursor"));
  }
}

}  // namespace
}  // namespace gatelog::model
