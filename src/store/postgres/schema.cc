#include "store/postgres/schema.h"

#include <random>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "store/postgres/segments.h"

namespace gatelog::postgres {
namespace {

// oid is PostgreSQL's unsigned 32-bit number: half as wide as what else would hold a device's ID.
// user_id and card are bytes, because a text cannot hold a zero byte.
constexpr char kTables[] = R"sql(
CREATE TABLE gatelog.meta (
  key text PRIMARY KEY,
  value bigint NOT NULL
);

CREATE TABLE gatelog.person (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  user_id bytea NOT NULL
);
CREATE INDEX person_user ON gatelog.person USING hash (user_id);

CREATE TABLE gatelog.event (
  seq bigint NOT NULL,
  arrival_ms bigint NOT NULL,
  timestamp bigint NOT NULL,
  log_device oid NOT NULL,
  epoch integer NOT NULL,
  id oid NOT NULL,
  device oid NOT NULL,
  entity oid NOT NULL,
  temperature oid NOT NULL,
  code integer NOT NULL,
  person integer,
  sub_code smallint NOT NULL,
  tna_key smallint NOT NULL,
  flags smallint NOT NULL,
  phase smallint NOT NULL,
  card bytea NOT NULL,
  payload bytea NOT NULL
) PARTITION BY RANGE (seq);

CREATE TABLE gatelog.segment (
  first_seq bigint PRIMARY KEY,
  end_seq bigint NOT NULL,
  indexed boolean NOT NULL DEFAULT false,
  timestamp_min bigint,
  timestamp_max bigint,
  arrival_min bigint,
  arrival_max bigint
);

CREATE TABLE gatelog.count_hour (
  segment bigint NOT NULL,
  hour integer NOT NULL,
  code integer NOT NULL,
  sub_code smallint NOT NULL,
  events bigint NOT NULL,
  PRIMARY KEY (hour, code, sub_code, segment)
);

CREATE TABLE gatelog.log_state (
  log_device oid PRIMARY KEY,
  epoch bigint NOT NULL,
  epoch_first bigint NOT NULL,
  generation bigint NOT NULL,
  next bigint NOT NULL,
  image_next bigint NOT NULL,
  events bigint NOT NULL,
  images_wanted bigint NOT NULL,
  images bigint NOT NULL,
  images_absent bigint NOT NULL,
  images_unsettled bigint NOT NULL,
  gaps bigint NOT NULL,
  missing bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE gatelog.log_anchor (
  log_device oid PRIMARY KEY,
  epoch bigint NOT NULL,
  next bigint NOT NULL,
  anchors bytea NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE gatelog.epoch (
  log_device oid NOT NULL,
  epoch bigint NOT NULL,
  first bigint NOT NULL,
  next bigint,
  generation bigint NOT NULL,
  opened_ms bigint NOT NULL,
  PRIMARY KEY (log_device, epoch)
);

CREATE TABLE gatelog.gap (
  log_device oid NOT NULL,
  epoch bigint NOT NULL,
  first bigint NOT NULL,
  last bigint NOT NULL,
  reason smallint NOT NULL,
  found_ms bigint NOT NULL,
  raw bytea NOT NULL,
  PRIMARY KEY (log_device, epoch, first)
);

CREATE TABLE gatelog.image (
  log_device oid NOT NULL,
  epoch bigint NOT NULL,
  id bigint NOT NULL,
  timestamp bigint NOT NULL,
  code integer NOT NULL,
  person integer,
  payload bytea NOT NULL,
  PRIMARY KEY (log_device, id, epoch)
);

CREATE TABLE gatelog.image_absence (
  log_device oid NOT NULL,
  epoch bigint NOT NULL,
  id bigint NOT NULL,
  reason smallint NOT NULL,
  found_ms bigint NOT NULL,
  PRIMARY KEY (log_device, id, epoch)
);

CREATE TABLE gatelog.device (
  id oid PRIMARY KEY,
  family text NOT NULL,
  host text NOT NULL,
  port integer NOT NULL,
  key bytea NOT NULL,
  collected boolean NOT NULL,
  monitored boolean NOT NULL
);
)sql";

// For people and programs that read with plain SQL; the tables may change with the version, these
// do not.
constexpr char kViews[] = R"sql(
CREATE VIEW gatelog.events AS
  SELECT e.seq, e.log_device, e.epoch, e.id, to_timestamp(e.timestamp) AS time, e.timestamp,
         e.device, e.code, e.sub_code,
         CASE WHEN position('\x00'::bytea in p.user_id) > 0 THEN encode(p.user_id, 'escape')
              ELSE convert_from(p.user_id, 'UTF8') END AS user_id,
         e.entity, e.tna_key, e.flags & 1 <> 0 AS has_image, e.flags & 2 <> 0 AS changed_on_device,
         e.temperature::bigint / 100.0 AS temperature,
         to_timestamp(e.arrival_ms / 1000.0) AS arrival, e.arrival_ms,
         CASE e.phase WHEN 1 THEN 'live' ELSE 'backlog' END AS phase, e.card, e.payload,
         e.flags & 4 <> 0 AS erased
  FROM gatelog.event AS e LEFT JOIN gatelog.person AS p ON p.id = e.person;

CREATE VIEW gatelog.gaps AS
  SELECT log_device, epoch, first, last, last - first + 1 AS records,
         CASE reason WHEN 1 THEN 'overwritten' WHEN 2 THEN 'cleared' WHEN 3 THEN 'absent'
                     WHEN 4 THEN 'unreadable' WHEN 5 THEN 'unverified' ELSE 'unknown' END AS reason,
         to_timestamp(found_ms / 1000.0) AS found, found_ms, raw
  FROM gatelog.gap;

CREATE VIEW gatelog.epochs AS
  SELECT e.log_device, e.epoch, e.first, coalesce(e.next, s.next) AS next, e.generation,
         to_timestamp(e.opened_ms / 1000.0) AS opened, e.opened_ms
  FROM gatelog.epoch AS e JOIN gatelog.log_state AS s ON s.log_device = e.log_device;

CREATE VIEW gatelog.logs AS
  SELECT log_device, epoch, next, events, images, gaps, missing FROM gatelog.log_state;

CREATE VIEW gatelog.image_absences AS
  SELECT e.log_device, e.epoch, e.id,
         CASE a.reason WHEN 1 THEN 'absent' WHEN 2 THEN 'mismatched' WHEN 3 THEN 'unreadable'
                       ELSE 'epoch_over' END AS reason,
         a.found_ms
  FROM gatelog.event AS e JOIN gatelog.log_state AS s ON s.log_device = e.log_device
    LEFT JOIN gatelog.image_absence AS a
      ON a.log_device = e.log_device AND a.epoch = e.epoch AND a.id = e.id::bigint
  WHERE e.flags & 1 <> 0 AND (a.id IS NOT NULL OR e.epoch < s.epoch) AND NOT EXISTS
    (SELECT 1 FROM gatelog.image AS i
     WHERE i.log_device = e.log_device AND i.epoch = e.epoch AND i.id = e.id::bigint);
)sql";

// What retention needs: which image was stored when and among which events, where it stands, and
// what is left of pruned events. Views do not show what is hidden and not deleted yet.
constexpr char kRetention[] = R"sql(
ALTER TABLE gatelog.image ADD COLUMN seq bigint NOT NULL DEFAULT 0,
  ADD COLUMN arrival_ms bigint NOT NULL DEFAULT 0;
UPDATE gatelog.image AS i SET seq = e.seq, arrival_ms = e.arrival_ms FROM gatelog.event AS e
  WHERE e.log_device = i.log_device AND e.epoch = i.epoch AND e.id = i.id::oid;
CREATE INDEX image_seq ON gatelog.image (seq);
CREATE INDEX image_arrival ON gatelog.image (arrival_ms);
CREATE INDEX image_person ON gatelog.image (person) WHERE person IS NOT NULL;
CREATE INDEX count_hour_segment ON gatelog.count_hour (segment);

INSERT INTO gatelog.meta VALUES ('first_seq', 1), ('people_seq', 1), ('people_sweep', 0);

CREATE TABLE gatelog.pruned (
  log_device oid NOT NULL,
  epoch integer NOT NULL,
  below bigint NOT NULL DEFAULT 0,
  events bigint NOT NULL DEFAULT 0,
  images_wanted bigint NOT NULL DEFAULT 0,
  images bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (log_device, epoch)
);

CREATE TABLE gatelog.pruned_record (
  log_device oid NOT NULL,
  epoch integer NOT NULL,
  first bigint NOT NULL,
  last bigint NOT NULL,
  records bytea NOT NULL,
  PRIMARY KEY (log_device, epoch, first)
);

CREATE OR REPLACE VIEW gatelog.events AS
  SELECT e.seq, e.log_device, e.epoch, e.id, to_timestamp(e.timestamp) AS time, e.timestamp,
         e.device, e.code, e.sub_code,
         CASE WHEN position('\x00'::bytea in p.user_id) > 0 THEN encode(p.user_id, 'escape')
              ELSE convert_from(p.user_id, 'UTF8') END AS user_id,
         e.entity, e.tna_key, e.flags & 1 <> 0 AS has_image, e.flags & 2 <> 0 AS changed_on_device,
         e.temperature::bigint / 100.0 AS temperature,
         to_timestamp(e.arrival_ms / 1000.0) AS arrival, e.arrival_ms,
         CASE e.phase WHEN 1 THEN 'live' ELSE 'backlog' END AS phase, e.card, e.payload,
         e.flags & 4 <> 0 AS erased
  FROM gatelog.event AS e LEFT JOIN gatelog.person AS p ON p.id = e.person
  WHERE e.seq >= (SELECT value FROM gatelog.meta WHERE key = 'first_seq');

CREATE OR REPLACE VIEW gatelog.image_absences AS
  SELECT e.log_device, e.epoch, e.id,
         CASE a.reason WHEN 1 THEN 'absent' WHEN 2 THEN 'mismatched' WHEN 3 THEN 'unreadable'
                       ELSE 'epoch_over' END AS reason,
         a.found_ms
  FROM gatelog.event AS e JOIN gatelog.log_state AS s ON s.log_device = e.log_device
    LEFT JOIN gatelog.image_absence AS a
      ON a.log_device = e.log_device AND a.epoch = e.epoch AND a.id = e.id::bigint
  WHERE e.flags & 1 <> 0 AND (a.id IS NOT NULL OR e.epoch < s.epoch)
    AND e.seq >= (SELECT value FROM gatelog.meta WHERE key = 'first_seq') AND NOT EXISTS
    (SELECT 1 FROM gatelog.image AS i
     WHERE i.log_device = e.log_device AND i.epoch = e.epoch AND i.id = e.id::bigint);
)sql";

constexpr char kGrants[] =
    "GRANT USAGE ON SCHEMA gatelog TO gatelog_reader; GRANT SELECT ON gatelog.events, "
    "gatelog.gaps, gatelog.epochs, gatelog.logs, gatelog.image_absences TO gatelog_reader";

std::int64_t RandomIncarnation() {
  std::random_device device;
  std::uint64_t value = 0;
  while (value == 0) value = (std::uint64_t{device()} << 32) | device();
  return static_cast<std::int64_t>(value);
}

absl::Status CreateVersion1(Connection& connection, const Clock& clock) {
  GATELOG_RETURN_IF_ERROR(connection.Execute(kTables));
  GATELOG_RETURN_IF_ERROR(connection.Execute(kViews));
  return connection.Execute(absl::StrCat(
      "INSERT INTO gatelog.meta VALUES ('incarnation', ", RandomIncarnation(), "), ('created_ms', ",
      clock.Now().time_since_epoch().count(), "), ('schema_version', 0)"));
}

// Segments that are not full had two unique indexes, built with every row; people's numbers came
// from a sequence.
absl::Status CreateVersion2(Connection& connection, const Clock&) {
  GATELOG_RETURN_IF_ERROR(connection.Execute("ALTER TABLE gatelog.person ALTER id DROP IDENTITY"));
  GATELOG_ASSIGN_OR_RETURN(
      const Result rows,
      connection.Query("SELECT first_seq FROM gatelog.segment WHERE NOT indexed ORDER BY 1"));
  for (int row = 0; row < rows.rows(); ++row) {
    const std::string name = absl::StrCat("event_", rows.Integer(row, 0));
    GATELOG_RETURN_IF_ERROR(connection.Execute(
        absl::StrCat("ALTER TABLE gatelog.", name, " DROP CONSTRAINT IF EXISTS ", name,
                     "_pkey, DROP CONSTRAINT IF EXISTS ", name, "_log_device_epoch_id_key")));
  }
  return absl::OkStatus();
}

// Devices that call in: who may, and what they prove themselves by. Device 0 in `accepted` stands
// for every device.
absl::Status AddCallers(Connection& connection, const Clock&) {
  return connection.Execute(R"sql(
ALTER TABLE gatelog.device ADD tls boolean NOT NULL DEFAULT false;
ALTER TABLE gatelog.device ADD calls_in boolean NOT NULL DEFAULT false;
CREATE TABLE gatelog.accepted (device oid PRIMARY KEY);
CREATE TABLE gatelog.device_trust (
  device oid PRIMARY KEY,
  key bytea NOT NULL,
  certificate bytea NOT NULL
);
)sql");
}

absl::Status AddRetention(Connection& connection, const Clock&) {
  return connection.Execute(kRetention);
}

// The index of times led every plan that was made before its times were known; and of what times a
// segment's events were by slices was not known.
absl::Status AddSlices(Connection& connection, const Clock&) {
  GATELOG_RETURN_IF_ERROR(connection.Execute(
      "ALTER TABLE gatelog.segment ADD slice_min bigint[], ADD slice_max bigint[]"));
  GATELOG_ASSIGN_OR_RETURN(
      const Result rows,
      connection.Query("SELECT first_seq FROM gatelog.segment WHERE indexed ORDER BY 1"));
  for (int row = 0; row < rows.rows(); ++row) {
    const std::int64_t first = rows.Integer(row, 0);
    const std::string name = absl::StrCat("event_", first);
    GATELOG_RETURN_IF_ERROR(connection.Execute(absl::StrCat(
        "DROP INDEX IF EXISTS gatelog.", name, "_time; CREATE INDEX ", name, "_time ON gatelog.",
        name,
        " (timestamp) WITH (fillfactor = 100) WHERE timestamp >= 0; UPDATE gatelog.segment SET "
        "(slice_min, slice_max) = (SELECT array_agg(t0 ORDER BY n), array_agg(t1 ORDER BY n) "
        "FROM (SELECT (seq - ",
        first, ") / ", kSliceEvents,
        " AS n, min(timestamp) AS t0, "
        "max(timestamp) AS t1 FROM gatelog.",
        name, " GROUP BY 1) AS s) WHERE first_seq = ", first)));
  }
  return absl::OkStatus();
}

// kMigrations[n] leads from version n to n + 1.
using Migration = absl::Status (*)(Connection&, const Clock&);
constexpr Migration kMigrations[] = {CreateVersion1, CreateVersion2, AddRetention, AddCallers,
                                     AddSlices};
static_assert(std::size(kMigrations) == kSchemaVersion);

absl::StatusOr<bool> Holds(Connection& connection, const std::string& condition) {
  GATELOG_ASSIGN_OR_RETURN(const std::int64_t yes,
                           connection.QueryInteger(absl::StrCat("SELECT (", condition, ")::int")));
  return yes != 0;
}

absl::Status MakeSchema(Connection& connection) {
  GATELOG_ASSIGN_OR_RETURN(const bool there,
                           Holds(connection, "to_regnamespace('gatelog') IS NOT NULL"));
  if (!there) {
    const absl::Status made = connection.Execute("CREATE SCHEMA gatelog");
    if (!absl::IsPermissionDenied(made)) return made;
    return absl::PermissionDeniedError(absl::StrCat(
        "The gateway's role may not make the schema gatelog in the ", connection.name(),
        "; an administrator runs CREATE SCHEMA gatelog AUTHORIZATION with the name of that role."));
  }
  GATELOG_ASSIGN_OR_RETURN(
      const bool empty,
      Holds(connection,
            "NOT EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = to_regnamespace('gatelog'))"));
  if (empty) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("The schema gatelog in the ", connection.name(),
                   " is another program's; choose another database."));
}

absl::StatusOr<std::int64_t> ReadVersion(Connection& connection) {
  GATELOG_ASSIGN_OR_RETURN(const bool there,
                           Holds(connection, "to_regclass('gatelog.meta') IS NOT NULL"));
  if (!there) {
    GATELOG_RETURN_IF_ERROR(MakeSchema(connection));
    return 0;
  }
  return connection.QueryInteger("SELECT value FROM gatelog.meta WHERE key = 'schema_version'");
}

}  // namespace

absl::Status MigrateSchema(Connection& connection, const Clock& clock, std::int64_t version) {
  Transaction transaction(connection);
  GATELOG_RETURN_IF_ERROR(transaction.Begin());
  GATELOG_ASSIGN_OR_RETURN(const std::int64_t found, ReadVersion(connection));
  if (found > version) {
    return absl::FailedPreconditionError(absl::StrCat(
        "The store in the ", connection.name(), " was written by a newer gatelog (its version is ",
        found, ", this program knows ", version, "); install that one again."));
  }
  if (found == version) return absl::OkStatus();
  for (std::int64_t step = found; step < version; ++step) {
    GATELOG_RETURN_IF_ERROR(kMigrations[step](connection, clock));
  }
  GATELOG_RETURN_IF_ERROR(connection.Execute(
      absl::StrCat("UPDATE gatelog.meta SET value = ", version, " WHERE key = 'schema_version'")));
  return transaction.Commit();
}

absl::Status OfferReaderRole(Connection& connection) {
  constexpr char kThere[] = "EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'gatelog_reader')";
  GATELOG_ASSIGN_OR_RETURN(bool there, Holds(connection, kThere));
  if (!there) {
    GATELOG_ASSIGN_OR_RETURN(
        const bool may,
        Holds(connection,
              "EXISTS (SELECT 1 FROM pg_roles WHERE rolname = current_user AND (rolsuper OR "
              "rolcreaterole))"));
    // It may have been made meanwhile, from another database.
    if (may) there = connection.Execute("CREATE ROLE gatelog_reader NOLOGIN").ok();
    if (may && !there) {
      GATELOG_ASSIGN_OR_RETURN(there, Holds(connection, kThere));
    }
  }
  if (there) {
    Transaction transaction(connection);
    GATELOG_RETURN_IF_ERROR(transaction.Begin());
    GATELOG_RETURN_IF_ERROR(connection.Execute(kGrants));
    return transaction.Commit();
  }
  LogInfo(
      "There is no role gatelog_reader for programs that only read, and the gateway's role may not "
      "make it; an administrator of the server can.",
      {{"sql", absl::StrCat("CREATE ROLE gatelog_reader NOLOGIN; ", kGrants, ";")}});
  return absl::OkStatus();
}

absl::StatusOr<model::Incarnation> ReadIncarnation(Connection& connection) {
  GATELOG_ASSIGN_OR_RETURN(
      const std::int64_t value,
      connection.QueryInteger("SELECT value FROM gatelog.meta WHERE key = 'incarnation'"));
  if (value == 0) {
    return absl::DataLossError(absl::StrCat("The store in the ", connection.name(),
                                            " has no incarnation; restore a backup."));
  }
  return static_cast<model::Incarnation>(value);
}

}  // namespace gatelog::postgres
