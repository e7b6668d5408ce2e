#include "store/postgres/segments.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace gatelog::postgres {

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

absl::StatusOr<std::vector<Segment>> ReadSegments(Connection& connection) {
  GATELOG_ASSIGN_OR_RETURN(
      const Result rows,
      connection.Query("SELECT first_seq, end_seq, indexed::int, timestamp_min, timestamp_max, "
                       "arrival_min, arrival_max FROM gatelog.segment ORDER BY first_seq"));
  std::vector<Segment> segments;
  for (int row = 0; row < rows.rows(); ++row) {
    segments.push_back({.first = static_cast<std::uint64_t>(rows.Integer(row, 0)),
                        .end = static_cast<std::uint64_t>(rows.Integer(row, 1)),
                        .indexed = rows.Integer(row, 2) != 0,
                        .timestamp_min = rows.Integer(row, 3),
                        .timestamp_max = rows.Integer(row, 4),
                        .arrival_min = rows.Integer(row, 5),
                        .arrival_max = rows.Integer(row, 6)});
  }
  return segments;
}

absl::StatusOr<std::shared_ptr<const Tail>> LoadTail(Connection& connection,
                                                     const Segment& segment) {
  constexpr std::uint64_t kPerQuery = 65'536;
  auto tail = std::make_shared<Tail>(segment.end - segment.first);
  const std::string sql = absl::StrCat(
      "SELECT arrival_ms, log_device, epoch, id, timestamp, device, entity, temperature, "
      "coalesce(person, 0), code, sub_code, tna_key, flags, phase FROM ",
      PartitionOf(segment), " WHERE seq >= $1::bigint AND seq < $2::bigint ORDER BY seq");
  std::vector<TailEvent> events;
  for (std::uint64_t from = segment.first; from < segment.end; from += kPerQuery) {
    const std::uint64_t to = std::min(from + kPerQuery, segment.end);
    GATELOG_ASSIGN_OR_RETURN(
        const Result rows,
        connection.Query(
            sql, Params().Add(static_cast<std::int64_t>(from)).Add(static_cast<std::int64_t>(to))));
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
                        .phase = static_cast<std::uint8_t>(number(13))});
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
      "CREATE TABLE ", table,
      " (LIKE gatelog.event, PRIMARY KEY (seq), UNIQUE (log_device, epoch, id));",
      "ALTER TABLE gatelog.event ATTACH PARTITION ", table, " FOR VALUES FROM (", segment.first,
      ") TO (", segment.end, "); INSERT INTO gatelog.segment (first_seq, end_seq) VALUES (",
      segment.first, ", ", segment.end, ")"));
}

absl::StatusOr<Segment> IndexSegment(Connection& connection, const Segment& segment,
                                     const std::stop_token& stop) {
  const std::string table = PartitionOf(segment);
  const std::string on = absl::StrCat(" ON ", table, " ");
  Transaction transaction(connection);
  GATELOG_RETURN_IF_ERROR(transaction.Begin());
  GATELOG_RETURN_IF_ERROR(connection.Execute(absl::StrCat(
      "SELECT 1 FROM gatelog.segment WHERE first_seq = ", segment.first, " FOR UPDATE")));
  GATELOG_ASSIGN_OR_RETURN(const std::vector<Segment> known, ReadSegments(connection));
  for (const Segment& one : known) {
    if (one.first == segment.first && one.indexed) return one;  // by an earlier life
  }
  // Nobody writes this partition any more, so the locks that building takes hold nobody up.
  GATELOG_RETURN_IF_ERROR(connection.Execute(
      absl::StrCat("SET LOCAL maintenance_work_mem = '128MB'; SET LOCAL work_mem = '32MB';",
                   "CREATE INDEX", on, "(person, seq) WHERE person IS NOT NULL;", "CREATE INDEX",
                   on, "(code, seq);", "CREATE INDEX", on, "(device, seq);", "CREATE INDEX", on,
                   "(timestamp);", "CREATE INDEX", on, "(substring(card for 64)) WHERE card <> '';",
                   "ANALYZE ", table),
      stop));
  GATELOG_RETURN_IF_ERROR(connection.Execute(
      absl::StrCat("INSERT INTO gatelog.count_hour SELECT ", segment.first, ", timestamp / ",
                   kHourSeconds, ", code, sub_code, count(*) FROM ", table, " GROUP BY 2, 3, 4"),
      stop));
  GATELOG_ASSIGN_OR_RETURN(
      const Result bounds,
      connection.Query(absl::StrCat("UPDATE gatelog.segment SET indexed = true, timestamp_min = "
                                    "b.t0, timestamp_max = b.t1, arrival_min = b.a0, arrival_max = "
                                    "b.a1 FROM (SELECT min(timestamp) AS t0, max(timestamp) AS t1, "
                                    "min(arrival_ms) AS a0, max(arrival_ms) AS a1 FROM ",
                                    table, ") AS b WHERE first_seq = ", segment.first,
                                    " RETURNING b.t0, b.t1, b.a0, b.a1")));
  GATELOG_RETURN_IF_ERROR(transaction.Commit());
  Segment indexed{.first = segment.first, .end = segment.end, .indexed = true};
  indexed.timestamp_min = bounds.Integer(0, 0);
  indexed.timestamp_max = bounds.Integer(0, 1);
  indexed.arrival_min = bounds.Integer(0, 2);
  indexed.arrival_max = bounds.Integer(0, 3);
  return indexed;
}

}  // namespace gatelog::postgres
