#include "store/sqlite/image_tables.h"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/image_absence.h"
#include "store/sqlite/event_writer.h"

namespace gatelog::store {
namespace {

using model::ImageAbsenceReason;

// Before version 2, what had been looked for and not found left no trace: it was absent.
constexpr char kAbsenceTables[] = R"sql(
CREATE TABLE image_absence (
  log_device INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  id INTEGER NOT NULL,
  reason INTEGER NOT NULL,
  found_ms INTEGER NOT NULL,
  PRIMARY KEY (log_device, epoch, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX event_image ON event (log_device, epoch, id) WHERE flags & 1;

ALTER TABLE log_state ADD COLUMN images_wanted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE log_state ADD COLUMN images_absent INTEGER NOT NULL DEFAULT 0;

INSERT INTO image_absence
  SELECT e.log_device, e.epoch, e.id, 1, unixepoch() * 1000
  FROM event AS e JOIN log_state AS s ON s.log_device = e.log_device AND s.epoch = e.epoch
  WHERE e.flags & 1 AND e.id < s.image_next AND NOT EXISTS
    (SELECT 1 FROM image AS i
     WHERE i.log_device = e.log_device AND i.epoch = e.epoch AND i.id = e.id);

UPDATE log_state SET
  images_wanted = (SELECT count(*) FROM event AS e
                   WHERE e.flags & 1 AND e.log_device = log_state.log_device),
  images_absent = (SELECT count(*) FROM event AS e
                   WHERE e.flags & 1 AND e.log_device = log_state.log_device
                     AND (e.epoch < log_state.epoch OR e.id < log_state.image_next)
                     AND NOT EXISTS (SELECT 1 FROM image AS i WHERE i.log_device = e.log_device
                                     AND i.epoch = e.epoch AND i.id = e.id));

CREATE VIEW image_absences AS
  SELECT e.log_device, e.epoch, e.id,
         CASE a.reason WHEN 1 THEN 'absent' WHEN 2 THEN 'mismatched' WHEN 3 THEN 'unreadable'
                       ELSE 'epoch_over' END AS reason,
         a.found_ms
  FROM event AS e JOIN log_state AS s ON s.log_device = e.log_device
    LEFT JOIN image_absence AS a
      ON a.log_device = e.log_device AND a.epoch = e.epoch AND a.id = e.id
  WHERE e.flags & 1 AND (a.id IS NOT NULL OR e.epoch < s.epoch) AND NOT EXISTS
    (SELECT 1 FROM image AS i
     WHERE i.log_device = e.log_device AND i.epoch = e.epoch AND i.id = e.id);
)sql";

// The event that an image belongs to.
struct Owner {
  bool erased = false;
  std::int64_t person = 0;  // 0: nobody known
  std::string salt;
};

// Nothing: no such event is stored, so the image is of another epoch.
absl::StatusOr<std::optional<Owner>> FindOwner(const RecordLookup& records,
                                               const model::RecordKey& key,
                                               const model::Image& image) {
  GATELOG_ASSIGN_OR_RETURN(const std::optional<std::uint64_t> seq, records.Find(key));
  if (!seq) return std::nullopt;
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      records.database.Prepare(
          "SELECT e.flags & ?5, e.person, p.salt FROM event AS e LEFT JOIN person AS p "
          "ON p.id = e.person WHERE e.seq = ?1 AND e.timestamp = ?2 AND e.code = ?3 AND "
          "(?4 = 0 OR e.sub_code = ?4)"));
  select.Bind(1, static_cast<std::int64_t>(*seq));
  select.Bind(2, image.timestamp);
  select.Bind(3, image.code);
  select.Bind(4, model::ImageSubCode(image.payload));
  select.Bind(5, kFlagErased);
  GATELOG_ASSIGN_OR_RETURN(const bool found, select.Step());
  if (!found) return std::nullopt;
  return Owner{select.Integer(0) != 0, select.Integer(1), std::string(select.Bytes(2))};
}

// Returns whether the absence is a new one.
absl::StatusOr<bool> InsertAbsence(const RecordLookup& records, const ports::ImageBatch& batch,
                                   const model::ImageAbsence& absence) {
  GATELOG_ASSIGN_OR_RETURN(const std::optional<std::uint64_t> seq,
                           records.Find({batch.log_device, batch.epoch, absence.id}));
  if (!seq) return false;
  GATELOG_ASSIGN_OR_RETURN(
      Statement insert,
      records.database.Prepare(
          "INSERT OR IGNORE INTO image_absence SELECT ?1, ?2, ?3, ?4, ?5 WHERE EXISTS "
          "(SELECT 1 FROM event WHERE seq = ?6 AND flags & 1) "
          "AND NOT EXISTS "
          "(SELECT 1 FROM image WHERE log_device = ?1 AND epoch = ?2 AND id = ?3) AND NOT EXISTS "
          "(SELECT 1 FROM erased_image WHERE log_device = ?1 AND epoch = ?2 AND id = ?3)"));
  insert.Bind(1, batch.log_device);
  insert.Bind(2, batch.epoch);
  insert.Bind(3, absence.id);
  insert.Bind(4, static_cast<int>(absence.reason));
  insert.Bind(5, batch.found.time_since_epoch().count());
  insert.Bind(6, static_cast<std::int64_t>(*seq));
  GATELOG_RETURN_IF_ERROR(insert.Run());
  return records.database.rows_changed() > 0;
}

absl::Status InsertAbsences(const RecordLookup& records, const ports::ImageBatch& batch,
                            const std::vector<model::ImageAbsence>& absences,
                            evidence::ImagesEntry& entry) {
  for (const model::ImageAbsence& absence : absences) {
    GATELOG_ASSIGN_OR_RETURN(const bool added, InsertAbsence(records, batch, absence));
    if (!added) continue;
    entry.absences.push_back({.id = absence.id,
                              .reason = static_cast<std::uint8_t>(absence.reason),
                              .found_ms = batch.found.time_since_epoch().count()});
  }
  return absl::OkStatus();
}

// Those that may be kept; one that is there stays as it is. An image of an event whose person was
// erased is an absence.
absl::Status InsertImages(const RecordLookup& records, ChainWriter& chain,
                          const ports::ImageBatch& batch, evidence::ImagesEntry& entry) {
  Database& database = records.database;
  GATELOG_ASSIGN_OR_RETURN(
      Statement insert,
      database.Prepare("INSERT OR IGNORE INTO image (log_device, epoch, id, timestamp, code, "
                       "payload, person) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"));
  std::vector<model::ImageAbsence> erased;
  for (const model::Image& image : batch.images) {
    const model::RecordKey key{batch.log_device, batch.epoch, image.id};
    GATELOG_ASSIGN_OR_RETURN(const std::optional<Owner> owner, FindOwner(records, key, image));
    if (!owner) continue;
    if (owner->erased) {
      erased.push_back({image.id, ImageAbsenceReason::kErased});
      continue;
    }
    insert.Bind(1, key.log_device);
    insert.Bind(2, key.epoch);
    insert.Bind(3, key.id);
    insert.Bind(4, image.timestamp);
    insert.Bind(5, image.code);
    insert.BindBlob(6, image.payload);
    owner->person == 0 ? insert.BindNull(7) : insert.Bind(7, owner->person);
    GATELOG_RETURN_IF_ERROR(insert.Run());
    if (database.rows_changed() == 0) continue;
    const std::string& salt = owner->person == 0 ? chain.store_salt() : owner->salt;
    entry.images.push_back({.id = image.id,
                            .timestamp = image.timestamp,
                            .code = image.code,
                            .commitment = chain.leaves().Image(salt, key, image.payload)});
  }
  return InsertAbsences(records, batch, erased, entry);
}

// What an event whose image is not stored is told by.
struct Unstored {
  model::Epoch epoch = 0;
  bool promised = false;  // the event says that it has an image
  bool epoch_is_over = false;
  std::int64_t reason = 0;  // 0: none is recorded
  bool settled = false;     // it was looked for, and there is no absence
};

std::string SentenceOf(model::RecordKey key, const Unstored& unstored) {
  key.epoch = unstored.epoch;
  if (!unstored.promised) return model::EventWithoutImageSentence(key);
  if (unstored.reason != 0) {
    return model::ImageAbsentSentence(key, static_cast<ImageAbsenceReason>(unstored.reason));
  }
  if (unstored.settled) return model::ImagePrunedSentence(key);
  return unstored.epoch_is_over ? model::ImageAbsentSentence(key, ImageAbsenceReason::kEpochOver)
                                : model::ImageAwaitedSentence(key);
}

// The event that the key names; of the latest epoch that has it, if the key names none.
absl::StatusOr<std::optional<std::uint64_t>> FindEvent(const RecordLookup& records,
                                                       const model::RecordKey& key) {
  if (key.epoch != 0) return records.Find(key);
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      records.database.Prepare("SELECT epoch FROM log_state WHERE log_device = ?1"));
  select.Bind(1, key.log_device);
  GATELOG_RETURN_IF_ERROR(select.Step().status());
  return records.FindLatest(key.log_device, static_cast<model::Epoch>(select.Integer(0)), key.id);
}

absl::StatusOr<std::string> WhyNotStored(const RecordLookup& records, const model::RecordKey& key) {
  GATELOG_ASSIGN_OR_RETURN(const std::optional<std::uint64_t> seq, FindEvent(records, key));
  if (!seq) return model::NoSuchEventSentence(key);
  GATELOG_ASSIGN_OR_RETURN(
      Statement select, records.database.Prepare(
                            "SELECT e.epoch, e.flags & 1 OR x.id IS NOT NULL, e.epoch < s.epoch, "
                            "coalesce(a.reason, CASE WHEN x.id IS NOT NULL THEN 5 END, 0), "
                            "e.epoch = s.epoch AND e.id < s.image_next "
                            "FROM event AS e JOIN log_state AS s ON s.log_device = e.log_device "
                            "LEFT JOIN erased_image AS x "
                            "ON x.log_device = e.log_device AND x.epoch = e.epoch AND x.id = e.id "
                            "LEFT JOIN image_absence AS a "
                            "ON a.log_device = e.log_device AND a.epoch = e.epoch AND a.id = e.id "
                            "WHERE e.seq = ?1"));
  select.Bind(1, static_cast<std::int64_t>(*seq));
  GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
  if (!row) return model::NoSuchEventSentence(key);
  return SentenceOf(key, {.epoch = static_cast<model::Epoch>(select.Integer(0)),
                          .promised = select.Integer(1) != 0,
                          .epoch_is_over = select.Integer(2) != 0,
                          .reason = select.Integer(3),
                          .settled = select.Integer(4) != 0});
}

}  // namespace

absl::Status AddImageAbsences(Database& database, const Clock&) {
  return database.Execute(kAbsenceTables);
}

absl::Status WriteImageBatch(const RecordLookup& records, ChainWriter& chain,
                             const ports::ImageBatch& batch) {
  evidence::ImagesEntry entry{.log_device = batch.log_device,
                              .epoch = batch.epoch,
                              .from = batch.expected_image_next,
                              .next = batch.image_next};
  GATELOG_RETURN_IF_ERROR(InsertImages(records, chain, batch, entry));
  GATELOG_RETURN_IF_ERROR(InsertAbsences(records, batch, batch.absences, entry));
  GATELOG_ASSIGN_OR_RETURN(
      Statement update,
      records.database.Prepare("UPDATE log_state SET image_next = ?2, images = images + ?3, "
                               "images_absent = images_absent + ?4 WHERE log_device = ?1"));
  update.Bind(1, batch.log_device);
  update.Bind(2, batch.image_next);
  update.Bind(3, static_cast<std::int64_t>(entry.images.size()));
  update.Bind(4, static_cast<std::int64_t>(entry.absences.size()));
  GATELOG_RETURN_IF_ERROR(update.Run());
  return chain.AddEntry(entry);
}

absl::StatusOr<std::uint64_t> CountUnsettledImages(const RecordLookup& records,
                                                   model::DeviceId log_device) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement state,
      records.database.Prepare("SELECT epoch, image_next FROM log_state WHERE log_device = ?1"));
  state.Bind(1, log_device);
  GATELOG_ASSIGN_OR_RETURN(const bool known, state.Step());
  if (!known) return std::uint64_t{0};
  const auto epoch = static_cast<model::Epoch>(state.Integer(0));
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      records.database.Prepare(
          "SELECT EXISTS (SELECT 1 FROM image WHERE log_device = ?1 AND epoch = ?2 AND id = ?3) OR "
          "EXISTS (SELECT 1 FROM image_absence WHERE log_device = ?1 AND epoch = ?2 AND id = ?3) "
          "OR EXISTS (SELECT 1 FROM erased_image WHERE log_device = ?1 AND epoch = ?2 AND id = "
          "?3)"));
  std::uint64_t unsettled = 0;
  const auto look = [&](model::EventId id) -> absl::Status {
    select.Reset();
    select.Bind(1, log_device);
    select.Bind(2, epoch);
    select.Bind(3, id);
    GATELOG_RETURN_IF_ERROR(select.Step().status());
    unsettled += select.Integer(0) == 0 ? 1 : 0;
    return absl::OkStatus();
  };
  // What is below is settled.
  const auto first = static_cast<model::EventId>(state.Integer(1));
  GATELOG_RETURN_IF_ERROR(records.VisitImages(log_device, epoch, first, look));
  return unsettled;
}

absl::StatusOr<std::pair<model::RecordKey, model::Image>> FindImage(const RecordLookup& records,
                                                                    const model::RecordKey& key) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      records.database.Prepare(
          "SELECT epoch, timestamp, code, payload FROM image WHERE log_device = ?1 AND id = ?3 AND "
          "epoch BETWEEN coalesce(?2, 0) AND coalesce(?2, 4294967295) ORDER BY epoch DESC LIMIT "
          "1"));
  select.Bind(1, key.log_device);
  if (key.epoch == 0) {
    select.BindNull(2);
  } else {
    select.Bind(2, key.epoch);
  }
  select.Bind(3, key.id);
  GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
  if (!row) {
    GATELOG_ASSIGN_OR_RETURN(const std::string why, WhyNotStored(records, key));
    return absl::NotFoundError(why);
  }
  model::RecordKey found = key;
  found.epoch = static_cast<model::Epoch>(select.Integer(0));
  model::Image image{.id = key.id,
                     .timestamp = static_cast<std::uint32_t>(select.Integer(1)),
                     .code = static_cast<std::uint32_t>(select.Integer(2)),
                     .payload = std::string(select.Bytes(3))};
  return std::make_pair(found, std::move(image));
}

}  // namespace gatelog::store
