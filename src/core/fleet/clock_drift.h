#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace gatelog::core {

// How far a device's clock is from the gateway's, as keep-alives show it. Plain state: the caller
// says what time it is.
class ClockDrift {
 public:
  using Milliseconds = std::chrono::milliseconds;

  // What a measurement changed.
  enum class Change { kNone, kWentBeyond, kCameBack };

  // Beyond `limit` either way is worth a warning; zero: never.
  explicit ClockDrift(Milliseconds limit) : limit_(limit) {}

  // The device showed `device_time` when it was `now` here. A drift that went beyond the limit
  // comes back once it is a tenth below it, so that one at the limit is not told of again and
  // again.
  Change Measure(Timestamp device_time, Timestamp now) {
    const Milliseconds drift = device_time - now;
    last_ = drift;
    measured_ = now;
    if (!largest_ || std::chrono::abs(drift) > std::chrono::abs(*largest_)) largest_ = drift;
    const bool was_beyond = beyond_;
    if (limit_.count() > 0) {
      beyond_ = std::chrono::abs(drift) > (was_beyond ? limit_ - limit_ / 10 : limit_);
    }
    if (beyond_ == was_beyond) return Change::kNone;
    return beyond_ ? Change::kWentBeyond : Change::kCameBack;
  }

  // Positive: the device's clock is ahead. Empty: it has not been measured.
  std::optional<Milliseconds> last() const { return last_; }
  // The one furthest from zero since the gateway started.
  std::optional<Milliseconds> largest() const { return largest_; }
  std::optional<Timestamp> measured() const { return measured_; }
  bool beyond() const { return beyond_; }

 private:
  Milliseconds limit_;
  std::optional<Milliseconds> last_;
  std::optional<Milliseconds> largest_;
  std::optional<Timestamp> measured_;
  bool beyond_ = false;
};

}  // namespace gatelog::core
