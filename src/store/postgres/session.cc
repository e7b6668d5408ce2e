#include "store/postgres/session.h"

#include <chrono>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace gatelog::postgres {
namespace {

using std::chrono::milliseconds;

// pg_locks shows it so: "glog", and the store's number.
constexpr int kLockClass = 0x676C6F67;
constexpr int kLockNumber = 1;

// How long the session of a gateway that was killed may take to end.
constexpr milliseconds kLockWait{3'000};
// And one of our own, which may be in the middle of a COMMIT; then it is ended.
constexpr milliseconds kLockPatience{1'000};
constexpr milliseconds kLockPoll{50};

constexpr int kServerVersionMin = 140'000;

// What a role or database may have set otherwise.
constexpr char kSettings[] =
    "SET search_path = gatelog, pg_catalog; SET statement_timeout = 0; SET lock_timeout = '10s'; "
    "SET idle_in_transaction_session_timeout = 0; SET idle_session_timeout = 0; SET TimeZone = "
    "'UTC'; SET default_transaction_isolation = 'read committed'; SET "
    "default_transaction_deferrable = off; SET jit = off; "
    "SET max_parallel_workers_per_gather = 0; SET max_parallel_maintenance_workers = 0; SET "
    "default_tablespace = DEFAULT";

absl::StatusOr<std::unique_ptr<Connection>> OpenSession(const std::string& url,
                                                        const std::string& application_name) {
  GATELOG_ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection,
                           Connection::Open({.url = url, .application_name = application_name}));
  if (connection->server_version() < kServerVersionMin) {
    return absl::FailedPreconditionError(
        absl::StrCat("The ", connection->name(), " is of PostgreSQL ",
                     connection->server_version() / 10'000, "; the gateway needs 14 or newer."));
  }
  return connection;
}

absl::Status CheckSetting(Connection& connection, const std::string& name,
                          const std::string& wanted, const std::string& otherwise) {
  GATELOG_ASSIGN_OR_RETURN(const std::string value,
                           connection.QueryText(absl::StrCat("SHOW ", name)));
  if (value == wanted) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("The ", connection.name(), " has ", name, " = ",
                                                    value, ", not ", wanted, otherwise));
}

absl::Status MakeDurable(Connection& connection) {
  GATELOG_RETURN_IF_ERROR(connection.Execute(absl::StrCat(
      kSettings, "; SET synchronous_commit = on; SET default_transaction_read_only = off")));
  GATELOG_RETURN_IF_ERROR(CheckSetting(connection, "synchronous_commit", "on",
                                       ": events would be lost in a power cut."));
  return CheckSetting(connection, "fsync", "on",
                      ": events would be lost in a power cut. Set it in postgresql.conf.");
}

absl::Status CheckDatabase(Connection& connection) {
  GATELOG_RETURN_IF_ERROR(CheckSetting(connection, "server_encoding", "UTF8",
                                       "; make one with CREATE DATABASE ... ENCODING 'UTF8'."));
  GATELOG_ASSIGN_OR_RETURN(const std::int64_t standby,
                           connection.QueryInteger("SELECT pg_is_in_recovery()::int"));
  if (standby == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "The ", connection.name(), " is a standby and takes no writes; name its primary."));
}

// Who has the lock. The session of that name is ended.
absl::StatusOr<std::string> HolderOf(Connection& connection, const std::string& ended) {
  Params params;
  params.AddBytes(ended);
  GATELOG_ASSIGN_OR_RETURN(
      const Result holder,
      connection.Query(
          absl::StrCat(
              "SELECT a.pid::text, coalesce(a.client_addr::text, 'this machine'), "
              "coalesce(to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS'), '?'), "
              "a.application_name, "
              "CASE WHEN a.application_name = $1 THEN pg_terminate_backend(a.pid) END "
              "FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid "
              "WHERE l.locktype = 'advisory' AND l.granted AND l.database = (SELECT oid FROM "
              "pg_database WHERE datname = current_database()) AND l.classid = ",
              kLockClass, " AND l.objid = ", kLockNumber, " LIMIT 1"),
          params));
  if (holder.rows() == 0) return std::string();
  const auto text = [&](int column) { return std::string(holder.Bytes(0, column)); };
  return absl::StrCat("session ", text(0), " from ", text(1), ", there since ", text(2), " UTC, '",
                      text(3), "'");
}

absl::Status TakeLock(Connection& connection, const std::string& writer_id) {
  const std::string try_lock =
      absl::StrCat("SELECT pg_try_advisory_lock(", kLockClass, ", ", kLockNumber, ")::int");
  const auto begin = std::chrono::steady_clock::now();
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const std::int64_t taken, connection.QueryInteger(try_lock));
    if (taken != 0) return absl::OkStatus();
    const auto waited = std::chrono::steady_clock::now() - begin;
    GATELOG_ASSIGN_OR_RETURN(const std::string holder,
                             HolderOf(connection, waited > kLockPatience ? writer_id : ""));
    if (waited > kLockWait) {
      return absl::FailedPreconditionError(
          absl::StrCat("Another gateway uses the ", connection.name(),
                       holder.empty() ? "" : absl::StrCat(" (", holder, ")"),
                       "; stop it first, or name another database."));
    }
    std::this_thread::sleep_for(kLockPoll);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Connection>> OpenWriterSession(const std::string& url,
                                                              const std::string& writer_id) {
  GATELOG_ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection, OpenSession(url, writer_id));
  GATELOG_RETURN_IF_ERROR(CheckDatabase(*connection));
  GATELOG_RETURN_IF_ERROR(MakeDurable(*connection));
  GATELOG_RETURN_IF_ERROR(TakeLock(*connection, writer_id));
  return connection;
}

absl::StatusOr<std::unique_ptr<Connection>> OpenSideSession(const std::string& url,
                                                            const std::string& name) {
  GATELOG_ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection, OpenSession(url, name));
  GATELOG_RETURN_IF_ERROR(MakeDurable(*connection));
  return connection;
}

absl::StatusOr<std::unique_ptr<Connection>> OpenReaderSession(const std::string& url) {
  GATELOG_ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection,
                           OpenSession(url, "gatelog reader"));
  // What an index leads to is taken to be in memory or on a disk without heads: events come in the
  // order in which they are asked for, instead of being collected and sorted.
  GATELOG_RETURN_IF_ERROR(connection->Execute(
      absl::StrCat(kSettings,
                   "; SET default_transaction_read_only = on; SET plan_cache_mode = "
                   "force_custom_plan; SET random_page_cost = 1.1")));
  return connection;
}

}  // namespace gatelog::postgres
