#include "core/live/live_hub.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "core/live/status_hub.h"
#include "tests/support/records.h"

namespace gatelog::core {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr model::DeviceId kMaster = 541'000'001;
constexpr model::DeviceId kSlave = 541'000'002;
constexpr std::uint32_t kCode = 0x1300;

model::Event EventOf(model::DeviceId device, model::EventId id, std::uint32_t code = kCode) {
  model::Event event;
  event.id = id;
  event.timestamp = 1'700'000'000;
  event.device = device;
  event.code = code;
  return testing::Encoded(std::move(event));
}

std::vector<model::EventId> Take(LiveSubscription& subscription, std::size_t max = 1'000) {
  std::vector<model::EventId> ids;
  for (const LivePayload& payload : subscription.Take(max)) {
    ids.push_back(model::ParseEventId(*payload));
  }
  return ids;
}

class LiveHubTest : public ::testing::Test {
 protected:
  std::shared_ptr<LiveSubscription> Subscribe(LiveFilter filter = {}, int queue_size = 0) {
    return hub_.Subscribe(std::move(filter), queue_size, [this] { ++wakes_; });
  }

  LiveHub hub_;
  int wakes_ = 0;
};

TEST_F(LiveHubTest, ASubscriberGetsTheBytesThatTheDeviceSent) {
  const auto subscription = Subscribe();
  const model::Event event = EventOf(kMaster, 7);
  hub_.Publish(kMaster, event);
  const auto payloads = subscription->Take(10);
  ASSERT_EQ(payloads.size(), 1u);
  EXPECT_EQ(*payloads.front(), event.payload);
}

TEST_F(LiveHubTest, EachEventIsGivenOnce) {
  const auto subscription = Subscribe();
  hub_.Publish(kMaster, EventOf(kMaster, 1));
  hub_.Publish(kMaster, EventOf(kMaster, 2));
  EXPECT_THAT(Take(*subscription), ElementsAre(1, 2));
  EXPECT_THAT(Take(*subscription), IsEmpty());
}

TEST_F(LiveHubTest, WhatHappenedBeforeIsNotShown) {
  hub_.Publish(kMaster, EventOf(kMaster, 1));
  EXPECT_THAT(Take(*Subscribe()), IsEmpty());
}

TEST_F(LiveHubTest, AFilteredDeviceIsTheOneOfTheEventOrOfTheLog) {
  const auto of_master = Subscribe({.devices = {kMaster}, .codes = {}});
  const auto of_slave = Subscribe({.devices = {kSlave}, .codes = {}});
  hub_.Publish(kMaster, EventOf(kMaster, 1));
  hub_.Publish(kMaster, EventOf(kSlave, 2));
  EXPECT_THAT(Take(*of_master), ElementsAre(1, 2));
  EXPECT_THAT(Take(*of_slave), ElementsAre(2));
}

TEST_F(LiveHubTest, DeviceAndCodeMustBothMatch) {
  const auto subscription = Subscribe({.devices = {kSlave}, .codes = {kCode}});
  hub_.Publish(kMaster, EventOf(kSlave, 1, kCode + 1));
  hub_.Publish(kMaster, EventOf(kMaster, 2));
  hub_.Publish(kMaster, EventOf(kSlave, 3));
  EXPECT_THAT(Take(*subscription), ElementsAre(3));
}

TEST_F(LiveHubTest, AFullQueueDiscardsTheNewEventsAndCountsThem) {
  const auto subscription = Subscribe({}, 2);
  for (model::EventId id = 1; id <= 5; ++id) hub_.Publish(kMaster, EventOf(kMaster, id));
  EXPECT_EQ(subscription->dropped(), 3u);
  EXPECT_EQ(hub_.dropped(), 3u);
  EXPECT_EQ(hub_.published(), 5u);
  EXPECT_THAT(Take(*subscription), ElementsAre(1, 2));
  hub_.Publish(kMaster, EventOf(kMaster, 6));
  EXPECT_THAT(Take(*subscription), ElementsAre(6));
}

TEST_F(LiveHubTest, ASlowSubscriberTakesNothingFromTheOthers) {
  const auto slow = Subscribe({}, 1);
  const auto quick = Subscribe({}, 1);
  for (model::EventId id = 1; id <= 3; ++id) {
    hub_.Publish(kMaster, EventOf(kMaster, id));
    EXPECT_THAT(Take(*quick), ElementsAre(id));
  }
  EXPECT_EQ(quick->dropped(), 0u);
  EXPECT_EQ(slow->dropped(), 2u);
}

TEST_F(LiveHubTest, QueueSizesThatMakeNoSenseAreReplaced) {
  const auto usual = Subscribe({}, -1);
  const auto largest = Subscribe({}, 2'000'000'000);
  for (model::EventId id = 1; id <= kLiveQueueMax + 1; ++id) {
    hub_.Publish(kMaster, EventOf(kMaster, id));
  }
  EXPECT_EQ(Take(*usual, SIZE_MAX).size(), kLiveQueueDefault);
  EXPECT_EQ(Take(*largest, SIZE_MAX).size(), kLiveQueueMax);
}

TEST_F(LiveHubTest, ASubscriberIsWokenOnceUntilItHasTakenEverything) {
  const auto subscription = Subscribe();
  hub_.Publish(kMaster, EventOf(kMaster, 1));
  hub_.Publish(kMaster, EventOf(kMaster, 2));
  EXPECT_EQ(wakes_, 1);
  Take(*subscription);
  hub_.Publish(kMaster, EventOf(kMaster, 3));
  EXPECT_EQ(wakes_, 2);
}

// Runs what was posted when the test says so: the end of a turn.
class Turns final : public Executor {
 public:
  void Post(Task task) override { tasks_.push_back(std::move(task)); }
  void End() {
    for (Task& task : std::exchange(tasks_, {})) task();
  }

 private:
  std::vector<Task> tasks_;
};

TEST(LiveHubTurnTest, AQueueWithRoomForOneTakesATurnWholeAndIsWokenOnce) {
  Turns turns;
  LiveHub hub(turns);
  int wakes = 0;
  const auto small = hub.Subscribe({}, 2, [&wakes] { ++wakes; });
  for (model::EventId id = 1; id <= 5; ++id) hub.Publish(kMaster, EventOf(kMaster, id));
  EXPECT_EQ(wakes, 0);
  turns.End();
  EXPECT_EQ(wakes, 1);
  hub.Publish(kMaster, EventOf(kMaster, 6));
  turns.End();
  EXPECT_EQ(small->dropped(), 1u) << "it was full";
  EXPECT_EQ(hub.dropped(), 1u);
  EXPECT_THAT(Take(*small), ElementsAre(1, 2, 3, 4, 5));
  hub.Publish(kMaster, EventOf(kMaster, 7));
  turns.End();
  EXPECT_THAT(Take(*small), ElementsAre(7));
}

TEST(LiveHubTurnTest, ATurnIsSortedByFilters) {
  Turns turns;
  LiveHub hub(turns);
  const auto of_slave = hub.Subscribe({.devices = {kSlave}, .codes = {}}, 0, [] {});
  const auto of_all = hub.Subscribe({}, 0, [] {});
  hub.Publish(kMaster, EventOf(kMaster, 1));
  hub.Publish(kMaster, EventOf(kSlave, 2));
  hub.Publish(kMaster, EventOf(kMaster, 3));
  turns.End();
  EXPECT_THAT(Take(*of_slave), ElementsAre(2));
  EXPECT_THAT(Take(*of_all), ElementsAre(1, 2, 3));
}

TEST(LiveHubTurnTest, ALongTurnIsHandedOutInBursts) {
  Turns turns;
  LiveHub hub(turns);
  const auto subscription = hub.Subscribe({}, static_cast<int>(kLiveQueueMax), [] {});
  for (model::EventId id = 1; id <= kLiveBurstMax + 1; ++id) {
    hub.Publish(kMaster, EventOf(kMaster, id));
  }
  EXPECT_EQ(Take(*subscription, SIZE_MAX).size(), kLiveBurstMax);
  turns.End();
  EXPECT_EQ(Take(*subscription, SIZE_MAX).size(), 1u);
}

TEST_F(LiveHubTest, ASubscriptionThatIsDroppedEnds) {
  auto subscription = Subscribe();
  EXPECT_EQ(hub_.subscribers(), 1u);
  subscription.reset();
  EXPECT_EQ(hub_.subscribers(), 0u);
  hub_.Publish(kMaster, EventOf(kMaster, 1));
  EXPECT_EQ(wakes_, 0);
}

TEST_F(LiveHubTest, SubscribersAreLimitedAndAnEndedOneMakesRoom) {
  std::vector<std::shared_ptr<LiveSubscription>> all;
  for (std::size_t i = 0; i < kLiveSubscribersMax; ++i) all.push_back(Subscribe());
  EXPECT_EQ(Subscribe(), nullptr);
  all.pop_back();
  EXPECT_NE(Subscribe(), nullptr);
}

TEST(StatusHubTest, EachSubscriberHearsOfEveryChange) {
  StatusHub hub;
  const auto one = hub.Subscribe(0, [] {});
  const auto other = hub.Subscribe(1, [] {});
  hub.Publish({kMaster, LinkChange::kConnected, {}});
  hub.Publish({kMaster, LinkChange::kDisconnected, {}});
  const auto changes = one->Take(10);
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].change, LinkChange::kConnected);
  EXPECT_EQ(changes[1].change, LinkChange::kDisconnected);
  EXPECT_EQ(other->Take(10).size(), 1u);
  EXPECT_EQ(other->dropped(), 1u);
}

}  // namespace
}  // namespace gatelog::core
