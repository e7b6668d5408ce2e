#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "store/sqlite/index_key.h"
#include "store/sqlite/memory_segment.h"
#include "store/sqlite/posting_list.h"
#include "store/sqlite/sqlite_database.h"

namespace gatelog::store {

// The tables index_segment, posting and hour_count: the lists of the segments that are closed.
//
// In `posting`, part 0 of a segment and kind has the keys in ascending order, some in each row,
// each with its list or, if that is long, with the windows that have a part of it; the others, from
// 1, are these parts, of one key and window each, with offsets inside the window.

// The step of the schema from version 3 to 4, inside the transaction that is open: the tables, and
// the indexes of the table event dropped, which the lists replace.
absl::Status AddIndexTables(Database& database, const Clock& clock);

// A segment whose lists are all written.
struct ClosedSegment {
  std::uint64_t first_seq = 0;
  std::uint32_t events = 0;
  // The hours of device time that occur lie between these.
  std::uint32_t first_hour = 0;
  std::uint32_t last_hour = 0;

  std::uint64_t end_seq() const { return first_seq + events; }
};

// In order. kDataLoss: they are not behind each other.
absl::StatusOr<std::vector<ClosedSegment>> ReadClosedSegments(Database& database);

absl::Status InsertClosedSegment(Database& database, const ClosedSegment& segment);

// Deletes at most `rows` of what is kept of a segment, and at last that it is closed. True: nothing
// is left.
absl::StatusOr<bool> DeleteSegment(Database& database, std::uint64_t first_seq, std::int64_t rows);

// Deletes what a closing has left that did not come to its end, behind `end_seq`.
absl::Status DeleteUnclosed(Database& database, std::uint64_t end_seq);

// A key's list as it stands in part 0.
struct StoredList {
  std::int64_t key = 0;
  bool is_long = false;
  std::uint64_t windows = 0;   // of a long one: the bit of each window that has a part
  std::string_view list = {};  // of a short one; a view until the row is left
};

// Calls `take` with each key of the range, ascending. kDataLoss: a row cannot be read.
absl::Status VisitLists(Database& database, const ClosedSegment& segment, const KeyRange& range,
                        absl::FunctionRef<absl::Status(const StoredList&)> take);

// Calls take(first, count, id) with each stretch of a long list's part.
absl::Status VisitPart(
    Database& database, const ClosedSegment& segment, ListKind kind, std::uint32_t window,
    std::int64_t key,
    absl::FunctionRef<void(std::uint32_t first, std::uint32_t count, model::EventId id)> take);

// A key's whole list; empty if there is none.
absl::StatusOr<std::vector<Posting>> ReadList(Database& database, const ClosedSegment& segment,
                                              ListKind kind, std::int64_t key);

// Takes these people out of the lists of the segment's events within [first, end), in the open
// transaction.
absl::Status ErasePostings(Database& database, const ClosedSegment& segment,
                           const std::set<std::int64_t>& people, std::uint64_t first,
                           std::uint64_t end, const IndexShape& shape);

// Puts rows of part 0 together.
class BlockBuilder {
 public:
  BlockBuilder(std::uint64_t segment, ListKind kind, std::size_t block_bytes)
      : segment_(segment), kind_(kind), block_bytes_(block_bytes) {}

  // Keys ascend. The connection may be another one each time.
  absl::Status AddShort(Database& database, std::int64_t key, std::string_view list);
  absl::Status AddLong(Database& database, std::int64_t key, std::uint64_t windows);
  // Writes what is not written yet.
  absl::Status Flush(Database& database);

 private:
  absl::Status Begin(Database& database, std::int64_t key, std::size_t size);

  const std::uint64_t segment_;
  const ListKind kind_;
  const std::size_t block_bytes_;
  std::int64_t first_key_ = 0;
  std::int64_t last_key_ = 0;
  std::string block_;
};

absl::Status InsertPostings(Database& database, std::uint64_t segment, ListKind kind,
                            std::uint32_t part, std::int64_t key, std::string_view lists);

absl::Status DamagedIndex(const Database& database, std::uint64_t segment);

}  // namespace gatelog::store
