#include "store/sqlite/chain_migration.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "model/anchor.h"
#include "model/event.h"
#include "store/sqlite/chain_writer.h"
#include "store/sqlite/event_writer.h"
#include "store/sqlite/log_state_table.h"

namespace gatelog::store {
namespace {

constexpr char kTables[] = R"sql(
CREATE TABLE secret (
  name TEXT PRIMARY KEY,
  value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE block (
  number INTEGER PRIMARY KEY,
  time_ms INTEGER NOT NULL,
  first_seq INTEGER NOT NULL,
  events INTEGER NOT NULL,
  entries INTEGER NOT NULL,
  events_digest BLOB NOT NULL,
  head BLOB NOT NULL
) STRICT;

CREATE TABLE entry (
  block INTEGER NOT NULL,
  n INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  mark INTEGER NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (block, n)
) STRICT, WITHOUT ROWID;
-- prune, erasure, restore
CREATE INDEX entry_rare ON entry (kind) WHERE kind IN (7, 8, 9);

CREATE TABLE seal (
  number INTEGER PRIMARY KEY,
  time_ms INTEGER NOT NULL,
  block INTEGER NOT NULL,
  head BLOB NOT NULL,
  previous BLOB NOT NULL,
  manifest BLOB NOT NULL,
  key BLOB NOT NULL,
  signature BLOB NOT NULL
) STRICT;

CREATE TABLE seal_manifest (
  seal INTEGER NOT NULL,
  log_device INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  first INTEGER NOT NULL,
  next INTEGER NOT NULL,
  events INTEGER NOT NULL,
  gaps INTEGER NOT NULL,
  missing INTEGER NOT NULL,
  PRIMARY KEY (seal, log_device, epoch)
) STRICT, WITHOUT ROWID;

CREATE TABLE erased (
  seq INTEGER PRIMARY KEY,
  block INTEGER NOT NULL,
  commitment BLOB NOT NULL
) STRICT;

CREATE TABLE erased_image (
  log_device INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  id INTEGER NOT NULL,
  block INTEGER NOT NULL,
  PRIMARY KEY (log_device, epoch, id)
) STRICT, WITHOUT ROWID;

ALTER TABLE event ADD COLUMN mark INTEGER NOT NULL DEFAULT 0;
ALTER TABLE person ADD COLUMN salt BLOB NOT NULL DEFAULT x'';
ALTER TABLE image ADD COLUMN person INTEGER;
UPDATE image SET person = (SELECT e.person FROM event AS e WHERE e.log_device = image.log_device
                           AND e.epoch = image.epoch AND e.id = image.id);
CREATE INDEX image_person ON image (person) WHERE person IS NOT NULL;

ALTER TABLE log_state ADD COLUMN epoch_events INTEGER NOT NULL DEFAULT 0;
ALTER TABLE log_state ADD COLUMN epoch_gaps INTEGER NOT NULL DEFAULT 0;
ALTER TABLE log_state ADD COLUMN epoch_missing INTEGER NOT NULL DEFAULT 0;
UPDATE log_state SET
  epoch_events = (SELECT count(*) FROM event AS e
                  WHERE e.log_device = log_state.log_device AND e.epoch = log_state.epoch),
  (epoch_gaps, epoch_missing) = (SELECT count(*), coalesce(sum(g.last - g.first + 1), 0) FROM gap AS g
                  WHERE g.log_device = log_state.log_device AND g.epoch = log_state.epoch);

ALTER TABLE epoch ADD COLUMN events INTEGER;
ALTER TABLE epoch ADD COLUMN gaps INTEGER;
ALTER TABLE epoch ADD COLUMN missing INTEGER;
UPDATE epoch SET
  events = (SELECT count(*) FROM event AS e
            WHERE e.log_device = epoch.log_device AND e.epoch = epoch.epoch),
  (gaps, missing) = (SELECT count(*), coalesce(sum(g.last - g.first + 1), 0) FROM gap AS g
            WHERE g.log_device = epoch.log_device AND g.epoch = epoch.epoch)
  WHERE next IS NOT NULL;

DROP VIEW IF EXISTS events;
CREATE VIEW events AS
  SELECT e.seq, e.log_device, e.epoch, e.id,
         datetime(e.timestamp, 'unixepoch') AS time_utc, e.timestamp,
         e.device, e.code, e.sub_code, p.user_id,
         e.entity, e.tna_key, e.flags & 1 AS has_image, (e.flags >> 1) & 1 AS changed_on_device,
         e.temperature / 100.0 AS temperature,
         datetime(e.arrival_ms / 1000, 'unixepoch') AS arrival_utc, e.arrival_ms,
         CASE e.phase WHEN 1 THEN 'live' ELSE 'backlog' END AS phase, e.payload,
         (e.flags >> 2) & 1 AS erased
  FROM event AS e LEFT JOIN person AS p ON p.id = e.person;

DROP VIEW IF EXISTS image_absences;
CREATE VIEW image_absences AS
  SELECT e.log_device, e.epoch, e.id,
         CASE WHEN x.id IS NOT NULL THEN 'erased' ELSE
           CASE a.reason WHEN 1 THEN 'absent' WHEN 2 THEN 'mismatched' WHEN 3 THEN 'unreadable'
                         WHEN 5 THEN 'erased' ELSE 'epoch_over' END END AS reason,
         a.found_ms
  FROM event AS e JOIN log_state AS s ON s.log_device = e.log_device
    LEFT JOIN image_absence AS a
      ON a.log_device = e.log_device AND a.epoch = e.epoch AND a.id = e.id
    LEFT JOIN erased_image AS x
      ON x.log_device = e.log_device AND x.epoch = e.epoch AND x.id = e.id
  WHERE e.flags & 1 AND (a.id IS NOT NULL OR x.id IS NOT NULL OR e.epoch < s.epoch) AND NOT EXISTS
    (SELECT 1 FROM image AS i
     WHERE i.log_device = e.log_device AND i.epoch = e.epoch AND i.id = e.id);
)sql";

absl::Status MakeSalts(Database& database) {
  GATELOG_ASSIGN_OR_RETURN(Statement insert,
                           database.Prepare("INSERT INTO secret VALUES ('salt', ?1)"));
  const std::string store_salt = evidence::NewSalt();
  insert.BindBlob(1, store_salt);
  GATELOG_RETURN_IF_ERROR(insert.Run());
  GATELOG_ASSIGN_OR_RETURN(Statement select, database.Prepare("SELECT id FROM person"));
  GATELOG_ASSIGN_OR_RETURN(Statement update,
                           database.Prepare("UPDATE person SET salt = ?2 WHERE id = ?1"));
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return absl::OkStatus();
    const std::string salt = evidence::NewSalt();
    update.Bind(1, select.Integer(0));
    update.BindBlob(2, salt);
    GATELOG_RETURN_IF_ERROR(update.Run());
  }
}

// How an anchor told a record in version 1: one FNV-1a over everything, 63 bits.
std::uint64_t FingerprintOfVersion1(const model::Event& event) {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto add_byte = [&hash](unsigned char byte) { hash = (hash ^ byte) * 0x100000001b3; };
  for (const std::uint32_t number :
       {event.timestamp, event.code, event.sub_code, event.entity_id}) {
    for (int shift = 0; shift < 32; shift += 8)
      add_byte(static_cast<unsigned char>(number >> shift));
  }
  for (const char c : event.user_id) add_byte(static_cast<unsigned char>(c));
  return hash & ~(std::uint64_t{1} << 63);
}

// The anchor of a stored record, as this version writes it. Nothing: no stored record is that one.
absl::StatusOr<std::optional<model::Anchor>> AnchorAnew(Database& database,
                                                        const ports::LogState& state,
                                                        const model::Anchor& anchor) {
  if (model::IsUnreadable(anchor)) return anchor;
  GATELOG_ASSIGN_OR_RETURN(Statement select,
                           database.Prepare("SELECT payload FROM event INDEXED BY event_key WHERE "
                                            "log_device = ?1 AND epoch = ?2 AND id = ?3"));
  for (model::Epoch epoch = state.epoch; epoch > 0; --epoch) {
    select.Bind(1, state.log_device);
    select.Bind(2, epoch);
    select.Bind(3, anchor.id);
    GATELOG_ASSIGN_OR_RETURN(const bool found, select.Step());
    if (found) {
      const absl::StatusOr<model::Event> event = model::ParseEvent(select.Bytes(0));
      if (event.ok() && FingerprintOfVersion1(*event) == anchor.fingerprint) {
        return model::AnchorOf(*event);
      }
    }
    select.Reset();
  }
  return std::nullopt;
}

absl::Status WriteAnchorsAnew(Database& database) {
  GATELOG_ASSIGN_OR_RETURN(Statement select, database.Prepare("SELECT log_device FROM log_state"));
  GATELOG_ASSIGN_OR_RETURN(
      Statement update,
      database.Prepare("UPDATE log_state SET anchors = ?2 WHERE log_device = ?1"));
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return absl::OkStatus();
    GATELOG_ASSIGN_OR_RETURN(
        const std::optional<ports::LogState> state,
        ReadLogState(database, static_cast<model::DeviceId>(select.Integer(0))));
    if (!state) continue;
    std::vector<model::Anchor> anchors;
    for (const model::Anchor& anchor : state->anchors) {
      GATELOG_ASSIGN_OR_RETURN(const std::optional<model::Anchor> anew,
                               AnchorAnew(database, *state, anchor));
      if (anew) anchors.push_back(*anew);
    }
    const std::string bytes = EncodeAnchors(anchors);
    update.Bind(1, state->log_device);
    update.BindBlob(2, bytes);
    GATELOG_RETURN_IF_ERROR(update.Run());
  }
}

absl::Status AddStoreEntry(Database& database, ChainWriter& chain) {
  GATELOG_ASSIGN_OR_RETURN(
      const std::int64_t incarnation,
      database.QueryInteger("SELECT value FROM meta WHERE key = 'incarnation'"));
  GATELOG_ASSIGN_OR_RETURN(
      const std::int64_t created,
      database.QueryInteger("SELECT value FROM meta WHERE key = 'created_ms'"));
  GATELOG_ASSIGN_OR_RETURN(const std::int64_t newest,
                           database.QueryInteger("SELECT max(seq) FROM event"));
  return chain.AddEntry(
      evidence::StoreEntry{.incarnation = static_cast<model::Incarnation>(incarnation),
                           .created_ms = created,
                           .chained_through = static_cast<std::uint64_t>(newest)});
}

absl::Status AddEpochEntries(Database& database, ChainWriter& chain) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database.Prepare(
          "SELECT e.log_device, e.epoch, e.first, e.generation, e.opened_ms, s.generation, "
          "(SELECT count(*) FROM event AS v WHERE v.log_device = e.log_device "
          "AND v.epoch = e.epoch - 1 AND v.flags & 1 "
          "AND NOT EXISTS (SELECT 1 FROM image AS i WHERE i.log_device = v.log_device "
          "AND i.epoch = v.epoch AND i.id = v.id) "
          "AND NOT EXISTS (SELECT 1 FROM image_absence AS a WHERE a.log_device = v.log_device "
          "AND a.epoch = v.epoch AND a.id = v.id)) "
          "FROM epoch AS e LEFT JOIN log_state AS s ON s.log_device = "
          "e.log_device AND s.epoch = e.epoch ORDER BY e.log_device, e.epoch"));
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return absl::OkStatus();
    const evidence::EpochEntry epoch{
        .log_device = static_cast<model::DeviceId>(select.Integer(0)),
        .epoch = static_cast<model::Epoch>(select.Integer(1)),
        .first = static_cast<model::EventId>(select.Integer(2)),
        .generation = static_cast<model::Generation>(select.Integer(3)),
        .opened_ms = select.Integer(4),
        .images_unsettled = static_cast<std::uint64_t>(select.Integer(6))};
    GATELOG_RETURN_IF_ERROR(chain.AddEntry(epoch));
    if (select.IsNull(5) || select.Integer(5) == select.Integer(3)) continue;
    GATELOG_RETURN_IF_ERROR(chain.AddEntry(evidence::GenerationEntry{
        .log_device = epoch.log_device,
        .epoch = epoch.epoch,
        .generation = static_cast<model::Generation>(select.Integer(5))}));
  }
}

absl::Status AddGapEntries(Database& database, ChainWriter& chain) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select, database.Prepare("SELECT log_device, epoch, first, last, reason, found_ms, "
                                         "raw FROM gap ORDER BY log_device, epoch, first"));
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return absl::OkStatus();
    const model::Gap gap{.log_device = static_cast<model::DeviceId>(select.Integer(0)),
                         .epoch = static_cast<model::Epoch>(select.Integer(1)),
                         .first = static_cast<model::EventId>(select.Integer(2)),
                         .last = static_cast<model::EventId>(select.Integer(3)),
                         .reason = static_cast<model::GapReason>(select.Integer(4)),
                         .found = Timestamp(std::chrono::milliseconds(select.Integer(5))),
                         .raw = std::string(select.Bytes(6))};
    GATELOG_RETURN_IF_ERROR(chain.AddEntry(GapEntryOf(gap, chain)));
  }
}

// The images of one epoch, as if they had been looked for now.
absl::Status AddImagesOf(Database& database, ChainWriter& chain, evidence::ImagesEntry entry) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database.Prepare("SELECT i.id, i.timestamp, i.code, i.payload, p.salt FROM image AS i LEFT "
                       "JOIN person AS p ON p.id = i.person WHERE i.log_device = ?1 AND i.epoch = "
                       "?2 ORDER BY i.id"));
  select.Bind(1, entry.log_device);
  select.Bind(2, entry.epoch);
  const model::EventId next = std::exchange(entry.next, entry.from);
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) break;
    if (entry.images.size() == evidence::kImagesPerEntryMax) {
      GATELOG_RETURN_IF_ERROR(chain.AddEntry(entry));
      entry.images.clear();
    }
    const auto id = static_cast<model::EventId>(select.Integer(0));
    const std::string_view salt = select.IsNull(4) ? chain.store_salt() : select.Bytes(4);
    entry.images.push_back({.id = id,
                            .timestamp = static_cast<std::uint32_t>(select.Integer(1)),
                            .code = static_cast<std::uint32_t>(select.Integer(2)),
                            .commitment = chain.leaves().Image(
                                salt, {entry.log_device, entry.epoch, id}, select.Bytes(3))});
  }
  entry.next = next;
  GATELOG_ASSIGN_OR_RETURN(
      Statement absences,
      database.Prepare("SELECT id, reason, found_ms FROM image_absence WHERE log_device = ?1 AND "
                       "epoch = ?2 ORDER BY id"));
  absences.Bind(1, entry.log_device);
  absences.Bind(2, entry.epoch);
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, absences.Step());
    if (!row) break;
    entry.absences.push_back({.id = static_cast<model::EventId>(absences.Integer(0)),
                              .reason = static_cast<std::uint8_t>(absences.Integer(1)),
                              .found_ms = absences.Integer(2)});
  }
  const bool nothing = entry.images.empty() && entry.absences.empty() && entry.next == entry.from;
  return nothing ? absl::OkStatus() : chain.AddEntry(entry);
}

absl::Status AddImagesEntries(Database& database, ChainWriter& chain) {
  // Where an epoch that is over stood is not known any more; its own first ID says nothing.
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database.Prepare("SELECT e.log_device, e.epoch, e.first, coalesce(s.image_next, e.first) "
                       "FROM epoch AS e LEFT JOIN log_state AS s ON s.log_device = e.log_device "
                       "AND s.epoch = e.epoch ORDER BY e.log_device, e.epoch"));
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return absl::OkStatus();
    GATELOG_RETURN_IF_ERROR(
        AddImagesOf(database, chain,
                    {.log_device = static_cast<model::DeviceId>(select.Integer(0)),
                     .epoch = static_cast<model::Epoch>(select.Integer(1)),
                     .from = static_cast<model::EventId>(select.Integer(2)),
                     .next = static_cast<model::EventId>(select.Integer(3))}));
  }
}

// The newest event that was there before the chain, as its first block says.
absl::StatusOr<std::uint64_t> ChainedThrough(Database& database) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select, database.Prepare("SELECT kind, body FROM entry WHERE block = 1 AND n = 0"));
  GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
  if (row) {
    const std::optional<evidence::Entry> entry =
        evidence::DecodeEntry(static_cast<std::uint8_t>(select.Integer(0)), select.Bytes(1));
    if (entry && std::holds_alternative<evidence::StoreEntry>(*entry)) {
      return std::get<evidence::StoreEntry>(*entry).chained_through;
    }
  }
  return absl::DataLossError(absl::StrCat(
      database.path(),
      " is damaged (its chain has no beginning); keep a copy of it and restore a backup."));
}

// Puts the next block of old events under the chain. They begin at `seq`, which is moved on.
absl::Status ChainBlock(Database& database, ChainWriter& chain, std::uint64_t through,
                        std::uint64_t& seq) {
  GATELOG_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(database));
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database.Prepare("SELECT e.seq, e.log_device, e.epoch, e.id, e.arrival_ms, e.phase, "
                       "e.payload, p.salt FROM event AS e LEFT JOIN person AS p ON p.id = e.person "
                       "WHERE e.seq BETWEEN ?1 AND ?2 ORDER BY e.seq LIMIT ?3"));
  GATELOG_ASSIGN_OR_RETURN(Statement update,
                           database.Prepare("UPDATE event SET mark = ?2 WHERE seq = ?1"));
  select.Bind(1, static_cast<std::int64_t>(seq));
  select.Bind(2, static_cast<std::int64_t>(through));
  select.Bind(3, kOldEventsPerBlock);
  chain.Begin(seq);
  std::vector<std::int32_t> marks;
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) break;
    const evidence::EventPlace place{.seq = static_cast<std::uint64_t>(select.Integer(0)),
                                     .log_device = static_cast<model::DeviceId>(select.Integer(1)),
                                     .epoch = static_cast<model::Epoch>(select.Integer(2)),
                                     .id = static_cast<model::EventId>(select.Integer(3)),
                                     .arrival_ms = select.Integer(4),
                                     .phase = static_cast<std::uint8_t>(select.Integer(5))};
    if (place.seq != seq + marks.size()) break;
    marks.push_back(chain.AddEvent(place, select.Bytes(6),
                                   select.IsNull(7) ? chain.store_salt() : select.Bytes(7)));
  }
  select.Reset();
  if (marks.size() != std::min<std::uint64_t>(kOldEventsPerBlock, through - seq + 1)) {
    return absl::DataLossError(absl::StrCat(database.path(), " is damaged (event ",
                                            seq + marks.size(),
                                            " is gone); keep a copy of it and restore a backup."));
  }
  for (const std::int32_t mark : marks) {
    update.Bind(1, static_cast<std::int64_t>(seq++));
    update.Bind(2, mark);
    GATELOG_RETURN_IF_ERROR(update.Run());
  }
  GATELOG_RETURN_IF_ERROR(chain.Finish());
  GATELOG_RETURN_IF_ERROR(transaction.Commit());
  chain.OnCommitted();
  return absl::OkStatus();
}

}  // namespace

absl::Status AddChain(Database& database, const Clock& clock) {
  GATELOG_RETURN_IF_ERROR(database.Execute(kTables));
  GATELOG_RETURN_IF_ERROR(MakeSalts(database));
  GATELOG_RETURN_IF_ERROR(WriteAnchorsAnew(database));
  ChainWriter chain(database, clock);
  GATELOG_RETURN_IF_ERROR(chain.Load());
  chain.Begin(1);
  GATELOG_RETURN_IF_ERROR(AddStoreEntry(database, chain));
  GATELOG_RETURN_IF_ERROR(AddEpochEntries(database, chain));
  GATELOG_RETURN_IF_ERROR(AddGapEntries(database, chain));
  GATELOG_RETURN_IF_ERROR(AddImagesEntries(database, chain));
  return chain.Finish();
}

absl::Status ChainOldEvents(Database& database, const Clock& clock) {
  GATELOG_ASSIGN_OR_RETURN(const std::uint64_t through, ChainedThrough(database));
  GATELOG_ASSIGN_OR_RETURN(
      const std::int64_t next,
      database.QueryInteger("SELECT first_seq + events FROM block ORDER BY number DESC LIMIT 1"));
  auto seq = static_cast<std::uint64_t>(next);
  if (seq > through) return absl::OkStatus();
  LogInfo("The events that are stored already are put under the chain of evidence, once.",
          {{"events", through - seq + 1}});
  ChainWriter chain(database, clock);
  GATELOG_RETURN_IF_ERROR(chain.Load());
  while (seq <= through) GATELOG_RETURN_IF_ERROR(ChainBlock(database, chain, through, seq));
  return absl::OkStatus();
}

}  // namespace gatelog::store
