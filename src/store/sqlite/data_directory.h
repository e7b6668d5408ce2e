#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace gatelog::store {

// The directory that holds a store, locked against other processes (and against a second opening in
// this one) for as long as the object lives.
class DataDirectory {
 public:
  // Makes the directory if only it is missing. kFailedPrecondition: in use (the message names the
  // process), not a directory, or its parent is missing. kPermissionDenied: it cannot be written.
  static absl::StatusOr<std::unique_ptr<DataDirectory>> Lock(const std::string& directory);
  ~DataDirectory();
  DataDirectory(const DataDirectory&) = delete;
  DataDirectory& operator=(const DataDirectory&) = delete;

  std::string database_path() const { return path_ + "/gatelog.db"; }

 private:
  DataDirectory(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}

  const std::string path_;
  const int lock_;  // the descriptor that holds the lock
};

}  // namespace gatelog::store
