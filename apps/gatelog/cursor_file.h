#pragma once

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace gatelog::cli {

// The place up to which a stream of events has been dealt with, kept in a file that is replaced as
// a whole. Errors are sentences, see failure.h. Blocking.
class CursorFile {
 public:
  explicit CursorFile(std::string path) : path_(std::move(path)) {}

  // Empty: there is no file yet. An error for a file that holds something else.
  absl::StatusOr<std::string> Load() const;
  // Synced when it returns. Does nothing for the cursor that was saved last.
  absl::Status Save(const std::string& cursor);

 private:
  const std::string path_;
  std::string saved_;
};

}  // namespace gatelog::cli
