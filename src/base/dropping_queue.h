#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "base/mutex.h"

namespace gatelog {

// A bounded queue between one producer that must never wait and one consumer that may be slow. When
// it is full, the new item is discarded and counted. Any thread.
template <typename T>
class DroppingQueue {
 public:
  // `wake` is called, without a lock, on the producer's thread, whenever the queue stops being
  // empty.
  DroppingQueue(std::size_t capacity, absl::AnyInvocable<void()> wake)
      : capacity_(capacity), wake_(std::move(wake)) {}

  // False if the item was discarded.
  bool Push(T item) GATELOG_EXCLUDES(mutex_) {
    bool was_empty = false;
    {
      MutexLock lock(mutex_);
      if (items_.size() >= capacity_) {
        ++dropped_;
        return false;
      }
      was_empty = items_.empty();
      items_.push_back(std::move(item));
    }
    if (was_empty) wake_();
    return true;
  }

  // Takes all of the items, in their order, if there is room for one of them, and none if not: what
  // happened together must not fill the queue before the consumer could run. So the queue may hold
  // more than its capacity, by less than the items of one call. Returns how many were discarded.
  std::size_t PushAll(std::vector<T> items) GATELOG_EXCLUDES(mutex_) {
    if (items.empty()) return 0;
    bool was_empty = false;
    {
      MutexLock lock(mutex_);
      if (items_.size() >= capacity_) {
        dropped_ += items.size();
        return items.size();
      }
      was_empty = items_.empty();
      items_.insert(items_.end(), std::make_move_iterator(items.begin()),
                    std::make_move_iterator(items.end()));
    }
    if (was_empty) wake_();
    return 0;
  }

  // Up to `max` items, oldest first.
  std::vector<T> Take(std::size_t max) GATELOG_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const auto count = static_cast<std::ptrdiff_t>(std::min(max, items_.size()));
    std::vector<T> taken(std::make_move_iterator(items_.begin()),
                         std::make_move_iterator(items_.begin() + count));
    items_.erase(items_.begin(), items_.begin() + count);
    return taken;
  }

  std::uint64_t dropped() const GATELOG_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return dropped_;
  }

 private:
  const std::size_t capacity_;
  absl::AnyInvocable<void()> wake_;
  mutable Mutex mutex_;
  std::deque<T> items_ GUARDED_BY(mutex_);
  std::uint64_t dropped_ GUARDED_BY(mutex_) = 0;
};

}  // namespace gatelog
