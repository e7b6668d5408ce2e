#include "apps/gatelog-sim/setting_store.h"

#include <sqlite3.h>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace gatelog::sim {
namespace {

std::string_view BytesAt(sqlite3_stmt* statement, int column) {
  const void* bytes = sqlite3_column_blob(statement, column);
  const int size = sqlite3_column_bytes(statement, column);
  if (bytes == nullptr) return {};
  return {static_cast<const char*>(bytes), static_cast<std::size_t>(size)};
}

// A null pointer would bind NULL; an empty value is meant.
void BindText(sqlite3_stmt* statement, int index, std::string_view text) {
  sqlite3_bind_text64(statement, index, text.empty() ? "" : text.data(), text.size(), SQLITE_STATIC,
                      SQLITE_UTF8);
}
void BindBlob(sqlite3_stmt* statement, int index, std::string_view bytes) {
  sqlite3_bind_blob64(statement, index, bytes.empty() ? "" : bytes.data(), bytes.size(),
                      SQLITE_STATIC);
}

}  // namespace

absl::StatusOr<std::unique_ptr<SettingStore>> SettingStore::Prepare(sqlite3* connection) {
  static constexpr const char* kSql[kStatementCount] = {
      "SELECT value FROM setting WHERE device=?1 AND name=?2",
      "INSERT OR REPLACE INTO setting(device, area, name, value) VALUES(?1, ?2, ?3, ?4)",
      "DELETE FROM setting WHERE device=?1 AND area=?2",
      "DELETE FROM setting WHERE device=?1",
      "SELECT value FROM user WHERE device=?1 AND id=?2",
      "INSERT OR REPLACE INTO user(device, id, value) VALUES(?1, ?2, ?3)",
      "DELETE FROM user WHERE device=?1 AND id=?2",
      "DELETE FROM user WHERE device=?1",
      "SELECT count(*) FROM user WHERE device=?1",
      "SELECT id, value FROM user WHERE device=?1 ORDER BY id",
  };
  auto store = std::unique_ptr<SettingStore>(new SettingStore(connection));
  for (std::size_t i = 0; i < kStatementCount; ++i) {
    if (sqlite3_prepare_v3(connection, kSql[i], -1, SQLITE_PREPARE_PERSISTENT,
                           &store->statements_[i], nullptr) != SQLITE_OK) {
      return store->Error("read sim.db");
    }
  }
  return store;
}

SettingStore::~SettingStore() {
  for (sqlite3_stmt* statement : statements_) sqlite3_finalize(statement);
}

absl::Status SettingStore::Error(std::string_view doing) const {
  return absl::DataLossError(
      absl::StrCat("cannot ", std::string(doing), ": ", sqlite3_errmsg(connection_)));
}

absl::Status SettingStore::Run(StatementId id) {
  const int result = sqlite3_step(statements_[id]);
  const absl::Status status =
      result == SQLITE_DONE ? absl::OkStatus() : Error("write the terminal's settings");
  sqlite3_reset(statements_[id]);
  return status;
}

absl::StatusOr<std::optional<std::string>> SettingStore::FindValue(StatementId id) {
  sqlite3_stmt* statement = statements_[id];
  std::optional<std::string> value;
  const int result = sqlite3_step(statement);
  if (result == SQLITE_ROW) value.emplace(BytesAt(statement, 0));
  const absl::Status status = result == SQLITE_ROW || result == SQLITE_DONE
                                  ? absl::OkStatus()
                                  : Error("read the terminal's settings");
  sqlite3_reset(statement);
  if (!status.ok()) return status;
  return value;
}

absl::StatusOr<std::optional<std::string>> SettingStore::Find(std::uint32_t device,
                                                              std::string_view name) {
  sqlite3_bind_int64(statements_[kFind], 1, device);
  BindText(statements_[kFind], 2, name);
  return FindValue(kFind);
}

absl::Status SettingStore::Save(std::uint32_t device, Area area, std::string_view name,
                                std::string_view value) {
  sqlite3_stmt* statement = statements_[kSave];
  sqlite3_bind_int64(statement, 1, device);
  sqlite3_bind_int64(statement, 2, static_cast<int>(area));
  BindText(statement, 3, name);
  BindBlob(statement, 4, value);
  return Run(kSave);
}

absl::Status SettingStore::Wipe(std::uint32_t device, Area area) {
  sqlite3_bind_int64(statements_[kWipe], 1, device);
  sqlite3_bind_int64(statements_[kWipe], 2, static_cast<int>(area));
  return Run(kWipe);
}

absl::Status SettingStore::WipeAll(std::uint32_t device) {
  sqlite3_bind_int64(statements_[kWipeAll], 1, device);
  GATELOG_RETURN_IF_ERROR(Run(kWipeAll));
  return WipeUsers(device).status();
}

absl::StatusOr<std::optional<std::string>> SettingStore::FindUser(std::uint32_t device,
                                                                  std::string_view id) {
  sqlite3_bind_int64(statements_[kFindUser], 1, device);
  BindText(statements_[kFindUser], 2, id);
  return FindValue(kFindUser);
}

absl::Status SettingStore::SaveUser(std::uint32_t device, std::string_view id,
                                    std::string_view value) {
  sqlite3_stmt* statement = statements_[kSaveUser];
  sqlite3_bind_int64(statement, 1, device);
  BindText(statement, 2, id);
  BindBlob(statement, 3, value);
  return Run(kSaveUser);
}

absl::StatusOr<std::uint64_t> SettingStore::DeleteUser(std::uint32_t device, std::string_view id) {
  sqlite3_bind_int64(statements_[kDeleteUser], 1, device);
  BindText(statements_[kDeleteUser], 2, id);
  GATELOG_RETURN_IF_ERROR(Run(kDeleteUser));
  return static_cast<std::uint64_t>(sqlite3_changes64(connection_));
}

absl::StatusOr<std::uint64_t> SettingStore::WipeUsers(std::uint32_t device) {
  sqlite3_bind_int64(statements_[kWipeUsers], 1, device);
  GATELOG_RETURN_IF_ERROR(Run(kWipeUsers));
  return static_cast<std::uint64_t>(sqlite3_changes64(connection_));
}

absl::StatusOr<std::uint64_t> SettingStore::CountUsers(std::uint32_t device) {
  sqlite3_stmt* statement = statements_[kCountUsers];
  sqlite3_bind_int64(statement, 1, device);
  const int result = sqlite3_step(statement);
  const auto count = static_cast<std::uint64_t>(sqlite3_column_int64(statement, 0));
  const absl::Status status =
      result == SQLITE_ROW ? absl::OkStatus() : Error("read the terminal's users");
  sqlite3_reset(statement);
  if (!status.ok()) return status;
  return count;
}

absl::Status SettingStore::VisitUsers(std::uint32_t device, UserVisitor visitor) {
  sqlite3_stmt* statement = statements_[kVisitUsers];
  sqlite3_bind_int64(statement, 1, device);
  int result = sqlite3_step(statement);
  while (result == SQLITE_ROW && visitor(BytesAt(statement, 0), BytesAt(statement, 1))) {
    result = sqlite3_step(statement);
  }
  const absl::Status status = result == SQLITE_ROW || result == SQLITE_DONE
                                  ? absl::OkStatus()
                                  : Error("read the terminal's users");
  sqlite3_reset(statement);
  return status;
}

}  // namespace gatelog::sim
