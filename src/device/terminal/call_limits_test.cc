#include "device/terminal/call_limits.h"

#include <gtest/gtest.h>

namespace gatelog::terminal {
namespace {

const asio::ip::address kPeer = asio::ip::make_address("192.0.2.1");
const asio::ip::address kOther = asio::ip::make_address("192.0.2.2");
const CallLimits::TimePoint kNow{std::chrono::hours(1)};

TEST(CallLimits, OnePeerHasFewAtATime) {
  CallLimits limits;
  for (std::size_t i = 0; i < kCallsPerPeerMax; ++i) ASSERT_TRUE(limits.Admit(kPeer, kNow));
  EXPECT_FALSE(limits.Admit(kPeer, kNow));
  EXPECT_TRUE(limits.Admit(kOther, kNow));
  EXPECT_EQ(limits.open(), kCallsPerPeerMax + 1);
  limits.Ended(kPeer);
  EXPECT_TRUE(limits.Admit(kPeer, kNow));
}

TEST(CallLimits, OnePeerCallsSoOftenAndNoMore) {
  CallLimits limits;
  for (std::size_t i = 0; i < kCallsPerPeerWindowMax; ++i) {
    ASSERT_TRUE(limits.Admit(kPeer, kNow));
    limits.Ended(kPeer);
  }
  EXPECT_FALSE(limits.Admit(kPeer, kNow));
  EXPECT_TRUE(limits.Admit(kOther, kNow));
  EXPECT_TRUE(limits.Admit(kPeer, kNow + kCallsPerPeerWindow));
}

TEST(CallLimits, PeersAreForgottenAndNotWithoutEnd) {
  CallLimits limits;
  const auto peer = [](std::size_t i) {
    return asio::ip::make_address_v4(0x0A00'0000u + static_cast<std::uint32_t>(i));
  };
  for (std::size_t i = 0; i < kCallPeersMax; ++i) {
    ASSERT_TRUE(limits.Admit(peer(i), kNow));
    if (i > 0) limits.Ended(peer(i));
  }
  EXPECT_FALSE(limits.Admit(kPeer, kNow));
  EXPECT_TRUE(limits.Admit(kPeer, kNow + kCallsPerPeerWindow));
  EXPECT_EQ(limits.open(), 2u);
}

}  // namespace
}  // namespace gatelog::terminal
