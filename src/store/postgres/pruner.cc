#include "store/postgres/pruner.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "model/personal_part.h"
#include "store/postgres/pruned_records.h"

namespace gatelog::postgres {
namespace {

using ports::Pruned;
using ports::PruneLimits;

// Of one transaction: so few that a commit behind it hardly waits.
constexpr int kImagesPerStep = 64;
constexpr int kErasedEventsMax = 500;
constexpr int kEventsLookedAtMax = 1'000;
constexpr std::int64_t kPeoplePerStep = 500;
constexpr std::int64_t kPersonProbesPerStep = 20'000;  // of a person in a partition's index
constexpr int kHourCountsPerStep = 5'000;

// How often in a run a partition is tried to be dropped that others are reading.
constexpr int kDropTriesMax = 5;

// As parts of a full segment. To close one that is not full the server reads all of it, while
// nobody else has the table: so only up to the larger part, and from the smaller one on early if
// it grows so slowly that it would not be full in time.
constexpr double kClosedShareMax = 0.25;
constexpr double kClosedEarlyShare = 0.1875;

std::int64_t Milliseconds(Timestamp time) { return time.time_since_epoch().count(); }
Timestamp TimeOf(std::int64_t milliseconds) {
  return Timestamp(std::chrono::milliseconds(milliseconds));
}

bool IsBefore(const Segment& segment, const std::optional<Timestamp>& limit) {
  return limit && segment.indexed && segment.bounds.arrival_max < Milliseconds(*limit);
}

// The segment that an event is in; 0: one that is gone.
std::uint64_t SegmentOf(const std::vector<Segment>& segments, std::uint64_t seq) {
  std::uint64_t first = 0;
  for (const Segment& segment : segments) {
    if (segment.first <= seq) first = segment.first;
  }
  return first;
}

// Whether a segment with so many events of `full` is to be closed, whose first arrived `age` ago.
bool IsToBeClosed(std::uint64_t events, std::uint64_t full, std::chrono::milliseconds age,
                  std::chrono::milliseconds age_max) {
  const double share = static_cast<double>(events) / static_cast<double>(full);
  if (share > kClosedShareMax) return false;
  if (age >= age_max) return true;
  const double share_in_time =
      share * static_cast<double>(age_max.count()) / static_cast<double>(std::max(age.count(), 1L));
  return share >= kClosedEarlyShare && share_in_time < 1;
}

}  // namespace

absl::StatusOr<PrunedThrough> ReadPrunedThrough(Connection& connection) {
  GATELOG_ASSIGN_OR_RETURN(
      const Result rows,
      connection.Query("SELECT (SELECT value FROM gatelog.meta WHERE key = 'first_seq'), (SELECT "
                       "value FROM gatelog.meta WHERE key = 'people_seq'), (SELECT value FROM "
                       "gatelog.meta WHERE key = 'people_sweep')"));
  if (rows.IsNull(0, 0) || rows.IsNull(0, 1) || rows.IsNull(0, 2)) {
    return absl::DataLossError(
        absl::StrCat("The store in the ", connection.name(),
                     " does not say what was pruned of it; restore a backup."));
  }
  return PrunedThrough{.first_seq = static_cast<std::uint64_t>(rows.Integer(0, 0)),
                       .people_seq = static_cast<std::uint64_t>(rows.Integer(0, 1)),
                       .people_sweep = rows.Integer(0, 2)};
}

void AddTimes(std::int64_t oldest_ms, std::int64_t newest_ms, Pruned& pruned) {
  const Timestamp oldest = TimeOf(oldest_ms);
  const Timestamp newest = TimeOf(newest_ms);
  pruned.oldest = pruned.oldest ? std::min(*pruned.oldest, oldest) : oldest;
  pruned.newest = pruned.newest ? std::max(*pruned.newest, newest) : newest;
}

absl::Status Pruner::Load() {
  GATELOG_ASSIGN_OR_RETURN(through_, ReadPrunedThrough(connection_));
  hidden_.clear();
  images_gone_ = false;
  for (const Segment& segment : segments_.All()) {
    if (segment.end <= through_.first_seq) hidden_.push_back({.segment = segment});
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> Pruner::Do(const PruneLimits& limits, ports::RetentionStore::Step& step) {
  changes_ = {};
  step = {.pruned = {}, .more = true};
  for (const Part part : {&Pruner::CloseOld, &Pruner::Hide, &Pruner::DeleteImages,
                          &Pruner::RemoveHidden, &Pruner::ErasePeople, &Pruner::SweepPeople}) {
    GATELOG_ASSIGN_OR_RETURN(const Outcome outcome, (this->*part)(limits, step.pruned));
    if (outcome != Outcome::kNothing) return outcome == Outcome::kDone;
  }
  step.more = false;
  EndRun();
  return false;
}

void Pruner::EndRun() {
  if (!hidden_.empty()) {
    LogWarn(
        "What was pruned is still on the disk: other programs read the store's tables in "
        "transactions that last. It is tried again.",
        {{"first_seq", hidden_.front().segment.first}, {"segments", hidden_.size()}});
  }
  close_refused_ = false;
  drops_refused_ = 0;
  counted_for_images_.clear();
  counted_for_people_.clear();
}

void Pruner::OnCommitted() {
  if (changes_.through) through_ = *changes_.through;
  if (changes_.closed_at) segments_.Close(*changes_.closed_at);
  if (changes_.hidden) {
    hidden_.push_back({.segment = *changes_.hidden});
    images_gone_ = false;
  }
  if (changes_.remembered) {
    for (Hidden& hidden : hidden_) {
      if (hidden.segment.first != changes_.remembered->segment.first) continue;
      hidden = *changes_.remembered;
      if (hidden.all_remembered) OnAllRemembered(hidden);
    }
  }
  if (changes_.dropped) {
    std::erase_if(hidden_, [&](const Hidden& hidden) {
      return hidden.segment.first == changes_.dropped->first;
    });
  }
  if (changes_.closed_at) writer_.OnSegmentsChanged();
  anchors_.Add(std::move(changes_.anchors));
  writer_.OnPeopleGone(changes_.people_gone);
  changes_ = {};
}

absl::Status Pruner::SetMeta(const char* key, std::int64_t value) {
  return connection_
      .Query(absl::StrCat("UPDATE gatelog.meta SET value = $1 WHERE key = '", key, "'"),
             Params().Add(value))
      .status();
}

std::optional<Segment> Pruner::Open() const {
  const std::vector<Segment> all = segments_.All();
  if (all.empty()) return std::nullopt;
  const Segment& newest = all.back();
  const std::uint64_t next = writer_.last_seq() + 1;
  if (newest.indexed || newest.end <= next || newest.first == next) return std::nullopt;
  return newest;
}

absl::StatusOr<std::int64_t> Pruner::FirstArrival(const Segment& segment) {
  if (segment.tail != nullptr) return segment.tail->At(0).arrival_ms;
  return connection_.QueryInteger(
      absl::StrCat("SELECT arrival_ms FROM ", PartitionOf(segment), " LIMIT 1"));
}

absl::StatusOr<Pruner::Outcome> Pruner::Close(const Segment& open) {
  const std::uint64_t end = writer_.last_seq() + 1;
  GATELOG_ASSIGN_OR_RETURN(const bool closed, CloseSegment(connection_, open, end));
  if (!closed) return Outcome::kRefused;
  changes_.closed_at = end;
  return Outcome::kDone;
}

absl::StatusOr<bool> Pruner::CloseNow() {
  changes_ = {};
  const std::optional<Segment> open = Open();
  if (!open) return false;
  GATELOG_ASSIGN_OR_RETURN(const Outcome outcome, Close(*open));
  if (outcome == Outcome::kDone) return true;
  return absl::UnavailableError(
      absl::StrCat("The newest segment cannot be closed: another program reads the table in the ",
                   connection_.name(), "."));
}

absl::StatusOr<Pruner::Outcome> Pruner::CloseOld(const PruneLimits&, Pruned&) {
  if (close_refused_) return Outcome::kNothing;
  const std::optional<Segment> open = Open();
  if (!open) return Outcome::kNothing;
  GATELOG_ASSIGN_OR_RETURN(const std::int64_t first_ms, FirstArrival(*open));
  const std::uint64_t events = writer_.last_seq() + 1 - open->first;
  if (!IsToBeClosed(events, open->end - open->first, clock_.Now() - TimeOf(first_ms),
                    segment_age_)) {
    return Outcome::kNothing;
  }
  GATELOG_ASSIGN_OR_RETURN(const Outcome outcome, Close(*open));
  close_refused_ = outcome == Outcome::kRefused;
  return outcome;
}

absl::StatusOr<Pruner::Outcome> Pruner::Hide(const PruneLimits& limits, Pruned& pruned) {
  if (!limits.events_before) return Outcome::kNothing;
  for (const Segment& segment : segments_.All()) {
    if (segment.first < through_.first_seq) continue;
    if (!IsBefore(segment, limits.events_before)) break;
    GATELOG_RETURN_IF_ERROR(SetMeta("first_seq", static_cast<std::int64_t>(segment.end)));
    GATELOG_RETURN_IF_ERROR(SetMeta("people_sweep", 1));
    changes_.through = through_;
    changes_.through->first_seq = segment.end;
    changes_.through->people_sweep = 1;
    changes_.hidden = segment;
    ++pruned.segments;
    pruned.events += segment.end - segment.first;
    AddTimes(segment.bounds.arrival_min, segment.bounds.arrival_max, pruned);
    return Outcome::kDone;
  }
  return Outcome::kNothing;
}

absl::StatusOr<int> Pruner::DeleteImagesWhere(const char* condition, std::int64_t limit,
                                              Pruned& pruned) {
  GATELOG_RETURN_IF_ERROR(connection_.Execute("SET LOCAL enable_seqscan = off"));
  GATELOG_ASSIGN_OR_RETURN(
      const Result rows,
      connection_.Query(
          absl::StrCat("DELETE FROM gatelog.image WHERE ctid = ANY(ARRAY(SELECT ctid FROM "
                       "gatelog.image WHERE ",
                       condition, " < $1::bigint LIMIT ", kImagesPerStep,
                       ")) RETURNING log_device, epoch, seq, arrival_ms, octet_length(payload)"),
          Params().Add(limit)));
  const std::vector<Segment> segments = segments_.All();
  std::map<std::pair<model::DeviceId, model::Epoch>, std::uint64_t> by_epoch;
  for (int row = 0; row < rows.rows(); ++row) {
    ++by_epoch[{static_cast<model::DeviceId>(rows.Integer(row, 0)),
                static_cast<model::Epoch>(rows.Integer(row, 1))}];
    ++pruned.images;
    pruned.bytes += static_cast<std::uint64_t>(rows.Integer(row, 4)) + kImageBytes;
    const auto seq = static_cast<std::uint64_t>(rows.Integer(row, 2));
    if (seq < through_.first_seq) continue;
    AddTimes(rows.Integer(row, 3), rows.Integer(row, 3), pruned);
    if (counted_for_images_.insert(SegmentOf(segments, seq)).second) ++pruned.segments;
  }
  std::vector<PrunedImages> counts;
  for (const auto& [log, images] : by_epoch) counts.push_back({log.first, log.second, images});
  GATELOG_RETURN_IF_ERROR(CountPrunedImages(connection_, counts));
  return rows.rows();
}

absl::StatusOr<Pruner::Outcome> Pruner::DeleteImages(const PruneLimits& limits, Pruned& pruned) {
  if (!images_gone_) {
    GATELOG_ASSIGN_OR_RETURN(
        const int gone,
        DeleteImagesWhere("seq", static_cast<std::int64_t>(through_.first_seq), pruned));
    if (gone > 0) return Outcome::kDone;
    images_gone_ = true;
  }
  if (!limits.images_before) return Outcome::kNothing;
  GATELOG_ASSIGN_OR_RETURN(
      const int gone, DeleteImagesWhere("arrival_ms", Milliseconds(*limits.images_before), pruned));
  return gone > 0 ? Outcome::kDone : Outcome::kNothing;
}

absl::StatusOr<Pruner::Outcome> Pruner::RemoveHidden(const PruneLimits&, Pruned& pruned) {
  for (Hidden& hidden : hidden_) {
    if (!hidden.all_remembered) {
      GATELOG_ASSIGN_OR_RETURN(const Remembered done, RememberSome(connection_, hidden.segment,
                                                                   anchors_, hidden.remembered));
      if (done.records > 0) {
        changes_.remembered = hidden;
        changes_.remembered->remembered = done.through;
        changes_.remembered->all_remembered = done.all;
        return Outcome::kDone;
      }
      // By an earlier life.
      OnAllRemembered(hidden);
    }
    if (drops_refused_ < kDropTriesMax) return Drop(hidden.segment, pruned);
  }
  return Outcome::kNothing;
}

void Pruner::OnAllRemembered(Hidden& hidden) {
  hidden.all_remembered = true;
  // Whoever reads finds its records in the table of pruned ones from here on.
  segments_.Remove(hidden.segment);
  writer_.OnSegmentsChanged();
}

absl::StatusOr<Pruner::Outcome> Pruner::Drop(const Segment& segment, Pruned& pruned) {
  GATELOG_RETURN_IF_ERROR(connection_.Execute("SET LOCAL enable_seqscan = off"));
  GATELOG_ASSIGN_OR_RETURN(
      const Result counts,
      connection_.Query(absl::StrCat("DELETE FROM gatelog.count_hour WHERE ctid = ANY(ARRAY(SELECT "
                                     "ctid FROM gatelog.count_hour WHERE segment = $1 LIMIT ",
                                     kHourCountsPerStep, "))"),
                        Params().Add(static_cast<std::int64_t>(segment.first))));
  if (counts.changed() > 0) return Outcome::kDone;
  GATELOG_ASSIGN_OR_RETURN(const std::uint64_t bytes, BytesOf(connection_, segment));
  GATELOG_ASSIGN_OR_RETURN(const bool dropped, DropSegment(connection_, segment));
  if (!dropped) {
    ++drops_refused_;
    return Outcome::kRefused;
  }
  pruned.bytes += bytes;
  changes_.dropped = segment;
  return Outcome::kDone;
}

namespace {

// What is taken out of some events.
struct Erasing {
  std::uint64_t next_seq = 0;  // those before it tell of nobody then
  std::vector<std::int64_t> seqs = {};
  std::vector<std::string> payloads = {};
  std::vector<model::RecordKey> keys = {};
  std::vector<model::RecordKey> images = {};
  std::uint64_t image_bytes = 0;
};

// Looks at events of a segment, from `from` on.
absl::StatusOr<Erasing> FindTelling(Connection& connection, const Segment& segment,
                                    std::uint64_t from) {
  // A few of the segment: the planner must not read all of it for them.
  GATELOG_RETURN_IF_ERROR(connection.Execute(
      "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin "
      "= off; SET LOCAL enable_sort = off"));
  Params params;
  params.Add(static_cast<std::int64_t>(from)).Add(kEventsLookedAtMax);
  GATELOG_ASSIGN_OR_RETURN(
      const Result rows,
      connection.Query(absl::StrCat("SELECT e.seq, e.log_device, e.epoch, e.id, e.payload, "
                                    "octet_length(i.payload) FROM ",
                                    PartitionOf(segment),
                                    " AS e LEFT JOIN gatelog.image AS i ON i.log_device = "
                                    "e.log_device AND i.id = e.id::bigint AND i.epoch = e.epoch "
                                    "WHERE e.seq >= $1 ORDER BY e.seq LIMIT $2"),
                       params));
  Erasing found;
  found.next_seq = segment.end;
  if (rows.rows() == kEventsLookedAtMax) {
    found.next_seq = static_cast<std::uint64_t>(rows.Integer(rows.rows() - 1, 0)) + 1;
  }
  model::SplitEvent split;
  for (int row = 0; row < rows.rows(); ++row) {
    model::SplitPersonalPart(rows.Bytes(row, 4), split);
    if (split.personal_part.empty()) continue;
    if (found.seqs.size() == kErasedEventsMax || found.images.size() == kImagesPerStep) {
      found.next_seq = static_cast<std::uint64_t>(rows.Integer(row, 0));
      break;
    }
    const model::RecordKey key{static_cast<model::DeviceId>(rows.Integer(row, 1)),
                               static_cast<model::Epoch>(rows.Integer(row, 2)),
                               static_cast<model::EventId>(rows.Integer(row, 3))};
    found.seqs.push_back(rows.Integer(row, 0));
    found.payloads.push_back(split.public_part);
    found.keys.push_back(key);
    if (rows.IsNull(row, 5)) continue;
    found.images.push_back(key);
    found.image_bytes += static_cast<std::uint64_t>(rows.Integer(row, 5)) + kImageBytes;
  }
  return found;
}

absl::Status WriteErased(Connection& connection, const Segment& segment, const Erasing& erasing) {
  Params events;
  events.AddNumbers(erasing.seqs).AddBytesList(erasing.payloads).Add(kFlagErased);
  GATELOG_RETURN_IF_ERROR(
      connection
          .Query(absl::StrCat("UPDATE ", PartitionOf(segment),
                              " AS e SET person = NULL, temperature = 0, card = '', flags = flags "
                              "| $3::smallint, payload = u.payload FROM unnest($1::bigint[], "
                              "$2::bytea[]) AS u(seq, payload) WHERE e.seq = u.seq"),
                 events)
          .status());
  if (erasing.images.empty()) return absl::OkStatus();
  std::vector<std::uint32_t> devices;
  std::vector<std::int64_t> epochs;
  std::vector<std::int64_t> ids;
  std::map<std::pair<model::DeviceId, model::Epoch>, std::uint64_t> by_epoch;
  for (const model::RecordKey& key : erasing.images) {
    devices.push_back(key.log_device);
    epochs.push_back(key.epoch);
    ids.push_back(key.id);
    ++by_epoch[{key.log_device, key.epoch}];
  }
  Params images;
  images.AddOids(devices).AddNumbers(epochs).AddNumbers(ids);
  GATELOG_RETURN_IF_ERROR(
      connection
          .Query("DELETE FROM gatelog.image AS i USING unnest($1::oid[], $2::bigint[], "
                 "$3::bigint[]) AS u(log_device, epoch, id) WHERE i.log_device = u.log_device AND "
                 "i.epoch = u.epoch AND i.id = u.id",
                 images)
          .status());
  std::vector<PrunedImages> counts;
  for (const auto& [log, number] : by_epoch) counts.push_back({log.first, log.second, number});
  return CountPrunedImages(connection, counts);
}

}  // namespace

absl::StatusOr<Pruner::Outcome> Pruner::ErasePeople(const PruneLimits& limits, Pruned& pruned) {
  if (!limits.people_before) return Outcome::kNothing;
  const std::uint64_t from = std::max(through_.people_seq, through_.first_seq);
  for (const Segment& segment : segments_.All()) {
    if (segment.end <= from) continue;
    if (!IsBefore(segment, limits.people_before)) break;
    GATELOG_ASSIGN_OR_RETURN(const Erasing erasing, FindTelling(connection_, segment, from));
    changes_.through = through_;
    changes_.through->people_seq = erasing.next_seq;
    GATELOG_RETURN_IF_ERROR(SetMeta("people_seq", static_cast<std::int64_t>(erasing.next_seq)));
    if (erasing.next_seq == segment.end) {
      GATELOG_RETURN_IF_ERROR(SetMeta("people_sweep", 1));
      changes_.through->people_sweep = 1;
    }
    if (erasing.seqs.empty()) return Outcome::kDone;
    GATELOG_RETURN_IF_ERROR(WriteErased(connection_, segment, erasing));
    GATELOG_RETURN_IF_ERROR(SaveErasedAnchors(erasing.keys));
    pruned.people += erasing.seqs.size();
    pruned.images += erasing.images.size();
    pruned.bytes += erasing.image_bytes;
    AddTimes(segment.bounds.arrival_min, segment.bounds.arrival_max, pruned);
    if (counted_for_people_.insert(segment.first).second) ++pruned.segments;
    return Outcome::kDone;
  }
  return Outcome::kNothing;
}

absl::Status Pruner::SaveErasedAnchors(const std::vector<model::RecordKey>& erased) {
  std::map<model::DeviceId, std::vector<model::RecordKey>> by_log;
  for (const model::RecordKey& key : erased) by_log[key.log_device].push_back(key);
  for (const auto& [log_device, keys] : by_log) {
    std::optional<AnchorCache::Kept> kept = anchors_.Find(log_device);
    if (!kept) continue;
    std::set<model::EventId> ids;
    for (const model::RecordKey& key : keys) {
      // An anchor is of the newest epoch that has its ID.
      if (key.epoch == kept->epoch || key.id < kept->first) ids.insert(key.id);
    }
    writer_.erased_anchors().Mark(log_device, ids);
    Anchors cleaned = writer_.erased_anchors().Clean(log_device, kept->anchors);
    if (cleaned == kept->anchors) continue;
    kept->anchors = std::move(cleaned);
    changes_.anchors[log_device] = *std::move(kept);
  }
  return SaveAnchors(connection_, changes_.anchors);
}

absl::StatusOr<Pruner::Outcome> Pruner::SweepPeople(const PruneLimits&, Pruned&) {
  if (through_.people_sweep == 0) return Outcome::kNothing;
  const TailedSegments tailed = segments_.Tailed();
  const std::uint64_t from = std::max(through_.first_seq, through_.people_seq);
  std::int64_t partitions = 1;
  for (const Segment& segment : segments_.All()) {
    // One whose events neither memory nor an index can tell of: later.
    if (!segment.indexed && segment.first < tailed.first) return Outcome::kNothing;
    if (segment.end > from && segment.first < tailed.first) ++partitions;
  }
  const std::int64_t people_max =
      std::clamp<std::int64_t>(kPersonProbesPerStep / partitions, 1, kPeoplePerStep);
  GATELOG_ASSIGN_OR_RETURN(
      const Result known,
      connection_.Query("SELECT id FROM gatelog.person WHERE id >= $1::bigint ORDER BY id LIMIT "
                        "$2::bigint",
                        Params().Add(through_.people_sweep).Add(people_max)));
  const std::int64_t last = known.rows() == 0 ? 0 : known.Integer(known.rows() - 1, 0);
  changes_.through = through_;
  changes_.through->people_sweep = known.rows() < people_max ? 0 : last + 1;
  GATELOG_RETURN_IF_ERROR(SetMeta("people_sweep", changes_.through->people_sweep));
  std::vector<bool> in_memory(static_cast<std::size_t>(last) + 1);
  for (const Segment& segment : tailed.segments) segment.tail->MarkPeople(in_memory);
  std::vector<std::int64_t> people;
  for (int row = 0; row < known.rows(); ++row) {
    const std::int64_t person = known.Integer(row, 0);
    if (!in_memory[static_cast<std::size_t>(person)]) people.push_back(person);
  }
  if (people.empty()) return Outcome::kDone;
  // Few of each person's events: the planner must not read all of them for that.
  GATELOG_RETURN_IF_ERROR(connection_.Execute(
      "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL "
      "enable_mergejoin = off"));
  Params params;
  params.AddNumbers(people);
  params.Add(static_cast<std::int64_t>(from));
  params.Add(static_cast<std::int64_t>(tailed.first));
  GATELOG_ASSIGN_OR_RETURN(
      const Result gone,
      connection_.Query("DELETE FROM gatelog.person AS p WHERE p.id = ANY($1::bigint[]) AND NOT "
                        "EXISTS (SELECT 1 FROM gatelog.event AS e WHERE e.person = p.id AND e.seq "
                        ">= $2 AND e.seq < $3) AND NOT EXISTS (SELECT 1 FROM gatelog.image AS i "
                        "WHERE i.person = p.id) RETURNING p.user_id",
                        params));
  for (int row = 0; row < gone.rows(); ++row) {
    changes_.people_gone.emplace_back(gone.Bytes(row, 0));
  }
  return Outcome::kDone;
}

}  // namespace gatelog::postgres
