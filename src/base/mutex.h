#pragma once

#include <mutex>

// clang's thread-safety attributes; nothing elsewhere.
#if defined(__clang__)
#define GATELOG_THREAD_ATTRIBUTE_(x) __attribute__((x))
#else
#define GATELOG_THREAD_ATTRIBUTE_(x)
#endif

#ifndef GUARDED_BY
#define GUARDED_BY(x) GATELOG_THREAD_ATTRIBUTE_(guarded_by(x))
#endif
#define GATELOG_REQUIRES(x) GATELOG_THREAD_ATTRIBUTE_(requires_capability(x))
#define GATELOG_EXCLUDES(x) GATELOG_THREAD_ATTRIBUTE_(locks_excluded(x))

namespace gatelog {

// std::mutex that clang can reason about.
class GATELOG_THREAD_ATTRIBUTE_(capability("mutex")) Mutex {
 public:
  void lock() GATELOG_THREAD_ATTRIBUTE_(acquire_capability()) { mutex_.lock(); }
  void unlock() GATELOG_THREAD_ATTRIBUTE_(release_capability()) { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

class GATELOG_THREAD_ATTRIBUTE_(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) GATELOG_THREAD_ATTRIBUTE_(acquire_capability(mutex))
      : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() GATELOG_THREAD_ATTRIBUTE_(release_capability()) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace gatelog
