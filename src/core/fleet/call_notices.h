#pragma once

#include <chrono>
#include <cstddef>
#include <deque>

#include "base/clock.h"
#include "model/identity.h"

namespace gatelog::core {

// Of calls that came to nothing, in the time below: one per device ID, and of all IDs so many.
// Beyond: counted like the others, and neither logged nor told to subscribers.
inline constexpr std::size_t kCallNoticesMax = 20;
inline constexpr std::chrono::seconds kCallNoticeTime{1};

// Which of the calls that came to nothing are told one by one. Anybody who reaches the port can
// make such calls, under any ID: they must not fill the log, nor the queues of those who wait for
// changes of links that exist. A terminal pauses longer than this between its calls, so each of an
// honest one is told. Pure: no clock.
class CallNotices {
 public:
  bool Admit(model::DeviceId id, Timestamp now);

 private:
  struct Notice {
    model::DeviceId id = 0;
    Timestamp time;
  };

  std::deque<Notice> notices_;  // within the time, kCallNoticesMax at most
};

}  // namespace gatelog::core
