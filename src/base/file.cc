#include "base/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/status_macros.h"

namespace gatelog {
namespace {

// Closes what it holds.
class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;

  int get() const { return fd_; }

 private:
  const int fd_;
};

absl::Status FileError(std::string_view doing, const std::filesystem::path& path, int error) {
  const std::string sentence =
      fmt::format("Cannot {} {}: {}.", doing, path.string(), std::strerror(error));
  switch (error) {
    case ENOENT:
      return absl::NotFoundError(sentence);
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(sentence);
    case ENOSPC:
    case EDQUOT:
      return absl::ResourceExhaustedError(sentence);
    default:
      return absl::UnavailableError(sentence);
  }
}

int WriteAll(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno != EINTR) return errno;
    if (written > 0) content.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::filesystem::path& path, std::size_t size_max) {
  const FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return FileError("read", path, errno);
  std::string content;
  constexpr std::size_t kChunk = 16 * 1024;
  for (;;) {
    const std::size_t size = content.size();
    content.resize(size + kChunk);
    const ssize_t got = ::read(fd.get(), content.data() + size, kChunk);
    if (got < 0 && errno != EINTR) return FileError("read", path, errno);
    content.resize(size + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0) return content;
    if (content.size() > size_max) {
      return absl::OutOfRangeError(
          fmt::format("{} has more than {} bytes.", path.string(), size_max));
    }
  }
}

absl::StatusOr<std::string> ReadFileStart(const std::filesystem::path& path, std::size_t size) {
  const FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return FileError("read", path, errno);
  std::string content(size, '\0');
  std::size_t read = 0;
  while (read < size) {
    const ssize_t got = ::read(fd.get(), content.data() + read, size - read);
    if (got < 0 && errno != EINTR) return FileError("read", path, errno);
    if (got == 0) break;
    read += static_cast<std::size_t>(std::max<ssize_t>(got, 0));
  }
  content.resize(read);
  return content;
}

absl::Status SyncFile(const std::filesystem::path& path) {
  const FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0 || ::fsync(fd.get()) != 0) return FileError("sync", path, errno);
  return absl::OkStatus();
}

absl::Status SyncDirectory(const std::filesystem::path& directory) {
  const FileDescriptor fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0 || ::fsync(fd.get()) != 0)
    return FileError("sync the directory", directory, errno);
  return absl::OkStatus();
}

absl::Status WriteFileAtomically(const std::filesystem::path& path, std::string_view content,
                                 mode_t mode) {
  std::filesystem::path temporary = path;
  temporary += ".tmp";
  ::unlink(temporary.c_str());  // of a start that was cut short
  {
    const FileDescriptor fd(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (fd.get() < 0) return FileError("write", temporary, errno);
    int error = WriteAll(fd.get(), content);
    if (error == 0 && ::fchmod(fd.get(), mode) != 0) error = errno;
    if (error == 0 && ::fsync(fd.get()) != 0) error = errno;
    if (error != 0) {
      ::unlink(temporary.c_str());
      return FileError("write", temporary, error);
    }
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const int error = errno;
    ::unlink(temporary.c_str());
    return FileError("write", path, error);
  }
  return SyncDirectory(path.parent_path().empty() ? "." : path.parent_path());
}

absl::Status AppendLine(const std::filesystem::path& path, std::string_view line, mode_t mode) {
  const FileDescriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, mode));
  if (fd.get() < 0) return FileError("write", path, errno);
  // With its newline in one write, so that lines of several writers stay whole.
  const int error = WriteAll(fd.get(), std::string(line) + "\n");
  if (error != 0) return FileError("write", path, error);
  if (::fsync(fd.get()) != 0) return FileError("sync", path, errno);
  return absl::OkStatus();
}

}  // namespace gatelog
