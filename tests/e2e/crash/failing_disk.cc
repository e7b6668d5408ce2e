// Loaded into gatelogd by LD_PRELOAD: the disk under one directory fails as a file beside it says,
// from one call to the next. So a full or broken disk comes and goes under the running program,
// without mounting anything.
//
// GATELOG_FAILING_DISK=DIR names the directory. DIR.fault says what is wrong; while there is no
// such file, all is well.
//
//   full         What makes a file larger fails with ENOSPC; what lies inside it can be written.
//   full N       The same, from N bytes of size on.
//   full-late    Everything can be written, but syncing fails with ENOSPC.
//   write-error  Writing fails with EIO.
//   sync-error   Syncing fails with EIO.
//   read-only    Opening for writing and making anything fails with EROFS.
//
// Only the calls that SQLite and gatelogd use are here. Any thread may call them; nothing is kept
// between calls.

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

constexpr std::size_t kWordMax = 32;
constexpr std::string_view kFull = "full";

// The next definition of a function, the C library's. A data pointer becomes a function pointer.
template <typename Function>
Function Real(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

std::string_view Directory() {
  const char* directory = std::getenv("GATELOG_FAILING_DISK");
  return directory == nullptr ? std::string_view() : std::string_view(directory);
}

// Past the functions below, which would ask here again.
std::string ReadWord(const std::string& path) {
  const long fd = syscall(SYS_openat, AT_FDCWD, path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return "";
  std::array<char, kWordMax> word{};
  const ssize_t size = read(static_cast<int>(fd), word.data(), word.size());
  close(static_cast<int>(fd));
  return {word.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
}

bool IsBelow(std::string_view path, std::string_view directory) {
  return !directory.empty() && path.starts_with(directory) &&
         (path.size() == directory.size() || path[directory.size()] == '/');
}

// What is wrong with the disk that holds the path; empty: nothing.
std::string FaultAt(std::string_view path) {
  const std::string_view directory = Directory();
  if (!IsBelow(path, directory)) return "";
  return ReadWord(std::string(directory) + ".fault");
}

std::string FaultOf(int fd) {
  std::array<char, PATH_MAX> path{};
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t size = readlink(link.c_str(), path.data(), path.size());
  return size <= 0 ? "" : FaultAt({path.data(), static_cast<std::size_t>(size)});
}

// Whether a file may not become this large.
bool HasNoSpaceFor(const std::string& fault, int fd, off_t size) {
  if (!fault.starts_with(kFull) || fault == "full-late") return false;
  struct stat found {};
  const off_t room = std::strtoll(fault.c_str() + kFull.size(), nullptr, 10);
  return fstat(fd, &found) == 0 && size > std::max<off_t>(found.st_size, room);
}

// 0, or the error of writing up to `end`, counted from the file's beginning.
int WriteError(int fd, off_t end) {
  const int before = errno;
  const std::string fault = FaultOf(fd);
  const int error = fault == "write-error" ? EIO : HasNoSpaceFor(fault, fd, end) ? ENOSPC : 0;
  errno = error == 0 ? before : error;
  return error;
}

int SyncError(int fd) {
  const int before = errno;
  const std::string fault = FaultOf(fd);
  const int error = fault == "sync-error" ? EIO : fault == "full-late" ? ENOSPC : 0;
  errno = error == 0 ? before : error;
  return error;
}

// Of making, opening for writing, renaming or removing.
int ChangeError(const char* path) {
  const int before = errno;
  const int error = FaultAt(path) == "read-only" ? EROFS : 0;
  errno = error == 0 ? before : error;
  return error;
}

int Open(const char* name, const char* path, int flags, mode_t mode) {
  static const auto real = Real<int (*)(const char*, int, ...)>("open");
  static const auto real64 = Real<int (*)(const char*, int, ...)>("open64");
  if ((flags & (O_WRONLY | O_RDWR | O_CREAT)) != 0 && ChangeError(path) != 0) return -1;
  return std::string_view(name) == "open64" ? real64(path, flags, mode) : real(path, flags, mode);
}

mode_t ModeOf(int flags, va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = ModeOf(flags, arguments);
  va_end(arguments);
  return Open("open", path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = ModeOf(flags, arguments);
  va_end(arguments);
  return Open("open64", path, flags, mode);
}

ssize_t write(int fd, const void* data, size_t size) {
  static const auto real = Real<ssize_t (*)(int, const void*, size_t)>("write");
  const off_t from = lseek(fd, 0, SEEK_CUR);
  if (WriteError(fd, from + static_cast<off_t>(size)) != 0) return -1;
  return real(fd, data, size);
}

ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
  static const auto real = Real<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite");
  if (WriteError(fd, offset + static_cast<off_t>(size)) != 0) return -1;
  return real(fd, data, size, offset);
}

ssize_t pwrite64(int fd, const void* data, size_t size, off64_t offset) {
  return pwrite(fd, data, size, offset);
}

// Growing a file by its size alone takes no space until it is written; only the error of the disk
// shows here.
int ftruncate(int fd, off_t size) noexcept {
  static const auto real = Real<int (*)(int, off_t)>("ftruncate");
  return WriteError(fd, 0) != 0 ? -1 : real(fd, size);
}

int ftruncate64(int fd, off64_t size) noexcept { return ftruncate(fd, size); }

int fsync(int fd) {
  static const auto real = Real<int (*)(int)>("fsync");
  return SyncError(fd) != 0 ? -1 : real(fd);
}

int fdatasync(int fd) {
  static const auto real = Real<int (*)(int)>("fdatasync");
  return SyncError(fd) != 0 ? -1 : real(fd);
}

int mkdir(const char* path, mode_t mode) noexcept {
  static const auto real = Real<int (*)(const char*, mode_t)>("mkdir");
  return ChangeError(path) != 0 ? -1 : real(path, mode);
}

int rename(const char* from, const char* to) noexcept {
  static const auto real = Real<int (*)(const char*, const char*)>("rename");
  return ChangeError(to) != 0 ? -1 : real(from, to);
}

int unlink(const char* path) noexcept {
  static const auto real = Real<int (*)(const char*)>("unlink");
  return ChangeError(path) != 0 ? -1 : real(path);
}

}  // extern "C"
