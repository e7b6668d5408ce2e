#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace gatelog {

// The whole of a file of at most `size_max` bytes. Errors are sentences that name the file.
// Blocking.
absl::StatusOr<std::string> ReadFile(const std::filesystem::path& path, std::size_t size_max);

// The first `size` bytes, fewer if the file has not as many. Blocking.
absl::StatusOr<std::string> ReadFileStart(const std::filesystem::path& path, std::size_t size);

// What was written to the file, or the names in the directory, survive a power cut. Blocking.
absl::Status SyncFile(const std::filesystem::path& path);
absl::Status SyncDirectory(const std::filesystem::path& directory);

// Writes a file whole or not at all, synced: a temporary file beside it with permissions `mode`,
// then a rename. Blocking.
absl::Status WriteFileAtomically(const std::filesystem::path& path, std::string_view content,
                                 mode_t mode);

// Appends a line and syncs it; makes the file with permissions `mode`. Blocking.
absl::Status AppendLine(const std::filesystem::path& path, std::string_view line, mode_t mode);

}  // namespace gatelog
