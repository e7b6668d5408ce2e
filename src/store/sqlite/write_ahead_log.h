#pragma once

#include <string>

#include "absl/status/status.h"

namespace gatelog::store {

// Makes what a process that died has left in the write-ahead log of a database durable; to be
// called before the database is opened, because SQLite replays that log and shows what is in it.
// Without this, events would be shown that a power cut can still take away.
//
// The log is written anew, byte for byte, and then synced: after a sync that failed, the system
// takes what was to be written as written, and another sync alone would do nothing and succeed.
//
// `vfs` is a file system of SQLite; empty: its default. A log that is not there is no error.
// kUnavailable, kResourceExhausted, kPermissionDenied: the message says what to do.
absl::Status MakeWriteAheadLogDurable(const std::string& database_path, const std::string& vfs);

}  // namespace gatelog::store
