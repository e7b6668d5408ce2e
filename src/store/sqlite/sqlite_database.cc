#include "store/sqlite/sqlite_database.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace gatelog::store {
namespace {

// Beyond this, statements that are not in use are dropped from a connection's cache.
constexpr std::size_t kCachedStatementsMax = 128;

std::string SystemReason(int system_error) {
  return system_error == 0 ? std::string() : absl::StrCat(": ", std::strerror(system_error));
}

bool IsOutOfSpace(int system_error) { return system_error == ENOSPC || system_error == EDQUOT; }

bool IsSyncError(int code) { return code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC; }

absl::Status NoSpace(const std::string& path) {
  return absl::ResourceExhaustedError(absl::StrCat(
      "No space is left for ", path, "; free some, a running gateway then goes on by itself."));
}

// Other than a write, a sync that failed leaves it open what the disk holds.
absl::Status NoSpaceToSync(const std::string& path) {
  return absl::UnavailableError(absl::StrCat("No space was left for ", path,
                                             " when it had to reach the disk; free some, then "
                                             "restart the gateway."));
}

absl::Status StatusOf(int code, int system_error, const std::string& path, const char* words) {
  switch (code & 0xFF) {
    case SQLITE_FULL:
      return NoSpace(path);
    case SQLITE_NOMEM:
      return absl::ResourceExhaustedError(
          absl::StrCat("Not enough memory to use ", path,
                       "; give the gateway more or make its caches smaller."));
    case SQLITE_IOERR:
      // SQLite says so when a full disk shows in the shared-memory file.
      if (IsOutOfSpace(system_error))
        return IsSyncError(code) ? NoSpaceToSync(path) : NoSpace(path);
      return absl::UnavailableError(absl::StrCat("Reading or writing ", path, " failed (", words,
                                                 " ", code, SystemReason(system_error),
                                                 "); check the disk, then restart the gateway."));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::UnavailableError(
          absl::StrCat("Another program keeps ", path, " locked; close it, or let it only read."));
    case SQLITE_INTERRUPT:
      return absl::CancelledError(absl::StrCat("Reading ", path, " was given up."));
    case SQLITE_CORRUPT:
      return absl::DataLossError(
          absl::StrCat(path, " is damaged (", words, "); keep a copy of it and restore a backup."));
    case SQLITE_NOTADB:
      return absl::DataLossError(absl::StrCat(
          path, " is damaged or no database; move it away, or restore a backup, and start again."));
    case SQLITE_READONLY:
      return absl::FailedPreconditionError(absl::StrCat(
          path, " is read-only; make the file and its directory writable for the gateway's user."));
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return absl::PermissionDeniedError(absl::StrCat("Access to ", path, " is denied."));
    case SQLITE_CANTOPEN: {
      const std::string message = absl::StrCat(
          path, " cannot be opened", SystemReason(system_error),
          "; check that it and its directory can be read and written by the gateway's user.");
      return system_error == EACCES || system_error == EPERM
                 ? absl::PermissionDeniedError(message)
                 : absl::FailedPreconditionError(message);
    }
    case SQLITE_CONSTRAINT:
      return absl::DataLossError(absl::StrCat(path, " contradicts itself (", words,
                                              "); keep a copy of it and restore a backup."));
    default:
      return absl::InternalError(absl::StrCat("SQLite on ", path, ": ", words, " (", code, ")."));
  }
}

// Only so can SQLite be told.
std::string ImmutableUri(const std::string& path) {
  std::string uri = "file:";
  for (const char c : path) {
    const bool plain = absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                       std::string_view("/._-~").find(c) != std::string_view::npos;
    if (plain) {
      uri.push_back(c);
    } else {
      absl::StrAppend(&uri, "%", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
    }
  }
  return uri + "?immutable=1";
}

}  // namespace

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_),
      handle_(std::exchange(other.handle_, nullptr)),
      cached_(std::exchange(other.cached_, nullptr)),
      bind_error_(other.bind_error_) {}

Statement::~Statement() {
  if (handle_ == nullptr) return;
  if (cached_ == nullptr) {
    sqlite3_finalize(handle_);
    return;
  }
  sqlite3_reset(handle_);
  sqlite3_clear_bindings(handle_);
  cached_->in_use = false;
}

void Statement::Bind(int parameter, std::int64_t number) {
  Remember(sqlite3_bind_int64(handle_, parameter, number));
}

void Statement::BindText(int parameter, std::string_view text) {
  Remember(sqlite3_bind_text64(handle_, parameter, text.data() == nullptr ? "" : text.data(),
                               text.size(), SQLITE_STATIC, SQLITE_UTF8));
}

void Statement::BindCopy(int parameter, std::string_view text) {
  // Not SQLITE_TRANSIENT, whose definition is an old-style cast.
  char* copy = static_cast<char*>(sqlite3_malloc64(text.size() + 1));
  if (copy == nullptr) return Remember(SQLITE_NOMEM);
  std::memcpy(copy, text.data(), text.size());
  Remember(sqlite3_bind_text64(handle_, parameter, copy, text.size(), sqlite3_free, SQLITE_UTF8));
}

void Statement::BindBlob(int parameter, std::string_view bytes) {
  Remember(sqlite3_bind_blob64(handle_, parameter, bytes.data() == nullptr ? "" : bytes.data(),
                               bytes.size(), SQLITE_STATIC));
}

void Statement::BindNull(int parameter) { Remember(sqlite3_bind_null(handle_, parameter)); }

absl::StatusOr<bool> Statement::Step() {
  if (bind_error_ != SQLITE_OK) return database_.Error(bind_error_);
  switch (const int code = sqlite3_step(handle_)) {
    case SQLITE_ROW:
      return true;
    case SQLITE_DONE:
      return false;
    default:
      return database_.Error(code);
  }
}

absl::Status Statement::Run() {
  const absl::StatusOr<bool> row = Step();
  sqlite3_reset(handle_);
  return row.status();
}

void Statement::Reset() { sqlite3_reset(handle_); }

std::int64_t Statement::Integer(int column) const { return sqlite3_column_int64(handle_, column); }

bool Statement::IsNull(int column) const {
  return sqlite3_column_type(handle_, column) == SQLITE_NULL;
}

std::string_view Statement::Bytes(int column) const {
  const void* data = sqlite3_column_blob(handle_, column);
  const int size = sqlite3_column_bytes(handle_, column);
  if (data == nullptr) return {};
  return {static_cast<const char*>(data), static_cast<std::size_t>(size)};
}

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const Options& options) {
  std::unique_ptr<Database> database(new Database(options.path));
  const int flags =
      SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | (options.immutable ? SQLITE_OPEN_URI : 0) |
      (options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  const std::string name = options.immutable ? ImmutableUri(options.path) : options.path;
  const int code = sqlite3_open_v2(name.c_str(), &database->handle_, flags,
                                   options.vfs.empty() ? nullptr : options.vfs.c_str());
  if (code != SQLITE_OK) return database->Error(code);
  database->busy_ms_max_ = options.busy_ms_max;
  sqlite3_busy_timeout(database->handle_, options.busy_ms_max);
  GATELOG_RETURN_IF_ERROR(database->Execute(
      absl::StrCat("PRAGMA cache_size = -", options.cache_kib, "; PRAGMA temp_store = MEMORY")));
  return database;
}

Database::~Database() {
  for (auto& [sql, statement] : statements_) sqlite3_finalize(statement.handle);
  sqlite3_close_v2(handle_);
}

absl::Status Database::Execute(const std::string& sql) {
  const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : Error(code);
}

absl::StatusOr<Statement> Database::Prepare(std::string_view sql) {
  const auto found = statements_.find(sql);
  if (found != statements_.end() && !found->second.in_use) {
    found->second.in_use = true;
    return Statement(*this, found->second.handle, &found->second);
  }
  sqlite3_stmt* handle = nullptr;
  const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &handle, nullptr);
  if (code != SQLITE_OK) return Error(code);
  if (found != statements_.end()) return Statement(*this, handle, nullptr);
  if (statements_.size() >= kCachedStatementsMax) {
    std::erase_if(statements_, [](const auto& entry) {
      if (!entry.second.in_use) sqlite3_finalize(entry.second.handle);
      return !entry.second.in_use;
    });
  }
  // References into an unordered_map stay valid while other entries come and go.
  internal::CachedStatement& cached = statements_[std::string(sql)];
  cached = {handle, true};
  return Statement(*this, handle, &cached);
}

absl::StatusOr<std::int64_t> Database::QueryInteger(std::string_view sql) {
  GATELOG_ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
  GATELOG_ASSIGN_OR_RETURN(const bool row, statement.Step());
  return row ? statement.Integer(0) : 0;
}

absl::Status Database::CheckPages(std::string_view pragma) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement check,
      Prepare(absl::StrCat("PRAGMA ", absl::string_view(pragma.data(), pragma.size()), "(1)")));
  GATELOG_ASSIGN_OR_RETURN(const bool row, check.Step());
  std::string answer = row ? std::string(check.Bytes(0)) : "no answer";
  if (answer == "ok") return absl::OkStatus();
  std::replace(answer.begin(), answer.end(), '\n', ' ');
  return absl::DataLossError(
      absl::StrCat(path_, " is damaged (", answer, "); keep a copy of it and restore a backup."));
}

absl::Status Database::CopyTo(Database& target,
                              const std::function<bool(std::uint64_t, std::uint64_t)>& progress) {
  constexpr int kPagesPerStep = 1024;
  GATELOG_ASSIGN_OR_RETURN(const std::int64_t page_size, QueryInteger("PRAGMA page_size"));
  // Held to the end, so that a commit in between does not make the copy begin anew. It is one with
  // the first read.
  GATELOG_ASSIGN_OR_RETURN(Snapshot snapshot, Snapshot::Begin(*this));
  GATELOG_RETURN_IF_ERROR(QueryInteger("SELECT count(*) FROM sqlite_master").status());
  const std::unique_ptr<sqlite3_backup, decltype(&sqlite3_backup_finish)> backup(
      sqlite3_backup_init(target.handle_, "main", handle_, "main"), sqlite3_backup_finish);
  if (backup == nullptr) return target.Error(sqlite3_errcode(target.handle_));
  while (true) {
    const int code = sqlite3_backup_step(backup.get(), kPagesPerStep);
    if (code == SQLITE_DONE) return absl::OkStatus();
    if (code != SQLITE_OK) return target.Error(code);
    const auto pages = static_cast<std::uint64_t>(sqlite3_backup_pagecount(backup.get()));
    const auto left = static_cast<std::uint64_t>(sqlite3_backup_remaining(backup.get()));
    const auto bytes = static_cast<std::uint64_t>(page_size);
    if (progress != nullptr && !progress((pages - left) * bytes, pages * bytes)) {
      return absl::CancelledError("The copy was given up.");
    }
  }
}

absl::StatusOr<std::string> Database::Serialize() {
  sqlite3_int64 size = 0;
  const std::unique_ptr<unsigned char, decltype(&sqlite3_free)> bytes(
      sqlite3_serialize(handle_, "main", &size, 0), sqlite3_free);
  if (bytes == nullptr) return Error(SQLITE_NOMEM);
  return std::string(bytes.get(), bytes.get() + size);
}

bool Database::disk_failed() const {
  return (last_error_ & 0xFF) == SQLITE_IOERR && (IsSyncError(last_error_) || !out_of_space_);
}

void Database::CountLogPages() {
  sqlite3_wal_hook(
      handle_,
      [](void* database, sqlite3*, const char*, int pages) {
        static_cast<Database*>(database)->log_pages_ = pages;
        return SQLITE_OK;
      },
      this);
}

absl::Status Database::Checkpoint() {
  const int code =
      sqlite3_wal_checkpoint_v2(handle_, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  return code == SQLITE_OK || (code & 0xFF) == SQLITE_BUSY ? absl::OkStatus() : Error(code);
}

absl::StatusOr<bool> Database::EmptyLog(int wait_ms_max) {
  sqlite3_busy_timeout(handle_, wait_ms_max);
  const int code =
      sqlite3_wal_checkpoint_v2(handle_, nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  sqlite3_busy_timeout(handle_, busy_ms_max_);
  if ((code & 0xFF) == SQLITE_BUSY) return false;
  if (code != SQLITE_OK) return Error(code);
  return true;
}

void Database::KeepLogWhenClosed() {
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

absl::Status Database::Error(int code) {
  last_error_ = code;
  out_of_space_ = handle_ != nullptr && IsOutOfSpace(sqlite3_system_errno(handle_));
  const bool known = handle_ != nullptr && sqlite3_errcode(handle_) == code;
  return StatusOf(code, handle_ == nullptr ? 0 : sqlite3_system_errno(handle_), path_,
                  known ? sqlite3_errmsg(handle_) : sqlite3_errstr(code));
}

absl::StatusOr<Transaction> Transaction::Begin(Database& database) {
  GATELOG_ASSIGN_OR_RETURN(Statement begin, database.Prepare("BEGIN IMMEDIATE"));
  GATELOG_RETURN_IF_ERROR(begin.Run());
  return Transaction(database);
}

absl::StatusOr<Snapshot> Snapshot::Begin(Database& database) {
  GATELOG_ASSIGN_OR_RETURN(Statement begin, database.Prepare("BEGIN"));
  GATELOG_RETURN_IF_ERROR(begin.Run());
  return Snapshot(database);
}

Snapshot::~Snapshot() {
  if (database_ == nullptr || !database_->in_transaction()) return;
  absl::StatusOr<Statement> end = database_->Prepare("ROLLBACK");
  if (end.ok()) end->Run().IgnoreError();
}

Transaction::~Transaction() {
  // SQLite has already rolled back after some errors.
  if (database_ == nullptr || !database_->in_transaction()) return;
  database_->Execute("ROLLBACK").IgnoreError();
}

absl::Status Transaction::Commit() {
  GATELOG_ASSIGN_OR_RETURN(Statement commit, database_->Prepare("COMMIT"));
  GATELOG_RETURN_IF_ERROR(commit.Run());
  database_ = nullptr;
  return absl::OkStatus();
}

}  // namespace gatelog::store
