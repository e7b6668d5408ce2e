#include "store/postgres/tail.h"

namespace gatelog::postgres {

void Tail::Add(std::span<const TailEvent> events) {
  MutexLock lock(mutex_);
  HourKey last;
  std::uint64_t* count = nullptr;
  for (const TailEvent& event : events) {
    const HourKey key{event.timestamp / kHourSeconds, event.code, event.sub_code};
    if (count == nullptr || !(key == last)) {
      count = &hours_[key];
      last = key;
    }
    ++*count;
  }
}

HourCounts Tail::hours() const {
  MutexLock lock(mutex_);
  return hours_;
}

}  // namespace gatelog::postgres
