#include "store/sqlite/posting_table.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace gatelog::store {
namespace {

constexpr char kTables[] = R"sql(
CREATE TABLE index_segment (
  first_seq INTEGER PRIMARY KEY,
  events INTEGER NOT NULL,
  first_hour INTEGER NOT NULL,
  last_hour INTEGER NOT NULL
) STRICT;

CREATE TABLE posting (
  id INTEGER PRIMARY KEY,
  segment INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  part INTEGER NOT NULL,
  key INTEGER NOT NULL,
  lists BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX posting_place ON posting (segment, kind, part, key);

CREATE TABLE hour_count (
  segment INTEGER NOT NULL,
  day INTEGER NOT NULL,
  counts BLOB NOT NULL,
  PRIMARY KEY (segment, day)
) STRICT, WITHOUT ROWID;

-- Pages of an index are freed, not overwritten: they hold numbers alone, and are many.
PRAGMA secure_delete = FAST;
DROP INDEX event_key;
DROP INDEX event_person;
DROP INDEX event_image;
PRAGMA secure_delete = ON;
)sql";

constexpr std::uint64_t kLongList = 1;

// Takes a row of part 0 apart. `take` says whether to go on.
absl::Status VisitBlock(const Database& database, std::uint64_t segment, std::int64_t first_key,
                        std::string_view block,
                        absl::FunctionRef<absl::StatusOr<bool>(const StoredList&)> take) {
  VarintReader reader(block);
  auto key = static_cast<std::uint64_t>(first_key);
  while (!reader.at_end()) {
    key += reader.Next();
    const std::uint64_t head = reader.Next();
    StoredList list{.key = static_cast<std::int64_t>(key), .is_long = (head & kLongList) != 0};
    if (list.is_long) {
      list.windows = head >> 1;
    } else {
      list.list = reader.Bytes(head >> 1);
    }
    if (!reader.ok()) return DamagedIndex(database, segment);
    GATELOG_ASSIGN_OR_RETURN(const bool more, take(list));
    if (!more) break;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::uint32_t> HourOf(const Database& database, const Statement& row, int column) {
  const std::int64_t hour = row.Integer(column);
  if (hour < 0 || hour > 0xFFFFFFFF / kHourSeconds) {
    return DamagedIndex(database, static_cast<std::uint64_t>(row.Integer(0)));
  }
  return static_cast<std::uint32_t>(hour);
}

}  // namespace

absl::Status DamagedIndex(const Database& database, std::uint64_t segment) {
  return absl::DataLossError(absl::StrCat(database.path(), " is damaged (the lists of segment ",
                                          segment, "); keep a copy of it and restore a backup."));
}

absl::Status AddIndexTables(Database& database, const Clock&) { return database.Execute(kTables); }

absl::StatusOr<std::vector<ClosedSegment>> ReadClosedSegments(Database& database) {
  GATELOG_ASSIGN_OR_RETURN(Statement select,
                           database.Prepare("SELECT first_seq, events, first_hour, last_hour FROM "
                                            "index_segment ORDER BY first_seq"));
  std::vector<ClosedSegment> segments;
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return segments;
    ClosedSegment segment{.first_seq = static_cast<std::uint64_t>(select.Integer(0)),
                          .events = static_cast<std::uint32_t>(select.Integer(1))};
    GATELOG_ASSIGN_OR_RETURN(segment.first_hour, HourOf(database, select, 2));
    GATELOG_ASSIGN_OR_RETURN(segment.last_hour, HourOf(database, select, 3));
    const bool in_order = segments.empty() || segments.back().end_seq() == segment.first_seq;
    constexpr std::int64_t kEventsMax = 1 << 24;
    if (select.Integer(0) < 1 || select.Integer(1) < 1 || select.Integer(1) > kEventsMax ||
        !in_order) {
      return DamagedIndex(database, segment.first_seq);
    }
    segments.push_back(segment);
  }
}

absl::Status InsertClosedSegment(Database& database, const ClosedSegment& segment) {
  GATELOG_ASSIGN_OR_RETURN(Statement insert,
                           database.Prepare("INSERT INTO index_segment VALUES (?1, ?2, ?3, ?4)"));
  insert.Bind(1, static_cast<std::int64_t>(segment.first_seq));
  insert.Bind(2, segment.events);
  insert.Bind(3, segment.first_hour);
  insert.Bind(4, segment.last_hour);
  return insert.Run();
}

absl::StatusOr<bool> DeleteSegment(Database& database, std::uint64_t first_seq, std::int64_t rows) {
  const auto segment = static_cast<std::int64_t>(first_seq);
  GATELOG_ASSIGN_OR_RETURN(
      Statement postings,
      database.Prepare("DELETE FROM posting WHERE id IN (SELECT id FROM posting INDEXED BY "
                       "posting_place WHERE segment = ?1 LIMIT ?2)"));
  postings.Bind(1, segment);
  postings.Bind(2, rows);
  GATELOG_RETURN_IF_ERROR(postings.Run());
  if (database.rows_changed() == rows) return false;
  GATELOG_ASSIGN_OR_RETURN(Statement counts,
                           database.Prepare("DELETE FROM hour_count WHERE segment = ?1 AND day IN "
                                            "(SELECT day FROM hour_count WHERE segment = ?1 LIMIT "
                                            "?2)"));
  counts.Bind(1, segment);
  counts.Bind(2, rows);
  GATELOG_RETURN_IF_ERROR(counts.Run());
  if (database.rows_changed() == rows) return false;
  GATELOG_ASSIGN_OR_RETURN(Statement closed,
                           database.Prepare("DELETE FROM index_segment WHERE first_seq = ?1"));
  closed.Bind(1, segment);
  GATELOG_RETURN_IF_ERROR(closed.Run());
  return true;
}

absl::Status DeleteUnclosed(Database& database, std::uint64_t end_seq) {
  for (const char* sql :
       {"DELETE FROM posting WHERE segment >= ?1", "DELETE FROM hour_count WHERE segment >= ?1"}) {
    GATELOG_ASSIGN_OR_RETURN(Statement remove, database.Prepare(sql));
    remove.Bind(1, static_cast<std::int64_t>(end_seq));
    GATELOG_RETURN_IF_ERROR(remove.Run());
  }
  return absl::OkStatus();
}

absl::Status VisitLists(Database& database, const ClosedSegment& segment, const KeyRange& range,
                        absl::FunctionRef<absl::Status(const StoredList&)> take) {
  const auto in_range = [&](const StoredList& list) -> absl::StatusOr<bool> {
    if (list.key < range.first) return true;
    if (list.key > range.last) return false;
    GATELOG_RETURN_IF_ERROR(take(list));
    return list.key < range.last;
  };
  // The row in which the first key would be, then those behind it.
  GATELOG_ASSIGN_OR_RETURN(
      Statement at,
      database.Prepare("SELECT key, lists FROM posting INDEXED BY posting_place WHERE "
                       "segment = ?1 AND kind = ?2 AND part = 0 AND key <= ?3 "
                       "ORDER BY key DESC LIMIT 1"));
  at.Bind(1, static_cast<std::int64_t>(segment.first_seq));
  at.Bind(2, static_cast<int>(range.kind));
  at.Bind(3, range.first);
  GATELOG_ASSIGN_OR_RETURN(const bool found, at.Step());
  if (found) {
    GATELOG_RETURN_IF_ERROR(
        VisitBlock(database, segment.first_seq, at.Integer(0), at.Bytes(1), in_range));
  }
  if (range.last == range.first) return absl::OkStatus();
  GATELOG_ASSIGN_OR_RETURN(
      Statement behind,
      database.Prepare("SELECT key, lists FROM posting INDEXED BY posting_place WHERE segment = ?1 "
                       "AND kind = ?2 AND part = 0 AND key > ?3 AND key <= ?4 ORDER BY key"));
  behind.Bind(1, static_cast<std::int64_t>(segment.first_seq));
  behind.Bind(2, static_cast<int>(range.kind));
  behind.Bind(3, range.first);
  behind.Bind(4, range.last);
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, behind.Step());
    if (!row) return absl::OkStatus();
    GATELOG_RETURN_IF_ERROR(
        VisitBlock(database, segment.first_seq, behind.Integer(0), behind.Bytes(1), in_range));
  }
}

absl::Status VisitPart(Database& database, const ClosedSegment& segment, ListKind kind,
                       std::uint32_t window, std::int64_t key,
                       absl::FunctionRef<void(std::uint32_t, std::uint32_t, model::EventId)> take) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database.Prepare("SELECT lists FROM posting INDEXED BY posting_place WHERE segment = ?1 AND "
                       "kind = ?2 AND part = ?3 AND key = ?4"));
  select.Bind(1, static_cast<std::int64_t>(segment.first_seq));
  select.Bind(2, static_cast<int>(kind));
  select.Bind(3, window + 1);
  select.Bind(4, key);
  GATELOG_ASSIGN_OR_RETURN(const bool found, select.Step());
  const std::uint32_t size = WindowEvents(segment.events);
  const std::uint32_t first = window * size;
  const bool whole =
      found && first < segment.events &&
      DecodeStretches(select.Bytes(0), HasIds(kind), std::min(size, segment.events - first),
                      [&](std::uint32_t offset, std::uint32_t count, model::EventId id) {
                        take(first + offset, count, id);
                      });
  return whole ? absl::OkStatus() : DamagedIndex(database, segment.first_seq);
}

absl::StatusOr<std::vector<Posting>> ReadList(Database& database, const ClosedSegment& segment,
                                              ListKind kind, std::int64_t key) {
  std::vector<Posting> postings;
  const bool with_ids = HasIds(kind);
  const auto add = [&](std::uint32_t first, std::uint32_t count, model::EventId id) {
    for (std::uint32_t i = 0; i < count; ++i) {
      postings.push_back({first + i, with_ids ? id + i : 0});
    }
  };
  std::uint64_t windows = 0;
  const auto take = [&](const StoredList& list) -> absl::Status {
    windows = list.windows;
    if (list.is_long || DecodeStretches(list.list, with_ids, segment.events, add)) {
      return absl::OkStatus();
    }
    return DamagedIndex(database, segment.first_seq);
  };
  GATELOG_RETURN_IF_ERROR(VisitLists(database, segment, {kind, key, key}, take));
  for (std::uint32_t window = 0; window < kWindowsMax; ++window) {
    if ((windows >> window & 1) == 0) continue;
    GATELOG_RETURN_IF_ERROR(VisitPart(database, segment, kind, window, key, add));
  }
  return postings;
}

absl::Status InsertPostings(Database& database, std::uint64_t segment, ListKind kind,
                            std::uint32_t part, std::int64_t key, std::string_view lists) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement insert,
      database.Prepare("INSERT INTO posting (segment, kind, part, key, lists) VALUES (?1, ?2, ?3, "
                       "?4, ?5)"));
  insert.Bind(1, static_cast<std::int64_t>(segment));
  insert.Bind(2, static_cast<int>(kind));
  insert.Bind(3, part);
  insert.Bind(4, key);
  insert.BindBlob(5, lists);
  return insert.Run();
}

absl::Status BlockBuilder::Begin(Database& database, std::int64_t key, std::size_t size) {
  if (!block_.empty() && block_.size() + size > block_bytes_)
    GATELOG_RETURN_IF_ERROR(Flush(database));
  if (block_.empty()) first_key_ = last_key_ = key;
  AppendVarint(static_cast<std::uint64_t>(key) - static_cast<std::uint64_t>(last_key_), block_);
  last_key_ = key;
  return absl::OkStatus();
}

absl::Status BlockBuilder::AddShort(Database& database, std::int64_t key, std::string_view list) {
  GATELOG_RETURN_IF_ERROR(Begin(database, key, list.size()));
  AppendVarint(std::uint64_t{list.size()} << 1, block_);
  block_.append(list);
  return absl::OkStatus();
}

absl::Status BlockBuilder::AddLong(Database& database, std::int64_t key, std::uint64_t windows) {
  GATELOG_RETURN_IF_ERROR(Begin(database, key, sizeof(windows)));
  AppendVarint(windows << 1 | kLongList, block_);
  return absl::OkStatus();
}

absl::Status BlockBuilder::Flush(Database& database) {
  if (block_.empty()) return absl::OkStatus();
  GATELOG_RETURN_IF_ERROR(InsertPostings(database, segment_, kind_, 0, first_key_, block_));
  block_.clear();
  return absl::OkStatus();
}

namespace {

// The list without the events within [first, end).
std::string WithoutEvents(const std::vector<Posting>& list, std::uint32_t first,
                          std::uint32_t end) {
  std::vector<Posting> left;
  for (const Posting& posting : list) {
    if (posting.offset < first || posting.offset >= end) left.push_back(posting);
  }
  std::string bytes;
  EncodeList(left, false, bytes);
  return bytes;
}

// Writes the row of part 0 that has the person anew, without what is to be erased.
absl::Status EraseFrom(Database& database, const ClosedSegment& segment, std::int64_t person,
                       std::uint32_t first, std::uint32_t end, const IndexShape& shape) {
  GATELOG_ASSIGN_OR_RETURN(const std::vector<Posting> list,
                           ReadList(database, segment, ListKind::kPerson, person));
  if (list.empty()) return absl::OkStatus();
  const std::string left = WithoutEvents(list, first, end);
  GATELOG_ASSIGN_OR_RETURN(
      Statement parts,
      database.Prepare("DELETE FROM posting WHERE segment = ?1 AND kind = ?2 AND part BETWEEN 1 "
                       "AND ?4 AND key = ?3"));
  parts.Bind(1, static_cast<std::int64_t>(segment.first_seq));
  parts.Bind(2, static_cast<int>(ListKind::kPerson));
  parts.Bind(3, person);
  parts.Bind(4, kWindowsMax);
  GATELOG_RETURN_IF_ERROR(parts.Run());

  GATELOG_ASSIGN_OR_RETURN(
      Statement remove,
      database.Prepare("DELETE FROM posting WHERE id = (SELECT id FROM posting INDEXED BY "
                       "posting_place WHERE segment = ?1 AND kind = ?2 AND part = 0 AND key <= ?3 "
                       "ORDER BY key DESC LIMIT 1) RETURNING key, lists"));
  remove.Bind(1, static_cast<std::int64_t>(segment.first_seq));
  remove.Bind(2, static_cast<int>(ListKind::kPerson));
  remove.Bind(3, person);
  GATELOG_ASSIGN_OR_RETURN(const bool found, remove.Step());
  if (!found) return DamagedIndex(database, segment.first_seq);
  const std::int64_t first_key = remove.Integer(0);
  const std::string block(remove.Bytes(1));
  remove.Reset();
  // One row stays one row, whatever its size: what is left of a long list is short or shorter.
  BlockBuilder builder(segment.first_seq, ListKind::kPerson,
                       std::max(shape.block_bytes, block.size() + left.size()));
  const auto keep = [&](const StoredList& stored) -> absl::StatusOr<bool> {
    const std::string_view kept = stored.key == person ? left : stored.list;
    if (stored.key != person && stored.is_long) {
      GATELOG_RETURN_IF_ERROR(builder.AddLong(database, stored.key, stored.windows));
    } else if (!kept.empty()) {
      GATELOG_RETURN_IF_ERROR(builder.AddShort(database, stored.key, kept));
    }
    return true;
  };
  GATELOG_RETURN_IF_ERROR(VisitBlock(database, segment.first_seq, first_key, block, keep));
  return builder.Flush(database);
}

}  // namespace

absl::Status ErasePostings(Database& database, const ClosedSegment& segment,
                           const std::set<std::int64_t>& people, std::uint64_t first,
                           std::uint64_t end, const IndexShape& shape) {
  if (first >= segment.end_seq() || end <= segment.first_seq) return absl::OkStatus();
  const auto from =
      static_cast<std::uint32_t>(std::max(first, segment.first_seq) - segment.first_seq);
  const auto to = static_cast<std::uint32_t>(std::min(end, segment.end_seq()) - segment.first_seq);
  for (const std::int64_t person : people) {
    GATELOG_RETURN_IF_ERROR(EraseFrom(database, segment, person, from, to, shape));
  }
  return absl::OkStatus();
}

}  // namespace gatelog::store
