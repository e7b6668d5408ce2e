#include "core/access/device_calls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/fake_terminals.h"
#include "tests/support/memory_store.h"
#include "tests/support/virtual_time.h"

namespace gatelog::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using testing::FakeTerminals;

constexpr model::DeviceId kDevice = 541'000'001;
constexpr model::DeviceId kSlave = 541'000'900;
constexpr std::uint64_t kStepsMax = 100'000;
constexpr char kMethod[] = "gsdk.door.Door/GetList";

class DeviceCallsTest : public ::testing::Test {
 protected:
  DeviceCallsTest() {
    terminals_.Add(kDevice);
    terminals_.at(kDevice).service = [](std::string_view method, std::string_view request) {
      return absl::StatusOr<std::string>(
          absl::StrCat(absl::string_view(method.data(), method.size()), "(",
                       absl::string_view(request.data(), request.size()), ")"));
    };
    fleet_.AddAsync({{.id = kDevice, .address = FakeTerminals::AddressOf(kDevice)}},
                    [](const absl::Status&) {});
    Pass(seconds(1));
  }

  void Pass(milliseconds time) { ASSERT_TRUE(time_.RunUntil(time_.now() + time, kStepsMax)); }

  // The answer heard so far.
  struct Heard {
    int count = 0;
    absl::StatusOr<std::string> answer;
  };
  std::shared_ptr<Heard> Call(model::DeviceId device, std::string request,
                              CallKind kind = CallKind::kCommand) {
    auto heard = std::make_shared<Heard>();
    calls_.Call(device, kMethod, std::move(request), kind,
                [heard](absl::StatusOr<std::string> answer) {
                  ++heard->count;
                  heard->answer = std::move(answer);
                });
    return heard;
  }

  testing::VirtualTime time_;
  testing::VirtualExecutor loop_{time_, [] { return milliseconds(0); }};
  testing::VirtualExecutor writer_{time_, [] { return milliseconds(1); }};
  testing::MemoryStore store_;
  FakeTerminals terminals_{loop_};
  LiveHub live_;
  StatusHub status_;
  Ingest ingest_{store_, writer_, loop_, {}};
  Fleet fleet_{
      {loop_, writer_, time_, {{"terminal", &terminals_}}, store_, ingest_, live_, status_}, {}};
  DeviceCalls calls_{loop_, fleet_, {}};
};

TEST_F(DeviceCallsTest, PassesRequestAndResponse) {
  const auto heard = Call(kDevice, "request");
  EXPECT_EQ(calls_.counts().open, 1u);
  Pass(milliseconds(0));
  EXPECT_EQ(heard->answer.value(), "gsdk.door.Door/GetList(request)");
  Pass(seconds(60));
  EXPECT_EQ(heard->count, 1);
  EXPECT_EQ(calls_.counts().made, 1u);
  EXPECT_EQ(calls_.counts().open, 0u);
  EXPECT_EQ(calls_.counts().failed, 0u);
}

TEST_F(DeviceCallsTest, PassesTheDevicesOwnErrors) {
  terminals_.at(kDevice).service = [](auto, auto) {
    return absl::StatusOr<std::string>(absl::AlreadyExistsError("user 7 is there"));
  };
  const auto heard = Call(kDevice, "request");
  Pass(milliseconds(0));
  EXPECT_EQ(heard->answer.status(), absl::AlreadyExistsError("user 7 is there"));
  EXPECT_EQ(calls_.counts().failed, 1u);
}

TEST_F(DeviceCallsTest, CallsASlaveByItsMaster) {
  EXPECT_EQ(Call(kSlave, "")->answer.status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(fleet_.SetSlaves({{.master = kDevice, .rs485 = {kSlave}, .wiegand = {}}}).ok());
  const auto by_setting = Call(kSlave, "set");
  Pass(milliseconds(0));
  EXPECT_TRUE(by_setting->answer.ok()) << by_setting->answer.status();
  ASSERT_TRUE(fleet_.SetSlaves({}).ok());
  terminals_.at(kDevice).identity.wiegand_slaves = {kSlave};
  const auto by_identity = Call(kSlave, "told");
  Pass(milliseconds(0));
  EXPECT_TRUE(by_identity->answer.ok()) << by_identity->answer.status();
  EXPECT_THAT(terminals_.at(kDevice).calls, ElementsAre(kMethod, kMethod));
}

TEST_F(DeviceCallsTest, SaysThatTheDeviceIsNotConnected) {
  terminals_.at(kDevice).reachable = false;
  terminals_.Lose(kDevice);
  Pass(milliseconds(0));
  EXPECT_EQ(Call(kDevice, "")->answer.status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(DeviceCallsTest, EachKindHasItsTime) {
  terminals_.at(kDevice).answers = false;
  const auto command = Call(kDevice, "");
  const auto long_one = Call(kDevice, "", CallKind::kLong);
  Pass(seconds(10));
  ASSERT_EQ(command->count, 1);
  EXPECT_EQ(command->answer.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(command->answer.status().message(),
            "device 541000001 did not answer within 10 s; whether it has done what was asked is "
            "not known");
  EXPECT_EQ(long_one->count, 0);
  Pass(seconds(10));
  EXPECT_EQ(long_one->answer.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(calls_.counts().open, 0u);
}

TEST_F(DeviceCallsTest, HearsAtOnceOfALinkThatTheGatewayEnds) {
  terminals_.at(kDevice).answers = false;
  const auto heard = Call(kDevice, "");
  ASSERT_TRUE(fleet_.Disconnect({kDevice}).ok());
  Pass(milliseconds(0));
  EXPECT_EQ(heard->answer.status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(DeviceCallsTest, BoundsTheSizeAndTheNumberOfCalls) {
  EXPECT_EQ(Call(kDevice, std::string(ports::kCallSizeMax + 1, 'x'))->answer.status().code(),
            absl::StatusCode::kInvalidArgument);
  terminals_.at(kDevice).answers = false;
  for (std::size_t size = 0; size < kDeviceCallBytesMax; size += ports::kCallSizeMax) {
    EXPECT_EQ(Call(kDevice, std::string(ports::kCallSizeMax, 'x'))->count, 0);
  }
  EXPECT_EQ(Call(kDevice, "x")->answer.status().code(), absl::StatusCode::kResourceExhausted);
  while (calls_.counts().open < kDeviceCallsMax) EXPECT_EQ(Call(kDevice, "")->count, 0);
  EXPECT_EQ(Call(kDevice, "")->answer.status().code(), absl::StatusCode::kResourceExhausted);
  Pass(seconds(10));
  EXPECT_EQ(calls_.counts().open, 0u);
  terminals_.at(kDevice).answers = true;
  const auto heard = Call(kDevice, "x");
  Pass(milliseconds(0));
  EXPECT_TRUE(heard->answer.ok()) << heard->answer.status();
}

}  // namespace
}  // namespace gatelog::core
