#pragma once

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/device_registry.h"
#include "store/sqlite/sqlite_database.h"
#include "store/sqlite/sqlite_store.h"

namespace gatelog::store {

// The devices that are kept, in the store's own file, over a connection of its own: it may be used
// while the store commits, and then waits its turn. Threads and errors: as the port says; the
// statuses are those of Database.
class SqliteRegistry final : public ports::DeviceRegistry {
 public:
  // The store keeps the data directory to this process, so it must outlive the registry.
  static absl::StatusOr<std::unique_ptr<SqliteRegistry>> Open(SqliteStore& store);

  absl::StatusOr<std::vector<ports::Registration>> Load() override;
  absl::Status Save(const ports::Registration& registration) override;
  absl::Status Remove(model::DeviceId id) override;
  absl::StatusOr<ports::AcceptFilter> LoadAcceptFilter() override;
  absl::Status SaveAcceptFilter(const ports::AcceptFilter& filter) override;
  absl::StatusOr<std::vector<ports::DeviceTrust>> LoadTrust() override;
  absl::Status SaveTrust(const ports::DeviceTrust& trust) override;

 private:
  SqliteRegistry(std::unique_ptr<Database> database, DiskHealth& disk)
      : database_(std::move(database)), disk_(disk) {}

  // Runs the statement, unless the disk has failed; if it fails now, the store learns of it.
  absl::Status Write(Statement& statement);
  absl::Status Noted(absl::Status written);
  absl::Status ReplaceFilter(const ports::AcceptFilter& filter);

  std::unique_ptr<Database> database_;
  DiskHealth& disk_;
};

}  // namespace gatelog::store
