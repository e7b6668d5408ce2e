#include "store/postgres/segments.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"

namespace gatelog::postgres {
namespace {

// Of a partition; its number follows each name.
struct Index {
  const char* name;
  const char* columns;
};
constexpr Index kIndexes[] = {
    {"seq", "(seq)"},
    // The time is there for what is asked within hours or days: what lies outside is passed by in
    // the index.
    {"record", "(log_device, epoch, id, timestamp)"},
    {"person", "(person, seq) WHERE person IS NOT NULL"},
    {"code", "(code, seq, timestamp)"},
    // The others are found as the log's own.
    {"device", "(device, seq) WHERE device <> log_device"},
    // Of all of them, and yet for those alone who say so: a plan made for whatever times come would
    // take a time span for short, and this index for the best way to any event.
    {"time", "(timestamp) WHERE timestamp >= 0"},
    {"card", "(substring(card for 64)) WHERE card <> ''"},
};

// Each in a transaction of its own, so that none writes much at once for which commits would wait.
// Nobody writes the partition any more, so the locks that building takes hold nobody up.
absl::Status BuildIndexes(Connection& connection, const Segment& segment,
                          const std::stop_token& stop) {
  for (const Index& index : kIndexes) {
    const std::string columns = index.columns;
    const std::size_t end_of_columns = std::min(columns.find(" WHERE"), columns.size());
    GATELOG_RETURN_IF_ERROR(connection.Execute(
        absl::StrCat("CREATE INDEX IF NOT EXISTS event_", segment.first, "_", index.name, " ON ",
                     PartitionOf(segment), " ", columns.substr(0, end_of_columns),
                     " WITH (fillfactor = 100)", columns.substr(end_of_columns)),
        stop));
  }
  return connection.Execute(absl::StrCat("ANALYZE ", PartitionOf(segment)), stop);
}

constexpr char kSegmentColumns[] =
    "first_seq, end_seq, indexed::int, timestamp_min, timestamp_max, arrival_min, arrival_max, "
    "array_to_string(slice_min, ' '), array_to_string(slice_max, ' ')";

std::shared_ptr<const std::vector<Slice>> SlicesOf(std::string_view mins, std::string_view maxes) {
  const auto numbers = [](std::string_view text) {
    return std::vector<absl::string_view>(
        absl::StrSplit(absl::string_view(text.data(), text.size()), ' '));
  };
  const std::vector<absl::string_view> min = numbers(mins);
  const std::vector<absl::string_view> max = numbers(maxes);
  auto slices = std::make_shared<std::vector<Slice>>(std::min(min.size(), max.size()));
  for (std::size_t i = 0; i < slices->size(); ++i) {
    Slice& slice = (*slices)[i];
    if (absl::SimpleAtoi(min[i], &slice.timestamp_min) &&
        absl::SimpleAtoi(max[i], &slice.timestamp_max)) {
      continue;
    }
    return nullptr;
  }
  return slices;
}

Segment SegmentOfRow(const Result& rows, int row) {
  return {.first = static_cast<std::uint64_t>(rows.Integer(row, 0)),
          .end = static_cast<std::uint64_t>(rows.Integer(row, 1)),
          .indexed = rows.Integer(row, 2) != 0,
          .bounds = {.timestamp_min = rows.Integer(row, 3),
                     .timestamp_max = rows.Integer(row, 4),
                     .arrival_min = rows.Integer(row, 5),
                     .arrival_max = rows.Integer(row, 6)},
          .slices = SlicesOf(rows.Bytes(row, 7), rows.Bytes(row, 8))};
}

absl::StatusOr<Segment> WriteCounts(Connection& connection, const Segment& segment,
                                    const std::stop_token& stop) {
  GATELOG_ASSIGN_OR_RETURN(
      const Result rows,
      connection.Query(
          absl::StrCat(
              "WITH counted AS MATERIALIZED (SELECT (seq - ", segment.first, ") / ", kSliceEvents,
              " AS slice, timestamp / ", kHourSeconds,
              " AS hour, code, sub_code, count(*) AS events, min(timestamp) AS t0, max(timestamp) "
              "AS t1, min(arrival_ms) AS a0, max(arrival_ms) AS a1 FROM ",
              PartitionOf(segment),
              " GROUP BY 1, 2, 3, 4), "
              "written AS (INSERT INTO gatelog.count_hour SELECT ",
              segment.first,
              ", hour, code, sub_code, sum(events) FROM counted GROUP BY 2, 3, 4), "
              "sliced AS (SELECT slice, min(t0) AS t0, max(t1) AS t1, min(a0) AS a0, max(a1) "
              "AS a1 FROM counted GROUP BY 1) "
              "UPDATE gatelog.segment SET indexed = true, timestamp_min = b.t0, timestamp_max = "
              "b.t1, arrival_min = b.a0, arrival_max = b.a1, slice_min = b.mins, slice_max = "
              "b.maxes FROM (SELECT min(t0) AS t0, max(t1) AS t1, min(a0) AS a0, max(a1) AS a1, "
              "array_agg(t0 ORDER BY slice) AS mins, array_agg(t1 ORDER BY slice) AS maxes "
              "FROM sliced) AS b WHERE first_seq = ",
              segment.first, " RETURNING ", kSegmentColumns),
          {}, stop));
  if (rows.rows() == 1) return SegmentOfRow(rows, 0);
  return absl::DataLossError(absl::StrCat("The store in the ", connection.name(),
                                          " has lost the segment ", segment.first,
                                          "; restore a backup."));
}

}  // namespace

std::string PartitionOf(const Segment& segment) {
  return absl::StrCat("gatelog.event_", segment.first);
}

std::vector<Segment> Segments::All() const {
  MutexLock lock(mutex_);
  return segments_;
}

std::vector<Segment> Segments::Between(std::uint64_t first, std::uint64_t last) const {
  MutexLock lock(mutex_);
  std::vector<Segment> found;
  for (const Segment& segment : segments_) {
    if (segment.end > first && segment.first <= last) found.push_back(segment);
  }
  return found;
}

TailedSegments Segments::Tailed() const {
  MutexLock lock(mutex_);
  TailedSegments tailed;
  for (auto segment = segments_.rbegin(); segment != segments_.rend(); ++segment) {
    if (segment->tail == nullptr) break;
    tailed.first = segment->first;
    tailed.segments.push_back(*segment);
  }
  return tailed;
}

std::vector<TailEvent> TailedSegments::Find(model::DeviceId log_device, model::Epoch epoch,
                                            model::EventId first_id, model::EventId last_id,
                                            std::size_t limit) const {
  ports::EventFilter filter{.log_devices = {log_device}};
  if (epoch != 0) filter.epoch = epoch;
  filter.first_id = first_id;
  filter.last_id = last_id;
  std::vector<TailEvent> found;
  for (const Segment& segment : segments) {
    constexpr bool kNewestFirst = true;
    for (const std::size_t place :
         segment.tail->Search({filter, {}}, 0, segment.end - segment.first - 1, kNewestFirst,
                              limit - found.size())) {
      found.push_back(segment.tail->At(place));
    }
    if (found.size() == limit) break;
  }
  return found;
}

std::optional<Segment> Segments::NextToIndex(std::uint64_t last_seq) const {
  MutexLock lock(mutex_);
  for (const Segment& segment : segments_) {
    if (!segment.indexed && segment.end <= last_seq + 1) return segment;
  }
  return std::nullopt;
}

void Segments::Reset(std::vector<Segment> segments) {
  MutexLock lock(mutex_);
  segments_ = std::move(segments);
}

void Segments::Add(Segment segment) {
  MutexLock lock(mutex_);
  segments_.push_back(std::move(segment));
  if (segments_.size() > kTailsMax) segments_[segments_.size() - 1 - kTailsMax].tail.reset();
}

void Segments::SetIndexed(const Segment& segment) {
  MutexLock lock(mutex_);
  for (Segment& known : segments_) {
    if (known.first == segment.first) known = segment;
  }
}

void Segments::Close(std::uint64_t end) {
  MutexLock lock(mutex_);
  if (!segments_.empty()) segments_.back().end = end;
}

void Segments::Remove(const Segment& segment) {
  MutexLock lock(mutex_);
  std::erase_if(segments_, [&](const Segment& known) { return known.first == segment.first; });
}

absl::StatusOr<std::vector<Segment>> ReadSegments(Connection& connection) {
  GATELOG_ASSIGN_OR_RETURN(const Result rows, connection.Query(absl::StrCat(
                                                  "SELECT ", kSegmentColumns,
                                                  " FROM gatelog.segment ORDER BY first_seq")));
  std::vector<Segment> segments;
  segments.reserve(static_cast<std::size_t>(rows.rows()));
  for (int row = 0; row < rows.rows(); ++row) segments.push_back(SegmentOfRow(rows, row));
  return segments;
}

absl::StatusOr<std::shared_ptr<const Tail>> LoadTail(Connection& connection, const Segment& segment,
                                                     std::size_t payload_bytes_max) {
  constexpr int kPerQuery = 16'384;
  auto tail = std::make_shared<Tail>(segment.end - segment.first, payload_bytes_max);
  const std::string sql = absl::StrCat(
      "SELECT arrival_ms, log_device, epoch, id, timestamp, device, entity, temperature, "
      "coalesce(person, 0), code, sub_code, tna_key, flags, phase, payload FROM ",
      PartitionOf(segment), " ORDER BY seq");
  Transaction transaction(connection);
  GATELOG_RETURN_IF_ERROR(transaction.Begin("READ ONLY"));
  GATELOG_RETURN_IF_ERROR(connection.Execute(absl::StrCat(
      "SET LOCAL work_mem = '128MB'; DECLARE tail BINARY NO SCROLL CURSOR FOR ", sql)));
  const std::string fetch = absl::StrCat("FETCH ", kPerQuery, " FROM tail");
  std::vector<TailEvent> events;
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const Result rows, connection.Query(fetch));
    events.clear();
    for (int row = 0; row < rows.rows(); ++row) {
      const auto number = [&](int column) {
        return static_cast<std::uint32_t>(rows.Integer(row, column));
      };
      events.push_back({.arrival_ms = rows.Integer(row, 0),
                        .log_device = number(1),
                        .epoch = number(2),
                        .id = number(3),
                        .timestamp = number(4),
                        .device = number(5),
                        .entity = number(6),
                        .temperature = number(7),
                        .person = static_cast<std::int32_t>(number(8)),
                        .code = static_cast<std::uint16_t>(number(9)),
                        .sub_code = static_cast<std::uint8_t>(number(10)),
                        .tna_key = static_cast<std::uint8_t>(number(11)),
                        .flags = static_cast<std::uint8_t>(number(12)),
                        .phase = static_cast<std::uint8_t>(number(13)),
                        .payload = rows.Bytes(row, 14)});
    }
    if (events.empty()) break;
    tail->Add(events);
  }
  return tail;
}

absl::Status CreateSegment(Connection& connection, const Segment& segment) {
  const std::string table = PartitionOf(segment);
  // Attached, not created as a partition: that would wait for everybody who reads the others.
  return connection.Execute(absl::StrCat(
      "CREATE TABLE ", table, " (LIKE gatelog.event);",
      "ALTER TABLE gatelog.event ATTACH PARTITION ", table, " FOR VALUES FROM (", segment.first,
      ") TO (", segment.end, "); INSERT INTO gatelog.segment (first_seq, end_seq) VALUES (",
      segment.first, ", ", segment.end, ")"));
}

namespace {

absl::StatusOr<bool> ChangeTable(Connection& connection, const std::string& sql) {
  constexpr char kLockTimeout[] = "55P03";
  const absl::Status changed =
      connection.Execute(absl::StrCat("SET LOCAL lock_timeout = ", kTableWait_ms, "; ", sql));
  if (changed.ok()) return true;
  if (connection.alive() && connection.last_error() == kLockTimeout) return false;
  return changed;
}

}  // namespace

absl::StatusOr<bool> CloseSegment(Connection& connection, const Segment& segment,
                                  std::uint64_t end) {
  const std::string table = PartitionOf(segment);
  return ChangeTable(connection, absl::StrCat("ALTER TABLE gatelog.event DETACH PARTITION ", table,
                                              "; ALTER TABLE gatelog.event ATTACH PARTITION ",
                                              table, " FOR VALUES FROM (", segment.first, ") TO (",
                                              end, "); UPDATE gatelog.segment SET end_seq = ", end,
                                              " WHERE first_seq = ", segment.first));
}

absl::StatusOr<bool> DropSegment(Connection& connection, const Segment& segment) {
  return ChangeTable(
      connection, absl::StrCat("DROP TABLE IF EXISTS ", PartitionOf(segment),
                               "; DELETE FROM gatelog.segment WHERE first_seq = ", segment.first));
}

absl::StatusOr<std::uint64_t> BytesOf(Connection& connection, const Segment& segment) {
  GATELOG_ASSIGN_OR_RETURN(
      const std::int64_t bytes,
      connection.QueryInteger(absl::StrCat(
          "SELECT coalesce(sum(pg_relation_size(oid)), 0)::bigint FROM (SELECT to_regclass('",
          PartitionOf(segment),
          "')::oid AS oid UNION ALL SELECT indexrelid FROM pg_index WHERE indrelid = "
          "to_regclass('",
          PartitionOf(segment), "')) AS relation")));
  return static_cast<std::uint64_t>(bytes);
}

absl::StatusOr<Segment> IndexSegment(Connection& connection, const Segment& segment,
                                     const std::stop_token& stop) {
  GATELOG_RETURN_IF_ERROR(
      connection.Execute("SET maintenance_work_mem = '128MB'; SET default_statistics_target = 20"));
  GATELOG_RETURN_IF_ERROR(BuildIndexes(connection, segment, stop));
  Transaction transaction(connection);
  GATELOG_RETURN_IF_ERROR(transaction.Begin());
  GATELOG_RETURN_IF_ERROR(connection.Execute("SET LOCAL work_mem = '32MB'"));
  GATELOG_ASSIGN_OR_RETURN(
      const Result known,
      connection.Query(absl::StrCat("SELECT ", kSegmentColumns,
                                    " FROM gatelog.segment WHERE first_seq = $1 FOR UPDATE"),
                       Params().Add(static_cast<std::int64_t>(segment.first)), stop));
  if (known.rows() == 1) {
    Segment found = SegmentOfRow(known, 0);
    if (found.indexed) return found;  // by an earlier life
  }
  GATELOG_ASSIGN_OR_RETURN(Segment indexed, WriteCounts(connection, segment, stop));
  GATELOG_RETURN_IF_ERROR(transaction.Commit());
  return indexed;
}

}  // namespace gatelog::postgres
