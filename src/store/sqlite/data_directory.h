#pragma once

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace gatelog::store {

// A gateway whose store is in another database leaves a note of that in its data directory, so that
// nobody restores a store there that it would not read. Idempotent; durable. Blocking.
absl::Status NoteStoreElsewhere(const std::string& directory);
absl::Status NoteStoreHere(const std::string& directory);

// OK, or kFailedPrecondition where the note is: a sentence for whoever wants to restore.
absl::Status CheckStoreIsHere(const std::string& directory);

// The directory that holds a store, locked against other processes (and against a second opening in
// this one) for as long as the object lives. The lock file also tells whether whoever used the
// store last closed it; otherwise a write-ahead log must be there.
class DataDirectory {
 public:
  // Makes the directory if only it is missing. kFailedPrecondition: in use (the message names the
  // process), not a directory, or its parent is missing. kPermissionDenied: it cannot be written.
  static absl::StatusOr<std::unique_ptr<DataDirectory>> Lock(const std::string& directory);
  // For whoever only reads while no gateway runs: others may read as well, nothing is made and
  // nothing written; MarkOpen and MarkClosed must not be called. kFailedPrecondition: in use. Where
  // no lock file is, no gateway was, and there is nothing to hold.
  static absl::StatusOr<std::unique_ptr<DataDirectory>> LockForReading(
      const std::string& directory);
  ~DataDirectory();
  DataDirectory(const DataDirectory&) = delete;
  DataDirectory& operator=(const DataDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string database_path() const { return path_ + "/gatelog.db"; }

  // The process that used the store before did not close it.
  bool was_left_open() const { return was_left_open_; }
  // Durable: from MarkOpen on the write-ahead log must be there at the next start, from MarkClosed
  // on it may be gone.
  absl::Status MarkOpen();
  absl::Status MarkClosed();

 private:
  DataDirectory(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}

  absl::Status WriteLockFile(bool open);

  const std::string path_;
  const int lock_;  // the descriptor that holds the lock; -1: none
  bool was_left_open_ = false;
};

}  // namespace gatelog::store
