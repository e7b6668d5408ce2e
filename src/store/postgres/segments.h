#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "store/postgres/connection.h"
#include "store/postgres/tail.h"

namespace gatelog::postgres {

// Events that follow one another in a segment, kSliceEvents but for its last ones.
struct Slice {
  std::int64_t timestamp_min = 0;
  std::int64_t timestamp_max = 0;
};
// So few that it takes no time to pass by those of one which was not asked for; so many that what
// is known of them takes no room.
inline constexpr std::uint64_t kSliceEvents = 256;

// A run of events by seq that is one partition of the table event. The newest one is open:
// events go into it, and it has no indexes. Once it is closed, being full or old, they are built,
// and its counts by the hour written.
struct Segment {
  std::uint64_t first = 1;
  std::uint64_t end = 1;  // exclusive
  bool indexed = false;
  TimeBounds bounds = {};  // of an indexed one
  // Of an indexed one. Null: not known.
  std::shared_ptr<const std::vector<Slice>> slices = nullptr;
  // Of one that is not: its events in memory, as far as they are committed. Null: not there.
  std::shared_ptr<const Tail> tail = nullptr;
};

std::string PartitionOf(const Segment& segment);

// How many segments have a tail, some 50 MB each when full. Were building indexes so slow that more
// wait, the oldest ones' events are scanned instead.
inline constexpr std::size_t kTailsMax = 4;

// The newest segments, as far as all from one on have a tail.
struct TailedSegments {
  std::uint64_t first = std::numeric_limits<std::int64_t>::max();  // where they begin
  std::vector<Segment> segments = {};                              // newest first

  // A log's events with IDs from `first_id` to `last_id`, newest first, `limit` at most. Epoch 0:
  // of any.
  std::vector<TailEvent> Find(model::DeviceId log_device, model::Epoch epoch,
                              model::EventId first_id, model::EventId last_id,
                              std::size_t limit) const;
};

// What the reads know of the segments. Any thread.
class Segments {
 public:
  // Oldest first; they follow one another without a hole. The first ones may be hidden: before the
  // first event that is shown.
  std::vector<Segment> All() const GATELOG_EXCLUDES(mutex_);
  // Those with an event in [first, last].
  std::vector<Segment> Between(std::uint64_t first, std::uint64_t last) const
      GATELOG_EXCLUDES(mutex_);
  TailedSegments Tailed() const GATELOG_EXCLUDES(mutex_);
  // The oldest closed one without indexes; nothing: there is none.
  std::optional<Segment> NextToIndex(std::uint64_t last_seq) const GATELOG_EXCLUDES(mutex_);

  void Reset(std::vector<Segment> segments) GATELOG_EXCLUDES(mutex_);
  void Add(Segment segment) GATELOG_EXCLUDES(mutex_);
  void SetIndexed(const Segment& segment) GATELOG_EXCLUDES(mutex_);
  // The newest one ends before the event `end`.
  void Close(std::uint64_t end) GATELOG_EXCLUDES(mutex_);
  void Remove(const Segment& segment) GATELOG_EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;
  std::vector<Segment> segments_ GUARDED_BY(mutex_);
};

absl::StatusOr<std::vector<Segment>> ReadSegments(Connection& connection);

// The events of a segment, as far as they are committed, for its tail.
absl::StatusOr<std::shared_ptr<const Tail>> LoadTail(Connection& connection, const Segment& segment,
                                                     std::size_t payload_bytes_max);

// Makes the partition in the transaction that is open.
absl::Status CreateSegment(Connection& connection, const Segment& segment);

// Lets the partition end before the event `end`, in the transaction that is open. Needs the table
// event for itself, as long as the server takes to read the partition: false if somebody else had
// it for too long; then the transaction is to be dropped.
absl::StatusOr<bool> CloseSegment(Connection& connection, const Segment& segment,
                                  std::uint64_t end);

// Takes the partition and its row of the table segment away; as above.
absl::StatusOr<bool> DropSegment(Connection& connection, const Segment& segment);

// What it and its indexes take, without what the server keeps beside them.
absl::StatusOr<std::uint64_t> BytesOf(Connection& connection, const Segment& segment);

// How long such a transaction waits for others at most, and new readers of the table behind it.
inline constexpr int kTableWait_ms = 100;

// Builds the indexes of a closed segment and writes what is counted of it, on a connection that is
// not the writer's. After it was cut short it goes on with what is missing. Returns the segment as
// it is then.
absl::StatusOr<Segment> IndexSegment(Connection& connection, const Segment& segment,
                                     const std::stop_token& stop);

}  // namespace gatelog::postgres
