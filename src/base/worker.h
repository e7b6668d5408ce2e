#pragma once

#include <condition_variable>
#include <deque>
#include <thread>
#include <vector>

#include "base/executor.h"
#include "base/mutex.h"

namespace gatelog {

// Threads of its own for calls that block: the store's writer, the store's readers. One thread
// keeps the order of tasks; with several, tasks begin in order and run beside each other. The queue
// has no limit of its own: whoever posts bounds what it has under way.
class Worker final : public Executor {
 public:
  explicit Worker(std::size_t threads = 1);
  // Runs what was posted before, then joins.
  ~Worker() override;

  void Post(Task task) override;

 private:
  void Run();

  Mutex mutex_;
  std::condition_variable_any wake_;
  std::deque<Task> tasks_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace gatelog
