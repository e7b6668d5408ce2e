#pragma once

#include <condition_variable>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "store/sqlite/sqlite_database.h"

namespace gatelog::store {

// The connections that reads share. Any thread; a reader waits while all are in use.
class ReaderPool {
 public:
  explicit ReaderPool(std::vector<std::unique_ptr<Database>> connections)
      : idle_(std::move(connections)) {}

  // A connection for one read; goes back to the pool, which must live on, when destroyed.
  class Lease {
   public:
    explicit Lease(ReaderPool& pool) : pool_(pool), database_(pool.Take()) {}
    ~Lease() { pool_.Return(std::move(database_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    Database& operator*() { return *database_; }

   private:
    ReaderPool& pool_;
    std::unique_ptr<Database> database_;
  };

 private:
  std::unique_ptr<Database> Take() GATELOG_EXCLUDES(mutex_);
  void Return(std::unique_ptr<Database> database) GATELOG_EXCLUDES(mutex_);

  Mutex mutex_;
  std::condition_variable_any returned_;
  std::vector<std::unique_ptr<Database>> idle_ GUARDED_BY(mutex_);
};

}  // namespace gatelog::store
