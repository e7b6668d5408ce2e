#pragma once

#include <chrono>

#include "base/clock.h"

namespace gatelog::testing {

// The system's time, moved on by as much as a test says. One thread.
class MovedClock final : public Clock {
 public:
  Timestamp Now() const override { return system_.Now() + moved_; }
  std::chrono::steady_clock::time_point Steady() const override { return system_.Steady(); }
  void Move(std::chrono::milliseconds by) { moved_ += by; }

 private:
  SystemClock system_;
  std::chrono::milliseconds moved_{0};
};

}  // namespace gatelog::testing
