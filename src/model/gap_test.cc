#include "model/gap.h"

#include <gtest/gtest.h>

namespace gatelog::model {
namespace {

// Both are kept: the numbers in stores, the names in scripts of users.
TEST(GapReason, KeepsItsNumbersAndNames) {
  EXPECT_STREQ(GapReasonName(static_cast<GapReason>(1)), "overwritten");
  EXPECT_STREQ(GapReasonName(static_cast<GapReason>(2)), "cleared");
  EXPECT_STREQ(GapReasonName(static_cast<GapReason>(3)), "absent");
  EXPECT_STREQ(GapReasonName(static_cast<GapReason>(4)), "unreadable");
  EXPECT_STREQ(GapReasonName(static_cast<GapReason>(5)), "unverified");
}

TEST(GapReason, AReasonOfALaterVersionIsUnknown) {
  EXPECT_STREQ(GapReasonName(static_cast<GapReason>(99)), "unknown");
}

}  // namespace
}  // namespace gatelog::model
