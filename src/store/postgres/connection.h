#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace gatelog::postgres {

// The values of a statement's $1, $2 and so on. Numbers go as text, so that they fit whichever
// number the statement wants there; bytes and lists go in PostgreSQL's binary form.
class Params {
 public:
  Params& Add(std::int64_t number);
  // A text or bytea; a text may hold no zero byte, of which the server complains.
  Params& AddBytes(std::string_view bytes);
  // For bigint[], oid[] and bytea[].
  Params& AddNumbers(std::span<const std::int64_t> numbers);
  Params& AddOids(std::span<const std::uint32_t> numbers);
  Params& AddBytesList(std::span<const std::string> list);
  Params& AddBytesList(std::span<const std::string_view> list);

  int size() const { return static_cast<int>(values_.size()); }
  // The number of the last one, as the statement names it: "$3".
  std::string last() const;

 private:
  friend class Connection;

  Params& AddBinary(std::string value);

  std::vector<std::string> values_;
  std::vector<int> formats_;
};

// The rows of a statement, in PostgreSQL's binary form; rows and columns count from 0.
class Result {
 public:
  explicit Result(PGresult* result) : result_(result, PQclear) {}

  int rows() const { return PQntuples(result_.get()); }
  bool IsNull(int row, int column) const;
  // Of a whole number, a boolean or an oid; NULL: 0.
  std::int64_t Integer(int row, int column) const;
  // Of a text or bytea: a view that lives as long as the result.
  std::string_view Bytes(int row, int column) const;
  // "COMMIT", "INSERT 0 1" and so on.
  std::string_view command() const;
  // How many rows the statement wrote.
  std::int64_t changed() const;

 private:
  std::unique_ptr<PGresult, decltype(&PQclear)> result_;
};

// One session with a PostgreSQL server. One thread at a time.
//
// Every error becomes a status whose message names the database and says what to do. kUnavailable:
// the server is away, or ended the session. kResourceExhausted: no space or memory. kDataLoss:
// damaged. kPermissionDenied: the role may not. kAborted: of two writers this one was second, or
// a table was dropped meanwhile.
// kInvalidArgument: a value that the server does not take. kCancelled: the caller's stop.
class Connection {
 public:
  struct Options {
    std::string url;  // postgresql://... or libpq's "host=... dbname=..."
    // What the server shows the session as.
    std::string application_name = "gatelog";
  };

  // At most kConnectSeconds for each address of the server.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const Options& options);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Runs statements that have no parameters, and drops their rows.
  absl::Status Execute(const std::string& sql, const std::stop_token& stop = {});
  // Runs one statement, prepared on first use.
  absl::StatusOr<Result> Query(const std::string& sql, const Params& params = {},
                               const std::stop_token& stop = {});
  // The number in the first column of the first row, 0 if there is none.
  absl::StatusOr<std::int64_t> QueryInteger(const std::string& sql, const Params& params = {});
  // The text there.
  absl::StatusOr<std::string> QueryText(const std::string& sql);

  // COPY table FROM STDIN in binary form: `sql`, which may have other statements before the COPY,
  // then `rows` as BinaryRows makes them.
  absl::Status CopyIn(const std::string& sql, std::string_view rows);
  // The same in steps, of which the second may be repeated; the last one tells what went wrong.
  absl::Status BeginCopy(const std::string& sql);
  absl::Status SendCopy(std::string_view rows);
  absl::Status EndCopy();

  // COMMIT in two steps, between which anything may happen.
  absl::Status SendCommit();
  absl::Status AwaitCommit();

  // False: the session is over, and only a new one helps.
  bool alive() const;
  // A statement was given up. The request to end it may reach the server late, and would end
  // whatever runs then, so the session is best not used again.
  bool interrupted() const { return interrupted_; }
  int socket() const { return PQsocket(handle_); }
  int backend_pid() const { return PQbackendPID(handle_); }
  int server_version() const { return PQserverVersion(handle_); }  // 150004: 15.4
  // "PostgreSQL database gatelog at db.example:5432", for messages.
  const std::string& name() const { return name_; }
  // SQLSTATE of the last error; empty before the first and of a lost session.
  const std::string& last_error() const { return last_error_; }

  static constexpr int kConnectSeconds = 3;
  static constexpr std::size_t kPreparedMax = 256;  // beyond it all are dropped and made anew

 private:
  friend class Transaction;

  explicit Connection(PGconn* handle) : handle_(handle) {}

  absl::StatusOr<const char*> Prepare(const std::string& sql, const std::stop_token& stop);
  // The last result of what was sent. `stop`: then the server is asked to end it.
  absl::StatusOr<Result> Await(const std::stop_token& stop);
  // Waits until PQgetResult would not block.
  void WaitReadable(const std::stop_token& stop);
  absl::Status ErrorOf(const PGresult* result);
  absl::Status SendError();

  PGconn* handle_;
  std::string name_;
  std::string last_error_;
  bool interrupted_ = false;
  std::unordered_map<std::string, std::string> prepared_;  // by text
};

// A transaction, rolled back when destroyed unless it was committed.
class Transaction {
 public:
  explicit Transaction(Connection& connection) : connection_(&connection) {}
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  // `mode` follows BEGIN: "ISOLATION LEVEL REPEATABLE READ READ ONLY".
  absl::Status Begin(std::string_view mode = "");
  // Also returns the server's number for it, by which a later session can ask what became of it.
  absl::StatusOr<std::string> BeginNumbered();
  absl::Status Commit();
  // It is over, however it ended.
  void Forget() { connection_ = nullptr; }

 private:
  Connection* connection_;
};

// Rows in the form of COPY ... (FORMAT binary).
class BinaryRows {
 public:
  BinaryRows();

  void BeginRow(int columns);
  void AddInt16(std::int64_t value);
  void AddInt32(std::int64_t value);  // also an oid
  void AddInt64(std::int64_t value);
  void AddBytes(std::string_view bytes);
  void AddNull();
  // To be called once, after the last row.
  std::string_view Finish();

  // What there is so far, to be sent before the rest, and then dropped.
  std::string_view bytes() const { return bytes_; }
  void Clear() { bytes_.clear(); }

 private:
  std::string bytes_;
};

}  // namespace gatelog::postgres
