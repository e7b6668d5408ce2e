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
absl::StatusOr<std::optional<Owner>> FindOwner(Database& database, const model::RecordKey& key,
                                               const model::Image& image) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database.Prepare(
          "SELECT e.flags & ?7, e.person, p.salt FROM event AS e LEFT JOIN person AS p "
          "ON p.id = e.person WHERE e.log_device = ?1 AND e.epoch = ?2 AND e.id = ?3 "
          "AND e.timestamp = ?4 AND e.code = ?5 AND (?6 = 0 OR e.sub_code = ?6)"));
  select.Bind(1, key.log_device);
  select.Bind(2, key.epoch);
  select.Bind(3, key.id);
  select.Bind(4, image.timestamp);
  select.Bind(5, image.code);
  select.Bind(6, model::ImageSubCode(image.payload));
  select.Bind(7, kFlagErased);
  GATELOG_ASSIGN_OR_RETURN(const bool found, select.Step());
  if (!found) return std::nullopt;
  return Owner{select.Integer(0) != 0, select.Integer(1), std::string(select.Bytes(2))};
}

// Returns whether the absence is a new one.
absl::StatusOr<bool> InsertAbsence(Database& database, const ports::ImageBatch& batch,
                                   const model::ImageAbsence& absence) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement insert,
      database.Prepare(
          "INSERT OR IGNORE INTO image_absence SELECT ?1, ?2, ?3, ?4, ?5 WHERE EXISTS "
          "(SELECT 1 FROM event WHERE log_device = ?1 AND epoch = ?2 AND id = ?3 AND flags & 1) "
          "AND NOT EXISTS "
          "(SELECT 1 FROM image WHERE log_device = ?1 AND epoch = ?2 AND id = ?3) AND NOT EXISTS "
          "(SELECT 1 FROM erased_image WHERE log_device = ?1 AND epoch = ?2 AND id = ?3)"));
  insert.Bind(1, batch.log_device);
  insert.Bind(2, batch.epoch);
  insert.Bind(3, absence.id);
  insert.Bind(4, static_cast<int>(absence.reason));
  insert.Bind(5, batch.found.time_since_epoch().count());
  GATELOG_RETURN_IF_ERROR(insert.Run());
  return database.rows_changed() > 0;
}

absl::Status InsertAbsences(Database& database, const ports::ImageBatch& batch,
                            const std::vector<model::ImageAbsence>& absences,
                            evidence::ImagesEntry& entry) {
  for (const model::ImageAbsence& absence : absences) {
    GATELOG_ASSIGN_OR_RETURN(const bool added, InsertAbsence(database, batch, absence));
    if (!added) continue;
    entry.absences.push_back({.id = absence.id,
                              .reason = static_cast<std::uint8_t>(absence.reason),
                              .found_ms = batch.found.time_since_epoch().count()});
  }
  return absl::OkStatus();
}

// Those that may be kept; one that is there stays as it is. An image of an event whose person was
// erased is an absence.
absl::Status InsertImages(Database& database, ChainWriter& chain, const ports::ImageBatch& batch,
                          evidence::ImagesEntry& entry) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement insert,
      database.Prepare("INSERT OR IGNORE INTO image (log_device, epoch, id, timestamp, code, "
                       "payload, person) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"));
  std::vector<model::ImageAbsence> erased;
  for (const model::Image& image : batch.images) {
    const model::RecordKey key{batch.log_device, batch.epoch, image.id};
    GATELOG_ASSIGN_OR_RETURN(const std::optional<Owner> owner, FindOwner(database, key, image));
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
  return InsertAbsences(database, batch, erased, entry);
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

absl::StatusOr<std::string> WhyNotStored(Database& database, const model::RecordKey& key) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database.Prepare(
          "SELECT e.epoch, e.flags & 1 OR x.id IS NOT NULL, e.epoch < s.epoch, "
          "coalesce(a.reason, CASE WHEN x.id IS NOT NULL THEN 5 END, 0), "
          "e.epoch = s.epoch AND e.id < s.image_next "
          "FROM event AS e JOIN log_state AS s ON s.log_device = e.log_device "
          "LEFT JOIN erased_image AS x "
          "ON x.log_device = e.log_device AND x.epoch = e.epoch AND x.id = e.id "
          "LEFT JOIN image_absence AS a "
          "ON a.log_device = e.log_device AND a.epoch = e.epoch AND a.id = e.id "
          "WHERE e.log_device = ?1 AND e.epoch BETWEEN coalesce(?2, 0) AND coalesce(?2, "
          "4294967295) AND e.id = ?3 ORDER BY e.epoch DESC LIMIT 1"));
  select.Bind(1, key.log_device);
  if (key.epoch == 0) {
    select.BindNull(2);
  } else {
    select.Bind(2, key.epoch);
  }
  select.Bind(3, key.id);
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

absl::Status WriteImageBatch(Database& database, ChainWriter& chain,
                             const ports::ImageBatch& batch) {
  evidence::ImagesEntry entry{.log_device = batch.log_device,
                              .epoch = batch.epoch,
                              .from = batch.expected_image_next,
                              .next = batch.image_next};
  GATELOG_RETURN_IF_ERROR(InsertImages(database, chain, batch, entry));
  GATELOG_RETURN_IF_ERROR(InsertAbsences(database, batch, batch.absences, entry));
  GATELOG_ASSIGN_OR_RETURN(
      Statement update,
      database.Prepare("UPDATE log_state SET image_next = ?2, images = images + ?3, "
                       "images_absent = images_absent + ?4 WHERE log_device = ?1"));
  update.Bind(1, batch.log_device);
  update.Bind(2, batch.image_next);
  update.Bind(3, static_cast<std::int64_t>(entry.images.size()));
  update.Bind(4, static_cast<std::int64_t>(entry.absences.size()));
  GATELOG_RETURN_IF_ERROR(update.Run());
  return chain.AddEntry(entry);
}

absl::StatusOr<std::uint64_t> CountUnsettledImages(Database& database, model::DeviceId log_device) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database.Prepare(
          "SELECT count(*) FROM log_state AS s CROSS JOIN event AS e INDEXED BY event_image "
          "ON e.log_device = s.log_device AND e.epoch = s.epoch "
          "WHERE s.log_device = ?1 AND e.flags & 1 "
          "AND NOT EXISTS (SELECT 1 FROM image AS i WHERE i.log_device = e.log_device AND "
          "i.epoch = e.epoch AND i.id = e.id) "
          "AND NOT EXISTS (SELECT 1 FROM image_absence AS a WHERE a.log_device = e.log_device AND "
          "a.epoch = e.epoch AND a.id = e.id) "
          "AND NOT EXISTS (SELECT 1 FROM erased_image AS x WHERE x.log_device = e.log_device AND "
          "x.epoch = e.epoch AND x.id = e.id)"));
  select.Bind(1, log_device);
  GATELOG_RETURN_IF_ERROR(select.Step().status());
  return static_cast<std::uint64_t>(select.Integer(0));
}

absl::StatusOr<std::pair<model::RecordKey, model::Image>> FindImage(Database& database,
                                                                    const model::RecordKey& key) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database.Prepare(
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
    GATELOG_ASSIGN_OR_RETURN(const std::string why, WhyNotStored(database, key));
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
