#include "api/http/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include "tests/support/test_gateway.h"

namespace gatelog::api {
namespace {

using ::gatelog::testing::TestGateway;
using ::testing::HasSubstr;
using ::testing::Not;

class HttpServerTest : public ::testing::Test {
 protected:
  HttpServerTest() {
    auto server =
        HttpServer::Start({.address = {"127.0.0.1", 0}},
                          {.unready_reasons = [this] { return reasons_; },
                           .metrics =
                               [this] {
                                 return SampleCore(gateway_.loop, *gateway_.fleet, gateway_.ingest,
                                                   gateway_.live, std::chrono::seconds(5));
                               }});
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  httplib::Result Get(const char* path) {
    return httplib::Client("127.0.0.1", server_->port()).Get(path);
  }

  TestGateway gateway_;
  std::vector<std::string> reasons_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, TellsHealthAndReadiness) {
  EXPECT_EQ(Get("/healthz")->status, 200);
  EXPECT_EQ(Get("/readyz")->status, 200);
  reasons_ = {"The store does not take events: the disk is full.", "The gRPC server does not run."};
  const httplib::Result unready = Get("/readyz");
  EXPECT_EQ(unready->status, 503);
  EXPECT_EQ(unready->body,
            "The store does not take events: the disk is full.\nThe gRPC server does not run.\n");
  EXPECT_EQ(Get("/healthz")->status, 200);
  const httplib::Result missing = Get("/nothing");
  EXPECT_EQ(missing->status, 404);
  EXPECT_THAT(missing->body, HasSubstr("Try /healthz"));
}

TEST_F(HttpServerTest, ShowsFigures) {
  gateway_.AddLinked(541'000'001, 7);
  gateway_.AddLinked(541'000'002, 0);
  const httplib::Result metrics = Get("/metrics");
  ASSERT_EQ(metrics->status, 200);
  EXPECT_THAT(metrics->body, HasSubstr("# TYPE gatelog_events_committed_total counter\n"
                                       "gatelog_events_committed_total 7\n"));
  EXPECT_THAT(metrics->body, HasSubstr("gatelog_devices{state=\"connected\"} 2\n"));
  EXPECT_THAT(metrics->body, HasSubstr("gatelog_devices{state=\"disconnected\"} 0\n"));
  EXPECT_THAT(metrics->body, HasSubstr("gatelog_device_stored_events{device=\"541000001\"} 7\n"));
  EXPECT_THAT(metrics->body, HasSubstr("gatelog_device_lag_records{device=\"541000002\"} 0\n"));
  EXPECT_THAT(metrics->body, HasSubstr("gatelog_live_subscribers 0\n"));
  EXPECT_THAT(metrics->body, HasSubstr("gatelog_device_series_left_out 0\n"));
}

TEST_F(HttpServerTest, SaysThatThePortIsTaken) {
  const auto port = static_cast<std::uint16_t>(server_->port());
  const auto second = HttpServer::Start({.address = {"127.0.0.1", port}}, {});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr("choose another address with --http"));
}

TEST_F(HttpServerTest, EndsWhileAConnectionIsKept) {
  httplib::Client client("127.0.0.1", server_->port());
  client.set_keep_alive(true);
  ASSERT_EQ(client.Get("/healthz")->status, 200);
  const auto start = std::chrono::steady_clock::now();
  server_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(4));
}

core::DeviceSnapshot SomeDevice(model::DeviceId id) {
  core::DeviceSnapshot device;
  device.id = id;
  device.lag = 5;
  device.images_lag = 2;
  device.clock_drift = core::ClockDrift(std::chrono::seconds(60));
  const Timestamp now{std::chrono::milliseconds(1'800'000'000'000)};
  device.clock_drift.Measure(now - std::chrono::milliseconds(3'600'500), now);
  return device;
}

TEST(MetricsTest, DevicesAreShownEachAndTogether) {
  const std::string text = ToPrometheus({.devices = {SomeDevice(7), SomeDevice(8)}});
  EXPECT_THAT(text, HasSubstr("gatelog_device_lag_records{device=\"7\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("gatelog_device_clock_drift_seconds{device=\"8\"} -3600.5\n"));
  EXPECT_THAT(text, HasSubstr("gatelog_lag_records 10\n"));
  EXPECT_THAT(text, HasSubstr("gatelog_images_lag 4\n"));
  EXPECT_THAT(text, HasSubstr("gatelog_clock_drift_seconds_max 3600.5\n"));
  EXPECT_THAT(text, HasSubstr("gatelog_devices_clock_beyond_limit 2\n"));
}

TEST(MetricsTest, RefusedCallsAreShownByKind) {
  MetricsSample sample;
  sample.reads_refused = 3;
  sample.counts_refused = 4;
  const std::string text = ToPrometheus(sample);
  EXPECT_THAT(text, HasSubstr("gatelog_calls_refused_total{kind=\"read\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("gatelog_calls_refused_total{kind=\"count\"} 4\n"));
}

TEST(MetricsTest, BeyondTheLimitDevicesAreShownTogetherOnly) {
  const std::string text =
      ToPrometheus({.devices = {SomeDevice(7), SomeDevice(8)}, .devices_max = 1});
  EXPECT_THAT(text, Not(HasSubstr("device=")));
  EXPECT_THAT(text, HasSubstr("gatelog_lag_records 10\n"));
  EXPECT_THAT(text, HasSubstr("gatelog_device_series_left_out 2\n"));
}

}  // namespace
}  // namespace gatelog::api
