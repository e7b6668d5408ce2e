#include "store/sqlite/write_ahead_log.h"

#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace gatelog::store {
namespace {

// The size of a page at most, as SQLite's own files are not made for more in one write.
constexpr sqlite3_int64 kChunkBytes = 64 * 1024;

absl::Status Failed(const std::string& path, const char* doing, int code) {
  if ((code & 0xFF) == SQLITE_FULL) {
    return absl::ResourceExhaustedError(
        absl::StrCat("No space is left for ", path, "; free some, then start the gateway again."));
  }
  if ((code & 0xFF) == SQLITE_CANTOPEN) {
    return absl::PermissionDeniedError(absl::StrCat(
        path, " cannot be opened; make it readable and writable for the gateway's user."));
  }
  return absl::UnavailableError(absl::StrCat(doing, " ", path, " failed (", sqlite3_errstr(code),
                                             " ", code,
                                             "); check the disk, then start the gateway again."));
}

// A file as SQLite opens it, so that every layer below sees what it would see of SQLite.
class LogFile {
 public:
  LogFile(sqlite3_vfs& vfs, const std::string& path)
      : path_(path),
        terminated_path_(path + std::string(2, '\0')),  // as SQLite ends names
        memory_(std::make_unique<char[]>(static_cast<std::size_t>(vfs.szOsFile))),
        file_(reinterpret_cast<sqlite3_file*>(memory_.get())) {
    file_->pMethods = nullptr;
    // With CREATE the first sync also syncs the directory, in which the file may be new.
    constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_WAL;
    int flags = 0;
    open_code_ = vfs.xOpen(&vfs, terminated_path_.c_str(), file_, kFlags, &flags);
    if (open_code_ == SQLITE_OK && (flags & SQLITE_OPEN_READONLY) != 0) {
      open_code_ = SQLITE_CANTOPEN;
    }
  }
  ~LogFile() {
    if (file_->pMethods != nullptr) file_->pMethods->xClose(file_);
  }
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  absl::Status WriteAnewAndSync() {
    if (open_code_ != SQLITE_OK) return Failed(path_, "Opening", open_code_);
    sqlite3_int64 size = 0;
    if (const int code = file_->pMethods->xFileSize(file_, &size); code != SQLITE_OK) {
      return Failed(path_, "Measuring", code);
    }
    std::vector<char> chunk(static_cast<std::size_t>(std::min(size, kChunkBytes)));
    for (sqlite3_int64 at = 0; at < size; at += kChunkBytes) {
      const int length = static_cast<int>(std::min(size - at, kChunkBytes));
      int code = file_->pMethods->xRead(file_, chunk.data(), length, at);
      if (code != SQLITE_OK) return Failed(path_, "Reading", code);
      code = file_->pMethods->xWrite(file_, chunk.data(), length, at);
      if (code != SQLITE_OK) return Failed(path_, "Writing", code);
    }
    const int code = file_->pMethods->xSync(file_, SQLITE_SYNC_NORMAL);
    return code == SQLITE_OK ? absl::OkStatus() : Failed(path_, "Syncing", code);
  }

 private:
  const std::string path_;
  const std::string terminated_path_;
  const std::unique_ptr<char[]> memory_;
  sqlite3_file* const file_;
  int open_code_ = SQLITE_OK;
};

}  // namespace

absl::Status MakeWriteAheadLogDurable(const std::string& database_path, const std::string& vfs) {
  const std::string path = database_path + "-wal";
  if (access(path.c_str(), F_OK) != 0) return absl::OkStatus();
  sqlite3_initialize();
  sqlite3_vfs* layer = sqlite3_vfs_find(vfs.empty() ? nullptr : vfs.c_str());
  if (layer == nullptr) return absl::InternalError(absl::StrCat("SQLite has no VFS ", vfs, "."));
  return LogFile(*layer, path).WriteAnewAndSync();
}

}  // namespace gatelog::store
