#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "store/sqlite/memory_segment.h"
#include "store/sqlite/posting_table.h"
#include "store/sqlite/segment_closing.h"
#include "store/sqlite/sqlite_database.h"

namespace gatelog::store {

// Where the lists of each segment are at one moment, in the order of seq. Who takes a view reads
// the newest visible seq before, and begins to read the tables after: then every visible event is
// in the one or in the other.
struct IndexView {
  std::shared_ptr<const std::vector<ClosedSegment>> closed =
      std::make_shared<std::vector<ClosedSegment>>();
  std::vector<std::shared_ptr<MemorySegment>> memory = {};
};

// By what events are found: runs of seq, the segments, each with its own lists. The last one is
// open and in memory; commits add to it. A full one is closed: its lists are written into the
// tables, a little in each of the following commits, and it stays in memory until they are all
// there. Nothing is ever read to make a list, and no commit does much of it.
//
// Lists say where a matching event may be, never that one matches: rows are the truth, so that an
// erasure or a deletion that lists do not know of yet does no harm.
//
// view() on any thread; everything else on the committing one, beside the transaction that it has
// open on the database it gives.
class EventIndex {
 public:
  explicit EventIndex(const IndexShape& shape) : shape_(shape) {}

  // Reads which segments are closed, and the events behind them into memory. Once, before anything
  // else, or after everything else has failed.
  absl::Status Load(Database& database, std::uint64_t last_seq);

  std::shared_ptr<const IndexView> view() const GATELOG_EXCLUDES(mutex_);

  // Adds an event that the open transaction writes; the seq follows the one before.
  void Add(std::uint64_t seq, const IndexedEvent& event);
  // Goes on closing, as much as suits a commit of so many events.
  absl::Status CloseSome(Database& database, std::uint64_t events);
  // Takes these people out of the lists of the events within [first, end).
  absl::Status ErasePeople(Database& database, const std::set<std::int64_t>& people,
                           std::uint64_t first, std::uint64_t end);
  // What the open transaction sees.
  const IndexView& writing() const { return next_; }

  // Whether there are lists of segments before `first_seq`; deletes some of them.
  bool HasBefore(std::uint64_t first_seq) const;
  absl::Status DeleteSomeBefore(Database& database, std::uint64_t first_seq);

  // At the end of every transaction, with the newest seq there is then; before it is shown.
  void OnCommitted();
  void OnRolledBack(std::uint64_t last_seq);

  const IndexShape& shape() const { return shape_; }

 private:
  struct Erasure {
    std::set<std::int64_t> people;
    std::uint64_t first = 0;
    std::uint64_t end = 0;
  };

  void Publish() GATELOG_EXCLUDES(mutex_);
  bool IsFull(const MemorySegment& segment) const { return segment.end_seq() <= next_seq_; }
  std::uint64_t WaitingSegments() const;
  std::uint64_t unclosed_seq() const {
    return next_.memory.empty() ? next_seq_ : next_.memory.front()->first_seq();
  }

  const IndexShape shape_;
  IndexView next_;
  std::uint64_t next_seq_ = 1;  // behind what is in memory
  bool changed_ = false;        // next_ is not what view() gives
  std::optional<SegmentClosing> closing_;
  bool closing_went_on_ = false;          // in the open transaction
  bool to_be_deleted_ = false;            // something of a closing that failed may be in the tables
  std::optional<ClosedSegment> closed_;   // in the open transaction
  std::optional<std::uint64_t> deleted_;  // in the open transaction: the segment that begins there
  std::vector<Erasure> erasures_;         // in the open transaction

  mutable Mutex mutex_;
  std::shared_ptr<const IndexView> view_ GUARDED_BY(mutex_) = std::make_shared<IndexView>();
};

// The events behind the closed segments, in segments of memory. Whoever only reads has its view of
// the index so.
absl::StatusOr<IndexView> LoadIndex(Database& database, std::uint64_t last_seq,
                                    const IndexShape& shape);

// What is in the rows of a segment.
absl::StatusOr<std::shared_ptr<MemorySegment>> ReadSegment(Database& database,
                                                           std::uint64_t first_seq,
                                                           std::uint32_t events);

// Closes every segment that is full, each in a transaction, and tells the log how far it is if
// there are many: at a start, of events that were stored before there were lists, or before a
// process ended that was closing one.
absl::Status CloseFullSegments(Database& database, const IndexShape& shape);

}  // namespace gatelog::store
