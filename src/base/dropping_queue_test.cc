#include "base/dropping_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <vector>

namespace gatelog {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(DroppingQueueTest, GivesTheOldestFirstAndNoMoreThanAskedFor) {
  DroppingQueue<int> queue(10, [] {});
  for (const int item : {1, 2, 3}) EXPECT_TRUE(queue.Push(item));
  EXPECT_THAT(queue.Take(2), ElementsAre(1, 2));
  EXPECT_THAT(queue.Take(2), ElementsAre(3));
  EXPECT_THAT(queue.Take(2), IsEmpty());
}

TEST(DroppingQueueTest, AFullQueueDiscardsTheNewItemAndCountsIt) {
  DroppingQueue<int> queue(2, [] {});
  EXPECT_TRUE(queue.Push(1));
  EXPECT_TRUE(queue.Push(2));
  EXPECT_FALSE(queue.Push(3));
  EXPECT_EQ(queue.dropped(), 1u);
  EXPECT_THAT(queue.Take(10), ElementsAre(1, 2));
  EXPECT_TRUE(queue.Push(4));
  EXPECT_EQ(queue.dropped(), 1u);
}

TEST(DroppingQueueTest, WakesWhenItStopsBeingEmpty) {
  int wakes = 0;
  DroppingQueue<int> queue(10, [&wakes] { ++wakes; });
  queue.Push(1);
  queue.Push(2);
  EXPECT_EQ(wakes, 1);
  queue.Take(1);
  queue.Push(3);
  EXPECT_EQ(wakes, 1) << "it was not empty";
  queue.Take(10);
  queue.Push(4);
  EXPECT_EQ(wakes, 2);
}

TEST(DroppingQueueTest, WhatComesTogetherIsTakenWholeWhileThereIsRoomForOne) {
  DroppingQueue<int> queue(2, [] {});
  queue.Push(1);
  EXPECT_EQ(queue.PushAll({2, 3, 4}), 0u);
  EXPECT_EQ(queue.PushAll({5, 6}), 2u);
  EXPECT_EQ(queue.dropped(), 2u);
  EXPECT_THAT(queue.Take(3), ElementsAre(1, 2, 3));
  EXPECT_EQ(queue.PushAll({7, 8}), 0u);
  EXPECT_THAT(queue.Take(10), ElementsAre(4, 7, 8));
}

TEST(DroppingQueueTest, WhatComesTogetherWakesOnce) {
  int wakes = 0;
  DroppingQueue<int> queue(10, [&wakes] { ++wakes; });
  queue.PushAll({});
  EXPECT_EQ(wakes, 0);
  queue.PushAll({1, 2, 3});
  EXPECT_EQ(wakes, 1);
  queue.PushAll({4});
  EXPECT_EQ(wakes, 1) << "it was not empty";
}

TEST(DroppingQueueTest, TheConsumerMayTakeFromInsideTheWakeUp) {
  std::vector<int> taken;
  DroppingQueue<int>* itself = nullptr;
  DroppingQueue<int> queue(1, [&] { taken = itself->Take(1); });
  itself = &queue;
  queue.Push(7);
  EXPECT_THAT(taken, ElementsAre(7));
}

TEST(DroppingQueueTest, WhatIsNotDroppedArrivesOnceAndInOrder) {
  constexpr int kItems = 50'000;
  DroppingQueue<int> queue(64, [] {});
  std::thread producer([&queue] {
    for (int i = 1; i <= kItems; ++i) queue.Push(i);
  });
  std::vector<int> taken;
  const auto take = [&] {
    for (const int item : queue.Take(16)) taken.push_back(item);
  };
  while (taken.size() + queue.dropped() < kItems) take();
  producer.join();
  EXPECT_EQ(taken.size() + queue.dropped(), static_cast<std::size_t>(kItems));
  EXPECT_TRUE(std::is_sorted(taken.begin(), taken.end()));
  EXPECT_EQ(std::adjacent_find(taken.begin(), taken.end()), taken.end());
}

}  // namespace
}  // namespace gatelog
