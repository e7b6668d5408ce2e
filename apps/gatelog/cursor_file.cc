#include "apps/gatelog/cursor_file.h"

#include <sys/types.h>

#include <filesystem>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "apps/gatelog/failure.h"
#include "base/file.h"
#include "model/cursor.h"

namespace gatelog::cli {
namespace {

constexpr std::size_t kSizeMax = 256;
constexpr mode_t kMode = 0644;

}  // namespace

absl::StatusOr<std::string> CursorFile::Load() const {
  std::error_code error;
  if (!std::filesystem::exists(path_, error) && !error) return "";
  const absl::StatusOr<std::string> text = ReadFile(path_, kSizeMax);
  if (!text.ok()) return Failed(std::string(text.status().message()));
  const std::string cursor(absl::StripAsciiWhitespace(*text));
  if (model::ParseCursor(cursor).ok()) return cursor;
  return Failed(absl::StrCat(path_,
                             " holds no cursor. Name another file, or remove it to begin with the "
                             "oldest event."));
}

absl::Status CursorFile::Save(const std::string& cursor) {
  if (cursor == saved_) return absl::OkStatus();
  const absl::Status written = WriteFileAtomically(path_, cursor + "\n", kMode);
  if (!written.ok()) return Failed(std::string(written.message()));
  saved_ = cursor;
  return absl::OkStatus();
}

}  // namespace gatelog::cli
