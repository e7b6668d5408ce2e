#include "store/sqlite/index_check.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "store/sqlite/event_index.h"
#include "store/sqlite/hour_count.h"
#include "store/sqlite/memory_segment.h"

namespace gatelog::store {
namespace {

struct Entry {
  std::int64_t key = 0;
  std::uint32_t offset = 0;
  model::EventId id = 0;

  auto operator<=>(const Entry&) const = default;
};

const char* NameOf(ListKind kind) {
  switch (kind) {
    case ListKind::kPerson:
      return "people";
    case ListKind::kCode:
      return "codes";
    case ListKind::kLog:
      return "records";
    case ListKind::kDevice:
      return "devices";
    case ListKind::kImage:
      return "images";
    case ListKind::kHour:
      return "hours";
  }
  return "";
}

std::vector<Entry> EntriesOfRows(const MemorySegment& rows, ListKind kind, std::uint32_t first) {
  std::vector<Entry> entries;
  for (std::uint32_t offset = first; offset < rows.capacity(); ++offset) {
    const std::optional<std::int64_t> key = rows.KeyOf(kind, offset);
    if (key) entries.push_back({*key, offset, HasIds(kind) ? rows.IdAt(offset) : 0});
  }
  std::sort(entries.begin(), entries.end());
  return entries;
}

// In the order in which the lists have them; `parts` is how many parts of long ones there are.
absl::StatusOr<std::vector<Entry>> EntriesOfLists(Database& database, const ClosedSegment& segment,
                                                  ListKind kind, std::uint32_t first,
                                                  std::int64_t& parts) {
  std::vector<Entry> entries;
  std::int64_t key = 0;
  const auto add = [&](std::uint32_t offset, std::uint32_t count, model::EventId id) {
    for (std::uint32_t i = 0; i < count; ++i) {
      if (offset + i < first) continue;
      entries.push_back({key, offset + i, HasIds(kind) ? id + i : 0});
    }
  };
  std::vector<std::pair<std::int64_t, std::uint64_t>> long_lists;
  const auto take = [&](const StoredList& list) -> absl::Status {
    key = list.key;
    if (list.is_long) {
      long_lists.emplace_back(list.key, list.windows);
      return absl::OkStatus();
    }
    return DecodeStretches(list.list, HasIds(kind), segment.events, add)
               ? absl::OkStatus()
               : DamagedIndex(database, segment.first_seq);
  };
  GATELOG_RETURN_IF_ERROR(VisitLists(database, segment, AllKeys(kind), take));
  for (const auto& [long_key, windows] : long_lists) {
    key = long_key;
    for (std::uint32_t window = 0; window < 64; ++window) {
      if ((windows >> window & 1) == 0) continue;
      GATELOG_RETURN_IF_ERROR(VisitPart(database, segment, kind, window, key, add));
      ++parts;
    }
  }
  // Long lists are read behind the others; within each key nothing may be out of order.
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry& one, const Entry& other) { return one.key < other.key; });
  return entries;
}

absl::StatusOr<bool> CountsAgree(Database& database, const ClosedSegment& segment,
                                 const MemorySegment& rows) {
  HourCounts expected;
  for (std::uint32_t offset = 0; offset < rows.capacity(); ++offset) {
    const std::optional<std::int64_t> code = rows.KeyOf(ListKind::kCode, offset);
    if (code) ++expected[rows.TimestampAt(offset) / kHourSeconds][*code];
  }
  const bool enclosed = expected.empty() || (segment.first_hour <= expected.begin()->first &&
                                             segment.last_hour >= expected.rbegin()->first);
  if (!enclosed) return false;
  HourCounts counted;
  GATELOG_RETURN_IF_ERROR(
      VisitCounts(database, segment, 0, 0xFFFFFFFF,
                  [&](std::uint32_t hour, std::int64_t code, std::uint64_t events) {
                    counted[hour][code] += static_cast<std::uint32_t>(events);
                  }));
  return counted == expected;
}

}  // namespace

absl::StatusOr<std::string> CheckSegment(Database& database, const ClosedSegment& segment,
                                         std::uint64_t first_seq) {
  if (segment.end_seq() <= first_seq) return "";  // its lists are being deleted
  GATELOG_ASSIGN_OR_RETURN(const std::shared_ptr<const MemorySegment> rows,
                           ReadSegment(database, segment.first_seq, segment.events));
  const std::string where = absl::StrCat("of the events ", segment.first_seq, " to ",
                                         segment.end_seq() - 1, " do not say what the events do");
  const auto first =
      static_cast<std::uint32_t>(std::max(first_seq, segment.first_seq) - segment.first_seq);
  std::int64_t parts = 0;
  for (const ListKind kind : kListKinds) {
    GATELOG_ASSIGN_OR_RETURN(const std::vector<Entry> listed,
                             EntriesOfLists(database, segment, kind, first, parts));
    if (listed != EntriesOfRows(*rows, kind, first)) {
      return absl::StrCat("the lists of ", NameOf(kind), " ", where);
    }
  }
  GATELOG_ASSIGN_OR_RETURN(Statement others,
                           database.Prepare("SELECT count(*) FROM posting WHERE segment = ?1 AND "
                                            "(part <> 0 OR kind NOT BETWEEN 1 AND 6)"));
  others.Bind(1, static_cast<std::int64_t>(segment.first_seq));
  GATELOG_RETURN_IF_ERROR(others.Step().status());
  if (others.Integer(0) != parts) return absl::StrCat("the parts of lists ", where);
  if (first > 0) return "";  // counts are not used then
  GATELOG_ASSIGN_OR_RETURN(const bool agree, CountsAgree(database, segment, *rows));
  return agree ? "" : absl::StrCat("the counts ", where);
}

absl::StatusOr<std::string> CheckNoOtherLists(Database& database, std::uint64_t closed_end) {
  for (const char* table : {"posting", "hour_count"}) {
    GATELOG_ASSIGN_OR_RETURN(
        Statement select,
        database.Prepare(absl::StrCat("SELECT segment FROM ", table,
                                      " WHERE segment < ?1 AND segment NOT IN (SELECT first_seq "
                                      "FROM index_segment) LIMIT 1")));
    select.Bind(1, static_cast<std::int64_t>(closed_end));
    GATELOG_ASSIGN_OR_RETURN(const bool any, select.Step());
    if (any) {
      return absl::StrCat("there are lists of a segment that begins at event ", select.Integer(0),
                          ", where none does");
    }
  }
  return "";
}

}  // namespace gatelog::store
