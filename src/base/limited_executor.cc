#include "base/limited_executor.h"

#include <deque>
#include <utility>

#include "base/mutex.h"

namespace gatelog {

class LimitedExecutor::Gate : public std::enable_shared_from_this<Gate> {
 public:
  Gate(Executor& executor, std::size_t at_once) : executor_(executor), free_(at_once) {}

  void Post(Task task) {
    {
      MutexLock lock(mutex_);
      if (free_ == 0) {
        waiting_.push_back(std::move(task));
        return;
      }
      --free_;
    }
    Start(std::move(task));
  }

  void Close() {
    std::deque<Task> waiting;
    MutexLock lock(mutex_);
    waiting.swap(waiting_);
  }

 private:
  void Start(Task task) {
    executor_.Post([self = shared_from_this(), task = std::move(task)]() mutable {
      task();
      task = nullptr;  // what it holds goes before another one begins
      self->OnEnded();
    });
  }

  void OnEnded() {
    Task next;
    {
      MutexLock lock(mutex_);
      if (waiting_.empty()) {
        ++free_;
        return;
      }
      next = std::move(waiting_.front());
      waiting_.pop_front();
    }
    // Behind what others have posted meanwhile.
    Start(std::move(next));
  }

  Executor& executor_;
  Mutex mutex_;
  std::size_t free_ GUARDED_BY(mutex_);  // so many more may be posted
  std::deque<Task> waiting_ GUARDED_BY(mutex_);
};

LimitedExecutor::LimitedExecutor(Executor& executor, std::size_t at_once)
    : gate_(std::make_shared<Gate>(executor, at_once)) {}

LimitedExecutor::~LimitedExecutor() { gate_->Close(); }

void LimitedExecutor::Post(Task task) { gate_->Post(std::move(task)); }

}  // namespace gatelog
