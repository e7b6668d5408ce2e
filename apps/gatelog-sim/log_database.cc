#include "apps/gatelog-sim/log_database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace gatelog::sim {
namespace {

constexpr int kSchemaVersion = 2;
constexpr int kBusyTimeoutMs = 5000;  // a reader's checkpoint may hold the file for a moment

// synchronous=OFF: what was committed survives the end of this process, also by SIGKILL, because it
// is in the kernel's cache; only a power cut could lose it. A virtual terminal need not survive
// one, and each of its events would otherwise wait for the disk.
constexpr char kPragmas[] =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA cache_size=-65536; PRAGMA "
    "temp_store=MEMORY;"
    "PRAGMA wal_autocheckpoint=8000; PRAGMA journal_size_limit=67108864;";

// Also what an older file lacks; see the header.
constexpr char kSchema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE IF NOT EXISTS device("
    "  device INTEGER PRIMARY KEY, generation INTEGER NOT NULL, first_id INTEGER NOT NULL,"
    "  next_id INTEGER NOT NULL, images INTEGER NOT NULL, clock_offset_ms INTEGER NOT NULL,"
    "  image_filters BLOB NOT NULL);"
    "CREATE TABLE IF NOT EXISTS record("
    "  device INTEGER NOT NULL, id INTEGER NOT NULL, payload BLOB NOT NULL,"
    "  PRIMARY KEY(device, id)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS image("
    "  device INTEGER NOT NULL, id INTEGER NOT NULL, payload BLOB NOT NULL, UNIQUE(device, id));"
    "CREATE TABLE IF NOT EXISTS setting("
    "  device INTEGER NOT NULL, name TEXT NOT NULL, area INTEGER NOT NULL, value BLOB NOT NULL,"
    "  PRIMARY KEY(device, name)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS user("
    "  device INTEGER NOT NULL, id TEXT NOT NULL, value BLOB NOT NULL,"
    "  PRIMARY KEY(device, id)) WITHOUT ROWID;"
    "PRAGMA user_version=2;"
    "COMMIT;";

absl::Status FolderError(const std::filesystem::path& folder, std::string_view what) {
  return absl::FailedPreconditionError(absl::StrCat("The data folder ", folder.string(),
                                                    " cannot be used: ", std::string(what),
                                                    ". Choose another with --data-dir."));
}

sqlite3_int64 Signed(std::uint64_t value) { return static_cast<sqlite3_int64>(value); }

std::string_view BlobAt(sqlite3_stmt* statement, int column) {
  const void* bytes = sqlite3_column_blob(statement, column);
  const int size = sqlite3_column_bytes(statement, column);
  if (bytes == nullptr) return {};
  return {static_cast<const char*>(bytes), static_cast<std::size_t>(size)};
}

void BindBlob(sqlite3_stmt* statement, int index, std::string_view bytes) {
  // A null pointer would bind NULL; an empty blob is meant.
  sqlite3_bind_blob64(statement, index, bytes.empty() ? "" : bytes.data(), bytes.size(),
                      SQLITE_STATIC);
}

}  // namespace

absl::StatusOr<std::unique_ptr<LogDatabase>> LogDatabase::Open(
    const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return FolderError(folder, error.message());
  auto database = std::unique_ptr<LogDatabase>(new LogDatabase());
  const std::string lock_file = (folder / "lock").string();
  database->lock_ = ::open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (database->lock_ < 0) return FolderError(folder, std::strerror(errno));
  if (::flock(database->lock_, LOCK_EX | LOCK_NB) != 0) {
    return FolderError(folder, "another gatelog-sim is using it");
  }
  if (const absl::Status status = database->OpenFile(folder / "sim.db"); !status.ok()) {
    return FolderError(folder, std::string_view(status.message().data(), status.message().size()));
  }
  return database;
}

LogDatabase::~LogDatabase() {
  settings_.reset();
  for (sqlite3_stmt* statement : statements_) sqlite3_finalize(statement);
  sqlite3_close(database_);
  if (lock_ >= 0) ::close(lock_);
}

absl::Status LogDatabase::OpenFile(const std::filesystem::path& file) {
  if (sqlite3_open_v2(file.c_str(), &database_,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                      nullptr) != SQLITE_OK) {
    return Error("open sim.db");
  }
  sqlite3_busy_timeout(database_, kBusyTimeoutMs);
  int version = 0;
  const auto read_version = [](void* out, int, char** values, char**) {
    *static_cast<int*>(out) = std::atoi(values[0]);
    return 0;
  };
  if (sqlite3_exec(database_, "PRAGMA user_version", read_version, &version, nullptr) !=
      SQLITE_OK) {
    return Error("read sim.db");
  }
  if (version > kSchemaVersion) {
    return absl::FailedPreconditionError("sim.db was written by a newer gatelog-sim");
  }
  GATELOG_RETURN_IF_ERROR(Execute(kPragmas));
  GATELOG_RETURN_IF_ERROR(Execute(kSchema));
  return Prepare();
}

absl::Status LogDatabase::Prepare() {
  static constexpr const char* kSql[kStatementCount] = {
      "BEGIN IMMEDIATE",
      "COMMIT",
      "ROLLBACK",
      "SELECT generation, first_id, next_id, images, clock_offset_ms, image_filters FROM device "
      "WHERE device=?1",
      "INSERT OR REPLACE INTO device(device, generation, first_id, next_id, images, "
      "clock_offset_ms, image_filters)"
      " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
      "INSERT INTO record(device, id, payload) VALUES(?1, ?2, ?3)",
      "DELETE FROM record WHERE device=?1 AND id<?2",
      "SELECT id, payload FROM record WHERE device=?1 AND id>=?2 ORDER BY id",
      "INSERT INTO image(device, id, payload) VALUES(?1, ?2, ?3)",
      "DELETE FROM image WHERE device=?1 AND id<?2",
      "DELETE FROM image WHERE device=?1 AND id BETWEEN ?2 AND ?3",
      "DELETE FROM image WHERE device=?1 AND id IN (SELECT id FROM image WHERE device=?1 ORDER BY "
      "id LIMIT ?2)",
      "SELECT id, payload FROM image WHERE device=?1 AND id>=?2 ORDER BY id",
  };
  for (std::size_t i = 0; i < kStatementCount; ++i) {
    if (sqlite3_prepare_v3(database_, kSql[i], -1, SQLITE_PREPARE_PERSISTENT, &statements_[i],
                           nullptr) != SQLITE_OK) {
      return Error("read sim.db");
    }
  }
  GATELOG_ASSIGN_OR_RETURN(settings_, SettingStore::Prepare(database_));
  return absl::OkStatus();
}

absl::Status LogDatabase::Execute(const char* sql) {
  if (sqlite3_exec(database_, sql, nullptr, nullptr, nullptr) != SQLITE_OK)
    return Error("write sim.db");
  return absl::OkStatus();
}

absl::Status LogDatabase::Error(std::string_view doing) const {
  return absl::DataLossError(
      absl::StrCat("cannot ", std::string(doing), ": ", sqlite3_errmsg(database_)));
}

absl::Status LogDatabase::Run(StatementId id) {
  const int result = sqlite3_step(statements_[id]);
  const absl::Status status = result == SQLITE_DONE ? absl::OkStatus() : Error("write the log");
  sqlite3_reset(statements_[id]);
  return status;
}

absl::Status LogDatabase::InTransaction(absl::FunctionRef<absl::Status()> work) {
  GATELOG_RETURN_IF_ERROR(Run(kBegin));
  absl::Status status = work();
  if (status.ok()) status = Run(kCommit);
  // SQLite may have rolled back by itself, then this one fails without harm.
  if (!status.ok()) (void)Run(kRollback);
  return status;
}

absl::StatusOr<std::optional<DeviceRow>> LogDatabase::FindDevice(std::uint32_t device) {
  sqlite3_stmt* statement = statements_[kFindDevice];
  sqlite3_bind_int64(statement, 1, device);
  std::optional<DeviceRow> row;
  const int result = sqlite3_step(statement);
  if (result == SQLITE_ROW) {
    row.emplace();
    row->device = device;
    row->generation = static_cast<std::uint64_t>(sqlite3_column_int64(statement, 0));
    row->first_id = static_cast<std::uint32_t>(sqlite3_column_int64(statement, 1));
    row->next_id = static_cast<std::uint32_t>(sqlite3_column_int64(statement, 2));
    row->images = static_cast<std::uint64_t>(sqlite3_column_int64(statement, 3));
    row->clock_offset_ms = sqlite3_column_int64(statement, 4);
    row->image_filters = BlobAt(statement, 5);
  }
  const absl::Status status =
      result == SQLITE_ROW || result == SQLITE_DONE ? absl::OkStatus() : Error("read the log");
  sqlite3_reset(statement);
  if (!status.ok()) return status;
  return row;
}

absl::Status LogDatabase::SaveDevice(const DeviceRow& row) {
  sqlite3_stmt* statement = statements_[kSaveDevice];
  sqlite3_bind_int64(statement, 1, row.device);
  sqlite3_bind_int64(statement, 2, Signed(row.generation));
  sqlite3_bind_int64(statement, 3, row.first_id);
  sqlite3_bind_int64(statement, 4, row.next_id);
  sqlite3_bind_int64(statement, 5, Signed(row.images));
  sqlite3_bind_int64(statement, 6, row.clock_offset_ms);
  BindBlob(statement, 7, row.image_filters);
  return Run(kSaveDevice);
}

absl::Status LogDatabase::Insert(StatementId id, std::uint32_t device, std::uint32_t record,
                                 std::string_view payload) {
  sqlite3_bind_int64(statements_[id], 1, device);
  sqlite3_bind_int64(statements_[id], 2, record);
  BindBlob(statements_[id], 3, payload);
  return Run(id);
}

absl::Status LogDatabase::InsertRecord(std::uint32_t device, std::uint32_t id,
                                       std::string_view payload) {
  return Insert(kInsertRecord, device, id, payload);
}

absl::Status LogDatabase::InsertImage(std::uint32_t device, std::uint32_t id,
                                      std::string_view payload) {
  return Insert(kInsertImage, device, id, payload);
}

absl::Status LogDatabase::DeleteRecordsBelow(std::uint32_t device, std::uint64_t id) {
  sqlite3_bind_int64(statements_[kDeleteRecords], 1, device);
  sqlite3_bind_int64(statements_[kDeleteRecords], 2, Signed(id));
  return Run(kDeleteRecords);
}

absl::StatusOr<std::uint64_t> LogDatabase::DeleteImages(std::uint32_t device, std::uint32_t first,
                                                        std::uint32_t last) {
  sqlite3_bind_int64(statements_[kDeleteImageRange], 1, device);
  sqlite3_bind_int64(statements_[kDeleteImageRange], 2, first);
  sqlite3_bind_int64(statements_[kDeleteImageRange], 3, last);
  GATELOG_RETURN_IF_ERROR(Run(kDeleteImageRange));
  return static_cast<std::uint64_t>(sqlite3_changes64(database_));
}

absl::StatusOr<std::uint64_t> LogDatabase::DeleteImagesBelow(std::uint32_t device,
                                                             std::uint64_t id) {
  sqlite3_bind_int64(statements_[kDeleteImages], 1, device);
  sqlite3_bind_int64(statements_[kDeleteImages], 2, Signed(id));
  GATELOG_RETURN_IF_ERROR(Run(kDeleteImages));
  return static_cast<std::uint64_t>(sqlite3_changes64(database_));
}

absl::StatusOr<std::uint64_t> LogDatabase::DeleteOldestImages(std::uint32_t device,
                                                              std::uint64_t count) {
  sqlite3_bind_int64(statements_[kDeleteOldestImages], 1, device);
  sqlite3_bind_int64(statements_[kDeleteOldestImages], 2, Signed(count));
  GATELOG_RETURN_IF_ERROR(Run(kDeleteOldestImages));
  return static_cast<std::uint64_t>(sqlite3_changes64(database_));
}

absl::Status LogDatabase::Visit(StatementId id, std::uint32_t device, std::uint32_t from,
                                Visitor visitor) {
  sqlite3_stmt* statement = statements_[id];
  sqlite3_bind_int64(statement, 1, device);
  sqlite3_bind_int64(statement, 2, from);
  int result = sqlite3_step(statement);
  while (result == SQLITE_ROW &&
         visitor(static_cast<std::uint32_t>(sqlite3_column_int64(statement, 0)),
                 BlobAt(statement, 1))) {
    result = sqlite3_step(statement);
  }
  const absl::Status status =
      result == SQLITE_ROW || result == SQLITE_DONE ? absl::OkStatus() : Error("read the log");
  sqlite3_reset(statement);
  return status;
}

absl::Status LogDatabase::VisitRecords(std::uint32_t device, std::uint32_t from, Visitor visitor) {
  return Visit(kVisitRecords, device, from, visitor);
}

absl::Status LogDatabase::VisitImages(std::uint32_t device, std::uint32_t from, Visitor visitor) {
  return Visit(kVisitImages, device, from, visitor);
}

}  // namespace gatelog::sim
