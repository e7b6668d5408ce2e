#include "core/fleet/clock_drift.h"

#include <gtest/gtest.h>

namespace gatelog::core {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Change = ClockDrift::Change;

constexpr Timestamp kNow{milliseconds(1'800'000'000'000)};

TEST(ClockDriftTest, IsUnknownUntilItIsMeasured) {
  const ClockDrift drift(seconds(60));
  EXPECT_FALSE(drift.last());
  EXPECT_FALSE(drift.largest());
  EXPECT_FALSE(drift.measured());
}

TEST(ClockDriftTest, KeepsTheLastAndTheOneFurthestFromZero) {
  ClockDrift drift(seconds(60));
  drift.Measure(kNow + seconds(3), kNow);
  drift.Measure(kNow - seconds(9), kNow);
  drift.Measure(kNow + seconds(5), kNow + seconds(1));
  EXPECT_EQ(drift.last(), seconds(4));
  EXPECT_EQ(drift.largest(), -seconds(9));
  EXPECT_EQ(drift.measured(), kNow + seconds(1));
}

TEST(ClockDriftTest, TellsOfTheLimitOnceInEachDirection) {
  ClockDrift drift(seconds(60));
  EXPECT_EQ(drift.Measure(kNow + seconds(60), kNow), Change::kNone);
  EXPECT_EQ(drift.Measure(kNow - hours(1), kNow), Change::kWentBeyond);
  EXPECT_EQ(drift.Measure(kNow + hours(1), kNow), Change::kNone);
  EXPECT_TRUE(drift.beyond());
  EXPECT_EQ(drift.Measure(kNow + seconds(59), kNow), Change::kNone) << "too near to the limit";
  EXPECT_EQ(drift.Measure(kNow + seconds(54), kNow), Change::kCameBack);
  EXPECT_FALSE(drift.beyond());
}

TEST(ClockDriftTest, WithoutALimitNothingIsTold) {
  ClockDrift drift(seconds(0));
  EXPECT_EQ(drift.Measure(kNow + hours(1'000), kNow), Change::kNone);
  EXPECT_EQ(drift.last(), hours(1'000));
}

}  // namespace
}  // namespace gatelog::core
