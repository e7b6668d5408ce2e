#include "store/postgres/image_table.h"

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/image_absence.h"
#include "ports/batch_check.h"
#include "store/postgres/event_writer.h"

namespace gatelog::postgres {
namespace {

using model::ImageAbsenceReason;

// What is stored of the events that a batch speaks of.
struct KnownEvent {
  model::Event event;  // without user and payload
  std::int64_t person = 0;
  bool stored = false;  // its image
  bool absent = false;
};
using KnownEvents = std::unordered_map<model::EventId, KnownEvent>;

absl::StatusOr<KnownEvents> FindEvents(Connection& connection, const ports::ImageBatch& batch) {
  std::vector<std::uint32_t> ids;
  for (const model::Image& image : batch.images) ids.push_back(image.id);
  for (const model::ImageAbsence& absence : batch.absences) ids.push_back(absence.id);
  KnownEvents events;
  if (ids.empty()) return events;
  GATELOG_ASSIGN_OR_RETURN(
      const Result rows,
      connection.Query(
          "SELECT e.id, e.timestamp, e.code, e.sub_code, e.flags, e.person, "
          "EXISTS (SELECT 1 FROM gatelog.image AS i WHERE i.log_device = e.log_device AND "
          "i.epoch = e.epoch AND i.id = e.id::bigint)::int, "
          "EXISTS (SELECT 1 FROM gatelog.image_absence AS a WHERE a.log_device = e.log_device AND "
          "a.epoch = e.epoch AND a.id = e.id::bigint)::int "
          "FROM gatelog.event AS e WHERE e.log_device = $1 AND e.epoch = $2 AND e.id = "
          "ANY($3::oid[])",
          Params().Add(batch.log_device).Add(batch.epoch).AddOids(ids)));
  for (int row = 0; row < rows.rows(); ++row) {
    KnownEvent known;
    known.event.id = static_cast<model::EventId>(rows.Integer(row, 0));
    known.event.timestamp = static_cast<std::uint32_t>(rows.Integer(row, 1));
    known.event.code = static_cast<std::uint32_t>(rows.Integer(row, 2));
    known.event.sub_code = static_cast<std::uint32_t>(rows.Integer(row, 3));
    known.event.has_image = (rows.Integer(row, 4) & kFlagHasImage) != 0;
    known.person = rows.Integer(row, 5);
    known.stored = rows.Integer(row, 6) != 0;
    known.absent = rows.Integer(row, 7) != 0;
    events.emplace(known.event.id, known);
  }
  return events;
}

// What a batch adds to its log's counts.
struct ImageChange {
  std::int64_t images = 0;
  std::int64_t absent = 0;
  std::int64_t settled = 0;
};

absl::Status InsertImages(Connection& connection, const ports::ImageBatch& batch,
                          KnownEvents& events, ImageChange& change) {
  for (const model::Image& image : batch.images) {
    const auto found = events.find(image.id);
    if (found == events.end() || found->second.stored ||
        !model::IsImageOf(image, found->second.event)) {
      continue;
    }
    KnownEvent& known = found->second;
    Params params;
    params.Add(batch.log_device).Add(batch.epoch).Add(image.id).Add(image.timestamp);
    params.Add(image.code).Add(known.person).AddBytes(image.payload);
    GATELOG_RETURN_IF_ERROR(
        connection
            .Query("INSERT INTO gatelog.image (log_device, epoch, id, timestamp, code, person, "
                   "payload) VALUES ($1, $2, $3, $4, $5, nullif($6::integer, 0), $7)",
                   params)
            .status());
    ++change.images;
    if (known.event.has_image && !known.absent) ++change.settled;
    known.stored = true;
  }
  return absl::OkStatus();
}

absl::Status InsertAbsences(Connection& connection, const ports::ImageBatch& batch,
                            KnownEvents& events, ImageChange& change) {
  for (const model::ImageAbsence& absence : batch.absences) {
    const auto found = events.find(absence.id);
    if (found == events.end()) continue;
    KnownEvent& known = found->second;
    if (!known.event.has_image || known.stored || known.absent) continue;
    GATELOG_RETURN_IF_ERROR(
        connection
            .Query("INSERT INTO gatelog.image_absence VALUES ($1, $2, $3, $4, $5)",
                   Params()
                       .Add(batch.log_device)
                       .Add(batch.epoch)
                       .Add(absence.id)
                       .Add(static_cast<int>(absence.reason))
                       .Add(batch.found.time_since_epoch().count()))
            .status());
    ++change.absent;
    ++change.settled;
    known.absent = true;
  }
  return absl::OkStatus();
}

// What an event whose image is not stored is told by.
std::string SentenceOf(model::RecordKey key, const Result& row) {
  key.epoch = static_cast<model::Epoch>(row.Integer(0, 0));
  const bool promised = (row.Integer(0, 1) & kFlagHasImage) != 0;
  const bool epoch_is_over = row.Integer(0, 2) != 0;
  const std::int64_t reason = row.Integer(0, 3);
  const bool settled = row.Integer(0, 4) != 0;
  if (!promised) return model::EventWithoutImageSentence(key);
  if (reason != 0) {
    return model::ImageAbsentSentence(key, static_cast<ImageAbsenceReason>(reason));
  }
  if (epoch_is_over) return model::ImageAbsentSentence(key, ImageAbsenceReason::kEpochOver);
  return settled ? model::ImagePrunedSentence(key) : model::ImageAwaitedSentence(key);
}

absl::StatusOr<std::string> WhyNotStored(Connection& connection, const model::RecordKey& key) {
  GATELOG_ASSIGN_OR_RETURN(
      const Result row,
      connection.Query(
          "SELECT e.epoch, e.flags, (e.epoch < s.epoch)::int, coalesce(a.reason, 0)::int, "
          "(e.epoch = s.epoch AND e.id::bigint < s.image_next)::int "
          "FROM gatelog.event AS e JOIN gatelog.log_state AS s ON s.log_device = e.log_device "
          "LEFT JOIN gatelog.image_absence AS a ON a.log_device = e.log_device AND a.epoch = "
          "e.epoch AND a.id = e.id::bigint "
          "WHERE e.log_device = $1 AND e.id = $3 AND ($2::bigint = 0 OR e.epoch = $2::bigint) "
          "ORDER BY e.epoch DESC LIMIT 1",
          Params().Add(key.log_device).Add(key.epoch).Add(key.id)));
  if (row.rows() == 0) return model::NoSuchEventSentence(key);
  return SentenceOf(key, row);
}

}  // namespace

absl::Status WriteImageBatch(Connection& connection, const ports::ImageBatch& batch,
                             absl::Status& refusal) {
  refusal = ports::CheckImageBatch(batch);
  if (!refusal.ok()) return absl::OkStatus();
  GATELOG_ASSIGN_OR_RETURN(
      const Result state,
      connection.Query("SELECT epoch, image_next FROM gatelog.log_state WHERE log_device = $1 FOR "
                       "UPDATE",
                       Params().Add(batch.log_device)));
  if (state.rows() == 0 || state.Integer(0, 0) != batch.epoch ||
      state.Integer(0, 1) != batch.expected_image_next) {
    refusal = absl::FailedPreconditionError(
        absl::StrCat("The images of log device ", batch.log_device, " do not stand at epoch ",
                     batch.epoch, ", next ID ", batch.expected_image_next, "."));
    return absl::OkStatus();
  }
  GATELOG_ASSIGN_OR_RETURN(KnownEvents events, FindEvents(connection, batch));
  ImageChange change;
  GATELOG_RETURN_IF_ERROR(InsertImages(connection, batch, events, change));
  GATELOG_RETURN_IF_ERROR(InsertAbsences(connection, batch, events, change));
  return connection
      .Query(
          "UPDATE gatelog.log_state SET image_next = $2, images = images + $3, images_absent = "
          "images_absent + $4, images_unsettled = images_unsettled - $5 WHERE log_device = $1",
          Params()
              .Add(batch.log_device)
              .Add(batch.image_next)
              .Add(change.images)
              .Add(change.absent)
              .Add(change.settled))
      .status();
}

absl::StatusOr<std::pair<model::RecordKey, model::Image>> FindImage(Connection& connection,
                                                                    const model::RecordKey& key) {
  GATELOG_ASSIGN_OR_RETURN(
      const Result row,
      connection.Query(
          "SELECT epoch, timestamp, code, payload FROM gatelog.image WHERE log_device "
          "= $1 AND id = $3 AND ($2::bigint = 0 OR epoch = $2::bigint) ORDER BY epoch DESC LIMIT 1",
          Params().Add(key.log_device).Add(key.epoch).Add(key.id)));
  if (row.rows() == 0) {
    GATELOG_ASSIGN_OR_RETURN(const std::string why, WhyNotStored(connection, key));
    return absl::NotFoundError(why);
  }
  model::RecordKey found = key;
  found.epoch = static_cast<model::Epoch>(row.Integer(0, 0));
  model::Image image{.id = key.id,
                     .timestamp = static_cast<std::uint32_t>(row.Integer(0, 1)),
                     .code = static_cast<std::uint32_t>(row.Integer(0, 2)),
                     .payload = std::string(row.Bytes(0, 3))};
  return std::make_pair(found, std::move(image));
}

}  // namespace gatelog::postgres
