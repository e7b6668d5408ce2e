#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <memory>

#include "apps/gatelog-sim/caller.h"
#include "apps/gatelog-sim/setting_names.h"
#include "apps/gatelog-sim/sim_test_support.h"
#include "gsdk/device.pb.h"
#include "gsdk/schedule.pb.h"

namespace gatelog::sim {
namespace {

namespace device = gsdk::device;
namespace schedule = gsdk::schedule;
using Error = terminal::v1::Error;
using ::testing::ElementsAre;
using ::testing::SizeIs;

constexpr std::uint32_t kDevice = 541000001;

// Calls of services over the link.
class SessionCallTest : public ::testing::Test {
 protected:
  SessionCallTest() : sim_(QuietOptions(folder_.path())) {}

  LinkClient Connect() { return {sim_.port(), 1}; }
  template <typename Request>
  LinkClient::Outcome Call(LinkClient& client, const char* method, Request request) {
    request.set_deviceid(kDevice);
    return client.Call(method, request.SerializeAsString());
  }
  Error::Code ErrorOf(LinkClient& client, const char* method, const std::string& request) {
    const LinkClient::Outcome outcome = client.Call(method, request);
    EXPECT_TRUE(outcome.last.has_error()) << outcome.last.ShortDebugString();
    return outcome.last.error().code();
  }
  // Until the terminal has written a record of this code, or too much time has gone.
  bool WaitForRecord(std::uint32_t code) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    bool found = false;
    while (!found && std::chrono::steady_clock::now() < limit) {
      for (const std::uint32_t one : Codes()) found = found || one == code;
    }
    return found;
  }
  std::vector<std::uint32_t> Codes() {
    std::vector<std::uint32_t> codes;
    sim_.OnLoop([&] {
      EXPECT_TRUE(sim_.fleet()
                      .FindNumber(1)
                      ->log()
                      .VisitRecords(0,
                                    [&](std::uint32_t, std::string_view payload) {
                                      EventLog event;
                                      EXPECT_TRUE(event.ParseFromArray(
                                          payload.data(), static_cast<int>(payload.size())));
                                      codes.push_back(event.eventcode());
                                      return true;
                                    })
                      .ok());
    });
    return codes;
  }

  TemporaryFolder folder_;
  RunningSim sim_;
};

// As much as a terminal can hold.
schedule::AddRequest ManySchedules() {
  schedule::AddRequest request;
  request.set_deviceid(kDevice);
  for (std::uint32_t id = 2; id < 130; ++id) {
    schedule::ScheduleInfo& one = *request.add_schedules();
    one.set_id(id);
    for (int day = 0; day < 90; ++day) {
      schedule::DaySchedule& periods = *one.mutable_daily()->add_dayschedules();
      for (int i = 0; i < 5; ++i) {
        periods.add_periods()->set_starttime(200 + i * 200);
        periods.mutable_periods(i)->set_endtime(300 + i * 200);
      }
    }
  }
  return request;
}

TEST_F(SessionCallTest, CallsAndAnswersComeInParts) {
  LinkClient client = Connect();
  client.Open();
  const schedule::AddRequest request = ManySchedules();
  const std::string bytes = request.SerializeAsString();
  ASSERT_GT(bytes.size(), kCallPartBytesMax);
  EXPECT_TRUE(client.Call("gsdk.schedule.Schedule/Add", bytes, 10'000).last.has_answer());
  const LinkClient::Outcome list =
      Call(client, "gsdk.schedule.Schedule/GetList", schedule::GetListRequest());
  EXPECT_GT(list.parts, 1);
  schedule::GetListResponse schedules;
  ASSERT_TRUE(schedules.ParseFromString(list.response));
  EXPECT_THAT(schedules.schedules(), SizeIs(128));
}

TEST_F(SessionCallTest, AReadGoesOnBesideALargeAnswer) {
  LinkClient client = Connect();
  client.Open();
  EXPECT_TRUE(client.Call("gsdk.schedule.Schedule/Add", ManySchedules().SerializeAsString())
                  .last.has_answer());
  LinkClient::Frame call;
  call.set_request_id(1);
  call.mutable_call()->set_method("gsdk.schedule.Schedule/GetList");
  schedule::GetListRequest request;
  request.set_deviceid(kDevice);
  call.mutable_call()->set_request(request.SerializeAsString());
  client.Send(call);
  client.Send(LinkClient::ReadLog(2, 0, 10, 1));
  bool answered = false;
  bool read = false;
  while (!answered || !read) {
    const std::optional<LinkClient::Frame> frame = client.ReceiveReply();
    ASSERT_TRUE(frame.has_value());
    answered = answered || (frame->has_answer() && !frame->answer().more());
    read = read || frame->log_chunk().has_last();
  }
}

TEST_F(SessionCallTest, WhatACallWritesIsPushedBeforeItsAnswer) {
  LinkClient client = Connect();
  client.Open();
  client.Arm();
  EXPECT_TRUE(Call(client, "gsdk.device.Device/Lock", device::LockRequest()).last.has_answer());
  EXPECT_THAT(client.pushed, ElementsAre(1));
  EXPECT_THAT(Codes(), ElementsAre(0x3700));
}

TEST_F(SessionCallTest, RefusalsSayWhatIsWrongAndTheLinkGoesOn) {
  LinkClient client = Connect();
  client.Open();
  EXPECT_EQ(ErrorOf(client, "gsdk.lift.Lift/GetList", ""), Error::UNSUPPORTED);
  EXPECT_EQ(ErrorOf(client, "nothing", ""), Error::INVALID);
  EXPECT_EQ(ErrorOf(client, "gsdk.schedule.Schedule/GetList", ""), Error::NOT_FOUND);
  schedule::DeleteRequest remove;
  remove.set_deviceid(kDevice);
  remove.add_scheduleids(5);
  EXPECT_EQ(ErrorOf(client, "gsdk.schedule.Schedule/Delete", remove.SerializeAsString()),
            Error::NOT_FOUND);
  schedule::AddHolidayRequest many;
  many.set_deviceid(kDevice);
  for (std::uint32_t id = 1; id < 200; ++id) many.add_groups()->set_id(id);
  EXPECT_EQ(ErrorOf(client, "gsdk.schedule.Schedule/AddHoliday", many.SerializeAsString()),
            Error::FULL);
  EXPECT_EQ(ErrorOf(client, "gsdk.schedule.Schedule/Add", std::string(kCallBytesMax + 1, '\0')),
            Error::INVALID);
  EXPECT_TRUE(client.Arm().has_log_status());
}

TEST_F(SessionCallTest, PartsThatFitNothingEndTheLink) {
  LinkClient client = Connect();
  client.Open();
  LinkClient::Frame part;
  part.mutable_call()->set_request("x");
  EXPECT_EQ(client.Ask(part).error().code(), Error::INVALID);
  EXPECT_FALSE(client.Receive().has_value());
}

TEST_F(SessionCallTest, ARebootIsAnsweredThenTheLinkEnds) {
  LinkClient client = Connect();
  client.Open();
  client.Arm();
  EXPECT_TRUE(Call(client, "gsdk.device.Device/Reboot", device::RebootRequest()).last.has_answer());
  EXPECT_FALSE(client.Receive().has_value());
  EXPECT_THAT(client.pushed, ElementsAre(1));
  // Away, and when it is back it says so. Nobody has to wait as long as it would take.
  EXPECT_FALSE(Connect().Receive().has_value());
  sim_.OnLoop([&] {
    EXPECT_TRUE(
        sim_.fleet().Reboot(*sim_.fleet().FindNumber(1), std::chrono::milliseconds(1)).ok());
  });
  ASSERT_TRUE(WaitForRecord(0x3100));
  EXPECT_THAT(Codes(), ElementsAre(0x3000, 0x3000, 0x3100));
  Connect().Open();
}

TEST_F(SessionCallTest, AFactoryResetIsAnsweredThenTheLinkEnds) {
  LinkClient client = Connect();
  const std::uint64_t before = client.Open().generation();
  sim_.Record(1, EventOf(0x5000));
  EXPECT_TRUE(Call(client, "gsdk.device.Device/FactoryReset", device::FactoryResetRequest())
                  .last.has_answer());
  EXPECT_FALSE(client.Receive().has_value());
  EXPECT_NE(Connect().Open().generation(), before);
  EXPECT_THAT(Codes(), ElementsAre(0x4502));
}

TEST_F(SessionCallTest, ResetConfigEndsTheLinkOnlyWithTheNetwork) {
  LinkClient client = Connect();
  client.Open();
  device::ResetConfigRequest request;
  EXPECT_TRUE(Call(client, "gsdk.device.Device/ResetConfig", request).last.has_answer());
  EXPECT_TRUE(client.Arm().has_log_status());
  request.set_withnetwork(true);
  EXPECT_TRUE(Call(client, "gsdk.device.Device/ResetConfig", request).last.has_answer());
  EXPECT_FALSE(client.Receive().has_value());
  EXPECT_THAT(Codes(), ElementsAre(0x4503, 0x4500));
}

TEST_F(SessionCallTest, AResetThatFailsLeavesTheLinkAsItIs) {
  LinkClient client = Connect();
  client.Open();
  client.Arm();
  sim_.OnLoop([&] {
    Terminal& terminal = *sim_.fleet().FindNumber(1);
    const absl::Status reset = terminal.ChangeAndDisconnect("a test", [&] {
      EXPECT_TRUE(terminal.StageCode(0x4500).ok());
      return absl::DataLossError("The file cannot be written.");
    });
    EXPECT_TRUE(absl::IsDataLoss(reset)) << reset;
  });
  sim_.Record(1, EventOf(0x5000));
  EXPECT_TRUE(client.Arm().has_log_status());
  EXPECT_THAT(client.pushed, ElementsAre(1));
  EXPECT_THAT(Codes(), ElementsAre(0x5000));
}

// The gateway had it wait to be called, and called it. A reset takes that back.
TEST_F(SessionCallTest, ATerminalThatCallsByDefaultCallsAgainAfterAReset) {
  asio::io_context gateway_context;
  asio::ip::tcp::acceptor gateway(gateway_context, {asio::ip::address_v4::loopback(), 0});
  const timeval limit{10, 0};
  ::setsockopt(gateway.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  TemporaryFolder folder;
  Options options = QuietOptions(folder.path());
  options.devices = 1;
  options.calls_gateway = true;
  options.gateway_port = gateway.local_endpoint().port();
  RunningSim sim(options);
  std::unique_ptr<Caller> caller;
  sim.OnLoop([&] {
    Terminal& terminal = *sim.fleet().FindNumber(1);
    EXPECT_TRUE(terminal
                    .Change([&] {
                      return terminal.store().Save(kDevice, SettingStore::Area::kNetwork,
                                                   setting::kLinkage, "");
                    })
                    .ok());
    caller = std::make_unique<Caller>(sim.context(), sim.fleet(), 1);
    caller->Start();
  });
  LinkClient client(sim.port(), 1);
  client.Open();
  EXPECT_TRUE(Call(client, "gsdk.device.Device/FactoryReset", device::FactoryResetRequest())
                  .last.has_answer());
  EXPECT_FALSE(client.Receive().has_value());
  const int called = ::accept(gateway.native_handle(), nullptr, nullptr);
  EXPECT_GE(called, 0) << "nobody called";
  if (called >= 0) LinkClient(called).Open();
  sim.OnLoop([&] { caller->Stop(); });
  sim.OnLoop([&] { caller.reset(); });
}

}  // namespace
}  // namespace gatelog::sim
