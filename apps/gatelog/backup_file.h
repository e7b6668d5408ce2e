#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace gatelog::cli {

// A new file that comes under its name only when it is whole and synced, and never in place of
// another. Until then it is NAME.part, removed when destroyed. Only its owner may read it. Errors
// are sentences, see failure.h.
class BackupFile {
 public:
  static absl::StatusOr<BackupFile> Make(const std::string& path);
  BackupFile(BackupFile&& other) noexcept;
  BackupFile& operator=(BackupFile&&) = delete;
  ~BackupFile();

  absl::Status Write(std::string_view bytes);
  std::uint64_t size() const { return size_; }
  // Where it is until it has its name.
  const std::string& part() const { return part_; }
  // Synced; still without its name.
  absl::Status Complete();
  absl::Status TakeName();

 private:
  BackupFile(std::string path, int descriptor);

  std::string path_;
  std::string part_;
  int descriptor_;
  std::uint64_t size_ = 0;
};

}  // namespace gatelog::cli
