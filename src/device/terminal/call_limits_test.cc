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

TEST(CallLimits, AFewPeersCannotHoldAllPlaces) {
  CallLimits limits;
  const auto peer = [](std::uint32_t i) { return asio::ip::make_address_v4(0x0A00'0000u + i); };
  for (std::uint32_t i = 0; limits.open() < kCallsBusy; ++i) {
    for (std::size_t k = 0; k < kCallsPerPeerMax; ++k) limits.Admit(peer(i), kNow);
  }
  EXPECT_FALSE(limits.Admit(peer(0), kNow)) << "it has its share";
  for (std::size_t i = 0; i < kCallsPerPeerBusyMax; ++i) EXPECT_TRUE(limits.Admit(kOther, kNow));
  EXPECT_FALSE(limits.Admit(kOther, kNow));
  EXPECT_TRUE(limits.Admit(kPeer, kNow));
}

TEST(CallLimits, AHostsIPv6NetworkIsOnePeer) {
  CallLimits limits;
  for (std::uint32_t i = 0; i < kCallsPerPeerMax; ++i) {
    asio::ip::address_v6::bytes_type bytes = asio::ip::make_address_v6("2001:db8::1").to_bytes();
    bytes[15] = static_cast<std::uint8_t>(i);
    bytes[8] = static_cast<std::uint8_t>(i);
    ASSERT_TRUE(limits.Admit(asio::ip::address_v6(bytes), kNow));
  }
  const auto next = asio::ip::make_address("2001:db8::ffff");
  EXPECT_FALSE(limits.Admit(next, kNow));
  EXPECT_TRUE(limits.Admit(asio::ip::make_address("2001:db8:0:1::1"), kNow));
  limits.Ended(next);
  EXPECT_TRUE(limits.Admit(next, kNow)) << "one of them has ended";
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
