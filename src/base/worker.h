#pragma once

#include <condition_variable>
#include <deque>
#include <thread>

#include "base/executor.h"
#include "base/mutex.h"

namespace gatelog {

// A thread of its own for calls that block: the store's writer, the store's readers.
// The queue has no limit of its own: whoever posts bounds what it has under way.
class Worker final : public Executor {
 public:
  Worker();
  // Runs what was posted before, then joins.
  ~Worker() override;

  void Post(Task task) override;

 private:
  void Run();

  Mutex mutex_;
  std::condition_variable_any wake_;
  std::deque<Task> tasks_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace gatelog
