#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace gatelog::store {

class Database;

namespace internal {

struct CachedStatement {
  sqlite3_stmt* handle = nullptr;
  bool in_use = false;
};

// Of SQL, so that a view of it finds its statement.
struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>()(text);
  }
};

}  // namespace internal

// One use of a prepared statement; parameters and columns are counted as SQLite does: parameters
// from 1, columns from 0. Goes back to its database's cache when destroyed, so it must not outlive
// the database. Texts and blobs that are bound must live until the next Reset or Run.
class Statement {
 public:
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  // A failed Bind is reported by the next Step.
  void Bind(int parameter, std::int64_t number);
  void BindText(int parameter, std::string_view text);
  // As BindText, but the text need not live on.
  void BindCopy(int parameter, std::string_view text);
  void BindBlob(int parameter, std::string_view bytes);
  void BindNull(int parameter);

  // True: a row can be read. False: there is none any more.
  absl::StatusOr<bool> Step();
  // For statements without rows: steps to the end and is ready to be bound and run again.
  absl::Status Run();
  void Reset();

  std::int64_t Integer(int column) const;
  bool IsNull(int column) const;
  // A view until the next Step, Reset or Run.
  std::string_view Bytes(int column) const;

 private:
  friend class Database;
  Statement(Database& database, sqlite3_stmt* handle, internal::CachedStatement* cached)
      : database_(database), handle_(handle), cached_(cached) {}

  void Remember(int code) {
    if (code != SQLITE_OK && bind_error_ == SQLITE_OK) bind_error_ = code;
  }

  Database& database_;
  sqlite3_stmt* handle_;
  internal::CachedStatement* cached_;  // null: not cached, finalized with this object
  int bind_error_ = SQLITE_OK;
};

// One connection to a database file. One thread at a time.
//
// Every error of SQLite becomes a status whose message names the file and says what to do:
// kResourceExhausted: no space or memory. kUnavailable: I/O error, or locked by another program for
// longer than the busy time. kDataLoss: damaged or no database. kFailedPrecondition: read-only.
// kPermissionDenied or kFailedPrecondition: cannot be opened.
class Database {
 public:
  struct Options {
    std::string path;
    bool read_only = false;
    std::int64_t cache_kib = 16 * 1024;
    int busy_ms_max = 10'000;  // how long to wait for a lock of another connection
    std::string vfs = {};      // of SQLite; empty: its default
    // Read-only, of a file that nobody writes: without locks and without any file beside it.
    bool immutable = false;
  };

  static absl::StatusOr<std::unique_ptr<Database>> Open(const Options& options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Runs statements that have no parameters, and drops their rows.
  absl::Status Execute(const std::string& sql);
  // A statement, compiled on first use.
  absl::StatusOr<Statement> Prepare(std::string_view sql);
  // The number in the first column of the first row, 0 if there is none.
  absl::StatusOr<std::int64_t> QueryInteger(std::string_view sql);

  // Whether SQLite finds the file in order, by its pragma "integrity_check" or the faster
  // "quick_check". kDataLoss names the first fault.
  absl::Status CheckPages(std::string_view pragma);

  // Ends what runs on this connection with kCancelled. Any thread.
  void Interrupt() { sqlite3_interrupt(handle_); }

  // Copies the database as it is at one moment into another, empty one. kCancelled: `progress`,
  // which is told the bytes that are copied and all of them, said no.
  absl::Status CopyTo(Database& target,
                      const std::function<bool(std::uint64_t, std::uint64_t)>& progress);

  // The bytes of the database as a file would have them.
  absl::StatusOr<std::string> Serialize();

  bool in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }
  std::int64_t rows_changed() const { return sqlite3_changes64(handle_); }
  // SQLite's extended code of the last error that this connection reported; SQLITE_OK before the
  // first.
  int last_error() const { return last_error_; }
  // The last error was a write or sync that did not do what it should, and not for want of space
  // that a later try may find. A sync that fails is always one: what it was for may be lost for
  // good, whatever the next sync says.
  bool disk_failed() const;
  const std::string& path() const { return path_; }

  // From here on log_pages() is how long the write-ahead log was after this connection's last
  // commit.
  void CountLogPages();
  int log_pages() const { return log_pages_; }
  // Brings into the main file what no reader needs to remain in the write-ahead log. That readers
  // or writers are in the way is no error.
  absl::Status Checkpoint();
  // Brings all of the write-ahead log into the main file and empties it, so that nothing of older
  // pages is left there. False: for so long somebody who reads or writes was in the way.
  absl::StatusOr<bool> EmptyLog(int wait_ms_max);
  // Closing this connection, should it be the last one, will not bring the write-ahead log into the
  // main file.
  void KeepLogWhenClosed();

  // The status of a code that a call on this connection returned.
  absl::Status Error(int code);

 private:
  explicit Database(std::string path) : path_(std::move(path)) {}

  std::string path_;
  sqlite3* handle_ = nullptr;
  int last_error_ = SQLITE_OK;
  bool out_of_space_ = false;  // the last error's cause
  int log_pages_ = 0;
  int busy_ms_max_ = 0;
  std::unordered_map<std::string, internal::CachedStatement, internal::TextHash, std::equal_to<>>
      statements_;
};

// A write transaction, rolled back when destroyed unless it was committed.
class Transaction {
 public:
  // Takes the write lock at once, so that nothing that is read in it can change before it commits.
  static absl::StatusOr<Transaction> Begin(Database& database);
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  // After an error whose code is an I/O error it is unknown whether the transaction took effect.
  absl::Status Commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}

  Database* database_;
};

// Several reads of one moment; ends when destroyed. Not inside a Transaction, which is one moment
// anyhow.
class Snapshot {
 public:
  static absl::StatusOr<Snapshot> Begin(Database& database);
  Snapshot(Snapshot&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Snapshot& operator=(Snapshot&&) = delete;
  ~Snapshot();

 private:
  explicit Snapshot(Database& database) : database_(&database) {}

  Database* database_;
};

}  // namespace gatelog::store
