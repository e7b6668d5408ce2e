#include "store/sqlite/sqlite_registry.h"

#include <string>
#include <utility>

#include "base/status_macros.h"

namespace gatelog::store {
namespace {

constexpr std::int64_t kCacheKib = 1024;

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteRegistry>> SqliteRegistry::Open(SqliteStore& store) {
  GATELOG_ASSIGN_OR_RETURN(std::unique_ptr<Database> database,
                           Database::Open(store.ConnectionOptions(false, kCacheKib)));
  // Checkpoints are the store's; one here would make a caller wait for it.
  GATELOG_RETURN_IF_ERROR(
      database->Execute("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0"));
  return std::unique_ptr<SqliteRegistry>(new SqliteRegistry(std::move(database), store.disk_));
}

absl::StatusOr<std::vector<ports::Registration>> SqliteRegistry::Load() {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database_->Prepare(
          "SELECT id, family, host, port, key, collected, monitored FROM device ORDER BY id"));
  std::vector<ports::Registration> registrations;
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return registrations;
    ports::Registration registration;
    registration.id = static_cast<model::DeviceId>(select.Integer(0));
    registration.address.family = select.Bytes(1);
    registration.address.host = select.Bytes(2);
    registration.address.port = static_cast<std::uint16_t>(select.Integer(3));
    registration.address.key = select.Bytes(4);
    registration.collected = select.Integer(5) != 0;
    registration.monitored = select.Integer(6) != 0;
    registrations.push_back(std::move(registration));
  }
}

absl::Status SqliteRegistry::Save(const ports::Registration& registration) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement replace,
      database_->Prepare(
          "INSERT OR REPLACE INTO device (id, family, host, port, key, collected, monitored) "
          "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"));
  replace.Bind(1, registration.id);
  replace.BindText(2, registration.address.family);
  replace.BindText(3, registration.address.host);
  replace.Bind(4, registration.address.port);
  replace.BindBlob(5, registration.address.key);
  replace.Bind(6, registration.collected ? 1 : 0);
  replace.Bind(7, registration.monitored ? 1 : 0);
  return Write(replace);
}

absl::Status SqliteRegistry::Remove(model::DeviceId id) {
  GATELOG_ASSIGN_OR_RETURN(Statement remove,
                           database_->Prepare("DELETE FROM device WHERE id = ?1"));
  remove.Bind(1, id);
  return Write(remove);
}

absl::Status SqliteRegistry::Write(Statement& statement) {
  GATELOG_RETURN_IF_ERROR(disk_.status());
  absl::Status written = statement.Run();
  if (!written.ok() && database_->disk_failed()) disk_.Fail(written);
  return written;
}

}  // namespace gatelog::store
