#include "store/postgres/reader_pool.h"

#include <utility>

namespace gatelog::postgres {

std::unique_ptr<Connection> ReaderPool::Take() {
  MutexLock lock(mutex_);
  while (idle_.empty()) returned_.wait(mutex_);
  std::unique_ptr<Connection> session = std::move(idle_.back());
  idle_.pop_back();
  return session;
}

void ReaderPool::Return(std::unique_ptr<Connection> session) {
  {
    MutexLock lock(mutex_);
    // Those that are open are taken first.
    if (session != nullptr) {
      idle_.push_back(std::move(session));
    } else {
      idle_.insert(idle_.begin(), nullptr);
    }
  }
  returned_.notify_one();
}

}  // namespace gatelog::postgres
