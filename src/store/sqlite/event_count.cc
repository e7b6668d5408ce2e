#include "store/sqlite/event_count.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "store/sqlite/event_conditions.h"
#include "store/sqlite/stop_guard.h"

namespace gatelog::store {
namespace {

constexpr std::uint32_t kDaySeconds = 86'400;

absl::Status CheckSpan(std::uint32_t span_s) {
  const bool divides = span_s >= ports::kCountSpanMin && kDaySeconds % span_s == 0;
  if (span_s == 0 || divides) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("Events are counted by spans of at least ",
                                                 ports::kCountSpanMin,
                                                 " s that divide a day, not of ", span_s, " s."));
}

// The columns of a row in the order of EventCount; a column that is not counted by is constant.
std::vector<std::string> KeysOf(const ports::CountQuery& query) {
  const auto key = [](bool wanted, const char* column) { return wanted ? column : "0"; };
  return {query.by_span_s == 0 ? "0" : absl::StrCat("timestamp - timestamp % ", query.by_span_s),
          key(query.by_code, "code"),
          key(query.by_sub_code, "sub_code"),
          key(query.by_device, "device"),
          key(query.by_entity, "entity"),
          query.by_user ? "coalesce((SELECT user_id FROM person WHERE id = person), '')" : "''"};
}

std::string SelectOf(const ports::CountQuery& query, const Conditions& conditions) {
  return absl::StrCat("SELECT ", absl::StrJoin(KeysOf(query), ", "), ", count(*) FROM event WHERE ",
                      absl::StrJoin(conditions.sql, " AND "), " GROUP BY 1, 2, 3, 4, 5, 6 LIMIT ",
                      ports::kCountRowsMax + 1);
}

ports::EventCount RowOf(const Statement& row) {
  return {.span_s = row.Integer(0),
          .code = static_cast<std::uint32_t>(row.Integer(1)),
          .sub_code = static_cast<std::uint32_t>(row.Integer(2)),
          .device = static_cast<model::DeviceId>(row.Integer(3)),
          .entity = static_cast<std::uint32_t>(row.Integer(4)),
          .user_id = std::string(row.Bytes(5)),
          .events = static_cast<std::uint64_t>(row.Integer(6))};
}

}  // namespace

absl::StatusOr<std::vector<ports::EventCount>> CountEvents(Database& database,
                                                           const ports::CountQuery& query,
                                                           SeqRange visible) {
  GATELOG_RETURN_IF_ERROR(CheckSpan(query.by_span_s));
  std::vector<ports::EventCount> rows;
  GATELOG_ASSIGN_OR_RETURN(Filter filter, FilterOf(database, query.filter));
  if (!filter.possible) return rows;
  filter.conditions.Add("seq >= ?", static_cast<std::int64_t>(visible.first));
  filter.conditions.Add("seq <= ?", static_cast<std::int64_t>(visible.last));
  const StopGuard stop(database, query.stop);
  GATELOG_RETURN_IF_ERROR(stop.status());
  GATELOG_ASSIGN_OR_RETURN(Statement select, database.Prepare(SelectOf(query, filter.conditions)));
  BindValues(filter.conditions.values, select);
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) break;
    if (rows.size() == ports::kCountRowsMax) {
      return absl::ResourceExhaustedError(
          absl::StrCat("The count has more than ", ports::kCountRowsMax,
                       " rows, which is the limit. Filter more, or count by less."));
    }
    rows.push_back(RowOf(select));
  }
  GATELOG_RETURN_IF_ERROR(stop.status());
  std::sort(rows.begin(), rows.end());
  return rows;
}

}  // namespace gatelog::store
