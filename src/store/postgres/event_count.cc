#include "store/postgres/event_count.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "store/postgres/event_filter.h"

namespace gatelog::postgres {
namespace {

constexpr std::uint32_t kDaySeconds = 86'400;

absl::Status CheckSpan(std::uint32_t span_s) {
  const bool divides = span_s >= ports::kCountSpanMin && kDaySeconds % span_s == 0;
  if (span_s == 0 || divides) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("Events are counted by spans of at least ",
                                                 ports::kCountSpanMin,
                                                 " s that divide a day, not of ", span_s, " s."));
}

absl::Status TooManyRows() {
  return absl::ResourceExhaustedError(
      absl::StrCat("The count has more than ", ports::kCountRowsMax,
                   " rows, which is the limit. Filter more, or count by less."));
}

// Whether the counts by the hour are enough.
bool IsOfHours(const ports::CountQuery& query) {
  ports::EventFilter rest = query.filter;
  rest.codes.clear();
  rest.from_s = rest.to_s = 0;
  const auto whole = [](std::int64_t seconds) { return seconds % kHourSeconds == 0; };
  return rest == ports::EventFilter{} && whole(query.filter.from_s) && whole(query.filter.to_s) &&
         whole(query.by_span_s) && !query.by_device && !query.by_user && !query.by_entity;
}

bool Matches(const ports::EventFilter& filter, const HourKey& key) {
  const std::int64_t time = key.hour * kHourSeconds;
  if (filter.from_s != 0 && time < filter.from_s) return false;
  if (filter.to_s != 0 && time >= filter.to_s) return false;
  if (filter.codes.empty()) return true;
  return std::any_of(filter.codes.begin(), filter.codes.end(), [&](const auto& choice) {
    return choice.code == key.code &&
           (choice.sub_codes.empty() || std::find(choice.sub_codes.begin(), choice.sub_codes.end(),
                                                  key.sub_code) != choice.sub_codes.end());
  });
}

using Counts = std::map<ports::EventCount, std::uint64_t>;  // by a row whose own count is 0

void AddHour(const ports::CountQuery& query, const HourKey& key, std::uint64_t events,
             Counts& counts) {
  if (!Matches(query.filter, key)) return;
  const std::int64_t time = key.hour * kHourSeconds;
  ports::EventCount row;
  if (query.by_span_s != 0) row.span_s = time - time % query.by_span_s;
  if (query.by_code) row.code = key.code;
  if (query.by_sub_code) row.sub_code = key.sub_code;
  counts[row] += events;
}

absl::StatusOr<std::vector<ports::EventCount>> CountHours(Connection& connection,
                                                          const std::vector<Segment>& segments,
                                                          const ports::CountQuery& query) {
  Counts counts;
  std::vector<std::int64_t> indexed;
  for (const Segment& segment : segments) {
    if (segment.indexed) {
      indexed.push_back(static_cast<std::int64_t>(segment.first));
      continue;
    }
    for (const auto& [key, events] : segment.tail->hours()) AddHour(query, key, events, counts);
  }
  Params params;
  params.AddNumbers(indexed);
  params.Add(query.filter.from_s / kHourSeconds);
  constexpr std::int64_t kEver = std::int64_t{1} << 30;
  params.Add(query.filter.to_s == 0 ? kEver : query.filter.to_s / kHourSeconds);
  GATELOG_ASSIGN_OR_RETURN(
      const Result rows,
      // Of a segment that is not shown any more some rows may be gone.
      connection.Query("SELECT hour, code, sub_code, sum(events)::bigint FROM gatelog.count_hour "
                       "WHERE segment = ANY($1::bigint[]) AND hour >= $2::integer AND hour < "
                       "$3::integer AND segment >= (SELECT value FROM gatelog.meta WHERE key = "
                       "'first_seq') GROUP BY 1, 2, 3",
                       params, query.stop));
  for (int row = 0; row < rows.rows(); ++row) {
    const HourKey key{rows.Integer(row, 0), static_cast<std::uint32_t>(rows.Integer(row, 1)),
                      static_cast<std::uint32_t>(rows.Integer(row, 2))};
    AddHour(query, key, static_cast<std::uint64_t>(rows.Integer(row, 3)), counts);
  }
  if (counts.size() > ports::kCountRowsMax) return TooManyRows();
  std::vector<ports::EventCount> result;
  for (const auto& [row, events] : counts) {
    result.push_back(row);
    result.back().events = events;
  }
  return result;
}

// The columns of a row in the order of EventCount; a column that is not counted by is constant.
std::vector<std::string> KeysOf(const ports::CountQuery& query) {
  const auto key = [](bool wanted, const char* column) { return wanted ? column : "0"; };
  return {query.by_span_s == 0
              ? "0::bigint AS span"
              : absl::StrCat("timestamp - timestamp % ", query.by_span_s, " AS span"),
          absl::StrCat(key(query.by_code, "code"), " AS code"),
          absl::StrCat(key(query.by_sub_code, "sub_code"), " AS sub_code"),
          absl::StrCat(key(query.by_device, "device"), "::oid AS device"),
          absl::StrCat(key(query.by_entity, "entity"), "::oid AS entity"),
          absl::StrCat(key(query.by_user, "person"), " AS person")};
}

std::string SelectOf(const ports::CountQuery& query, const std::vector<std::string>& conditions) {
  return absl::StrCat(
      "SELECT c.span, c.code, c.sub_code, c.device, c.entity, p.user_id, c.events "
      "FROM (SELECT ",
      absl::StrJoin(KeysOf(query), ", "), ", count(*) AS events FROM gatelog.event WHERE ",
      absl::StrJoin(conditions, " AND "), " GROUP BY 1, 2, 3, 4, 5, 6 LIMIT ",
      ports::kCountRowsMax + 1, ") AS c LEFT JOIN gatelog.person AS p ON p.id = c.person");
}

ports::EventCount RowOf(const Result& rows, int row) {
  return {.span_s = rows.Integer(row, 0),
          .code = static_cast<std::uint32_t>(rows.Integer(row, 1)),
          .sub_code = static_cast<std::uint32_t>(rows.Integer(row, 2)),
          .device = static_cast<model::DeviceId>(rows.Integer(row, 3)),
          .entity = static_cast<std::uint32_t>(rows.Integer(row, 4)),
          .user_id = std::string(rows.Bytes(row, 5)),
          .events = static_cast<std::uint64_t>(rows.Integer(row, 6))};
}

}  // namespace

absl::StatusOr<std::vector<ports::EventCount>> CountEvents(Connection& connection,
                                                           const Segments& segments,
                                                           const ports::CountQuery& query,
                                                           SeqRange visible) {
  GATELOG_RETURN_IF_ERROR(CheckSpan(query.by_span_s));
  if (query.stop.stop_requested()) return absl::CancelledError("The read was given up.");
  std::vector<ports::EventCount> counts;
  if (visible.last < visible.first) return counts;
  const std::vector<Segment> all = segments.Between(visible.first, visible.last);
  const bool counted = std::all_of(all.begin(), all.end(), [](const Segment& segment) {
    return segment.indexed || segment.tail != nullptr;
  });
  if (counted && IsOfHours(query)) return CountHours(connection, all, query);
  GATELOG_ASSIGN_OR_RETURN(Filter filter, FilterOf(connection, query.filter, query.stop));
  if (!filter.possible) return counts;
  filter.params.Add(static_cast<std::int64_t>(visible.first));
  filter.conditions.push_back(absl::StrCat("seq >= ", filter.params.last()));
  filter.params.Add(static_cast<std::int64_t>(visible.last));
  filter.conditions.push_back(absl::StrCat("seq <= ", filter.params.last()));
  GATELOG_ASSIGN_OR_RETURN(const Result rows, connection.Query(SelectOf(query, filter.conditions),
                                                               filter.params, query.stop));
  if (static_cast<std::size_t>(rows.rows()) > ports::kCountRowsMax) return TooManyRows();
  for (int row = 0; row < rows.rows(); ++row) counts.push_back(RowOf(rows, row));
  std::sort(counts.begin(), counts.end());
  return counts;
}

}  // namespace gatelog::postgres
