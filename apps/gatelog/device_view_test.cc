#include "apps/gatelog/device_view.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace gatelog::cli {
namespace {

constexpr std::int64_t kNowMs = 1'795'420'800'000;  // 2026-11-23 08:00:00 UTC

v1::Device SomeDevice() {
  v1::Device device;
  device.set_device_id(541'000'001);
  device.set_address("127.0.0.1:51211");
  device.set_state(v1::LINK_STATE_CONNECTED);
  device.set_connected_since_ms(kNowMs - 97'000'000);
  device.set_kept(true);
  device.set_collected(true);
  device.set_stored(1'234'567);
  device.set_gaps(2);
  device.set_missing(1'000);
  device.set_lag(12);
  device.set_images(1'558);
  device.set_images_wanted(1'570);
  device.set_images_absent(9);
  device.set_images_lag(3);
  device.set_reads_repeated(4);
  v1::NewestEvent& newest = *device.mutable_newest_event();
  newest.set_id(40'213);
  newest.set_timestamp(kNowMs / 1000 - 3'600);
  newest.set_arrival_ms(kNowMs - 12'000);
  newest.set_event_code(0x1300);
  newest.set_sub_code(0x03);
  newest.set_user_id("1042");
  device.mutable_clock_drift()->set_last_ms(-3'588'400);
  device.mutable_clock_drift()->set_largest_ms(-3'600'000);
  device.mutable_clock_drift()->set_beyond_limit(true);
  return device;
}

std::string Pair(const v1::Device& device, const std::string& label) {
  for (const auto& [name, value] : DevicePairs(device, kNowMs, absl::UTCTimeZone())) {
    if (name == label) return value;
  }
  return "no such label";
}

TEST(DeviceViewTest, AListFitsAScreen) {
  v1::Device device = SomeDevice();
  device.mutable_clock_drift()->set_beyond_limit(false);
  const Record record = DeviceRecord(device, kNowMs);
  const std::vector<std::string> expected = {"541000001", "127.0.0.1:51211", "connected", "1 d 2 h",
                                             "12 s ago",  "1,234,567",       "12",        "1,000",
                                             "1,558 +3",  "-59 m 48 s",      ""};
  EXPECT_EQ(record.cells, expected);
  const Layout layout = DeviceLayout();
  std::size_t width = 0;
  for (std::size_t i = 0; i < layout.columns.size(); ++i) {
    width += 2 + std::max(layout.columns[i].title.size(), record.cells[i].size());
  }
  EXPECT_LE(width, 120u);
}

TEST(DeviceViewTest, TheNoteSaysWhatIsWrong) {
  v1::Device device = SomeDevice();
  EXPECT_EQ(DeviceRecord(device, kNowMs).cells.back(), "its clock is wrong");
  device.set_last_error("127.0.0.1:51211 closed the connection");
  EXPECT_EQ(DeviceRecord(device, kNowMs).cells.back(), "its clock is wrong") << "it is back";
  device.set_state(v1::LINK_STATE_DISCONNECTED);
  EXPECT_EQ(DeviceRecord(device, kNowMs).cells.back(),
            "its clock is wrong, 127.0.0.1:51211 closed the connection");
}

TEST(DeviceViewTest, SaysWhoOpensTheLinkAndHow) {
  v1::Device device = SomeDevice();
  EXPECT_EQ(Pair(device, "linked by"), "the gateway calls the device");
  device.set_calls_in(true);
  device.set_tls(true);
  device.mutable_clock_drift()->set_beyond_limit(false);
  EXPECT_EQ(Pair(device, "linked by"), "the device calls the gateway, over TLS");
  EXPECT_EQ(DeviceRecord(device, kNowMs).cells.back(), "calls in, TLS");
}

TEST(DeviceViewTest, InfoHasEverything) {
  v1::Device device = SomeDevice();
  EXPECT_EQ(Pair(device, "state"), "connected since 2026-11-22 05:03:20 (1 d 2 h)");
  EXPECT_EQ(Pair(device, "last event"), "ID 40213, identified by face, user 1042");
  EXPECT_EQ(Pair(device, "its time"),
            "2026-11-23 07:00:00 by the device's clock, arrived 2026-11-23 07:59:48");
  EXPECT_EQ(Pair(device, "clock"),
            "-59 m 48 s against the gateway's, furthest -1 h 0 m; set the device's clock");
  EXPECT_EQ(Pair(device, "images"), "1,558 of 1,570 stored, 3 to come, 9 not on the device");
  EXPECT_EQ(Pair(device, "missing"), "1,000 in 2 gaps");
  EXPECT_EQ(Pair(device, "retries"), "0 to connect since the last link, 4 reads");
  EXPECT_EQ(Pair(device, "last error"), "");
  device.set_last_error("no answer");
  device.set_last_error_ms(kNowMs);
  EXPECT_EQ(Pair(device, "last error"), "no answer (2026-11-23 08:00:00)");
}

TEST(DeviceViewTest, WhatIsNotKnownIsNotInvented) {
  v1::Device device;
  device.set_kept(true);
  device.set_collected(true);
  const Record record = DeviceRecord(device, kNowMs);
  EXPECT_EQ(record.cells[3], "");
  EXPECT_EQ(record.cells[4], "");
  EXPECT_EQ(record.cells[9], "");
  EXPECT_EQ(Pair(device, "clock"), "not measured yet");
}

TEST(DeviceViewTest, CsvNamesTheFieldsOfParts) {
  const auto csv = DeviceLayout().csv;
  const auto has = [&](const std::string& name, const std::string& path) {
    return std::count(csv.begin(), csv.end(), std::pair(name, path)) == 1;
  };
  EXPECT_TRUE(has("device_id", "/device_id"));
  EXPECT_TRUE(has("clock_drift.last_ms", "/clock_drift/last_ms"));
  EXPECT_TRUE(has("newest_event.id", "/newest_event/id"));
}

}  // namespace
}  // namespace gatelog::cli
