#pragma once

#include "absl/status/status.h"
#include "base/mutex.h"

namespace gatelog::store {

// Whether the disk under a store can still be trusted, for all connections that write to it. After
// a write or sync that failed, the system may take as written what is not, and a later sync that
// succeeds says nothing about it; so the first such error counts for good. Any thread.
class DiskHealth {
 public:
  absl::Status status() const GATELOG_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return status_;
  }
  void Fail(const absl::Status& error) GATELOG_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (status_.ok()) status_ = absl::UnavailableError(error.message());
  }

 private:
  mutable Mutex mutex_;
  absl::Status status_ GUARDED_BY(mutex_);
};

}  // namespace gatelog::store
