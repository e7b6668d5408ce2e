#include "store/sqlite/store_restore.h"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "store/sqlite/data_directory.h"
#include "store/sqlite/event_index.h"
#include "store/sqlite/pruner.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/sqlite_database.h"
#include "store/sqlite/store_check.h"

namespace gatelog::store {
namespace {

namespace fs = std::filesystem;

absl::Status Failed(const std::string& doing, const std::string& path, const std::string& reason) {
  return absl::UnavailableError(absl::StrCat(doing, " ", path, " failed: ", reason, "."));
}

// A new file in the data directory, removed when destroyed unless it has found its place.
class NewStore {
 public:
  explicit NewStore(std::string path) : path_(std::move(path)) { Remove(); }
  ~NewStore() { Remove(); }
  NewStore(const NewStore&) = delete;
  NewStore& operator=(const NewStore&) = delete;

  const std::string& path() const { return path_; }

 private:
  void Remove() {
    for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
      unlink((path_ + suffix).c_str());
    }
  }

  const std::string path_;
};

absl::Status CopyBackup(const std::string& backup, const std::string& target) {
  std::error_code error;
  const auto size = fs::file_size(backup, error);
  if (error) {
    return absl::NotFoundError(
        absl::StrCat("The backup ", backup, " cannot be read: ", error.message(), "."));
  }
  if (size == 0) {
    return absl::DataLossError(
        absl::StrCat("The backup ", backup, " is empty; choose another one."));
  }
  if (fs::file_size(backup + "-wal", error) > 0 && !error) {
    return absl::FailedPreconditionError(absl::StrCat(
        "Beside ", backup,
        " lies its write-ahead log, so it is a store in use or one whose gateway "
        "was killed; take a backup with 'gatelog store backup' while its gateway runs."));
  }
  fs::copy_file(backup, target, error);
  if (error) return Failed("Copying to", target, error.message());
  fs::permissions(target, fs::perms::owner_read | fs::perms::owner_write | fs::perms::group_read,
                  error);
  return absl::OkStatus();
}

// A backup may be of a moment in which rows that are pruned were still being deleted. Those that it
// holds are, as at a start; an older version has left parts of blocks, which do not verify.
absl::Status DeletePrunedRows(Database& database) {
  GATELOG_ASSIGN_OR_RETURN(
      const std::int64_t last,
      database.QueryInteger(
          "SELECT first_seq + events - 1 FROM block ORDER BY number DESC LIMIT 1"));
  EventIndex index(IndexShape{});
  GATELOG_RETURN_IF_ERROR(index.Load(database, static_cast<std::uint64_t>(last)));
  Pruner pruner(database, index);
  GATELOG_RETURN_IF_ERROR(pruner.Load());
  while (pruner.rows_left()) {
    GATELOG_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(database));
    GATELOG_RETURN_IF_ERROR(pruner.DeleteSome().status());
    GATELOG_RETURN_IF_ERROR(transaction.Commit());
    index.OnCommitted();
  }
  return absl::OkStatus();
}

// What is wrong with the copy is wrong with the backup, which is the one that its owner knows.
absl::Status OfBackup(const absl::Status& status, const std::string& copy,
                      const std::string& backup) {
  if (!absl::IsDataLoss(status) && !absl::IsFailedPrecondition(status)) return status;
  return absl::Status(status.code(), absl::StrReplaceAll(status.message(), {{copy, backup}}));
}

absl::StatusOr<ports::StoreReport> MakeNewIncarnation(const std::string& path,
                                                      const ports::CheckProgress& progress) {
  GATELOG_ASSIGN_OR_RETURN(std::unique_ptr<Database> database, Database::Open({.path = path}));
  GATELOG_RETURN_IF_ERROR(
      database->Execute("PRAGMA journal_mode = DELETE; PRAGMA secure_delete = ON"));
  // An empty database would become an empty store.
  GATELOG_ASSIGN_OR_RETURN(const std::int64_t version,
                           database->QueryInteger("PRAGMA user_version"));
  if (version == 0) GATELOG_RETURN_IF_ERROR(CheckSchemaVersion(*database));
  GATELOG_RETURN_IF_ERROR(MigrateSchema(*database));
  GATELOG_RETURN_IF_ERROR(DeletePrunedRows(*database));
  GATELOG_RETURN_IF_ERROR(ChangeIncarnation(*database));
  return CheckStore(*database, progress);
}

// A name that is free.
std::string PlaceForOld(const std::string& path) {
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(
      std::chrono::system_clock::now().time_since_epoch());
  std::string place = absl::StrCat(path, ".replaced-", now.count());
  while (access(place.c_str(), F_OK) == 0) place += "a";
  return place;
}

// The old log must be away before a new file is in its place: SQLite would replay it into that.
absl::Status PutAside(const std::string& path, const std::string& place) {
  if (link(path.c_str(), place.c_str()) != 0 && errno != ENOENT) {
    return Failed("Keeping the old store as", place, std::strerror(errno));
  }
  const std::string log = path + "-wal";
  if (std::rename(log.c_str(), (place + "-wal").c_str()) != 0 && errno != ENOENT) {
    return Failed("Moving away", log, std::strerror(errno));
  }
  unlink((path + "-shm").c_str());
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Restored> RestoreStore(const std::string& backup, const std::string& directory,
                                      bool replace, const ports::CheckProgress& progress) {
  GATELOG_RETURN_IF_ERROR(CheckStoreIsHere(directory));
  GATELOG_ASSIGN_OR_RETURN(const std::unique_ptr<DataDirectory> locked,
                           DataDirectory::Lock(directory));
  const std::string path = locked->database_path();
  const bool exists = access(path.c_str(), F_OK) == 0 || access((path + "-wal").c_str(), F_OK) == 0;
  if (exists && !replace) {
    return absl::AlreadyExistsError(absl::StrCat("There is a store in ", directory, " already."));
  }
  const NewStore made(path + ".restoring");
  GATELOG_RETURN_IF_ERROR(CopyBackup(backup, made.path()));
  Restored restored;
  absl::StatusOr<ports::StoreReport> report = MakeNewIncarnation(made.path(), progress);
  if (!report.ok()) return OfBackup(report.status(), made.path(), backup);
  restored.report = *std::move(report);
  GATELOG_RETURN_IF_ERROR(SyncFile(made.path()));
  if (exists) {
    restored.replaced = PlaceForOld(path);
    GATELOG_RETURN_IF_ERROR(PutAside(path, restored.replaced));
    GATELOG_RETURN_IF_ERROR(SyncDirectory(directory));
  }
  if (std::rename(made.path().c_str(), path.c_str()) != 0) {
    return Failed("Renaming", made.path(), std::strerror(errno));
  }
  GATELOG_RETURN_IF_ERROR(SyncDirectory(directory));
  GATELOG_RETURN_IF_ERROR(locked->MarkClosed());
  return restored;
}

}  // namespace gatelog::store
