#include "apps/gatelog-sim/services/clock_service.h"

#include <gmock/gmock.h>

#include <limits>

#include "apps/gatelog-sim/services/service_test_support.h"

namespace gatelog::sim {
namespace {

namespace time = gsdk::time;
namespace sys = gsdk::system;
using ::testing::ElementsAre;

class ClockServiceTest : public ServiceTest {
 protected:
  std::uint64_t Now() {
    const auto response = Call<time::GetResponse>("gsdk.time.Time/Get", time::GetRequest());
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? response->gmttime() : 0;
  }
  absl::Status Set(std::uint64_t utc_s) {
    time::SetRequest request;
    request.set_gmttime(utc_s);
    return Call<time::SetResponse>("gsdk.time.Time/Set", request).status();
  }
  time::TimeConfig Config() {
    return Call<time::GetConfigResponse>("gsdk.time.Time/GetConfig", time::GetConfigRequest())
        .value_or(time::GetConfigResponse())
        .config();
  }
  absl::Status SetConfig(std::int32_t zone, bool sync) {
    time::SetConfigRequest request;
    request.mutable_config()->set_timezone(zone);
    request.mutable_config()->set_syncwithserver(sync);
    return Call<time::SetConfigResponse>("gsdk.time.Time/SetConfig", request).status();
  }
  sys::SystemConfig System() {
    return Call<sys::GetConfigResponse>("gsdk.system.System/GetConfig", sys::GetConfigRequest())
        .value_or(sys::GetConfigResponse())
        .config();
  }
  absl::Status SetSystem(const sys::SystemConfig& config) {
    sys::SetConfigRequest request;
    *request.mutable_config() = config;
    return Call<sys::SetConfigResponse>("gsdk.system.System/SetConfig", request).status();
  }
};

TEST_F(ClockServiceTest, SettingTheClockMovesItAndIsRecordedInTheNewTime) {
  EXPECT_EQ(Now(), static_cast<std::uint64_t>(kStart));
  ASSERT_TRUE(Set(1'500'000'000).ok());
  EXPECT_EQ(Now(), 1'500'000'000u);
  const std::vector<EventLog> records = NewRecords();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].eventcode(), 0x3200u);
  EXPECT_EQ(records[0].timestamp(), 1'500'000'000u);
  EXPECT_EQ(records[0].deviceid(), kDevice);
  clock_.now_s += 10;
  Restart();
  EXPECT_EQ(Now(), 1'500'000'010u);
  EXPECT_EQ(terminal_->clock_ms(), 1'500'000'010'000);
}

TEST_F(ClockServiceTest, ATimeThatNoRecordCanHoldIsRefused) {
  constexpr std::uint64_t kSecondsMax = std::numeric_limits<std::uint32_t>::max();
  for (const std::uint64_t time : {kSecondsMax + 1, std::numeric_limits<std::uint64_t>::max(),
                                   std::numeric_limits<std::uint64_t>::max() / 1000}) {
    EXPECT_EQ(Set(time).code(), absl::StatusCode::kInvalidArgument) << time;
  }
  EXPECT_EQ(Now(), static_cast<std::uint64_t>(kStart));
  EXPECT_THAT(NewCodes(), ElementsAre());
  EXPECT_TRUE(Set(kSecondsMax).ok());
  EXPECT_TRUE(Set(0).ok());
  EXPECT_THAT(NewCodes(), ElementsAre(0x3200, 0x3200));
}

TEST_F(ClockServiceTest, TheClockJumpsAsItIsSet) {
  ASSERT_TRUE(terminal_->JumpClock(-100).ok());
  EXPECT_EQ(Now(), static_cast<std::uint64_t>(kStart - 100));
  constexpr std::int64_t kLimit = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(terminal_->JumpClock(kLimit).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(terminal_->JumpClock(-kLimit).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Now(), static_cast<std::uint64_t>(kStart - 100));
}

TEST_F(ClockServiceTest, AnotherZoneIsRecordedAndKept) {
  ASSERT_TRUE(SetConfig(32400, true).ok());
  EXPECT_THAT(NewCodes(), ElementsAre(0x3201));
  // What stays as it is writes nothing.
  ASSERT_TRUE(SetConfig(32400, false).ok());
  EXPECT_THAT(NewCodes(), ElementsAre());
  EXPECT_EQ(SetConfig(15 * 3600, false).code(), absl::StatusCode::kInvalidArgument);
  Restart();
  EXPECT_EQ(Config().timezone(), 32400);
  EXPECT_FALSE(Config().syncwithserver());
  EXPECT_EQ(terminal_->LocalTime(0), 32400);
  // Timestamps and the clock stay UTC.
  EXPECT_EQ(Now(), static_cast<std::uint64_t>(kStart));
}

TEST_F(ClockServiceTest, DaylightSavingIsRecordedAndKept) {
  time::SetDSTConfigRequest request;
  time::DSTSchedule& schedule = *request.mutable_config()->add_schedules();
  schedule.mutable_starttime()->set_month(time::MONTH_MARCH);
  schedule.mutable_endtime()->set_month(time::MONTH_OCTOBER);
  schedule.set_timeoffset(3600);
  ASSERT_TRUE(Call<time::SetDSTConfigResponse>("gsdk.time.Time/SetDSTConfig", request).ok());
  EXPECT_THAT(NewCodes(), ElementsAre(0x3202));
  ASSERT_TRUE(Call<time::SetDSTConfigResponse>("gsdk.time.Time/SetDSTConfig", request).ok());
  EXPECT_THAT(NewCodes(), ElementsAre());
  Restart();
  const auto kept =
      Call<time::GetDSTConfigResponse>("gsdk.time.Time/GetDSTConfig", time::GetDSTConfigRequest());
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(kept->config().SerializeAsString(), request.config().SerializeAsString());
  schedule.set_timeoffset(7201);
  EXPECT_EQ(
      Call<time::SetDSTConfigResponse>("gsdk.time.Time/SetDSTConfig", request).status().code(),
      absl::StatusCode::kInvalidArgument);
}

TEST_F(ClockServiceTest, TheSystemsSettingsHoldTheZoneAndTheLock) {
  ASSERT_TRUE(SetConfig(-18000, true).ok());
  NewCodes();
  sys::SystemConfig config = System();
  EXPECT_EQ(config.timezone(), -18000);
  EXPECT_TRUE(config.synctime());
  config.set_usejobcode(true);
  config.set_camerafrequency(sys::FREQ_60HZ);
  config.set_usecardoperationmask(0x1234);
  ASSERT_TRUE(SetSystem(config).ok());
  EXPECT_THAT(NewCodes(), ElementsAre());
  config.set_timezone(0);
  config.set_islocked(true);
  ASSERT_TRUE(SetSystem(config).ok());
  EXPECT_THAT(NewCodes(), ElementsAre(0x3201, 0x3700));
  Restart();
  EXPECT_EQ(System().SerializeAsString(), config.SerializeAsString());
  EXPECT_EQ(Config().timezone(), 0);

  sys::SystemConfig wrong = config;
  wrong.set_camerafrequency(static_cast<sys::CameraFrequency>(9));
  EXPECT_EQ(SetSystem(wrong).code(), absl::StatusCode::kInvalidArgument);
  wrong = config;
  wrong.set_timezone(-13 * 3600);
  EXPECT_EQ(SetSystem(wrong).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(System().SerializeAsString(), config.SerializeAsString());
}

}  // namespace
}  // namespace gatelog::sim
