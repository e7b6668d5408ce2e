#include "base/worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <latch>
#include <memory>
#include <numeric>

namespace gatelog {
namespace {

TEST(WorkerTest, OneThreadKeepsTheOrder) {
  std::vector<int> ran;
  {
    Worker worker;
    for (int i = 0; i < 1'000; ++i) worker.Post([&ran, i] { ran.push_back(i); });
  }
  std::vector<int> expected(1'000);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(ran, expected);
}

TEST(WorkerTest, TheEndWaitsForWhatWasPosted) {
  std::atomic<int> ran = 0;
  {
    Worker worker(4);
    for (int i = 0; i < 1'000; ++i) worker.Post([&ran] { ++ran; });
  }
  EXPECT_EQ(ran, 1'000);
}

TEST(WorkerTest, SeveralThreadsRunBesideEachOther) {
  std::latch both(2);
  Worker worker(2);
  worker.Post([&both] { both.arrive_and_wait(); });
  both.arrive_and_wait();
  std::promise<void> done;
  std::latch other(2);
  worker.Post([&other] { other.arrive_and_wait(); });
  worker.Post([&] {
    other.arrive_and_wait();
    done.set_value();
  });
  done.get_future().wait();
}

TEST(WorkerTest, ATaskMayPostAnotherWhichRunsAfterIt) {
  std::vector<int> ran;
  {
    Worker worker;
    worker.Post([&] {
      worker.Post([&ran] { ran.push_back(2); });
      ran.push_back(1);
    });
  }
  EXPECT_THAT(ran, ::testing::ElementsAre(1, 2));
}

TEST(WorkerTest, ATaskIsDestroyedWhenItHasRun) {
  auto held = std::make_shared<int>(0);
  std::weak_ptr<int> weak = held;
  Worker worker;
  std::promise<void> next;
  worker.Post([held = std::move(held)] {});
  worker.Post([&next] { next.set_value(); });
  next.get_future().wait();
  EXPECT_TRUE(weak.expired());
}

}  // namespace
}  // namespace gatelog
