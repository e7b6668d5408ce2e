#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "store/postgres/connection.h"

namespace gatelog::postgres {

// Sessions as the store needs them, whatever the server's, database's or role's settings say.

// The one that writes: commits are synced when they return, and it is the only writer of the
// database for as long as it lives. `writer_id` names this store object among all.
// kFailedPrecondition: another gateway has the store, the database is not UTF8, the server is a
// standby or does not sync.
absl::StatusOr<std::unique_ptr<Connection>> OpenWriterSession(const std::string& url,
                                                              const std::string& writer_id);

// One that builds indexes, or keeps the device registry: synced as well, without the lock.
absl::StatusOr<std::unique_ptr<Connection>> OpenSideSession(const std::string& url,
                                                            const std::string& name);

// One that only reads.
absl::StatusOr<std::unique_ptr<Connection>> OpenReaderSession(const std::string& url);

}  // namespace gatelog::postgres
