#include "base/loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <thread>
#include <vector>

namespace gatelog {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using ::testing::ElementsAre;

class LoopTest : public ::testing::Test {
 protected:
  LoopTest() { loop_.Start(); }

  Loop loop_;
};

TEST_F(LoopTest, TasksRunInTheOrderOfTheirPostingOnTheLoopsThread) {
  std::vector<int> ran;
  std::thread::id thread;
  loop_.Post([&] { thread = std::this_thread::get_id(); });
  for (int i = 0; i < 3; ++i) loop_.Post([&ran, i] { ran.push_back(i); });
  loop_.RunAndWait([] {});
  EXPECT_THAT(ran, ElementsAre(0, 1, 2));
  EXPECT_NE(thread, std::this_thread::get_id());
}

TEST_F(LoopTest, ATaskThatIsPostedOnTheLoopRunsLater) {
  std::vector<int> ran;
  std::promise<void> done;
  loop_.Post([&] {
    loop_.Post([&] {
      ran.push_back(2);
      done.set_value();
    });
    ran.push_back(1);
  });
  done.get_future().wait();
  EXPECT_THAT(ran, ElementsAre(1, 2));
}

TEST_F(LoopTest, TimersRunWhenTheyAreDueTheShorterFirst) {
  std::vector<int> ran;
  std::promise<void> done;
  const auto begin = std::chrono::steady_clock::now();
  loop_.RunAndWait([&] {
    loop_.PostAfter(milliseconds(20), [&] {
      ran.push_back(20);
      done.set_value();
    });
    loop_.PostAfter(milliseconds(5), [&ran] { ran.push_back(5); });
  });
  done.get_future().wait();
  EXPECT_THAT(ran, ElementsAre(5, 20));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(20));
}

TEST_F(LoopTest, ACancelledTimerDoesNotRunEvenIfItIsDue) {
  bool ran = false;
  std::promise<void> done;
  loop_.RunAndWait([&] {
    // Both are due at once; the first to run cancels the other.
    auto other = std::make_shared<TimerId>();
    loop_.PostAfter(milliseconds(0), [&, other] {
      loop_.Cancel(*other);
      loop_.Post([&done] { done.set_value(); });
    });
    *other = loop_.PostAfter(milliseconds(0), [&ran] { ran = true; });
  });
  done.get_future().wait();
  loop_.RunAndWait([] {});
  EXPECT_FALSE(ran);
}

TEST_F(LoopTest, CancellingASpentOrUnknownTimerIsFine) {
  std::promise<void> done;
  TimerId timer = 0;
  loop_.RunAndWait(
      [&] { timer = loop_.PostAfter(milliseconds(0), [&done] { done.set_value(); }); });
  done.get_future().wait();
  loop_.RunAndWait([&] {
    loop_.Cancel(timer);
    loop_.Cancel(12'345);
  });
}

TEST_F(LoopTest, ATimerMayCancelItself) {
  std::promise<void> done;
  loop_.RunAndWait([&] {
    auto timer = std::make_shared<TimerId>();
    *timer = loop_.PostAfter(milliseconds(0), [&, timer] {
      loop_.Cancel(*timer);
      done.set_value();
    });
  });
  done.get_future().wait();
}

TEST(LoopStopTest, WhatWaitsIsDestroyedUnrun) {
  auto held = std::make_shared<int>(0);
  const std::weak_ptr<int> weak = held;
  bool ran = false;
  {
    Loop loop;
    loop.Start();
    loop.RunAndWait([&] { loop.PostAfter(hours(1), [&ran, held] { ran = true; }); });
    held.reset();
    loop.Stop();
    loop.Post([&ran] { ran = true; });
  }
  EXPECT_FALSE(ran);
  EXPECT_TRUE(weak.expired());
}

}  // namespace
}  // namespace gatelog
