#include "store/postgres/prune_preview.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/personal_part.h"
#include "store/postgres/pruner.h"
#include "store/postgres/segments.h"

namespace gatelog::postgres {
namespace {

constexpr int kEventsPerPage = 10'000;

std::int64_t BeforeOf(const std::optional<Timestamp>& limit) {
  return limit ? limit->time_since_epoch().count() : std::numeric_limits<std::int64_t>::min();
}

// What the steps of a Pruner would do, added up.
class Preview {
 public:
  Preview(Connection& connection, const ports::PruneLimits& limits)
      : connection_(connection), limits_(limits) {}

  absl::StatusOr<ports::Pruned> Run();

 private:
  absl::Status AddEvents(const std::vector<Segment>& segments);
  absl::Status AddImages();
  absl::Status AddPeople(const Segment& segment, std::uint64_t from);

  Connection& connection_;
  const ports::PruneLimits& limits_;
  std::uint64_t first_seq_ = 1;  // after it
  ports::Pruned pruned_;
};

absl::Status Preview::AddEvents(const std::vector<Segment>& segments) {
  for (const Segment& segment : segments) {
    if (segment.first < first_seq_) continue;
    if (!segment.indexed || segment.bounds.arrival_max >= BeforeOf(limits_.events_before)) break;
    GATELOG_ASSIGN_OR_RETURN(const std::uint64_t bytes, BytesOf(connection_, segment));
    first_seq_ = segment.end;
    ++pruned_.segments;
    pruned_.events += segment.end - segment.first;
    pruned_.bytes += bytes;
    AddTimes(segment.bounds.arrival_min, segment.bounds.arrival_max, pruned_);
  }
  return absl::OkStatus();
}

absl::Status Preview::AddImages() {
  Params params;
  params.Add(static_cast<std::int64_t>(first_seq_)).Add(BeforeOf(limits_.images_before));
  GATELOG_ASSIGN_OR_RETURN(
      const Result rows,
      connection_.Query(
          "SELECT count(*), coalesce(sum(octet_length(payload)), 0)::bigint, count(DISTINCT "
          "(SELECT coalesce(max(s.first_seq), 0) FROM gatelog.segment AS s WHERE s.first_seq <= "
          "i.seq)) FILTER (WHERE seq >= $1), min(arrival_ms) FILTER (WHERE seq >= $1), "
          "max(arrival_ms) FILTER (WHERE seq >= $1) FROM gatelog.image AS i WHERE seq < $1 OR "
          "arrival_ms < $2",
          params));
  const auto images = static_cast<std::uint64_t>(rows.Integer(0, 0));
  pruned_.images += images;
  pruned_.bytes += static_cast<std::uint64_t>(rows.Integer(0, 1)) + images * kImageBytes;
  if (rows.IsNull(0, 3)) return absl::OkStatus();
  pruned_.segments += static_cast<std::uint64_t>(rows.Integer(0, 2));
  AddTimes(rows.Integer(0, 3), rows.Integer(0, 4), pruned_);
  return absl::OkStatus();
}

absl::Status Preview::AddPeople(const Segment& segment, std::uint64_t from) {
  std::uint64_t people = 0;
  model::SplitEvent split;
  for (std::uint64_t seq = std::max(from, segment.first); seq < segment.end;) {
    Params params;
    params.Add(static_cast<std::int64_t>(seq)).Add(kEventsPerPage);
    params.Add(static_cast<std::int64_t>(first_seq_)).Add(BeforeOf(limits_.images_before));
    GATELOG_ASSIGN_OR_RETURN(
        const Result rows,
        connection_.Query(
            absl::StrCat("SELECT e.seq, e.payload, octet_length(i.payload) FROM ",
                         PartitionOf(segment),
                         " AS e LEFT JOIN gatelog.image AS i ON i.log_device = e.log_device AND "
                         "i.id = e.id::bigint AND i.epoch = e.epoch AND i.seq >= $3 AND "
                         "i.arrival_ms >= $4 WHERE e.seq >= $1 ORDER BY e.seq LIMIT $2"),
            params));
    if (rows.rows() == 0) break;
    for (int row = 0; row < rows.rows(); ++row) {
      model::SplitPersonalPart(rows.Bytes(row, 1), split);
      if (split.personal_part.empty()) continue;
      ++people;
      if (rows.IsNull(row, 2)) continue;
      ++pruned_.images;
      pruned_.bytes += static_cast<std::uint64_t>(rows.Integer(row, 2)) + kImageBytes;
    }
    seq = static_cast<std::uint64_t>(rows.Integer(rows.rows() - 1, 0)) + 1;
  }
  if (people == 0) return absl::OkStatus();
  pruned_.people += people;
  ++pruned_.segments;
  AddTimes(segment.bounds.arrival_min, segment.bounds.arrival_max, pruned_);
  return absl::OkStatus();
}

absl::StatusOr<ports::Pruned> Preview::Run() {
  Transaction snapshot(connection_);
  GATELOG_RETURN_IF_ERROR(snapshot.Begin("ISOLATION LEVEL REPEATABLE READ READ ONLY"));
  // Before the snapshot is taken: from here on no partition is dropped.
  GATELOG_RETURN_IF_ERROR(connection_.Execute("LOCK TABLE gatelog.event IN ACCESS SHARE MODE"));
  GATELOG_ASSIGN_OR_RETURN(const PrunedThrough through, ReadPrunedThrough(connection_));
  GATELOG_ASSIGN_OR_RETURN(const std::vector<Segment> segments, ReadSegments(connection_));
  first_seq_ = through.first_seq;
  if (limits_.events_before) GATELOG_RETURN_IF_ERROR(AddEvents(segments));
  GATELOG_RETURN_IF_ERROR(AddImages());
  if (!limits_.people_before) return pruned_;
  const std::uint64_t from = std::max(through.people_seq, first_seq_);
  for (const Segment& segment : segments) {
    if (segment.end <= from) continue;
    if (!segment.indexed || segment.bounds.arrival_max >= BeforeOf(limits_.people_before)) break;
    GATELOG_RETURN_IF_ERROR(AddPeople(segment, from));
  }
  return pruned_;
}

}  // namespace

absl::StatusOr<ports::Pruned> PreviewPrune(Connection& connection,
                                           const ports::PruneLimits& limits) {
  return Preview(connection, limits).Run();
}

}  // namespace gatelog::postgres
