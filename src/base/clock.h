#pragma once

#include <chrono>

namespace gatelog {

// Wall-clock time, UTC.
using Timestamp = std::chrono::sys_time<std::chrono::milliseconds>;

// Where time comes from, so that tests and the simulation can say what time it is. Any thread.
class Clock {
 public:
  virtual ~Clock() = default;

  virtual Timestamp Now() const = 0;
  // Never goes back; for intervals.
  virtual std::chrono::steady_clock::time_point Steady() const = 0;
};

class SystemClock final : public Clock {
 public:
  Timestamp Now() const override;
  std::chrono::steady_clock::time_point Steady() const override;
};

}  // namespace gatelog
