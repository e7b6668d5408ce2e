#include "store/postgres/postgres_upkeep.h"

#include "base/status_macros.h"
#include "store/postgres/connection.h"
#include "store/postgres/session.h"
#include "store/postgres/store_check.h"

namespace gatelog::postgres {

void PostgresUpkeep::GiveUp() {
  MutexLock lock(mutex_);
  in_use_.request_stop();
}

absl::StatusOr<ports::StoreReport> PostgresUpkeep::Check(const ports::CheckProgress& progress) {
  std::stop_token stop;
  {
    MutexLock lock(mutex_);
    in_use_ = std::stop_source();
    stop = in_use_.get_token();
  }
  GATELOG_ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection, OpenReaderSession(url_));
  Transaction snapshot(*connection);
  GATELOG_RETURN_IF_ERROR(snapshot.Begin("ISOLATION LEVEL REPEATABLE READ READ ONLY"));
  // Before the snapshot is taken: from here on no partition is dropped.
  GATELOG_RETURN_IF_ERROR(connection->Execute("LOCK TABLE gatelog.event IN ACCESS SHARE MODE"));
  return CheckStore(*connection, progress, stop);
}

absl::StatusOr<std::unique_ptr<ports::StoreCopy>> PostgresUpkeep::Copy(const ports::CopyProgress&) {
  return absl::UnimplementedError(
      "The gateway does not back up a store in PostgreSQL; pg_dump --schema=gatelog does, also "
      "while the gateway runs.");
}

}  // namespace gatelog::postgres
