#include "store/postgres/event_writer.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "ports/batch_check.h"

namespace gatelog::postgres {
namespace {

constexpr int kEventColumns = 17;
constexpr char kEventColumnNames[] =
    "seq, arrival_ms, timestamp, log_device, epoch, id, device, entity, temperature, code, person, "
    "sub_code, tna_key, flags, phase, card, payload";

bool OpensEpoch(const ports::Batch& batch) { return batch.after.epoch != batch.expected_epoch; }

std::uint8_t FlagsOf(const model::Event& event) {
  return static_cast<std::uint8_t>((event.has_image ? kFlagHasImage : 0) |
                                   (event.changed_on_device ? kFlagChangedOnDevice : 0));
}

// The columns that hold these numbers are narrower than the port's.
absl::Status CheckWidths(const ports::Batch& batch) {
  if (batch.after.epoch > std::numeric_limits<std::int32_t>::max()) {
    return absl::InvalidArgumentError(
        absl::StrCat("Log device ", batch.log_device, " has had too many epochs."));
  }
  for (const model::Event& event : batch.events) {
    if (event.code > std::numeric_limits<std::uint16_t>::max() ||
        event.sub_code > std::numeric_limits<std::uint8_t>::max() ||
        event.tna_key > std::numeric_limits<std::uint8_t>::max()) {
      return absl::InvalidArgumentError(absl::StrCat("Event ", event.id, " of log device ",
                                                     batch.log_device,
                                                     " has a code or key that no device has."));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckFence(const ports::Batch& batch, const LogPosition& position) {
  if (position.epoch == batch.expected_epoch && position.next == batch.expected_next) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat("Log device ", batch.log_device, " stands at epoch ", position.epoch,
                   ", next ID ", position.next, ", not at epoch ", batch.expected_epoch,
                   ", next ID ", batch.expected_next, "."));
}

TailEvent TailEventOf(const ports::Batch& batch, const model::Event& event, std::int32_t person) {
  return {.arrival_ms = batch.arrival.time_since_epoch().count(),
          .log_device = batch.log_device,
          .epoch = batch.after.epoch,
          .id = event.id,
          .timestamp = event.timestamp,
          .device = event.device,
          .entity = event.entity_id,
          .temperature = event.temperature,
          .person = person,
          .code = static_cast<std::uint16_t>(event.code),
          .sub_code = static_cast<std::uint8_t>(event.sub_code),
          .tna_key = static_cast<std::uint8_t>(event.tna_key),
          .flags = FlagsOf(event),
          .phase = static_cast<std::uint8_t>(event.id < batch.live_from ? ports::Phase::kBacklog
                                                                        : ports::Phase::kLive),
          .payload = event.payload};
}

void AddEventRow(std::uint64_t seq, const TailEvent& header, const model::Event& event,
                 BinaryRows& rows) {
  rows.BeginRow(kEventColumns);
  rows.AddInt64(static_cast<std::int64_t>(seq));
  rows.AddInt64(header.arrival_ms);
  rows.AddInt64(header.timestamp);
  rows.AddInt32(header.log_device);
  rows.AddInt32(header.epoch);
  rows.AddInt32(header.id);
  rows.AddInt32(header.device);
  rows.AddInt32(header.entity);
  rows.AddInt32(header.temperature);
  rows.AddInt32(header.code);
  if (header.person == 0) {
    rows.AddNull();
  } else {
    rows.AddInt32(header.person);
  }
  rows.AddInt16(header.sub_code);
  rows.AddInt16(header.tna_key);
  rows.AddInt16(header.flags);
  rows.AddInt16(header.phase);
  rows.AddBytes(model::CardNumber(event.payload));
  rows.AddBytes(event.payload);
}

}  // namespace

absl::Status EventWriter::Load(std::uint64_t last_seq) {
  GATELOG_ASSIGN_OR_RETURN(positions_, ReadPositions(connection_));
  anchors_.Set({});
  GATELOG_ASSIGN_OR_RETURN(const std::vector<ports::LogState> states,
                           ReadLogStates(connection_, anchors_));
  AnchorCache::Logs anchors;
  for (const ports::LogState& state : states) {
    anchors[state.log_device] = {state.epoch, state.next, state.anchors, state.epoch_first};
  }
  erased_anchors_.Load(anchors);
  anchors_.Set(std::move(anchors));
  committed_seq_ = last_seq_ = last_seq;
  const std::vector<Segment> segments = segments_.All();
  open_ = segments.empty() ? Segment{} : segments.back();
  OnRolledBack();
  return people_.Load();
}

std::vector<EventWriter::Accepted> EventWriter::Accept(std::span<const ports::Batch> batches,
                                                       std::vector<absl::Status>& refusals) {
  std::vector<Accepted> accepted;
  std::unordered_map<model::DeviceId, LogPosition> moved;  // by this commit
  refusals.assign(batches.size(), absl::OkStatus());
  for (std::size_t i = 0; i < batches.size(); ++i) {
    const ports::Batch& batch = batches[i];
    LogPosition position;
    if (const auto known = positions_.find(batch.log_device); known != positions_.end()) {
      position = known->second;
    }
    if (const auto now = moved.find(batch.log_device); now != moved.end()) position = now->second;
    refusals[i] = ports::CheckBatch(batch);
    if (refusals[i].ok()) refusals[i] = CheckWidths(batch);
    if (refusals[i].ok()) refusals[i] = CheckFence(batch, position);
    if (!refusals[i].ok()) continue;
    accepted.push_back({&batch, position});
    moved[batch.log_device] = {batch.after.epoch, batch.after.next, batch.after.generation};
  }
  return accepted;
}

void EventWriter::Collect(const std::vector<Accepted>& accepted) {
  updates_.clear();
  new_anchors_.clear();
  std::unordered_map<model::DeviceId, std::size_t> places;
  for (const auto& [batch, before] : accepted) {
    const auto [place, added] = places.try_emplace(batch->log_device, updates_.size());
    if (added) updates_.push_back({.before = before});
    LogUpdate& update = updates_[place->second];
    update.after = &batch->after;
    CollectAnchors(*batch, update);
    if (OpensEpoch(*batch)) {
      update.opened = true;
      update.images_absent += std::exchange(update.images_unsettled, 0);
    }
    update.events += batch->events.size();
    for (const model::Event& event : batch->events) {
      if (!event.has_image) continue;
      ++update.images_wanted;
      ++update.images_unsettled;
    }
    update.gaps += batch->gaps.size();
    for (const model::Gap& gap : batch->gaps) {
      update.missing += std::uint64_t{gap.last} - gap.first + 1;
    }
  }
}

void EventWriter::CollectAnchors(const ports::Batch& batch, LogUpdate& update) {
  const auto [place, first] = new_anchors_.try_emplace(batch.log_device);
  AnchorCache::Kept& kept = place->second;
  if (first) {
    std::optional<AnchorCache::Kept> known = anchors_.Find(batch.log_device);
    update.saves_anchors = !known;
    if (known) kept = *std::move(known);
  }
  const Anchors found = AnchorsAfter(kept.anchors, batch);
  Anchors after = erased_anchors_.Clean(batch.log_device, batch.after.anchors);
  // Each log in its turn, so that no commit writes those of all.
  const auto turn = [&](model::EventId next) {
    return (std::uint64_t{next} + batch.log_device) / model::kAnchorCount;
  };
  if (OpensEpoch(batch) || found != after || turn(batch.expected_next) != turn(batch.after.next)) {
    update.saves_anchors = true;
  }
  kept = {batch.after.epoch, batch.after.next, std::move(after), batch.after.epoch_first};
  update.anchors = &kept.anchors;
}

// Where an epoch opens, anchors may come from the device, of any record that it still holds from
// before: also of one whose event was pruned, or tells of nobody any more.
absl::Status EventWriter::MarkShownAgain(const std::vector<Accepted>& accepted) {
  std::vector<std::uint32_t> devices;
  std::vector<std::uint32_t> ids;
  for (const Accepted& one : accepted) {
    const ports::Batch& batch = *one.batch;
    if (!OpensEpoch(batch) || batch.expected_epoch == 0) continue;
    for (const model::Anchor& anchor : batch.after.anchors) {
      if (anchor.id >= batch.after.epoch_first) continue;
      devices.push_back(batch.log_device);
      ids.push_back(anchor.id);
    }
  }
  if (ids.empty()) return absl::OkStatus();
  GATELOG_ASSIGN_OR_RETURN(
      const Result rows,
      connection_.Query(kShownAgainQuery, Params().AddOids(devices).AddOids(ids)));
  for (int row = 0; row < rows.rows(); ++row) {
    erased_anchors_.Mark(static_cast<model::DeviceId>(rows.Integer(row, 0)),
                         {static_cast<model::EventId>(rows.Integer(row, 1))});
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> EventWriter::Write(std::span<const ports::Batch> batches,
                                        std::vector<absl::Status>& refusals) {
  std::vector<Accepted> accepted = Accept(batches, refusals);
  if (std::any_of(refusals.begin(), refusals.end(), absl::IsFailedPrecondition)) {
    // What is refused, is by what the store holds.
    GATELOG_ASSIGN_OR_RETURN(positions_, ReadPositions(connection_));
    accepted = Accept(batches, refusals);
  }
  if (accepted.empty()) return false;
  GATELOG_RETURN_IF_ERROR(MarkShownAgain(accepted));
  Collect(accepted);
  GATELOG_RETURN_IF_ERROR(FindPeople(accepted));
  GATELOG_RETURN_IF_ERROR(WriteEvents(accepted));
  GATELOG_RETURN_IF_ERROR(WriteEpochs(accepted));
  GATELOG_RETURN_IF_ERROR(WriteGaps(accepted));
  GATELOG_ASSIGN_OR_RETURN(const bool fenced, WriteLogs(connection_, updates_));
  if (fenced) return true;
  return absl::AbortedError(
      absl::StrCat("Somebody else has written to the store in the ", connection_.name(), "."));
}

absl::Status EventWriter::FindPeople(const std::vector<Accepted>& accepted) {
  std::vector<std::string> unknown;
  event_people_.clear();
  for (const Accepted& one : accepted) {
    for (const model::Event& event : one.batch->events) {
      event_people_.push_back(event.user_id.empty() ? 0 : people_.NumberOf(event.user_id));
      if (event_people_.back() == 0 && !event.user_id.empty()) unknown.push_back(event.user_id);
    }
  }
  if (unknown.empty()) return absl::OkStatus();
  GATELOG_RETURN_IF_ERROR(people_.Learn(std::move(unknown)));
  auto person = event_people_.begin();
  for (const Accepted& one : accepted) {
    for (const model::Event& event : one.batch->events) {
      if (*person == 0 && !event.user_id.empty()) *person = people_.NumberOf(event.user_id);
      ++person;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Segment> EventWriter::OpenSegment() {
  if (last_seq_ + 1 < open_.end) return open_;
  open_ = {.first = last_seq_ + 1, .end = last_seq_ + 1 + segment_events_};
  GATELOG_RETURN_IF_ERROR(CreateSegment(connection_, open_));
  open_.tail = std::make_shared<Tail>(segment_events_, tail_payload_bytes_);
  new_segments_.push_back(open_);
  return open_;
}

absl::Status EventWriter::WriteEvents(const std::vector<Accepted>& accepted) {
  // The server takes rows while more are made.
  constexpr std::size_t kSentBytes = 64 * 1024;
  BinaryRows rows;
  std::optional<Segment> segment;
  auto person = event_people_.begin();
  const auto finish = [&]() -> absl::Status {
    if (!segment) return absl::OkStatus();
    GATELOG_RETURN_IF_ERROR(connection_.SendCopy(rows.Finish()));
    return connection_.EndCopy();
  };
  for (const Accepted& one : accepted) {
    for (const model::Event& event : one.batch->events) {
      if (!segment || last_seq_ + 1 == segment->end) {
        GATELOG_RETURN_IF_ERROR(finish());
        GATELOG_ASSIGN_OR_RETURN(segment, OpenSegment());
        GATELOG_RETURN_IF_ERROR(
            connection_.BeginCopy(absl::StrCat("COPY ", PartitionOf(*segment), " (",
                                               kEventColumnNames, ") FROM STDIN (FORMAT binary)")));
        rows = BinaryRows();
        tail_rows_.push_back({std::const_pointer_cast<Tail>(segment->tail), {}});
      }
      const TailEvent header = TailEventOf(*one.batch, event, *person++);
      AddEventRow(++last_seq_, header, event, rows);
      tail_rows_.back().events.push_back(header);
      if (rows.bytes().size() < kSentBytes) continue;
      GATELOG_RETURN_IF_ERROR(connection_.SendCopy(rows.bytes()));
      rows.Clear();
    }
  }
  return finish();
}

absl::Status EventWriter::WriteEpochs(const std::vector<Accepted>& accepted) {
  std::vector<model::DeviceId> devices;
  constexpr std::size_t kOfOpened = 4;  // columns; the others are of the epoch that ends
  std::array<std::vector<std::int64_t>, 7> columns;
  for (const auto& [batch, before] : accepted) {
    if (!OpensEpoch(*batch)) continue;
    devices.push_back(batch->log_device);
    const std::array<std::int64_t, columns.size()> row = {
        batch->after.epoch,
        batch->after.epoch_first,
        static_cast<std::int64_t>(batch->after.generation),
        batch->arrival.time_since_epoch().count(),
        batch->expected_epoch,
        before.next,
        static_cast<std::int64_t>(before.generation)};
    for (std::size_t i = 0; i < row.size(); ++i) columns[i].push_back(row[i]);
  }
  if (devices.empty()) return absl::OkStatus();
  Params opened;
  opened.AddOids(devices);
  for (std::size_t i = 0; i < kOfOpened; ++i) opened.AddNumbers(columns[i]);
  GATELOG_RETURN_IF_ERROR(
      connection_
          .Query("INSERT INTO gatelog.epoch (log_device, epoch, first, generation, opened_ms) "
                 "SELECT * FROM unnest($1::oid[], $2::bigint[], $3::bigint[], $4::bigint[], "
                 "$5::bigint[])",
                 opened)
          .status());
  // The epochs that end keep where they stood; one may have been opened just now.
  Params ended;
  ended.AddOids(devices);
  for (std::size_t i = kOfOpened; i < columns.size(); ++i) ended.AddNumbers(columns[i]);
  return connection_
      .Query(
          "UPDATE gatelog.epoch AS e SET next = u.next, generation = u.generation FROM "
          "unnest($1::oid[], $2::bigint[], $3::bigint[], $4::bigint[]) AS u(log_device, epoch, "
          "next, generation) WHERE e.log_device = u.log_device AND e.epoch = u.epoch",
          ended)
      .status();
}

absl::Status EventWriter::WriteGaps(const std::vector<Accepted>& accepted) {
  std::vector<model::DeviceId> devices;
  std::array<std::vector<std::int64_t>, 5> columns;
  std::vector<std::string_view> raw;
  for (const Accepted& one : accepted) {
    for (const model::Gap& gap : one.batch->gaps) {
      devices.push_back(gap.log_device);
      const std::array<std::int64_t, columns.size()> row = {gap.epoch, gap.first, gap.last,
                                                            static_cast<int>(gap.reason),
                                                            gap.found.time_since_epoch().count()};
      for (std::size_t i = 0; i < row.size(); ++i) columns[i].push_back(row[i]);
      raw.push_back(gap.raw);
    }
  }
  if (devices.empty()) return absl::OkStatus();
  Params params;
  params.AddOids(devices);
  for (const std::vector<std::int64_t>& column : columns) params.AddNumbers(column);
  params.AddBytesList(std::span<const std::string_view>(raw));
  return connection_
      .Query(
          "INSERT INTO gatelog.gap (log_device, epoch, first, last, reason, found_ms, raw) "
          "SELECT * FROM unnest($1::oid[], $2::bigint[], $3::bigint[], $4::bigint[], "
          "$5::bigint[], $6::bigint[], $7::bytea[])",
          params)
      .status();
}

void EventWriter::OnCommitted() {
  for (const LogUpdate& update : updates_) {
    const ports::LogState& after = *update.after;
    positions_[after.log_device] = {after.epoch, after.next, after.generation};
  }
  anchors_.Add(std::move(new_anchors_));
  // The list of segments first, so that whoever sees an event finds its segment.
  for (const Segment& segment : new_segments_) segments_.Add(segment);
  for (const TailRows& rows : tail_rows_) {
    if (rows.tail) rows.tail->Add(rows.events);
  }
  committed_seq_ = last_seq_;
  people_.OnCommitted();
  OnRolledBack();
}

void EventWriter::OnRolledBack() {
  people_.OnRolledBack();
  new_anchors_.clear();
  updates_.clear();
  tail_rows_.clear();
  new_segments_.clear();
  last_seq_ = committed_seq_;
  OnSegmentsChanged();
}

void EventWriter::OnSegmentsChanged() {
  const std::vector<Segment> segments = segments_.All();
  open_ = segments.empty() ? Segment{} : segments.back();
}

}  // namespace gatelog::postgres
