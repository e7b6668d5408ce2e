#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "store/sqlite/hour_count.h"
#include "store/sqlite/memory_segment.h"
#include "store/sqlite/posting_list.h"
#include "store/sqlite/posting_table.h"
#include "store/sqlite/sqlite_database.h"

namespace gatelog::store {

// Writes the lists of a full segment into the tables, a little in each transaction, so that no
// commit waits for long. What a transaction that failed has written is to be deleted, and the
// segment written from its beginning by a new object. One thread.
class SegmentClosing {
 public:
  SegmentClosing(std::shared_ptr<const MemorySegment> segment, const IndexShape& shape)
      : segment_(std::move(segment)), shape_(shape) {}

  const MemorySegment& segment() const { return *segment_; }

  // Goes on in the open transaction until so many events were written into lists, each counted in
  // each list, or a few more. True: that was the last of it, with the row that says so.
  absl::StatusOr<bool> WriteSome(Database& database, std::uint64_t entries);
  // What has been closed, when WriteSome has said so.
  const ClosedSegment& closed() const { return closed_; }

 private:
  struct Entry {
    std::uint64_t key;  // with the sign's bit turned over, so that it sorts as the key does
    std::uint32_t offset;
  };

  void Sort(ListKind kind);
  // The next key's list of the kind under way. Returns how many events are in it.
  absl::StatusOr<std::uint64_t> WriteList(Database& database);
  absl::Status WriteLong(Database& database, ListKind kind, std::int64_t key,
                         std::span<const Posting> list);
  // Counts some events of the days; true: all days are written.
  absl::StatusOr<bool> WriteDays(Database& database, std::uint64_t& done);

  const std::shared_ptr<const MemorySegment> segment_;
  const IndexShape shape_;
  ClosedSegment closed_;
  std::size_t kind_ = 0;        // index in kListKinds; behind them: the counts
  std::vector<Entry> entries_;  // of the kind, in the order of keys
  std::size_t at_ = 0;
  std::optional<BlockBuilder> blocks_;
  std::vector<Posting> list_;
  std::string bytes_;
  HourCounts counts_;
  std::uint32_t counted_ = 0;  // events that are in counts_
};

}  // namespace gatelog::store
