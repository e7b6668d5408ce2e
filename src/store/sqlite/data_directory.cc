#include "store/sqlite/data_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "base/status_macros.h"

namespace gatelog::store {
namespace {

constexpr mode_t kDirectoryMode = 0750;  // who may read people's movements is for the site to widen
constexpr mode_t kLockFileMode = 0640;
constexpr mode_t kNoteMode = 0640;
constexpr char kNote[] =
    "The gateway of this directory keeps its store in PostgreSQL. It does not read a gatelog.db "
    "here.\n";

std::string NoteIn(const std::string& directory) { return directory + "/store-elsewhere"; }

absl::Status Failed(const std::string& sentence, int error) {
  const std::string message = absl::StrCat(sentence, ": ", std::strerror(error), ".");
  switch (error) {
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(message);
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
      return absl::ResourceExhaustedError(message);
    case EIO:
      return absl::UnavailableError(message);
    default:
      return absl::FailedPreconditionError(message);
  }
}

// Without this, a power cut may take a new directory away with everything in it.
absl::Status SyncParent(const std::string& directory) {
  const std::string parent = directory + "/..";
  const int descriptor = open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return absl::OkStatus();  // may not be readable for us; nothing can be done
  const int result = fsync(descriptor);
  const int error = errno;
  close(descriptor);
  if (result != 0)
    return Failed(absl::StrCat("The directory above ", directory, " cannot be synced"), error);
  return absl::OkStatus();
}

absl::Status MakeDirectory(const std::string& directory) {
  struct stat found {};
  if (stat(directory.c_str(), &found) == 0) {
    if (S_ISDIR(found.st_mode)) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("The data directory ", directory, " is a file; choose another name."));
  }
  if (mkdir(directory.c_str(), kDirectoryMode) == 0) return SyncParent(directory);
  const int error = errno;
  if (error == ENOENT) {
    return absl::FailedPreconditionError(
        absl::StrCat("The data directory ", directory,
                     " cannot be made because the directory above it does not exist."));
  }
  return Failed(absl::StrCat("The data directory ", directory, " cannot be made"), error);
}

// Two lines: the process that holds the lock, and kOpen while the store is in use.
constexpr char kOpen[] = "open";

struct LockFile {
  std::string holder = "unknown";
  bool open = false;
};

LockFile ReadLockFile(int descriptor) {
  char text[64] = {};
  const ssize_t size = pread(descriptor, text, sizeof(text) - 1, 0);
  const std::string content(text, size > 0 ? static_cast<std::size_t>(size) : 0);
  const std::vector<std::string> lines = absl::StrSplit(content, '\n');
  LockFile file;
  if (!lines[0].empty()) file.holder = lines[0];
  file.open = lines.size() > 1 && lines[1] == kOpen;
  return file;
}

absl::Status InUse(const std::string& directory, int lock) {
  return absl::FailedPreconditionError(absl::StrCat("The data directory ", directory,
                                                    " is in use by another gatelogd (process ",
                                                    ReadLockFile(lock).holder, ")."));
}

}  // namespace

absl::Status NoteStoreElsewhere(const std::string& directory) {
  const std::string path = NoteIn(directory);
  if (access(path.c_str(), F_OK) == 0) return absl::OkStatus();
  return WriteFileAtomically(path, kNote, kNoteMode);
}

absl::Status NoteStoreHere(const std::string& directory) {
  const std::string path = NoteIn(directory);
  if (unlink(path.c_str()) == 0) return SyncDirectory(directory);
  if (errno == ENOENT) return absl::OkStatus();
  return Failed(absl::StrCat(path, " cannot be removed"), errno);
}

absl::Status CheckStoreIsHere(const std::string& directory) {
  const std::string path = NoteIn(directory);
  if (access(path.c_str(), F_OK) != 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "The gateway of ", directory,
      " keeps its store in PostgreSQL and would not read one that is restored there. Restore that "
      "database with PostgreSQL's own means; to go back to SQLite, remove ",
      path, " first."));
}

absl::StatusOr<std::unique_ptr<DataDirectory>> DataDirectory::Lock(const std::string& directory) {
  GATELOG_RETURN_IF_ERROR(MakeDirectory(directory));
  const std::string path = directory + "/gatelog.lock";
  const int lock = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kLockFileMode);
  if (lock < 0)
    return Failed(absl::StrCat("The data directory ", directory, " cannot be written"), errno);
  // From here the destructor closes the descriptor; the lock goes with it.
  std::unique_ptr<DataDirectory> locked(new DataDirectory(directory, lock));
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return Failed(absl::StrCat(path, " cannot be locked"), errno);
    return InUse(directory, lock);
  }
  locked->was_left_open_ = ReadLockFile(lock).open;
  GATELOG_RETURN_IF_ERROR(locked->WriteLockFile(locked->was_left_open_));
  return locked;
}

absl::StatusOr<std::unique_ptr<DataDirectory>> DataDirectory::LockForReading(
    const std::string& directory) {
  const std::string path = directory + "/gatelog.lock";
  const int lock = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (lock < 0 && errno != ENOENT) return Failed(absl::StrCat(path, " cannot be read"), errno);
  std::unique_ptr<DataDirectory> locked(new DataDirectory(directory, lock));
  if (lock < 0) return locked;
  if (flock(lock, LOCK_SH | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return Failed(absl::StrCat(path, " cannot be locked"), errno);
    return InUse(directory, lock);
  }
  locked->was_left_open_ = ReadLockFile(lock).open;
  return locked;
}

absl::Status DataDirectory::MarkOpen() { return WriteLockFile(true); }

absl::Status DataDirectory::MarkClosed() { return WriteLockFile(false); }

absl::Status DataDirectory::WriteLockFile(bool open) {
  const std::string content = absl::StrCat(getpid(), "\n", open ? kOpen : "", open ? "\n" : "");
  const std::string path = path_ + "/gatelog.lock";
  if (pwrite(lock_, content.data(), content.size(), 0) != static_cast<ssize_t>(content.size()) ||
      ftruncate(lock_, static_cast<off_t>(content.size())) != 0 || fdatasync(lock_) != 0) {
    return Failed(absl::StrCat(path, " cannot be written"), errno);
  }
  return absl::OkStatus();
}

DataDirectory::~DataDirectory() {
  if (lock_ >= 0) close(lock_);
}

}  // namespace gatelog::store
