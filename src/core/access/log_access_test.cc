#include "core/access/log_access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "tests/support/fake_terminals.h"
#include "tests/support/memory_store.h"
#include "tests/support/records.h"
#include "tests/support/virtual_time.h"

namespace gatelog::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::FakeTerminals;

constexpr model::DeviceId kDevice = 541'000'001;
constexpr std::uint64_t kStepsMax = 100'000;

// What a caller hears, on time that passes when told to.
class LogAccessTest : public ::testing::Test {
 protected:
  LogAccessTest() {
    terminals_.Add(kDevice);
    fleet_.AddAsync({{.id = kDevice, .address = FakeTerminals::AddressOf(kDevice)}},
                    [](const absl::Status&) {});
    Pass(seconds(1));
    for (model::EventId id = 1; id <= 3; ++id) {
      terminals_.Record(kDevice, testing::SomeEvent(kDevice, id));
      Pass(milliseconds(100));
    }
    terminals_.at(kDevice).answers = false;
    terminals_.at(kDevice).images_answered = false;
  }

  void Pass(milliseconds time) { ASSERT_TRUE(time_.RunUntil(time_.now() + time, kStepsMax)); }

  auto Hear() {
    return [this](const absl::Status& status) { heard_ = status; };
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
  EventReader reader_{store_, writer_, time_};
  LogAccess access_{loop_, fleet_, reader_, {.timeout = seconds(20)}};
  std::optional<absl::Status> heard_;
};

TEST_F(LogAccessTest, AReadOfTheLogThatIsNotAnsweredEndsInTime) {
  access_.ReadLog(
      kDevice, 0, 0, [](ports::LogPage&) { return true; }, Hear());
  Pass(seconds(19));
  EXPECT_FALSE(heard_);
  Pass(seconds(1));
  ASSERT_TRUE(heard_);
  EXPECT_EQ(heard_->code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(heard_->message(), "device 541000001 did not answer within 20 s");
}

TEST_F(LogAccessTest, AReadOfImagesThatIsNotAnsweredEndsInTime) {
  access_.ReadImages(
      kDevice, 0, 0, [](std::vector<std::string>&) { return true; }, Hear());
  Pass(seconds(20));
  ASSERT_TRUE(heard_);
  EXPECT_EQ(heard_->code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(LogAccessTest, SettingFiltersEndsInTime) {
  terminals_.at(kDevice).identity.image_logs = true;
  access_.SetImageFilters(kDevice, {}, Hear());
  Pass(seconds(20));
  ASSERT_TRUE(heard_);
  EXPECT_EQ(heard_->code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(LogAccessTest, AReadHearsAtOnceOfALinkThatTheGatewayEnds) {
  access_.ReadLog(
      kDevice, 0, 0, [](ports::LogPage&) { return true; }, Hear());
  ASSERT_TRUE(fleet_.Disconnect({kDevice}).ok());
  Pass(milliseconds(0));
  ASSERT_TRUE(heard_);
  EXPECT_EQ(heard_->code(), absl::StatusCode::kUnavailable);
}

TEST_F(LogAccessTest, ClearingHearsAtOnceOfALinkThatTheGatewayEnds) {
  access_.ClearLog(kDevice, Hear());
  Pass(seconds(1));
  EXPECT_FALSE(heard_);
  ASSERT_TRUE(fleet_.Disconnect({kDevice}).ok());
  Pass(milliseconds(0));
  ASSERT_TRUE(heard_);
  EXPECT_EQ(heard_->code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(terminals_.at(kDevice).log.size(), 3u);
}

TEST_F(LogAccessTest, AnAnswerInTimeIsTheOnlyOne) {
  terminals_.at(kDevice).answers = true;
  int replies = 0;
  access_.ReadLog(
      kDevice, 0, 0, [](ports::LogPage&) { return true; },
      [&replies](const absl::Status& status) { replies += status.ok() ? 1 : 100; });
  Pass(seconds(60));
  EXPECT_EQ(replies, 1);
}

}  // namespace
}  // namespace gatelog::core
