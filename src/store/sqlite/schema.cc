#include "store/sqlite/schema.h"

#include <iterator>
#include <random>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "store/sqlite/chain_migration.h"
#include "store/sqlite/event_index.h"
#include "store/sqlite/image_tables.h"
#include "store/sqlite/person_table.h"
#include "store/sqlite/posting_table.h"
#include "store/sqlite/pruned_records.h"

namespace gatelog::store {
namespace {

constexpr std::int64_t kApplicationId = 0x676C6F67;  // "glog", as `file` shows it

constexpr char kTables[] = R"sql(
CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE person (
  id INTEGER PRIMARY KEY,
  user_id TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE event (
  seq INTEGER PRIMARY KEY,
  log_device INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  id INTEGER NOT NULL,
  timestamp INTEGER NOT NULL,
  device INTEGER NOT NULL,
  code INTEGER NOT NULL,
  sub_code INTEGER NOT NULL,
  person INTEGER,
  entity INTEGER NOT NULL,
  tna_key INTEGER NOT NULL,
  flags INTEGER NOT NULL,
  temperature INTEGER NOT NULL,
  arrival_ms INTEGER NOT NULL,
  phase INTEGER NOT NULL,
  payload BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX event_key ON event (log_device, epoch, id);
CREATE INDEX event_person ON event (person) WHERE person IS NOT NULL;

CREATE TABLE log_state (
  log_device INTEGER PRIMARY KEY,
  epoch INTEGER NOT NULL,
  epoch_first INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  next INTEGER NOT NULL,
  image_next INTEGER NOT NULL,
  events INTEGER NOT NULL,
  images INTEGER NOT NULL,
  gaps INTEGER NOT NULL,
  missing INTEGER NOT NULL,
  anchors BLOB NOT NULL
) STRICT;

CREATE TABLE epoch (
  log_device INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  first INTEGER NOT NULL,
  next INTEGER,
  generation INTEGER NOT NULL,
  opened_ms INTEGER NOT NULL,
  PRIMARY KEY (log_device, epoch)
) STRICT, WITHOUT ROWID;

CREATE TABLE gap (
  log_device INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  reason INTEGER NOT NULL,
  found_ms INTEGER NOT NULL,
  raw BLOB NOT NULL,
  PRIMARY KEY (log_device, epoch, first)
) STRICT;

CREATE TABLE image (
  log_device INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  id INTEGER NOT NULL,
  timestamp INTEGER NOT NULL,
  code INTEGER NOT NULL,
  payload BLOB NOT NULL,
  PRIMARY KEY (log_device, epoch, id)
) STRICT;

CREATE TABLE device (
  id INTEGER PRIMARY KEY,
  family TEXT NOT NULL,
  host TEXT NOT NULL,
  port INTEGER NOT NULL,
  key BLOB NOT NULL,
  collected INTEGER NOT NULL,
  monitored INTEGER NOT NULL
) STRICT;
)sql";

// For people and programs that read with plain SQL; the tables may change with the version, these
// do not.
constexpr char kViews[] = R"sql(
CREATE VIEW events AS
  SELECT e.seq, e.log_device, e.epoch, e.id,
         datetime(e.timestamp, 'unixepoch') AS time_utc, e.timestamp,
         e.device, e.code, e.sub_code, p.user_id,
         e.entity, e.tna_key, e.flags & 1 AS has_image, (e.flags >> 1) & 1 AS changed_on_device,
         e.temperature / 100.0 AS temperature,
         datetime(e.arrival_ms / 1000, 'unixepoch') AS arrival_utc, e.arrival_ms,
         CASE e.phase WHEN 1 THEN 'live' ELSE 'backlog' END AS phase, e.payload
  FROM event AS e LEFT JOIN person AS p ON p.id = e.person;

CREATE VIEW gaps AS
  SELECT log_device, epoch, first, last, last - first + 1 AS records,
         CASE reason WHEN 1 THEN 'overwritten' WHEN 2 THEN 'cleared' WHEN 3 THEN 'absent'
                     WHEN 4 THEN 'unreadable' WHEN 5 THEN 'unverified' ELSE 'unknown' END AS reason,
         datetime(found_ms / 1000, 'unixepoch') AS found_utc, found_ms, raw
  FROM gap;

CREATE VIEW epochs AS
  SELECT e.log_device, e.epoch, e.first, coalesce(e.next, s.next) AS next, e.generation,
         datetime(e.opened_ms / 1000, 'unixepoch') AS opened_utc, e.opened_ms
  FROM epoch AS e JOIN log_state AS s ON s.log_device = e.log_device;

CREATE VIEW logs AS
  SELECT log_device, epoch, next, events, images, gaps, missing FROM log_state;
)sql";

std::int64_t RandomIncarnation() {
  std::random_device device;
  std::uint64_t value = 0;
  while (value == 0) value = (std::uint64_t{device()} << 32) | device();
  return static_cast<std::int64_t>(value);
}

absl::Status CreateVersion1(Database& database, const Clock& clock) {
  GATELOG_RETURN_IF_ERROR(database.Execute(kTables));
  GATELOG_RETURN_IF_ERROR(database.Execute(kViews));
  const std::int64_t now = clock.Now().time_since_epoch().count();
  return database.Execute(absl::StrCat("PRAGMA application_id = ", kApplicationId,
                                       "; INSERT INTO meta VALUES ('incarnation', ",
                                       RandomIncarnation(), "), ('created_ms', ", now, ")"));
}

// Devices that call in: who may, and what they prove themselves by. Device 0 in `accepted` stands
// for every device.
absl::Status AddCallers(Database& database, const Clock& /*clock*/) {
  return database.Execute(R"sql(
ALTER TABLE device ADD COLUMN tls INTEGER NOT NULL DEFAULT 0;
ALTER TABLE device ADD COLUMN calls_in INTEGER NOT NULL DEFAULT 0;
CREATE TABLE accepted (device INTEGER PRIMARY KEY) STRICT;
CREATE TABLE device_trust (
  device INTEGER PRIMARY KEY,
  key BLOB NOT NULL,
  certificate BLOB NOT NULL
) STRICT;
)sql");
}

// kMigrations[n] leads from version n to n + 1.
using Migration = absl::Status (*)(Database&, const Clock&);
constexpr Migration kMigrations[] = {CreateVersion1, AddImageAbsences, AddChain,  AddPeriods,
                                     AddIndexTables, AddPrunedRecords, AddCallers};
static_assert(std::size(kMigrations) == kSchemaVersion);

// A database of version 0 must be an empty one: nobody else's tables are touched.
absl::Status CheckOurs(Database& database, std::int64_t version) {
  GATELOG_ASSIGN_OR_RETURN(const std::int64_t application,
                           database.QueryInteger("PRAGMA application_id"));
  GATELOG_ASSIGN_OR_RETURN(const std::int64_t tables,
                           database.QueryInteger("SELECT count(*) FROM sqlite_master"));
  const bool fresh = version == 0 && application == 0 && tables == 0;
  if (!fresh && application != kApplicationId) {
    return absl::FailedPreconditionError(absl::StrCat(
        database.path(), " is the database of another program; choose another data directory."));
  }
  if (version > kSchemaVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat(database.path(), " was written by a newer gatelog (its version is ", version,
                     ", this program knows ", kSchemaVersion,
                     "); install that one again, or restore a backup."));
  }
  return absl::OkStatus();
}

absl::Status MigrateTables(Database& database, const Clock& clock) {
  GATELOG_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(database));
  GATELOG_ASSIGN_OR_RETURN(const std::int64_t version,
                           database.QueryInteger("PRAGMA user_version"));
  GATELOG_RETURN_IF_ERROR(CheckOurs(database, version));
  if (version == kSchemaVersion) return absl::OkStatus();
  for (std::int64_t step = version; step < kSchemaVersion; ++step) {
    GATELOG_RETURN_IF_ERROR(kMigrations[step](database, clock));
  }
  GATELOG_RETURN_IF_ERROR(database.Execute(absl::StrCat("PRAGMA user_version = ", kSchemaVersion)));
  return transaction.Commit();
}

}  // namespace

absl::Status MigrateSchema(Database& database, const Clock& clock, const IndexShape& shape) {
  GATELOG_RETURN_IF_ERROR(MigrateTables(database, clock));
  GATELOG_RETURN_IF_ERROR(ChainOldEvents(database, clock));
  return CloseFullSegments(database, shape);
}

absl::Status CheckSchemaVersion(Database& database) {
  GATELOG_ASSIGN_OR_RETURN(const std::int64_t version,
                           database.QueryInteger("PRAGMA user_version"));
  GATELOG_RETURN_IF_ERROR(CheckOurs(database, version));
  if (version == kSchemaVersion) return absl::OkStatus();
  return absl::FailedPreconditionError(
      version == 0
          ? absl::StrCat(database.path(), " is an empty database and no store.")
          : absl::StrCat(database.path(), " was written by an older gatelog (its version is ",
                         version, ", this program knows ", kSchemaVersion,
                         "); starting a gateway on it or restoring it brings it up to "
                         "date."));
}

absl::StatusOr<model::Incarnation> ReadIncarnation(Database& database) {
  GATELOG_ASSIGN_OR_RETURN(
      const std::int64_t value,
      database.QueryInteger("SELECT value FROM meta WHERE key = 'incarnation'"));
  if (value == 0) {
    return absl::DataLossError(
        absl::StrCat(database.path(), " has no incarnation; restore a backup."));
  }
  return static_cast<model::Incarnation>(value);
}

absl::Status ChangeIncarnation(Database& database, const Clock& clock) {
  GATELOG_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(database));
  GATELOG_ASSIGN_OR_RETURN(const model::Incarnation before, ReadIncarnation(database));
  const std::int64_t after = RandomIncarnation();
  GATELOG_RETURN_IF_ERROR(database.Execute(
      absl::StrCat("UPDATE meta SET value = ", after, " WHERE key = 'incarnation'")));
  GATELOG_ASSIGN_OR_RETURN(
      const std::int64_t next,
      database.QueryInteger("SELECT first_seq + events FROM block ORDER BY number DESC LIMIT 1"));
  ChainWriter chain(database, clock);
  GATELOG_RETURN_IF_ERROR(chain.Load());
  chain.Begin(static_cast<std::uint64_t>(next));
  GATELOG_RETURN_IF_ERROR(chain.AddEntry(
      evidence::RestoreEntry{.before = before, .after = static_cast<model::Incarnation>(after)}));
  GATELOG_RETURN_IF_ERROR(chain.Finish());
  return transaction.Commit();
}

}  // namespace gatelog::store
