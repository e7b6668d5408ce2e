#include "store/sqlite/sqlite_upkeep.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "store/sqlite/store_check.h"

namespace gatelog::store {
namespace {

constexpr std::int64_t kCacheKib = 16 * 1024;
constexpr char kCopyName[] = "/backup.tmp";  // in the data directory, while the copy is made
constexpr mode_t kCopyMode = 0600;

absl::Status FileError(const std::string& doing, const std::string& path, int error) {
  return absl::UnavailableError(
      absl::StrCat(doing, " ", path, " failed: ", std::strerror(error), "."));
}

class FileCopy final : public ports::StoreCopy {
 public:
  // Takes the descriptor over.
  FileCopy(std::string path, int descriptor, std::uint64_t size)
      : path_(std::move(path)), descriptor_(descriptor), size_(size) {}
  ~FileCopy() override { close(descriptor_); }

  std::uint64_t size() const override { return size_; }

  absl::StatusOr<std::string> Read(std::size_t max) override {
    std::string bytes(max, '\0');
    while (true) {
      const ssize_t got = read(descriptor_, bytes.data(), bytes.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return FileError("Reading", path_, errno);
      bytes.resize(static_cast<std::size_t>(got));
      return bytes;
    }
  }

 private:
  const std::string path_;
  const int descriptor_;
  const std::uint64_t size_;
};

// The file loses its name at once and its content with the descriptor.
absl::StatusOr<std::unique_ptr<ports::StoreCopy>> TakeFile(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const int error = errno;
  unlink(path.c_str());
  if (descriptor < 0) return FileError("Opening", path, error);
  struct stat found {};
  if (fstat(descriptor, &found) != 0) {
    const int stat_error = errno;
    close(descriptor);
    return FileError("Measuring", path, stat_error);
  }
  return std::make_unique<FileCopy>(path, descriptor, static_cast<std::uint64_t>(found.st_size));
}

// SQLite would give the copy the mode of any new file.
absl::Status MakeEmptyFile(const std::string& path) {
  unlink(path.c_str());  // of a gateway that was killed
  const int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kCopyMode);
  if (descriptor < 0) return FileError("Making", path, errno);
  close(descriptor);
  return absl::OkStatus();
}

}  // namespace

class SqliteUpkeep::Reader {
 public:
  static absl::StatusOr<std::unique_ptr<Reader>> Open(SqliteUpkeep& upkeep) {
    GATELOG_ASSIGN_OR_RETURN(std::unique_ptr<Database> database,
                             Database::Open(upkeep.store_.ConnectionOptions(true, kCacheKib)));
    return std::unique_ptr<Reader>(new Reader(upkeep, std::move(database)));
  }
  ~Reader() {
    MutexLock lock(upkeep_.mutex_);
    upkeep_.in_use_ = nullptr;
  }

  Database& database() { return *database_; }

 private:
  Reader(SqliteUpkeep& upkeep, std::unique_ptr<Database> database)
      : upkeep_(upkeep), database_(std::move(database)) {
    MutexLock lock(upkeep_.mutex_);
    upkeep_.in_use_ = database_.get();
  }

  SqliteUpkeep& upkeep_;
  const std::unique_ptr<Database> database_;
};

void SqliteUpkeep::GiveUp() {
  MutexLock lock(mutex_);
  if (in_use_ != nullptr) in_use_->Interrupt();
}

absl::StatusOr<ports::StoreReport> SqliteUpkeep::Check(const ports::CheckProgress& progress) {
  GATELOG_ASSIGN_OR_RETURN(const std::unique_ptr<Reader> reader, Reader::Open(*this));
  return CheckStore(reader->database(), progress);
}

absl::StatusOr<std::unique_ptr<ports::StoreCopy>> SqliteUpkeep::Copy(
    const ports::CopyProgress& progress) {
  const std::string path = store_.directory() + kCopyName;
  GATELOG_RETURN_IF_ERROR(MakeEmptyFile(path));
  const auto copy = [&]() -> absl::Status {
    GATELOG_ASSIGN_OR_RETURN(const std::unique_ptr<Reader> reader, Reader::Open(*this));
    GATELOG_ASSIGN_OR_RETURN(std::unique_ptr<Database> target, Database::Open({.path = path}));
    // It is read back from the cache, and synced where it is kept.
    GATELOG_RETURN_IF_ERROR(target->Execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF"));
    return reader->database().CopyTo(*target, progress);
  };
  if (absl::Status copied = copy(); !copied.ok()) {
    unlink(path.c_str());
    return copied;
  }
  return TakeFile(path);
}

}  // namespace gatelog::store
