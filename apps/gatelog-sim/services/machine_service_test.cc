#include "apps/gatelog-sim/services/machine_service.h"

#include <gmock/gmock.h>

#include "apps/gatelog-sim/linkage.h"
#include "apps/gatelog-sim/services/service_test_support.h"
#include "apps/gatelog-sim/setting_names.h"
#include "gsdk/door.pb.h"
#include "gsdk/schedule.pb.h"
#include "gsdk/system.pb.h"
#include "gsdk/time.pb.h"

namespace gatelog::sim {
namespace {

namespace device = gsdk::device;
using ::testing::ElementsAre;

class MachineServiceTest : public ServiceTest {
 protected:
  absl::Status Lock() {
    return Call<device::LockResponse>("gsdk.device.Device/Lock", device::LockRequest()).status();
  }
  absl::Status Unlock() {
    return Call<device::UnlockResponse>("gsdk.device.Device/Unlock", device::UnlockRequest())
        .status();
  }
  absl::Status Reset(bool with_network, bool with_database) {
    device::ResetConfigRequest request;
    request.set_withnetwork(with_network);
    request.set_withdb(with_database);
    return Call<device::ResetConfigResponse>("gsdk.device.Device/ResetConfig", request).status();
  }
  // One thing of each kind that a reset may take.
  void SetEverything() {
    gsdk::time::SetConfigRequest zone;
    zone.mutable_config()->set_timezone(3600);
    EXPECT_TRUE(Call<gsdk::time::SetConfigResponse>("gsdk.time.Time/SetConfig", zone).ok());
    gsdk::schedule::AddHolidayRequest holidays;
    holidays.add_groups()->set_id(1);
    EXPECT_TRUE(
        Call<gsdk::schedule::AddHolidayResponse>("gsdk.schedule.Schedule/AddHoliday", holidays)
            .ok());
    EXPECT_TRUE(Call<gsdk::door::DeleteAllResponse>("gsdk.door.Door/DeleteAll",
                                                    gsdk::door::DeleteAllRequest())
                    .ok());
    terminal::v1::SetImageFilters no_filters;
    EXPECT_TRUE(terminal_->SetImageFilters(no_filters).ok());
    SettingStore& store = terminal_->store();
    EXPECT_TRUE(terminal_
                    ->Change([&]() -> absl::Status {
                      UserInfo user;
                      user.mutable_hdr()->set_id("7");
                      const absl::Status network =
                          store.Save(kDevice, SettingStore::Area::kNetwork, setting::kLinkage, "");
                      return network.ok() ? terminal_->users().Save(user) : network;
                    })
                    .ok());
    NewRecords();
  }
  struct Kept {
    bool zone = false;
    bool holidays = false;
    bool doors = false;
    bool filters = false;
    bool network = false;
    bool users = false;

    bool operator==(const Kept&) const = default;
  };
  Kept WhatIsKept() {
    SettingStore& store = terminal_->store();
    return {.zone = store.Find(kDevice, setting::kSystem)->has_value(),
            .holidays = store.Find(kDevice, setting::kHolidays)->has_value(),
            .doors = store.Find(kDevice, setting::kDoors)->has_value(),
            .filters = terminal_->ImageFilters().filters_size() == 0,
            .network = store.Find(kDevice, setting::kLinkage)->has_value(),
            .users = terminal_->users().Has("7")};
  }
};

TEST_F(MachineServiceTest, ALockedTerminalLetsNobodyIn) {
  const auto passages = [](const std::vector<EventLog>& events) {
    int count = 0;
    for (const EventLog& event : events) {
      const std::uint32_t code = event.eventcode();
      if ((code >= 0x1000 && code < 0x3000) || code == 0x3600) ++count;
    }
    return count;
  };
  ASSERT_GT(passages(Live(500)), 100);
  ASSERT_TRUE(Lock().ok());
  EXPECT_THAT(NewCodes(), ElementsAre(0x3700));
  EXPECT_EQ(passages(Live(500)), 0);
  // It is locked, and says so once.
  ASSERT_TRUE(Lock().ok());
  EXPECT_THAT(NewCodes(), ElementsAre());
  Restart();
  EXPECT_EQ(passages(Live(500)), 0);
  ASSERT_TRUE(Unlock().ok());
  EXPECT_THAT(NewCodes(), ElementsAre(0x3800));
  EXPECT_GT(passages(Live(500)), 100);
}

TEST_F(MachineServiceTest, ClearDbTakesTheUsersAlone) {
  SetEverything();
  EXPECT_EQ(WhatIsKept(), (Kept{true, true, true, true, true, true}));
  ASSERT_TRUE(
      Call<device::ClearDBResponse>("gsdk.device.Device/ClearDB", device::ClearDBRequest()).ok());
  EXPECT_THAT(NewCodes(), ElementsAre(0x4501));
  EXPECT_EQ(WhatIsKept(), (Kept{true, true, true, true, true, false}));
  EXPECT_GT(terminal_->log().last_id(), 1u);
}

TEST_F(MachineServiceTest, ResetConfigTakesWhatItIsTold) {
  SetEverything();
  ASSERT_TRUE(Reset(false, false).ok());
  EXPECT_THAT(NewCodes(), ElementsAre(0x4503));
  EXPECT_EQ(WhatIsKept(), (Kept{false, true, true, false, true, true}));
  EXPECT_EQ(terminal_->LocalTime(0), 0);
  SetEverything();
  ASSERT_TRUE(Reset(false, true).ok());
  EXPECT_THAT(NewCodes(), ElementsAre(0x4503));
  EXPECT_EQ(WhatIsKept(), (Kept{false, false, false, false, true, true}));
  SetEverything();
  ASSERT_TRUE(Reset(true, false).ok());
  EXPECT_THAT(NewCodes(), ElementsAre(0x4500));
  EXPECT_EQ(WhatIsKept(), (Kept{false, true, true, false, false, true}));
}

TEST_F(MachineServiceTest, AFactoryResetTakesAllAndBeginsANewLog) {
  SetEverything();
  ASSERT_TRUE(Lock().ok());
  gsdk::time::SetRequest past;
  past.set_gmttime(1000);
  ASSERT_TRUE(Call<gsdk::time::SetResponse>("gsdk.time.Time/Set", past).ok());
  const std::uint64_t generation = terminal_->log().status().generation();
  ASSERT_TRUE(Call<device::FactoryResetResponse>("gsdk.device.Device/FactoryReset",
                                                 device::FactoryResetRequest())
                  .ok());
  ForgetRecords();
  EXPECT_THAT(NewCodes(), ElementsAre(0x4502));
  EXPECT_NE(terminal_->log().status().generation(), generation);
  EXPECT_EQ(WhatIsKept(), Kept());
  EXPECT_EQ(terminal_->clock_ms(), kStart * 1000);
  // The doors of its place are there again, and people go through them: nobody is enrolled who
  // could come in, but everybody can leave.
  EXPECT_NE(terminal_->door_states().Find(terminal_->place().doors[0]), nullptr);
  int people = 0;
  for (const EventLog& event : Live(200)) {
    people += event.eventcode() == 0x5200;
    EXPECT_NE(event.eventcode(), 0x1300u);
  }
  EXPECT_GT(people, 0);
}

TEST_F(MachineServiceTest, ATerminalThatCallsByDefaultIsToldToCallAgain) {
  settings_.linkage.set_calls_gateway(true);
  Restart();
  int told = 0;
  terminal_->relinked = [&](Terminal& terminal) {
    ++told;
    const absl::StatusOr<simulator::v1::Linkage> linkage = LinkageOf(terminal);
    EXPECT_TRUE(linkage.ok() && linkage->calls_gateway());
  };
  SetEverything();
  EXPECT_FALSE(LinkageOf(*terminal_)->calls_gateway());
  ASSERT_TRUE(Reset(false, true).ok());
  EXPECT_EQ(told, 0) << "it is to wait to be called, as before";
  ASSERT_TRUE(Reset(true, false).ok());
  EXPECT_EQ(told, 1);
  SetEverything();
  ASSERT_TRUE(terminal_->FactoryReset().ok());
  EXPECT_EQ(told, 2);
}

TEST_F(MachineServiceTest, RebootIsTheWorkOfWhoeverOwnsTheTerminal) {
  const auto reboot = [&] {
    return Call<device::RebootResponse>("gsdk.device.Device/Reboot", device::RebootRequest())
        .status();
  };
  EXPECT_EQ(reboot().code(), absl::StatusCode::kFailedPrecondition);
  int restarts = 0;
  terminal_->restart = [&] {
    ++restarts;
    return absl::OkStatus();
  };
  EXPECT_TRUE(reboot().ok());
  EXPECT_EQ(restarts, 1);
}

TEST_F(MachineServiceTest, WhatTheTerminalDoesNotDoIsRefused) {
  for (const char* method : {"UpgradeFirmware", "GetHashKey", "DeleteRootCA", "RebootMulti"}) {
    EXPECT_EQ(terminal_->Call(absl::StrCat("gsdk.device.Device/", method), "").status().code(),
              absl::StatusCode::kUnimplemented)
        << method;
  }
}

}  // namespace
}  // namespace gatelog::sim
