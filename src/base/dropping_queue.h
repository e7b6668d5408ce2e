#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
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
