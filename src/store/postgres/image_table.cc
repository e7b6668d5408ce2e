#include "store/postgres/image_table.h"

#include <algorithm>
#include <optional>
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

// The events of `ids`, from memory or from partitions that have indexes.
absl::StatusOr<KnownEvents> FindHeaders(Connection& connection, const TailedSegments& tailed,
                                        SeqRange visible, const ports::ImageBatch& batch,
                                        std::vector<std::uint32_t> ids) {
  KnownEvents events;
  const auto [low, high] = std::minmax_element(ids.begin(), ids.end());
  const std::unordered_set<std::uint32_t> wanted(ids.begin(), ids.end());
  for (const TailEvent& event :
       tailed.Find(batch.log_device, batch.epoch, *low, *high, std::size_t{*high} - *low + 1)) {
    if (!wanted.contains(event.id)) continue;
    KnownEvent& known = events[event.id];
    known.event.id = event.id;
    known.event.timestamp = event.timestamp;
    known.event.code = event.code;
    known.event.sub_code = event.sub_code;
    known.event.has_image = (event.flags & kFlagHasImage) != 0;
    known.person = event.person;
  }
  std::erase_if(ids, [&](std::uint32_t id) { return events.contains(id); });
  if (ids.empty()) return events;
  GATELOG_ASSIGN_OR_RETURN(
      const Result rows,
      connection.Query("SELECT id, timestamp, code, sub_code, flags, person FROM gatelog.event "
                       "WHERE log_device = $1 AND epoch = $2 AND id = ANY($3::oid[]) AND seq < $4 "
                       "AND seq >= $5",
                       Params()
                           .Add(batch.log_device)
                           .Add(batch.epoch)
                           .AddOids(ids)
                           .Add(static_cast<std::int64_t>(tailed.first))
                           .Add(static_cast<std::int64_t>(visible.first))));
  for (int row = 0; row < rows.rows(); ++row) {
    KnownEvent known;
    known.event.id = static_cast<model::EventId>(rows.Integer(row, 0));
    known.event.timestamp = static_cast<std::uint32_t>(rows.Integer(row, 1));
    known.event.code = static_cast<std::uint32_t>(rows.Integer(row, 2));
    known.event.sub_code = static_cast<std::uint32_t>(rows.Integer(row, 3));
    known.event.has_image = (rows.Integer(row, 4) & kFlagHasImage) != 0;
    known.person = rows.Integer(row, 5);
    events.emplace(known.event.id, known);
  }
  return events;
}

absl::StatusOr<KnownEvents> FindEvents(Connection& connection, const TailedSegments& tailed,
                                       SeqRange visible, const ports::ImageBatch& batch) {
  std::vector<std::uint32_t> ids;
  for (const model::Image& image : batch.images) ids.push_back(image.id);
  for (const model::ImageAbsence& absence : batch.absences) ids.push_back(absence.id);
  if (ids.empty()) return KnownEvents();
  GATELOG_ASSIGN_OR_RETURN(KnownEvents events,
                           FindHeaders(connection, tailed, visible, batch, ids));
  GATELOG_ASSIGN_OR_RETURN(
      const Result rows,
      connection.Query("SELECT id, 1 FROM gatelog.image WHERE log_device = $1 AND epoch = $2 AND "
                       "id = ANY($3::oid[]::bigint[]) UNION ALL SELECT id, 0 FROM "
                       "gatelog.image_absence WHERE log_device = $1 AND epoch = $2 AND id = "
                       "ANY($3::oid[]::bigint[])",
                       Params().Add(batch.log_device).Add(batch.epoch).AddOids(ids)));
  for (int row = 0; row < rows.rows(); ++row) {
    const auto found = events.find(static_cast<model::EventId>(rows.Integer(row, 0)));
    if (found == events.end()) continue;
    (rows.Integer(row, 1) != 0 ? found->second.stored : found->second.absent) = true;
  }
  return events;
}

// What a batch adds to its log's counts.
struct ImageChange {
  std::int64_t images = 0;
  std::int64_t absent = 0;
  std::int64_t settled = 0;
};

absl::Status InsertImages(Connection& connection, const ImageMoment& moment,
                          const ports::ImageBatch& batch, KnownEvents& events,
                          ImageChange& change) {
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
    params.Add(static_cast<std::int64_t>(moment.visible.last));
    params.Add(moment.now.time_since_epoch().count());
    GATELOG_RETURN_IF_ERROR(
        connection
            .Query("INSERT INTO gatelog.image (log_device, epoch, id, timestamp, code, person, "
                   "payload, seq, arrival_ms) VALUES ($1, $2, $3, $4, $5, nullif($6::integer, 0), "
                   "$7, $8, $9)",
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

// Where the event is and what it says of itself; nothing: it is not stored.
struct Found {
  model::Epoch epoch = 0;
  std::int64_t flags = 0;
};
absl::StatusOr<std::optional<Found>> FindEvent(Connection& connection, const Segments& segments,
                                               SeqRange visible, const model::RecordKey& key) {
  const TailedSegments tailed = segments.Tailed();
  const auto in_memory = tailed.Find(key.log_device, key.epoch, key.id, key.id, 1);
  if (!in_memory.empty()) return Found{in_memory[0].epoch, in_memory[0].flags};
  GATELOG_ASSIGN_OR_RETURN(
      const Result row,
      connection.Query("SELECT epoch, flags FROM gatelog.event WHERE log_device = $1 AND id = $3 "
                       "AND ($2::bigint = 0 OR epoch = $2::bigint) AND seq < $4 AND seq >= $5 "
                       "ORDER BY epoch DESC LIMIT 1",
                       Params()
                           .Add(key.log_device)
                           .Add(key.epoch)
                           .Add(key.id)
                           .Add(static_cast<std::int64_t>(tailed.first))
                           .Add(static_cast<std::int64_t>(visible.first))));
  if (row.rows() == 0) return std::nullopt;
  return Found{static_cast<model::Epoch>(row.Integer(0, 0)), row.Integer(0, 1)};
}

absl::StatusOr<std::string> WhyNotStored(Connection& connection, const Segments& segments,
                                         SeqRange visible, model::RecordKey key) {
  GATELOG_ASSIGN_OR_RETURN(const std::optional<Found> event,
                           FindEvent(connection, segments, visible, key));
  if (!event) return model::NoSuchEventSentence(key);
  key.epoch = event->epoch;
  if ((event->flags & kFlagHasImage) == 0) return model::EventWithoutImageSentence(key);
  GATELOG_ASSIGN_OR_RETURN(
      const Result row,
      connection.Query(
          "SELECT ($2 < s.epoch)::int, coalesce(a.reason, 0)::int, "
          "($2 = s.epoch AND $3 < s.image_next)::int FROM gatelog.log_state AS s "
          "LEFT JOIN gatelog.image_absence AS a ON a.log_device = s.log_device AND a.epoch = "
          "$2::bigint AND a.id = $3::bigint WHERE s.log_device = $1",
          Params().Add(key.log_device).Add(key.epoch).Add(key.id)));
  if (row.rows() == 0) return model::NoSuchEventSentence(key);
  const bool epoch_is_over = row.Integer(0, 0) != 0;
  const std::int64_t reason = row.Integer(0, 1);
  const bool settled = row.Integer(0, 2) != 0;
  if (reason != 0) {
    return model::ImageAbsentSentence(key, static_cast<ImageAbsenceReason>(reason));
  }
  if (epoch_is_over) return model::ImageAbsentSentence(key, ImageAbsenceReason::kEpochOver);
  return settled ? model::ImagePrunedSentence(key) : model::ImageAwaitedSentence(key);
}

}  // namespace

absl::Status WriteImageBatch(Connection& connection, const Segments& segments,
                             const ImageMoment& moment, const ports::ImageBatch& batch,
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
  GATELOG_ASSIGN_OR_RETURN(KnownEvents events,
                           FindEvents(connection, segments.Tailed(), moment.visible, batch));
  ImageChange change;
  GATELOG_RETURN_IF_ERROR(InsertImages(connection, moment, batch, events, change));
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
                                                                    const Segments& segments,
                                                                    SeqRange visible,
                                                                    const model::RecordKey& key) {
  GATELOG_ASSIGN_OR_RETURN(
      const Result row,
      connection.Query(
          "SELECT epoch, timestamp, code, payload FROM gatelog.image WHERE log_device "
          "= $1 AND id = $3 AND ($2::bigint = 0 OR epoch = $2::bigint) AND seq >= $4 ORDER BY "
          "epoch DESC LIMIT 1",
          Params()
              .Add(key.log_device)
              .Add(key.epoch)
              .Add(key.id)
              .Add(static_cast<std::int64_t>(visible.first))));
  if (row.rows() == 0) {
    GATELOG_ASSIGN_OR_RETURN(const std::string why,
                             WhyNotStored(connection, segments, visible, key));
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
