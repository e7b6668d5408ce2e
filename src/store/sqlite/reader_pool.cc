#include "store/sqlite/reader_pool.h"

#include <utility>

namespace gatelog::store {

std::unique_ptr<Database> ReaderPool::Take() {
  MutexLock lock(mutex_);
  while (idle_.empty()) returned_.wait(mutex_);
  std::unique_ptr<Database> database = std::move(idle_.back());
  idle_.pop_back();
  return database;
}

void ReaderPool::Return(std::unique_ptr<Database> database) {
  {
    MutexLock lock(mutex_);
    idle_.push_back(std::move(database));
  }
  returned_.notify_one();
}

}  // namespace gatelog::store
