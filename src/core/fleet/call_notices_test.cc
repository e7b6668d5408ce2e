#include "core/fleet/call_notices.h"

#include <gtest/gtest.h>

namespace gatelog::core {
namespace {

constexpr model::DeviceId kDoor = 541'000'001;
const Timestamp kNow{std::chrono::hours(24)};

TEST(CallNotices, OneOfEachDeviceInATime) {
  CallNotices notices;
  EXPECT_TRUE(notices.Admit(kDoor, kNow));
  EXPECT_FALSE(notices.Admit(kDoor, kNow));
  EXPECT_TRUE(notices.Admit(kDoor + 1, kNow));
  EXPECT_FALSE(notices.Admit(kDoor, kNow + kCallNoticeTime - std::chrono::milliseconds(1)));
  EXPECT_TRUE(notices.Admit(kDoor, kNow + kCallNoticeTime));
}

TEST(CallNotices, WhoeverMakesUpDevicesGetsNoMore) {
  CallNotices notices;
  std::size_t told = 0;
  for (model::DeviceId id = 1; id <= 1'000; ++id) told += notices.Admit(id, kNow) ? 1 : 0;
  EXPECT_EQ(told, kCallNoticesMax);
  EXPECT_TRUE(notices.Admit(kDoor, kNow + kCallNoticeTime));
}

TEST(CallNotices, AClockThatIsSetBackSilencesNobody) {
  CallNotices notices;
  EXPECT_TRUE(notices.Admit(kDoor, kNow));
  EXPECT_TRUE(notices.Admit(kDoor, kNow - std::chrono::hours(1)));
}

}  // namespace
}  // namespace gatelog::core
