#include "apps/gatelog/backup_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "apps/gatelog/failure.h"
#include "base/file.h"
#include "base/status_macros.h"

namespace gatelog::cli {
namespace {

constexpr mode_t kMode = 0600;  // people's movements and devices' keys

absl::Status CannotWrite(const std::string& path, int error) {
  return Failed(absl::StrCat(path, " cannot be written: ", std::strerror(error), "."));
}

absl::Status IsThere(const std::string& path) {
  return Failed(absl::StrCat(path, " is there already. Choose another name, or remove it first."));
}

}  // namespace

absl::StatusOr<BackupFile> BackupFile::Make(const std::string& path) {
  if (access(path.c_str(), F_OK) == 0) return IsThere(path);
  const std::string part = path + ".part";
  unlink(part.c_str());  // of a backup that was cut off
  const int descriptor = open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kMode);
  if (descriptor < 0) return CannotWrite(part, errno);
  return BackupFile(path, descriptor);
}

BackupFile::BackupFile(std::string path, int descriptor)
    : path_(std::move(path)), part_(path_ + ".part"), descriptor_(descriptor) {}

BackupFile::BackupFile(BackupFile&& other) noexcept
    : path_(std::move(other.path_)),
      part_(std::exchange(other.part_, "")),
      descriptor_(std::exchange(other.descriptor_, -1)),
      size_(other.size_) {}

BackupFile::~BackupFile() {
  if (descriptor_ >= 0) close(descriptor_);
  if (!part_.empty()) unlink(part_.c_str());
}

absl::Status BackupFile::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return CannotWrite(part_, errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
    size_ += static_cast<std::uint64_t>(written);
  }
  return absl::OkStatus();
}

absl::Status BackupFile::Complete() {
  if (fsync(descriptor_) != 0) return CannotWrite(part_, errno);
  if (close(std::exchange(descriptor_, -1)) != 0) return CannotWrite(part_, errno);
  return absl::OkStatus();
}

absl::Status BackupFile::TakeName() {
  int result = renameat2(AT_FDCWD, part_.c_str(), AT_FDCWD, path_.c_str(), RENAME_NOREPLACE);
  if (result != 0 && errno == EEXIST) return IsThere(path_);
  // Not every file system can refuse; then the look at the beginning must do.
  if (result != 0 && errno == EINVAL) result = std::rename(part_.c_str(), path_.c_str());
  if (result != 0) return CannotWrite(path_, errno);
  part_.clear();
  const std::filesystem::path parent = std::filesystem::path(path_).parent_path();
  const absl::Status synced = SyncDirectory(parent.empty() ? "." : parent);
  return synced.ok() ? synced : Failed(std::string(synced.message()));
}

}  // namespace gatelog::cli
