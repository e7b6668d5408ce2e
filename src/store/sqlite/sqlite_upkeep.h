#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "ports/store_upkeep.h"
#include "store/sqlite/sqlite_database.h"
#include "store/sqlite/sqlite_store.h"

namespace gatelog::store {

// Care for a SqliteStore, over connections of its own that only read; commits never wait for them.
// While a copy is made the write-ahead log cannot begin anew, so it grows by what is committed
// meanwhile. Threads and errors: as the port says.
class SqliteUpkeep final : public ports::StoreUpkeep {
 public:
  // The store must outlive it.
  explicit SqliteUpkeep(const SqliteStore& store) : store_(store) {}

  absl::StatusOr<ports::StoreReport> Check(const ports::CheckProgress& progress) override;
  // The copy is a file in the data directory without a name: nothing remains of it, whatever
  // happens.
  absl::StatusOr<std::unique_ptr<ports::StoreCopy>> Copy(
      const ports::CopyProgress& progress) override;
  void GiveUp() override;

 private:
  // A connection that GiveUp reaches while it is in use.
  class Reader;

  const SqliteStore& store_;
  Mutex mutex_;
  Database* in_use_ GUARDED_BY(mutex_) = nullptr;
};

}  // namespace gatelog::store
