#include "store/sqlite/opening.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "store/sqlite/schema.h"

namespace gatelog::store {
namespace {

constexpr mode_t kFileMode = 0640;

// Empty: there is no such file.
absl::StatusOr<std::optional<std::int64_t>> SizeOf(const std::string& path) {
  struct stat found {};
  if (stat(path.c_str(), &found) == 0) return found.st_size;
  if (errno == ENOENT) return std::nullopt;
  return absl::PermissionDeniedError(
      absl::StrCat(path, " cannot be looked at: ", std::strerror(errno), "."));
}

// SQLite opens for reading what it may not write, and says so only at the first commit.
absl::Status CheckWritable(const std::string& path) {
  if (faccessat(AT_FDCWD, path.c_str(), R_OK | W_OK, AT_EACCESS) == 0 || errno == ENOENT) {
    return absl::OkStatus();
  }
  const int error = errno;
  struct stat found {};
  if (stat(path.c_str(), &found) != 0) found.st_uid = 0;
  return absl::PermissionDeniedError(
      absl::StrCat(path, " cannot be read and written by user ", geteuid(), " (",
                   std::strerror(error), "); it belongs to user ", found.st_uid,
                   ". Give it to the gateway's user, or change its mode."));
}

// Made in memory first, so that the file comes with a rename: one that is empty or half made is
// then never ours.
absl::Status MakeDatabaseFile(const std::string& path) {
  GATELOG_ASSIGN_OR_RETURN(std::unique_ptr<Database> database,
                           Database::Open({.path = ":memory:"}));
  GATELOG_RETURN_IF_ERROR(MigrateSchema(*database));
  GATELOG_ASSIGN_OR_RETURN(const std::string content, database->Serialize());
  return WriteFileAtomically(path, content, kFileMode);
}

// The main file alone, as long as it says itself. A checkpoint that was cut off leaves it longer or
// shorter, and is completed from the write-ahead log; without one the file must be whole.
absl::Status CheckLength(const std::string& path, std::int64_t size) {
  constexpr std::size_t kHeaderBytes = 100;
  constexpr std::size_t kPageSizeAt = 16;  // two bytes, big-endian, as all; 1: 65,536
  constexpr std::size_t kPageCountAt = 28;
  constexpr std::string_view kMagic = "SQLite format 3";
  GATELOG_ASSIGN_OR_RETURN(const std::string header, ReadFileStart(path, kHeaderBytes));
  if (header.size() < kHeaderBytes || header.compare(0, kMagic.size(), kMagic) != 0) {
    return absl::OkStatus();  // no database: SQLite says so
  }
  const auto number = [&](std::size_t at, std::size_t bytes) {
    std::int64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) {
      value = value << 8 | static_cast<unsigned char>(header[at + i]);
    }
    return value;
  };
  const std::int64_t page_size = number(kPageSizeAt, 2) == 1 ? 65'536 : number(kPageSizeAt, 2);
  const std::int64_t expected = number(kPageCountAt, 4) * page_size;
  if (size >= expected) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      path, " is cut short (", size, " of ", expected,
      " bytes); keep a copy of it and restore a backup with 'gatelog store restore'."));
}

}  // namespace

absl::Status PrepareDatabaseFile(const DataDirectory& directory) {
  const std::string path = directory.database_path();
  const std::string log_path = path + "-wal";
  GATELOG_RETURN_IF_ERROR(CheckWritable(path));
  GATELOG_RETURN_IF_ERROR(CheckWritable(log_path));
  GATELOG_ASSIGN_OR_RETURN(const std::optional<std::int64_t> size, SizeOf(path));
  GATELOG_ASSIGN_OR_RETURN(const std::optional<std::int64_t> log_size, SizeOf(log_path));
  if (!size) {
    if (log_size.value_or(0) == 0) return MakeDatabaseFile(path);
    return absl::DataLossError(absl::StrCat(path, " is missing, but its write-ahead log ", log_path,
                                            " is there; put the file back, or move the log away as "
                                            "well to begin with an empty store."));
  }
  if (*size == 0) {
    return absl::DataLossError(
        absl::StrCat(path,
                     " is empty, which no gateway leaves it; restore a backup with 'gatelog store "
                     "restore', or remove the file to begin with an empty store."));
  }
  if (log_size.value_or(0) > 0) return absl::OkStatus();
  if (directory.was_left_open() && !log_size) {
    return absl::DataLossError(absl::StrCat(
        log_path,
        " is missing, and with it what was stored last: the gateway was killed while the "
        "file was there. Put it back, or go on with what is left: 'gatelog store restore ",
        path, " --data-dir ", directory.path(), "'."));
  }
  return CheckLength(path, *size);
}

absl::Status CheckAfterCrash(const DataDirectory& directory, Database& database) {
  if (!directory.was_left_open()) return absl::OkStatus();
  GATELOG_ASSIGN_OR_RETURN(const std::int64_t pages, database.QueryInteger("PRAGMA page_count"));
  GATELOG_ASSIGN_OR_RETURN(const std::int64_t page_size, database.QueryInteger("PRAGMA page_size"));
  if (pages * page_size > kCheckedBytesMax) return absl::OkStatus();
  return database.CheckPages("quick_check");
}

}  // namespace gatelog::store
