#include "core/fleet/fleet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "tests/support/fake_terminals.h"
#include "tests/support/memory_store.h"
#include "tests/support/records.h"
#include "tests/support/virtual_time.h"

namespace gatelog::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using testing::FakeTerminals;
using ::testing::IsEmpty;
using testing::SomeEvent;

constexpr model::DeviceId kDevice = 541'000'001;
constexpr std::uint64_t kStepsMax = 100'000;

Fleet::Options QuickOptions() {
  Fleet::Options options;
  options.image_reads = 1;
  options.devices_max = 2;
  options.reconnect = {.delay_min = milliseconds(10), .delay_max = milliseconds(50)};
  return options;
}

// A fleet of terminals in memory, on time that passes when told to.
class FleetTest : public ::testing::Test {
 protected:
  FleetTest() { terminals_.Add(kDevice); }

  void Pass(milliseconds time) { ASSERT_TRUE(time_.RunUntil(time_.now() + time, kStepsMax)); }

  void Record(int count) {
    for (int i = 0; i < count; ++i) {
      terminals_.Record(kDevice, SomeEvent(kDevice, ++recorded_));
      Pass(milliseconds(0));
    }
  }

  void ShowImage(model::EventId id) { terminals_.ShowImage(kDevice, SomeEvent(kDevice, id)); }

  // Of all devices.
  std::vector<model::EventId> Images() const {
    std::vector<model::EventId> ids;
    for (const auto& [key, image] : store_.images()) ids.push_back(key.id);
    return ids;
  }

  absl::Status Keep(model::DeviceId id = kDevice) {
    absl::Status result = absl::UnknownError("no reply");
    fleet_.AddAsync({{.id = id, .address = FakeTerminals::AddressOf(id)}},
                    [&result](absl::Status status) { result = std::move(status); });
    Pass(seconds(1));
    return result;
  }

  // As `gatelog device add` does, with or without --no-collect.
  absl::Status AddCollected(bool collected) {
    absl::Status result = absl::UnknownError("no reply");
    fleet_.Add(FakeTerminals::AddressOf(kDevice), collected,
               [&result](const absl::StatusOr<model::DeviceId>& id) { result = id.status(); });
    Pass(seconds(1));
    return result;
  }

  absl::Status SetMonitoring(bool enabled) {
    absl::Status result = absl::UnknownError("no reply");
    fleet_.SetMonitoring(kDevice, enabled,
                         [&result](absl::Status status) { result = std::move(status); });
    Pass(seconds(1));
    return result;
  }

  absl::Status Remove() {
    absl::Status result = absl::UnknownError("no reply");
    fleet_.Remove({kDevice}, [&result](absl::Status status) { result = std::move(status); });
    Pass(seconds(1));
    return result;
  }

  bool MonitoringIsRemembered() { return store_.Load()->front().monitored; }

  std::vector<model::EventId> Stored() const {
    std::vector<model::EventId> ids;
    for (const ports::StoredEvent& stored : store_.events()) ids.push_back(stored.event.id);
    return ids;
  }

  std::vector<model::EventId> TakeLive() {
    std::vector<model::EventId> ids;
    for (const LivePayload& payload : watcher_->Take(1'000)) {
      ids.push_back(model::ParseEventId(*payload));
    }
    return ids;
  }

  testing::VirtualTime time_;
  testing::VirtualExecutor loop_{time_, [] { return milliseconds(0); }};
  testing::VirtualExecutor writer_{time_, [] { return milliseconds(1); }};
  testing::VirtualExecutor registry_worker_{time_, [] { return milliseconds(1); }};
  testing::MemoryStore store_;
  FakeTerminals terminals_{loop_};
  LiveHub live_;
  StatusHub status_;
  std::shared_ptr<LiveSubscription> watcher_ = live_.Subscribe({}, 0, [] {});
  Ingest ingest_{store_, writer_, loop_, {}};
  Fleet fleet_{{loop_,
                registry_worker_,
                time_,
                {{"terminal", &terminals_}},
                store_,
                ingest_,
                live_,
                status_},
               QuickOptions()};
  model::EventId recorded_ = 0;
};

TEST_F(FleetTest, MonitoringIsRememberedWhenADeviceIsRegisteredAgain) {
  ASSERT_TRUE(Keep().ok());
  ASSERT_TRUE(SetMonitoring(true).ok());
  ASSERT_TRUE(MonitoringIsRemembered());
  ASSERT_TRUE(Keep().ok());
  EXPECT_TRUE(fleet_.Find(kDevice)->monitored);
  EXPECT_TRUE(MonitoringIsRemembered());
}

TEST_F(FleetTest, MonitoringOfAConnectedDeviceIsRememberedOnceItIsKept) {
  fleet_.Connect(FakeTerminals::AddressOf(kDevice), [](const absl::StatusOr<model::DeviceId>&) {});
  Pass(seconds(1));
  ASSERT_TRUE(SetMonitoring(true).ok());
  ASSERT_TRUE(Keep().ok());
  EXPECT_TRUE(MonitoringIsRemembered());
}

TEST_F(FleetTest, MonitoringThatCouldNotBeRememberedCanBeAskedForAgain) {
  ASSERT_TRUE(Keep().ok());
  store_.FailAll(absl::UnavailableError("the disk is gone"));
  EXPECT_EQ(SetMonitoring(true), absl::UnavailableError("the disk is gone"));
  EXPECT_FALSE(fleet_.Find(kDevice)->monitored);
  store_.FailAll(absl::OkStatus());
  EXPECT_TRUE(SetMonitoring(true).ok());
  EXPECT_TRUE(MonitoringIsRemembered());
}

TEST_F(FleetTest, MonitoringOfADeviceThatIsAwayCanBeEndedButNotBegun) {
  ASSERT_TRUE(Keep().ok());
  ASSERT_TRUE(SetMonitoring(true).ok());
  terminals_.at(kDevice).reachable = false;
  terminals_.Lose(kDevice);
  EXPECT_EQ(SetMonitoring(true).code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(MonitoringIsRemembered());
  EXPECT_TRUE(SetMonitoring(false).ok());
  EXPECT_FALSE(MonitoringIsRemembered());
}

TEST_F(FleetTest, ADeviceThatIsToBeCollectedAfterAllIsCollectedAtOnce) {
  Record(3);
  ASSERT_TRUE(AddCollected(false).ok());
  EXPECT_THAT(Stored(), IsEmpty());
  ASSERT_TRUE(AddCollected(true).ok());
  Record(1);
  Pass(seconds(1));
  EXPECT_THAT(Stored(), ElementsAre(1, 2, 3, 4));
}

TEST_F(FleetTest, ADeviceThatIsNoLongerToBeCollectedIsNot) {
  Record(2);
  ASSERT_TRUE(AddCollected(true).ok());
  ASSERT_TRUE(AddCollected(false).ok());
  Record(2);
  Pass(seconds(1));
  EXPECT_THAT(Stored(), ElementsAre(1, 2));
  ASSERT_TRUE(AddCollected(true).ok());
  EXPECT_THAT(Stored(), ElementsAre(1, 2, 3, 4));
}

TEST_F(FleetTest, ImagesThatTheStoreDidNotTakeAreFetchedAgain) {
  ASSERT_TRUE(Keep().ok());
  Record(3);  // the third says that it has an image
  Pass(seconds(1));
  EXPECT_THAT(Images(), IsEmpty());
  ShowImage(3);
  store_.FailNextCommit(absl::UnavailableError("the disk is gone"),
                        testing::Outcome::kNothingWritten);
  Pass(seconds(10));
  EXPECT_THAT(Images(), ElementsAre(3));
  EXPECT_TRUE(ingest_.health().ok());
}

TEST_F(FleetTest, ImagesAreCountedAsTheyAreWantedStoredAndAbsent) {
  ASSERT_TRUE(Keep().ok());
  Record(9);  // 3, 6 and 9 say that they have an image
  ShowImage(6);
  Pass(seconds(5));
  EXPECT_EQ(fleet_.Find(kDevice)->images_wanted, 3u);
  EXPECT_EQ(fleet_.Find(kDevice)->images, 1u);
  EXPECT_EQ(fleet_.Find(kDevice)->images_absent, 1u);
  EXPECT_EQ(fleet_.Find(kDevice)->images_lag, 1u);
  Pass(ImageCollector::kFinalAfter + minutes(1));
  EXPECT_EQ(fleet_.Find(kDevice)->images_absent, 2u);
  EXPECT_EQ(fleet_.Find(kDevice)->images_lag, 0u);
}

TEST_F(FleetTest, ImagesThatAreNotThereYetAreAskedForAfterAReconnect) {
  ASSERT_TRUE(Keep().ok());
  Record(3);
  terminals_.Lose(kDevice);
  ShowImage(3);
  Pass(seconds(1));
  EXPECT_THAT(Images(), ElementsAre(3));
}

TEST_F(FleetTest, AFewDevicesAtATimeGiveImages) {
  constexpr model::DeviceId kOther = kDevice + 1;
  terminals_.Add(kOther);
  terminals_.at(kDevice).images_answered = false;
  ASSERT_TRUE(Keep().ok());
  ASSERT_TRUE(Keep(kOther).ok());
  Record(3);
  for (model::EventId id = 1; id <= 3; ++id) {
    terminals_.Record(kOther, SomeEvent(kOther, id));
    Pass(milliseconds(0));
  }
  terminals_.ShowImage(kOther, SomeEvent(kOther, 3));
  Pass(seconds(30));
  EXPECT_THAT(Images(), IsEmpty()) << "one device at a time here, and the first does not answer";
  terminals_.Lose(kDevice);
  terminals_.at(kDevice).reachable = false;
  Pass(seconds(1));
  EXPECT_THAT(Images(), ElementsAre(3));
}

TEST_F(FleetTest, ADeviceThatIsRemovedAndAddedAgainGoesOnWhereTheStoreIs) {
  Record(3);
  ASSERT_TRUE(Keep().ok());
  ASSERT_TRUE(Remove().ok());
  EXPECT_FALSE(fleet_.Find(kDevice).ok());
  Record(2);
  ASSERT_TRUE(Keep().ok());
  EXPECT_THAT(Stored(), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_EQ(store_.LoadLogStates()->front().epoch, 1u);
}

TEST_F(FleetTest, ADeviceIsCollectedOnWhenTheStoreRecovers) {
  ASSERT_TRUE(Keep().ok());
  store_.FailAll(absl::ResourceExhaustedError("the disk is full"));
  Record(2);
  Pass(seconds(10));
  EXPECT_THAT(Stored(), IsEmpty());
  EXPECT_EQ(fleet_.Find(kDevice)->lag, 2u);
  store_.FailAll(absl::OkStatus());
  Pass(seconds(5));
  EXPECT_THAT(Stored(), ElementsAre(1, 2));
  EXPECT_TRUE(ingest_.health().ok());
}

TEST_F(FleetTest, LiveShowsWhatIsPushedOnceAndNoBacklog) {
  Record(2);
  ASSERT_TRUE(Keep().ok());
  ASSERT_TRUE(SetMonitoring(true).ok());
  Record(2);
  Pass(seconds(1));
  EXPECT_THAT(TakeLive(), ElementsAre(3, 4));
  terminals_.at(kDevice).reachable = false;
  terminals_.Lose(kDevice);
  Record(2);
  terminals_.at(kDevice).reachable = true;
  Pass(seconds(1));
  Record(1);
  Pass(seconds(1));
  EXPECT_THAT(TakeLive(), ElementsAre(7));
  EXPECT_THAT(Stored(), ElementsAre(1, 2, 3, 4, 5, 6, 7));
}

TEST_F(FleetTest, WhatIsRecordedAfterTheReplyThatEnablesMonitoringIsShown) {
  absl::Status result = absl::UnknownError("no reply");
  fleet_.Connect(FakeTerminals::AddressOf(kDevice), [&](absl::StatusOr<model::DeviceId> id) {
    ASSERT_TRUE(id.ok()) << id.status();
    fleet_.SetMonitoring(kDevice, true, [&](absl::Status status) {
      result = std::move(status);
      Record(1);
    });
  });
  Pass(seconds(1));
  EXPECT_TRUE(result.ok()) << result;
  EXPECT_THAT(TakeLive(), ElementsAre(1));
}

TEST_F(FleetTest, APushThatIsRepeatedIsShownOnce) {
  ASSERT_TRUE(Keep().ok());
  ASSERT_TRUE(SetMonitoring(true).ok());
  Record(2);
  terminals_.at(kDevice).last = recorded_ = 1;
  Record(1);  // record 2 again
  Record(1);
  Pass(seconds(1));
  EXPECT_THAT(TakeLive(), ElementsAre(1, 2, 3));
  EXPECT_THAT(Stored(), ElementsAre(1, 2, 3));
}

TEST_F(FleetTest, WhatIsNotMonitoredIsStoredButNotShown) {
  ASSERT_TRUE(Keep().ok());
  Record(2);
  Pass(seconds(1));
  EXPECT_THAT(TakeLive(), IsEmpty());
  EXPECT_THAT(Stored(), ElementsAre(1, 2));
}

TEST_F(FleetTest, LiveGoesOnWhenTheCounterBeganAnewWhileTheLinkWasLost) {
  Record(5);
  ASSERT_TRUE(Keep().ok());
  ASSERT_TRUE(SetMonitoring(true).ok());
  terminals_.at(kDevice).log.clear();
  terminals_.at(kDevice).last = 0;
  terminals_.Lose(kDevice);
  Pass(seconds(1));
  Record(1);
  Pass(seconds(1));
  EXPECT_THAT(TakeLive(), ElementsAre(1));
}

TEST_F(FleetTest, LiveGoesOnWhenTheCounterBeginsAnewUnderTheLink) {
  Record(5);
  ASSERT_TRUE(Keep().ok());
  ASSERT_TRUE(SetMonitoring(true).ok());
  Record(1);
  terminals_.at(kDevice).log.clear();
  terminals_.at(kDevice).last = 0;
  Record(2);
  Pass(seconds(1));
  EXPECT_THAT(TakeLive(), ElementsAre(6, 1, 2));
}

TEST_F(FleetTest, TheClockOfADeviceIsComparedWithTheGateways) {
  ASSERT_TRUE(Keep().ok());
  EXPECT_FALSE(fleet_.Find(kDevice)->clock_drift.last());
  terminals_.KeepAlive(kDevice, time_.Now() - seconds(90));
  terminals_.KeepAlive(kDevice, time_.Now() + seconds(3));
  EXPECT_EQ(fleet_.Find(kDevice)->clock_drift.last(), seconds(3));
  EXPECT_EQ(fleet_.Find(kDevice)->clock_drift.largest(), -seconds(90));
  terminals_.KeepAlive(kDevice, Timestamp{});
  EXPECT_EQ(fleet_.Find(kDevice)->clock_drift.last(), seconds(3)) << "a device without a clock";
}

TEST_F(FleetTest, AttemptsAreToldWhereTheyAreAskedFor) {
  for (const bool asked : {false, true}) {
    Fleet::Options options = QuickOptions();
    options.report_attempts = asked;
    Fleet fleet({loop_,
                 registry_worker_,
                 time_,
                 {{"terminal", &terminals_}},
                 store_,
                 ingest_,
                 live_,
                 status_},
                options);
    const auto changes = status_.Subscribe(100, [] {});
    terminals_.at(kDevice).reachable = false;
    fleet.AddAsync({{.id = kDevice, .address = FakeTerminals::AddressOf(kDevice)}},
                   [](const absl::Status&) {});
    Pass(milliseconds(1));
    terminals_.at(kDevice).reachable = true;
    Pass(seconds(1));
    std::vector<LinkChange> told;
    for (const StatusChange& change : changes->Take(100)) told.push_back(change.change);
    const auto attempts = std::count(told.begin(), told.end(), LinkChange::kConnecting);
    const auto failures = std::count(told.begin(), told.end(), LinkChange::kCannotConnect);
    EXPECT_GT(failures, 0);
    EXPECT_EQ(attempts, asked ? failures + 1 : 0);
    EXPECT_EQ(told.back(), LinkChange::kConnected);
    EXPECT_EQ(told.front(), asked ? LinkChange::kConnecting : LinkChange::kCannotConnect);
  }
}

TEST_F(FleetTest, TheNewestEventIsKnownAlsoAfterARestart) {
  ASSERT_TRUE(Keep().ok());
  EXPECT_FALSE(fleet_.Find(kDevice)->newest);
  Record(5);
  Pass(seconds(1));
  EXPECT_EQ(fleet_.Find(kDevice)->newest->event.id, 5u);
  Fleet again({loop_,
               registry_worker_,
               time_,
               {{"terminal", &terminals_}},
               store_,
               ingest_,
               live_,
               status_},
              QuickOptions());
  terminals_.at(kDevice).reachable = false;
  again.Start(*store_.Load(), *store_.LoadLogStates(), *store_.ReadTotals());
  Pass(seconds(1));
  ASSERT_TRUE(again.Find(kDevice)->newest);
  EXPECT_EQ(again.Find(kDevice)->newest->event.id, 5u);
  EXPECT_EQ(again.Find(kDevice)->newest->event.timestamp, SomeEvent(kDevice, 5).timestamp);
}

TEST_F(FleetTest, TheNewestEventIsNoLongerKnownWhenTheStoreHasItNoMore) {
  ASSERT_TRUE(Keep().ok());
  Record(5);
  Pass(seconds(1));
  ASSERT_TRUE(fleet_.Find(kDevice)->newest);
  fleet_.ReloadNewest();
  EXPECT_FALSE(fleet_.Find(kDevice)->newest) << "at once";
  Pass(seconds(1));
  ASSERT_TRUE(fleet_.Find(kDevice)->newest) << "it is still there";
  store_.PruneBefore(6);
  fleet_.ReloadNewest();
  Pass(seconds(1));
  EXPECT_FALSE(fleet_.Find(kDevice)->newest);
  Record(1);
  Pass(seconds(1));
  EXPECT_EQ(fleet_.Find(kDevice)->newest->event.id, 6u);
}

TEST_F(FleetTest, TheLastErrorStaysWithItsTimeWhenTheDeviceIsBack) {
  ASSERT_TRUE(Keep().ok());
  EXPECT_FALSE(fleet_.Find(kDevice)->last_error_at);
  const Timestamp lost = time_.Now();
  terminals_.Lose(kDevice);
  EXPECT_EQ(fleet_.Find(kDevice)->disconnected_since, lost);
  Pass(seconds(5));
  const DeviceSnapshot device = *fleet_.Find(kDevice);
  EXPECT_EQ(device.state, LinkState::kConnected);
  EXPECT_EQ(device.last_error, "the link broke");
  EXPECT_EQ(device.last_error_at, lost);
  EXPECT_FALSE(device.disconnected_since);
}

TEST_F(FleetTest, ReadsThatAreRepeatedAreCounted) {
  ASSERT_TRUE(Keep().ok());
  terminals_.at(kDevice).reads_fail = true;
  Record(2);
  EXPECT_EQ(fleet_.Find(kDevice)->reads_repeated, 2u);
  EXPECT_EQ(fleet_.Find(kDevice)->last_error, "the flash is worn out");
  terminals_.at(kDevice).reads_fail = false;
  Record(1);
  Pass(seconds(1));
  EXPECT_THAT(Stored(), ElementsAre(1, 2, 3));
}

TEST_F(FleetTest, DevicesThatAreThereAlreadyDoNotCountAgainstTheLimit) {
  ASSERT_TRUE(Keep().ok());
  ASSERT_TRUE(Keep(kDevice + 1).ok());
  EXPECT_TRUE(Keep().ok()) << "at the limit, and nothing new";
  EXPECT_EQ(Keep(kDevice + 2).code(), absl::StatusCode::kResourceExhausted);
  ASSERT_TRUE(Remove().ok());
  EXPECT_TRUE(Keep(kDevice + 2).ok());
}

TEST_F(FleetTest, ADialToAnAddressThatIsNoLongerTheDevicesIsGivenUp) {
  constexpr model::DeviceId kOther = kDevice + 1;
  terminals_.Add(kOther);
  terminals_.at(kOther).dials_answered = false;
  absl::Status result;
  const auto keep_at = [&](model::DeviceId address) {
    fleet_.AddAsync({{.id = kDevice, .address = FakeTerminals::AddressOf(address)}},
                    [&result](absl::Status status) { result = std::move(status); });
    Pass(seconds(1));
  };
  keep_at(kOther);
  EXPECT_EQ(fleet_.Find(kDevice)->state, LinkState::kConnecting);
  keep_at(kDevice);
  EXPECT_EQ(fleet_.Find(kDevice)->state, LinkState::kConnected);
}

TEST_F(FleetTest, ADeviceThatIsRemovedWhileItsLogIsCommittedIsForgottenAfterwards) {
  ASSERT_TRUE(Keep().ok());
  Record(3);
  ASSERT_TRUE(Remove().ok());
  Pass(seconds(1));
  EXPECT_EQ(fleet_.logs_held(), 0u);
  ASSERT_TRUE(Keep().ok());
  const DeviceSnapshot device = *fleet_.Find(kDevice);
  EXPECT_EQ(device.stored, 3u);
  EXPECT_EQ(device.next, 4u);
  EXPECT_EQ(device.newest->event.id, 3u);
  EXPECT_EQ(fleet_.logs_held(), 1u);
}

TEST_F(FleetTest, ALogIsNotCollectedBeforeItIsKnownWhatIsStoredOfIt) {
  ASSERT_TRUE(Keep().ok());
  Record(3);
  Pass(seconds(1));
  ASSERT_TRUE(Remove().ok());
  store_.FailAll(absl::UnavailableError("the disk is slow"));
  fleet_.Connect(FakeTerminals::AddressOf(kDevice), [](const absl::StatusOr<model::DeviceId>&) {});
  Pass(seconds(5));
  Record(1);
  EXPECT_EQ(fleet_.Find(kDevice)->state, LinkState::kConnected);
  store_.FailAll(absl::OkStatus());
  Pass(seconds(5));
  EXPECT_THAT(Stored(), ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(store_.LoadLogStates()->front().epoch, 1u);
}

// The gateway ends the link itself: the link then drops what it was asked.
TEST_F(FleetTest, WhoWaitsForTheLogToBeStoredHearsOfALinkThatTheGatewayEnds) {
  ASSERT_TRUE(Keep().ok());
  terminals_.at(kDevice).answers = false;
  std::optional<absl::Status> result;
  fleet_.WhenStored(kDevice, [&result](const absl::StatusOr<model::LogStatus>& stored) {
    result = stored.status();
  });
  ASSERT_TRUE(fleet_.Disconnect({kDevice}).ok());
  Pass(milliseconds(0));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->code(), absl::StatusCode::kUnavailable);
}

TEST_F(FleetTest, WhoWaitsForTheLogToBeStoredHearsOfALostLink) {
  ASSERT_TRUE(Keep().ok());
  Record(1);
  std::optional<absl::Status> result;
  fleet_.WhenStored(kDevice, [&result](const absl::StatusOr<model::LogStatus>& stored) {
    result = stored.status();
  });
  Pass(milliseconds(0));  // the device has answered, the writer has not committed
  ASSERT_FALSE(result);
  terminals_.Lose(kDevice);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->code(), absl::StatusCode::kUnavailable);
}

TEST_F(FleetTest, WhoWaitsForTheLogToBeStoredIsRefusedWhenTheStoreFails) {
  ASSERT_TRUE(Keep().ok());
  store_.FailAll(absl::ResourceExhaustedError("the disk is full"));
  Record(1);
  std::optional<absl::Status> result;
  const auto wait = [&] {
    result.reset();
    fleet_.WhenStored(kDevice, [&result](const absl::StatusOr<model::LogStatus>& stored) {
      result = stored.status();
    });
    Pass(seconds(1));
  };
  wait();
  ASSERT_TRUE(result);
  EXPECT_EQ(result->code(), absl::StatusCode::kFailedPrecondition);
  wait();
  ASSERT_TRUE(result);
  EXPECT_EQ(result->code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace gatelog::core
