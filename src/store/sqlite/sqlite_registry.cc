#include "store/sqlite/sqlite_registry.h"

#include <string>
#include <utility>

#include "base/status_macros.h"

namespace gatelog::store {
namespace {

constexpr std::int64_t kCacheKib = 1024;
constexpr model::DeviceId kEveryDevice = 0;  // in the table of those that are accepted

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
      database_->Prepare("SELECT id, family, host, port, key, collected, monitored, tls, calls_in "
                         "FROM device ORDER BY id"));
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
    registration.address.tls = select.Integer(7) != 0;
    registration.calls_in = select.Integer(8) != 0;
    registrations.push_back(std::move(registration));
  }
}

absl::Status SqliteRegistry::Save(const ports::Registration& registration) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement replace,
      database_->Prepare(
          "INSERT OR REPLACE INTO device (id, family, host, port, key, collected, monitored, tls, "
          "calls_in) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"));
  replace.Bind(1, registration.id);
  replace.BindText(2, registration.address.family);
  replace.BindText(3, registration.address.host);
  replace.Bind(4, registration.address.port);
  replace.BindBlob(5, registration.address.key);
  replace.Bind(6, registration.collected ? 1 : 0);
  replace.Bind(7, registration.monitored ? 1 : 0);
  replace.Bind(8, registration.address.tls ? 1 : 0);
  replace.Bind(9, registration.calls_in ? 1 : 0);
  return Write(replace);
}

absl::Status SqliteRegistry::Remove(model::DeviceId id) {
  GATELOG_ASSIGN_OR_RETURN(Statement remove,
                           database_->Prepare("DELETE FROM device WHERE id = ?1"));
  remove.Bind(1, id);
  return Write(remove);
}

absl::StatusOr<ports::AcceptFilter> SqliteRegistry::LoadAcceptFilter() {
  GATELOG_ASSIGN_OR_RETURN(Statement select, database_->Prepare("SELECT device FROM accepted"));
  ports::AcceptFilter filter;
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return filter;
    const auto device = static_cast<model::DeviceId>(select.Integer(0));
    if (device == kEveryDevice) {
      filter.all = true;
    } else {
      filter.devices.insert(device);
    }
  }
}

absl::Status SqliteRegistry::SaveAcceptFilter(const ports::AcceptFilter& filter) {
  GATELOG_RETURN_IF_ERROR(disk_.status());
  return Noted(ReplaceFilter(filter));
}

absl::Status SqliteRegistry::ReplaceFilter(const ports::AcceptFilter& filter) {
  GATELOG_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*database_));
  GATELOG_RETURN_IF_ERROR(database_->Execute("DELETE FROM accepted"));
  GATELOG_ASSIGN_OR_RETURN(Statement insert,
                           database_->Prepare("INSERT INTO accepted (device) VALUES (?1)"));
  const auto add = [&insert](model::DeviceId device) {
    insert.Reset();
    insert.Bind(1, device);
    return insert.Run();
  };
  if (filter.all) GATELOG_RETURN_IF_ERROR(add(kEveryDevice));
  for (const model::DeviceId device : filter.devices) GATELOG_RETURN_IF_ERROR(add(device));
  return transaction.Commit();
}

absl::StatusOr<std::vector<ports::DeviceTrust>> SqliteRegistry::LoadTrust() {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database_->Prepare("SELECT device, key, certificate FROM device_trust ORDER BY device"));
  std::vector<ports::DeviceTrust> all;
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return all;
    all.push_back({.id = static_cast<model::DeviceId>(select.Integer(0)),
                   .key = std::string(select.Bytes(1)),
                   .certificate = std::string(select.Bytes(2))});
  }
}

absl::Status SqliteRegistry::SaveTrust(const ports::DeviceTrust& trust) {
  const bool forgotten = trust.key.empty() && trust.certificate.empty();
  GATELOG_ASSIGN_OR_RETURN(
      Statement change,
      database_->Prepare(forgotten
                             ? "DELETE FROM device_trust WHERE device = ?1"
                             : "INSERT OR REPLACE INTO device_trust (device, key, certificate) "
                               "VALUES (?1, ?2, ?3)"));
  change.Bind(1, trust.id);
  if (!forgotten) {
    change.BindBlob(2, trust.key);
    change.BindBlob(3, trust.certificate);
  }
  return Write(change);
}

absl::Status SqliteRegistry::Write(Statement& statement) {
  GATELOG_RETURN_IF_ERROR(disk_.status());
  return Noted(statement.Run());
}

absl::Status SqliteRegistry::Noted(absl::Status written) {
  if (!written.ok() && database_->disk_failed()) disk_.Fail(written);
  return written;
}

}  // namespace gatelog::store
