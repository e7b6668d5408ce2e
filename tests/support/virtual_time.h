#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "base/clock.h"
#include "base/executor.h"

namespace gatelog::testing {

// Time that passes only when it is told to, and the tasks that wait for it. One thread.
class VirtualTime final : public Clock {
 public:
  Timestamp Now() const override {
    return Timestamp(std::chrono::milliseconds(1'800'000'000'000) + now_);
  }
  std::chrono::steady_clock::time_point Steady() const override {
    return std::chrono::steady_clock::time_point(now_);
  }

  // Runs the task at now + delay; tasks of one moment run in the order of their scheduling.
  std::uint64_t Schedule(std::chrono::milliseconds delay, Task task) {
    const std::uint64_t number = ++last_;
    tasks_.emplace(std::pair(now_ + delay, number), std::move(task));
    times_.emplace(number, now_ + delay);
    return number;
  }
  void Cancel(std::uint64_t number) {
    const auto time = times_.find(number);
    if (time == times_.end()) return;
    tasks_.erase({time->second, number});
    times_.erase(time);
  }

  // Runs what is due up to `end`, one task after another, then it is `end`. False once `steps_max`
  // tasks have run: then somebody works without time passing.
  bool RunUntil(std::chrono::milliseconds end, std::uint64_t steps_max) {
    for (std::uint64_t steps = 0; !tasks_.empty() && tasks_.begin()->first.first <= end; ++steps) {
      if (steps == steps_max) return false;
      auto node = tasks_.extract(tasks_.begin());
      now_ = node.key().first;
      times_.erase(node.key().second);
      ++steps_;
      node.mapped()();
    }
    now_ = end;
    return true;
  }
  // Tasks run so far.
  std::uint64_t steps() const { return steps_; }
  std::chrono::milliseconds now() const { return now_; }

 private:
  std::chrono::milliseconds now_{0};
  std::uint64_t last_ = 0;
  std::uint64_t steps_ = 0;
  std::map<std::pair<std::chrono::milliseconds, std::uint64_t>, Task> tasks_;
  std::map<std::uint64_t, std::chrono::milliseconds> times_;
};

// An executor on virtual time. What it has not run when it is destroyed is never run, as when a
// process is killed.
class VirtualExecutor final : public TimedExecutor {
 public:
  // `delay` says how long each posted task waits; tasks keep their order.
  VirtualExecutor(VirtualTime& time, absl::AnyInvocable<std::chrono::milliseconds()> delay)
      : time_(time), delay_(std::move(delay)) {}
  ~VirtualExecutor() override {
    for (const std::uint64_t task : tasks_) time_.Cancel(task);
  }

  void Post(Task task) override {
    busy_until_ = std::max(busy_until_, time_.now() + delay_());
    Schedule(busy_until_ - time_.now(), std::move(task));
  }
  TimerId PostAfter(std::chrono::milliseconds delay, Task task) override {
    return Schedule(delay, std::move(task));
  }
  void Cancel(TimerId timer) override {
    time_.Cancel(timer);
    tasks_.erase(timer);
  }

 private:
  std::uint64_t Schedule(std::chrono::milliseconds delay, Task task) {
    auto number = std::make_shared<std::uint64_t>(0);
    *number = time_.Schedule(delay, [this, number, task = std::move(task)]() mutable {
      tasks_.erase(*number);
      task();
    });
    tasks_.insert(*number);
    return *number;
  }

  VirtualTime& time_;
  absl::AnyInvocable<std::chrono::milliseconds()> delay_;
  std::chrono::milliseconds busy_until_{0};
  std::set<std::uint64_t> tasks_;
};

}  // namespace gatelog::testing
