#include "store/sqlite/event_count.h"

#include <algorithm>
#include <limits>
#include <string>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "store/sqlite/event_matcher.h"
#include "store/sqlite/event_row.h"
#include "store/sqlite/hour_count.h"
#include "store/sqlite/stop_guard.h"

namespace gatelog::store {
namespace {

constexpr std::uint32_t kDaySeconds = 86'400;
constexpr EventColumns kCountedColumns = Bit(kTimestampColumn) | Bit(kCodeColumn) |
                                         Bit(kSubCodeColumn) | Bit(kDeviceColumn) |
                                         Bit(kEntityColumn) | Bit(kPersonColumn);
constexpr std::int64_t kSecondsEnd = std::int64_t{1} << 32;

absl::Status CheckSpan(std::uint32_t span_s) {
  const bool divides = span_s >= ports::kCountSpanMin && kDaySeconds % span_s == 0;
  if (span_s == 0 || divides) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("Events are counted by spans of at least ",
                                                 ports::kCountSpanMin,
                                                 " s that divide a day, not of ", span_s, " s."));
}

// The rows of a count as they come together.
class Rows {
 public:
  Rows(Database& database, const ports::CountQuery& query) : database_(database), query_(query) {}

  // An event as a row of the table has it.
  absl::Status AddRow(const Statement& row);
  // Events of which only these are known.
  absl::Status AddMany(std::int64_t timestamp, std::int64_t code_key, std::uint64_t events);

  std::vector<ports::EventCount> Sorted() const;

 private:
  struct Key {
    std::int64_t span_s = 0;
    std::int64_t code_key = 0;
    std::uint64_t device_and_entity = 0;
    std::size_t user = 0;  // in users_
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const {
      std::uint64_t hash = 0;
      for (const std::uint64_t part :
           {static_cast<std::uint64_t>(key.span_s), static_cast<std::uint64_t>(key.code_key),
            key.device_and_entity, std::uint64_t{key.user}}) {
        hash = (hash ^ part) * 0x9E3779B97F4A7C15;
        hash ^= hash >> 32;
      }
      return hash;
    }
  };

  absl::Status Add(const Key& key, std::uint64_t events);
  Key KeyOf(std::int64_t timestamp, std::int64_t code_key) const;
  absl::StatusOr<std::size_t> UserOf(const Statement& row);

  Database& database_;
  const ports::CountQuery& query_;
  std::unordered_map<Key, std::uint64_t, Hash> counts_;
  std::vector<std::string> users_ = {""};
  std::unordered_map<std::string, std::size_t> user_places_ = {{"", 0}};
  std::unordered_map<std::int64_t, std::size_t> people_;  // place in users_
};

Rows::Key Rows::KeyOf(std::int64_t timestamp, std::int64_t code_key) const {
  Key key;
  if (query_.by_span_s != 0) key.span_s = timestamp - timestamp % query_.by_span_s;
  if (query_.by_code) key.code_key |= code_key & ~std::int64_t{0xFF};
  if (query_.by_sub_code) key.code_key |= code_key & 0xFF;
  return key;
}

absl::Status Rows::Add(const Key& key, std::uint64_t events) {
  counts_[key] += events;
  if (counts_.size() <= ports::kCountRowsMax) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("The count has more than ", ports::kCountRowsMax,
                   " rows, which is the limit. Filter more, or count by less."));
}

absl::StatusOr<std::size_t> Rows::UserOf(const Statement& row) {
  if (row.IsNull(kPersonColumn)) return std::size_t{0};
  const std::int64_t person = row.Integer(kPersonColumn);
  const auto known = people_.find(person);
  if (known != people_.end()) return known->second;
  GATELOG_ASSIGN_OR_RETURN(Statement select,
                           database_.Prepare("SELECT user_id FROM person WHERE id = ?1"));
  select.Bind(1, person);
  GATELOG_ASSIGN_OR_RETURN(const bool found, select.Step());
  const std::string user(found ? select.Bytes(0) : std::string_view());
  // A user may have several rows of the table person.
  const std::size_t place = user_places_.emplace(user, users_.size()).first->second;
  if (place == users_.size()) users_.push_back(user);
  people_.emplace(person, place);
  return place;
}

absl::Status Rows::AddRow(const Statement& row) {
  Key key = KeyOf(row.Integer(kTimestampColumn),
                  CodeKey(static_cast<std::uint32_t>(row.Integer(kCodeColumn)),
                          static_cast<std::uint32_t>(row.Integer(kSubCodeColumn))));
  if (query_.by_device) {
    key.device_and_entity |= static_cast<std::uint64_t>(row.Integer(kDeviceColumn)) << 32;
  }
  if (query_.by_entity)
    key.device_and_entity |= static_cast<std::uint64_t>(row.Integer(kEntityColumn));
  if (query_.by_user) {
    GATELOG_ASSIGN_OR_RETURN(key.user, UserOf(row));
  }
  return Add(key, 1);
}

absl::Status Rows::AddMany(std::int64_t timestamp, std::int64_t code_key, std::uint64_t events) {
  return Add(KeyOf(timestamp, code_key), events);
}

std::vector<ports::EventCount> Rows::Sorted() const {
  std::vector<ports::EventCount> rows;
  rows.reserve(counts_.size());
  for (const auto& [key, events] : counts_) {
    rows.push_back({.span_s = key.span_s,
                    .code = static_cast<std::uint32_t>(key.code_key >> 8),
                    .sub_code = static_cast<std::uint32_t>(key.code_key & 0xFF),
                    .device = static_cast<model::DeviceId>(key.device_and_entity >> 32),
                    .entity = static_cast<std::uint32_t>(key.device_and_entity),
                    .user_id = users_[key.user],
                    .events = events});
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

class Counting {
 public:
  Counting(const IndexedEvents& events, const ports::CountQuery& query, Rows& rows)
      : events_(events),
        query_(query),
        rows_(rows),
        from_s_(std::clamp<std::int64_t>(query.filter.from_s, 0, kSecondsEnd)),
        to_s_(query.filter.to_s == 0 ? kSecondsEnd
                                     : std::clamp<std::int64_t>(query.filter.to_s, 0, kSecondsEnd)),
        stop_(events.database, query.stop) {}

  absl::Status Run();

 private:
  // Whether what was counted when segments were closed tells enough.
  bool ByHoursAndCodes() const;
  bool Wants(std::int64_t code_key) const;
  absl::Status CountRows(SeqRange range, const ports::EventFilter& filter);
  absl::Status CountRowsWithin(SeqRange range, std::int64_t from_s, std::int64_t to_s);
  absl::Status CountClosed(const ClosedSegment& segment);
  absl::Status CountMemory(const MemorySegment& segment, SeqRange range);

  const IndexedEvents& events_;
  const ports::CountQuery& query_;
  Rows& rows_;
  const std::int64_t from_s_;  // of device time, inclusive
  const std::int64_t to_s_;    // exclusive
  const StopGuard stop_;
};

bool Counting::ByHoursAndCodes() const {
  if (query_.by_device || query_.by_user || query_.by_entity) return false;
  if (query_.by_span_s % kHourSeconds != 0) return false;
  ports::EventFilter rest = query_.filter;
  rest.from_s = rest.to_s = 0;
  rest.codes.clear();
  return rest == ports::EventFilter{};
}

bool Counting::Wants(std::int64_t code_key) const {
  if (query_.filter.codes.empty()) return true;
  return std::any_of(query_.filter.codes.begin(), query_.filter.codes.end(),
                     [code_key](const ports::CodeChoice& choice) {
                       if (choice.code != code_key >> 8) return false;
                       return choice.sub_codes.empty() ||
                              std::find(choice.sub_codes.begin(), choice.sub_codes.end(),
                                        code_key & 0xFF) != choice.sub_codes.end();
                     });
}

absl::Status Counting::CountRows(SeqRange range, const ports::EventFilter& filter) {
  GATELOG_ASSIGN_OR_RETURN(const EventMatcher matcher,
                           EventMatcher::Make(events_.database, filter));
  const auto take = [this](const Statement& row) -> absl::StatusOr<bool> {
    GATELOG_RETURN_IF_ERROR(rows_.AddRow(row));
    return true;
  };
  return ScanEvents(events_, matcher, kCountedColumns, range, ports::Order::kOldestFirst,
                    std::numeric_limits<std::uint64_t>::max(), stop_, take)
      .status();
}

absl::Status Counting::CountRowsWithin(SeqRange range, std::int64_t from_s, std::int64_t to_s) {
  if (from_s >= to_s) return absl::OkStatus();
  ports::EventFilter filter = query_.filter;
  filter.from_s = from_s;
  filter.to_s = to_s;
  return CountRows(range, filter);
}

// Hours that are cut are counted by their rows.
absl::Status Counting::CountClosed(const ClosedSegment& segment) {
  const SeqRange range{segment.first_seq, segment.end_seq() - 1};
  const std::int64_t first_hour = (from_s_ + kHourSeconds - 1) / kHourSeconds;
  const std::int64_t end_hour =
      to_s_ == kSecondsEnd ? (kSecondsEnd + kHourSeconds - 1) / kHourSeconds : to_s_ / kHourSeconds;
  if (first_hour >= end_hour) return CountRowsWithin(range, from_s_, to_s_);
  GATELOG_RETURN_IF_ERROR(CountRowsWithin(range, from_s_, first_hour * kHourSeconds));
  absl::Status added;
  const auto take = [&](std::uint32_t hour, std::int64_t code_key, std::uint64_t events) {
    if (!added.ok() || !Wants(code_key)) return;
    added = rows_.AddMany(std::int64_t{hour} * kHourSeconds, code_key, events);
  };
  GATELOG_RETURN_IF_ERROR(VisitCounts(events_.database, segment,
                                      static_cast<std::uint32_t>(first_hour),
                                      static_cast<std::uint32_t>(end_hour - 1), take));
  GATELOG_RETURN_IF_ERROR(added);
  return CountRowsWithin(range, end_hour * kHourSeconds, to_s_);
}

absl::Status Counting::CountMemory(const MemorySegment& segment, SeqRange range) {
  if (!segment.MayHaveHours(
          {ListKind::kHour, from_s_ / kHourSeconds, (to_s_ - 1) / kHourSeconds})) {
    return stop_.status();
  }
  const auto first = static_cast<std::uint32_t>(range.first - segment.first_seq());
  const auto end = static_cast<std::uint32_t>(range.last + 1 - segment.first_seq());
  for (std::uint32_t offset = first; offset < end; ++offset) {
    const std::uint32_t timestamp = segment.TimestampAt(offset);
    if (timestamp < from_s_ || timestamp >= to_s_) continue;
    const std::optional<std::int64_t> code_key = segment.KeyOf(ListKind::kCode, offset);
    if (!code_key || !Wants(*code_key)) continue;
    GATELOG_RETURN_IF_ERROR(rows_.AddMany(timestamp, *code_key, 1));
  }
  return stop_.status();
}

absl::Status Counting::Run() {
  GATELOG_RETURN_IF_ERROR(stop_.status());
  const SeqRange visible = events_.visible;
  if (visible.last < visible.first) return absl::OkStatus();
  if (!ByHoursAndCodes()) return CountRows(visible, query_.filter);
  if (query_.filter.to_s < 0) return absl::OkStatus();  // nothing is before 1970
  std::uint64_t due = visible.first;
  const auto count_rows_before = [&](std::uint64_t end) -> absl::Status {
    if (end <= due) return absl::OkStatus();
    const SeqRange range{std::exchange(due, end), end - 1};
    return CountRows(range, query_.filter);
  };
  for (const ClosedSegment& segment : *events_.view.closed) {
    if (segment.end_seq() <= due) continue;
    GATELOG_RETURN_IF_ERROR(stop_.status());
    if (segment.first_seq < due) {
      GATELOG_RETURN_IF_ERROR(count_rows_before(segment.end_seq()));
      continue;
    }
    GATELOG_RETURN_IF_ERROR(count_rows_before(segment.first_seq));
    GATELOG_RETURN_IF_ERROR(CountClosed(segment));
    due = segment.end_seq();
  }
  for (const auto& segment : events_.view.memory) {
    const std::uint64_t end = std::min(segment->end_seq(), visible.last + 1);
    if (end <= due) continue;
    const std::uint64_t first = std::max(segment->first_seq(), due);
    GATELOG_RETURN_IF_ERROR(count_rows_before(first));
    if (first >= end) continue;
    GATELOG_RETURN_IF_ERROR(CountMemory(*segment, {first, end - 1}));
    due = end;
  }
  return count_rows_before(visible.last + 1);
}

}  // namespace

absl::StatusOr<std::vector<ports::EventCount>> CountEvents(const IndexedEvents& events,
                                                           const ports::CountQuery& query) {
  GATELOG_RETURN_IF_ERROR(CheckSpan(query.by_span_s));
  Rows rows(events.database, query);
  GATELOG_RETURN_IF_ERROR(Counting(events, query, rows).Run());
  if (query.stop.stop_requested()) return absl::CancelledError("The read was given up.");
  return rows.Sorted();
}

}  // namespace gatelog::store
