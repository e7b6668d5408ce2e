#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "ports/store_upkeep.h"
#include "store/postgres/postgres_store.h"

namespace gatelog::postgres {

// Care for a PostgresStore, over sessions of its own that only read; commits never wait for them.
// Copies are made with PostgreSQL's own programs: Copy says which. Threads and errors: as the port
// says.
class PostgresUpkeep final : public ports::StoreUpkeep {
 public:
  explicit PostgresUpkeep(const PostgresStore& store) : url_(store.url()) {}

  absl::StatusOr<ports::StoreReport> Check(const ports::CheckProgress& progress) override;
  absl::StatusOr<std::unique_ptr<ports::StoreCopy>> Copy(
      const ports::CopyProgress& progress) override;
  void GiveUp() override GATELOG_EXCLUDES(mutex_);

 private:
  const std::string url_;
  Mutex mutex_;
  std::stop_source in_use_ GUARDED_BY(mutex_);  // of the call that runs, or of none
};

}  // namespace gatelog::postgres
