#include "base/limited_executor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <latch>
#include <vector>

#include "base/worker.h"

namespace gatelog {
namespace {

TEST(LimitedExecutorTest, LongTasksLeaveAThreadToOthers) {
  std::promise<void> end;
  std::shared_future<void> ended = end.get_future().share();
  std::latch long_tasks(3);
  Worker worker(2);
  LimitedExecutor limited(worker, 1);
  for (int i = 0; i < 3; ++i) {
    limited.Post([ended, &long_tasks] {
      ended.wait();
      long_tasks.count_down();
    });
  }
  std::promise<void> other;
  worker.Post([&other] { other.set_value(); });
  const bool ran =
      other.get_future().wait_for(std::chrono::seconds(20)) == std::future_status::ready;
  end.set_value();
  long_tasks.wait();
  EXPECT_TRUE(ran);
}

TEST(LimitedExecutorTest, AsManyAsAreAllowedRunBesideEachOther) {
  std::latch both(2);
  std::latch done(2);
  Worker worker(4);
  LimitedExecutor limited(worker, 2);
  for (int i = 0; i < 2; ++i) {
    limited.Post([&] {
      both.arrive_and_wait();
      done.count_down();
    });
  }
  done.wait();
}

TEST(LimitedExecutorTest, OneAtATimeKeepsTheOrder) {
  std::vector<int> ran;
  std::latch done(1'000);
  Worker worker(4);
  LimitedExecutor limited(worker, 1);
  for (int i = 0; i < 1'000; ++i) {
    limited.Post([&, i] {
      ran.push_back(i);
      done.count_down();
    });
  }
  done.wait();
  std::vector<int> expected(1'000);
  for (int i = 0; i < 1'000; ++i) expected[static_cast<std::size_t>(i)] = i;
  EXPECT_EQ(ran, expected);
}

}  // namespace
}  // namespace gatelog
