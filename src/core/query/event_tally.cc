#include "core/query/event_tally.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "core/query/code_set.h"
#include "model/event_code.h"

namespace gatelog::core {
namespace {

constexpr std::int64_t kHour = 3'600;
constexpr std::int64_t kDay = 86'400;
constexpr std::int64_t kQuarter = ports::kCountSpanMin;  // every zone's offset is a multiple of it
constexpr std::int64_t kTimesEnd = std::int64_t{1} << 32;  // devices' clocks have 32 bits
constexpr std::string_view kDoors = "Door";

absl::Status TooManyRows() {
  return absl::ResourceExhaustedError(
      absl::StrCat("The count has more than ", kTallyRowsMax,
                   " rows, which is the limit. Filter more, or count by less."));
}

std::int64_t OffsetAt(std::int64_t time_s, const absl::TimeZone& zone) {
  return zone.At(absl::FromUnixSeconds(time_s)).offset;
}

// The longest spans of which the zone's hours and days are made, over all of the time asked for.
std::uint32_t SpanOf(const TallyQuery& query) {
  if (query.by_span == TallyQuery::Span::kNone) return 0;
  const std::int64_t end = query.filter.to_s == 0 ? kTimesEnd : query.filter.to_s;
  absl::Time time = absl::FromUnixSeconds(query.filter.from_s);
  std::int64_t unit = query.by_span == TallyQuery::Span::kDay ? kDay : kHour;
  absl::TimeZone::CivilTransition change;
  while (true) {
    const std::int64_t offset = query.zone.At(time).offset;
    if (offset % unit != 0) unit = offset % kHour == 0 ? kHour : kQuarter;
    if (unit == kQuarter || !query.zone.NextTransition(time, &change)) break;
    // Not change.to: clocks that are put back show it twice, the first time before the change.
    time = absl::FromCivil(change.from, query.zone);
    if (time >= absl::FromUnixSeconds(end)) break;
  }
  return static_cast<std::uint32_t>(unit);
}

struct Period {
  std::int64_t from_s = 0;
  std::int64_t to_s = 0;

  bool Holds(std::int64_t time_s) const { return from_s <= time_s && time_s < to_s; }
};

Period DayOf(std::int64_t time_s, const absl::TimeZone& zone) {
  const absl::CivilDay day = absl::ToCivilDay(absl::FromUnixSeconds(time_s), zone);
  return {absl::ToUnixSeconds(absl::FromCivil(day, zone)),
          absl::ToUnixSeconds(absl::FromCivil(day + 1, zone))};
}

// `time_s` is where a span of the store begins.
Period HourOf(std::int64_t time_s, std::int64_t span_s, const absl::TimeZone& zone) {
  const std::int64_t offset = OffsetAt(time_s, zone);
  const std::int64_t begin = time_s - (time_s + offset) % kHour;
  Period hour{time_s, time_s + span_s};
  while (hour.from_s > begin && OffsetAt(hour.from_s - span_s, zone) == offset) {
    hour.from_s -= span_s;
  }
  while (hour.to_s < begin + kHour && OffsetAt(hour.to_s, zone) == offset) hour.to_s += span_s;
  return hour;
}

// Adds up the store's rows to those that were asked for.
class Fold {
 public:
  Fold(const TallyQuery& query, std::uint32_t span_s) : query_(query), span_s_(span_s) {}

  absl::Status Add(ports::EventCount counted) {
    TallyRow row;
    if (query_.by_span != TallyQuery::Span::kNone) {
      const Period period = PeriodOf(counted.span_s);
      row.from_s = period.from_s;
      row.to_s = period.to_s;
    }
    if (query_.by_code) row.code = counted.code;
    row.sub_code = counted.sub_code;
    // No main code has sub codes of different categories.
    if (query_.by_category) row.category = model::EventCategory(counted.code, 0);
    row.device = counted.device;
    row.door = counted.entity;
    row.user_id = std::move(counted.user_id);
    rows_[std::move(row)] += counted.events;
    return rows_.size() > kTallyRowsMax ? TooManyRows() : absl::OkStatus();
  }

  std::vector<TallyRow> Rows() const {
    std::vector<TallyRow> rows;
    rows.reserve(rows_.size());
    for (const auto& [row, events] : rows_) rows.emplace_back(row).events = events;
    return rows;
  }

 private:
  const Period& PeriodOf(std::int64_t time_s) {
    if (!last_.Holds(time_s)) {
      last_ = query_.by_span == TallyQuery::Span::kDay ? DayOf(time_s, query_.zone)
                                                       : HourOf(time_s, span_s_, query_.zone);
    }
    return last_;
  }

  const TallyQuery& query_;
  const std::uint32_t span_s_;
  Period last_;
  std::map<TallyRow, std::uint64_t> rows_;
};

// Where the store has too many rows, they may still add up to few enough: then it is asked for one
// half of the time after the other.
absl::Status CountInto(ports::EventStore& store, const ports::CountQuery& query, Fold& fold) {
  absl::StatusOr<std::vector<ports::EventCount>> rows = store.Count(query);
  if (rows.ok()) {
    for (ports::EventCount& row : *rows) GATELOG_RETURN_IF_ERROR(fold.Add(std::move(row)));
    return absl::OkStatus();
  }
  if (!absl::IsResourceExhausted(rows.status())) return rows.status();
  const std::int64_t from = query.filter.from_s;
  const std::int64_t to = query.filter.to_s == 0 ? kTimesEnd : query.filter.to_s;
  const std::int64_t middle = (from + (to - from) / 2) / kDay * kDay;
  if (query.by_span_s == 0 || middle <= from) return TooManyRows();
  ports::CountQuery half = query;
  half.filter.to_s = middle;
  GATELOG_RETURN_IF_ERROR(CountInto(store, half, fold));
  half.filter.from_s = middle;
  half.filter.to_s = query.filter.to_s;
  return CountInto(store, half, fold);
}

}  // namespace

absl::StatusOr<std::vector<TallyRow>> Tally(ports::EventStore& store, const TallyQuery& query) {
  ports::CountQuery counted{.filter = query.filter,
                            .by_code = query.by_code || query.by_category,
                            .by_sub_code = query.by_sub_code,
                            .by_device = query.by_device,
                            .by_user = query.by_user,
                            .by_entity = query.by_door,
                            .by_span_s = SpanOf(query),
                            .stop = query.stop};
  if (query.by_door) {
    CodeSet codes = query.filter.codes.empty() ? CodeSet::Known() : CodeSet::Of(query.filter.codes);
    codes.KeepIf([](std::uint32_t code, std::uint32_t sub_code) {
      return model::EventCategory(code, sub_code) == kDoors;
    });
    counted.filter.codes = codes.Choices();
  }
  Fold fold(query, counted.by_span_s);
  GATELOG_RETURN_IF_ERROR(CountInto(store, counted, fold));
  return fold.Rows();
}

}  // namespace gatelog::core
