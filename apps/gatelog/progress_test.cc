#include "apps/gatelog/progress.h"

#include <gtest/gtest.h>

#include "apps/gatelog/escape.h"

namespace gatelog::cli {
namespace {

constexpr std::size_t kWidth = 100;

v1::Device Device(std::uint32_t first, std::uint32_t last, std::uint32_t lag) {
  v1::Device device;
  device.set_device_id(541'000'001);
  device.set_state(v1::LINK_STATE_CONNECTED);
  device.set_collected(true);
  device.set_first_id(first);
  device.set_last_id(last);
  device.set_lag(lag);
  return device;
}

TEST(ProgressTest, CountsWhatTheDeviceHolds) {
  const Progress progress = ProgressOf(Device(901, 1'900, 250));
  EXPECT_EQ(progress.held, 1'000U);
  EXPECT_EQ(progress.done, 750U);
  EXPECT_DOUBLE_EQ(progress.percent, 75);
}

TEST(ProgressTest, IsWholeOnlyWhenNothingIsLeft) {
  EXPECT_DOUBLE_EQ(ProgressOf(Device(1, 1'000'000, 0)).percent, 100);
  EXPECT_LT(ProgressOf(Device(1, 1'000'000, 1)).percent, 100);
}

TEST(ProgressTest, ALogThatIsNotKnownHasNoProgress) {
  EXPECT_FALSE(ProgressOf(Device(0, 0, 0)).known);
  EXPECT_DOUBLE_EQ(ProgressOf(Device(0, 0, 0)).percent, 0);
  EXPECT_DOUBLE_EQ(ProgressOf(Device(0, 50, 0)).percent, 100);  // cleared after 50
}

TEST(ProgressTest, StoredMeansConnectedAndWithoutLag) {
  v1::Device device = Device(1, 10, 0);
  EXPECT_TRUE(IsStored(device));
  device.set_lag(1);
  EXPECT_FALSE(IsStored(device));
  device.set_lag(0);
  device.set_state(v1::LINK_STATE_DISCONNECTED);
  EXPECT_FALSE(IsStored(device));
  device.set_collected(false);  // nobody waits for it
  EXPECT_TRUE(IsStored(device));
}

TEST(ProgressTest, ALine) {
  EXPECT_EQ(ProgressLine(Device(1, 12'000, 6'000), 3'400, kWidth),
            " 541000001  ████████████░░░░░░░░░░░░  50%  6,000 of 12,000  3,400/s");
}

TEST(ProgressTest, ALineSaysWhyNothingGoesOn) {
  v1::Device device = Device(1, 10, 5);
  device.set_state(v1::LINK_STATE_DISCONNECTED);
  device.set_last_error("refused\x1b[2J");
  const std::string line = ProgressLine(device, 0, kWidth);
  EXPECT_NE(line.find("not connected: refused\\x1b[2J"), std::string::npos) << line;
  EXPECT_LE(DisplayWidth(ProgressLine(device, 0, 40)), 40U);
}

TEST(ProgressTest, ManyDevicesFitTheScreenUnfinishedFirst) {
  std::vector<v1::Device> devices(300, Device(1, 10, 0));
  devices.back().set_device_id(541'000'300);
  devices.back().set_lag(5);
  const auto lines = ProgressLines(devices, RateMeter(), kWidth, 10);
  ASSERT_EQ(lines.size(), 10U);
  EXPECT_NE(lines.front().find("541000300"), std::string::npos);
  EXPECT_NE(lines.back().find("299 of 300 devices"), std::string::npos) << lines.back();
}

TEST(RateMeterTest, EventsPerSecond) {
  RateMeter meter;
  const std::chrono::steady_clock::time_point start{};
  v1::Device device = Device(1, 10'000, 0);
  meter.Read(device, start);
  EXPECT_DOUBLE_EQ(meter.RateOf(device.device_id()), 0);
  device.set_stored(1'000);
  meter.Read(device, start + std::chrono::milliseconds(500));
  EXPECT_DOUBLE_EQ(meter.RateOf(device.device_id()), 2'000);
  EXPECT_DOUBLE_EQ(meter.RateOf(7), 0);
}

}  // namespace
}  // namespace gatelog::cli
