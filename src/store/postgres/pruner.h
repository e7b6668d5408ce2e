#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "ports/retention_store.h"
#include "store/postgres/connection.h"
#include "store/postgres/event_writer.h"
#include "store/postgres/log_table.h"
#include "store/postgres/segments.h"

namespace gatelog::postgres {

// How far the store is pruned: rows of the table meta.
struct PrunedThrough {
  std::uint64_t first_seq = 1;    // the oldest event that is shown
  std::uint64_t people_seq = 1;   // events before it tell of nobody
  std::int64_t people_sweep = 0;  // the next person to be looked for in events; 0: none
};
absl::StatusOr<PrunedThrough> ReadPrunedThrough(Connection& connection);

// Widens the times between which pruned events arrived, in milliseconds since 1970.
void AddTimes(std::int64_t oldest_ms, std::int64_t newest_ms, ports::Pruned& pruned);

// What an image takes beside its payload, about.
inline constexpr std::uint64_t kImageBytes = 60;

// What retention does, in steps of one short transaction each: a closed segment stops being shown;
// what its records are recognised by is kept, some in each step; its partition is dropped. Images
// go some at a time; what events tell of people is taken out of some in each step; people of whom
// nothing tells any more follow. The committing thread; does not outlive what it is made of.
class Pruner {
 public:
  // `segment_age`: an open segment whose first event is older is closed, if it has few events; one
  // that would not be full by then, as soon as it has some more.
  Pruner(Connection& connection, Segments& segments, AnchorCache& anchors, EventWriter& writer,
         const Clock& clock, std::chrono::milliseconds segment_age)
      : connection_(connection),
        segments_(segments),
        anchors_(anchors),
        writer_(writer),
        clock_(clock),
        segment_age_(segment_age) {}

  // What is gone and what is left to do. Once, before anything else.
  absl::Status Load();

  // The first event that is shown.
  std::uint64_t first_seq() const { return through_.first_seq; }

  // One step, in the transaction that is open; true: it is to be committed, and OnCommitted follows
  // once it is. False: it is to be dropped, and `step` says whether there may be more to do.
  absl::StatusOr<bool> Do(const ports::PruneLimits& limits, ports::RetentionStore::Step& step);
  // Closes the open segment, whatever its age; as above. kUnavailable: somebody else has the table.
  absl::StatusOr<bool> CloseNow();
  void OnCommitted();

 private:
  enum class Outcome { kNothing, kDone, kRefused };
  using Part = absl::StatusOr<Outcome> (Pruner::*)(const ports::PruneLimits&, ports::Pruned&);

  absl::StatusOr<Outcome> CloseOld(const ports::PruneLimits& limits, ports::Pruned& pruned);
  absl::StatusOr<Outcome> Hide(const ports::PruneLimits& limits, ports::Pruned& pruned);
  absl::StatusOr<Outcome> DeleteImages(const ports::PruneLimits& limits, ports::Pruned& pruned);
  absl::StatusOr<Outcome> RemoveHidden(const ports::PruneLimits& limits, ports::Pruned& pruned);
  absl::StatusOr<Outcome> ErasePeople(const ports::PruneLimits& limits, ports::Pruned& pruned);
  absl::StatusOr<Outcome> SweepPeople(const ports::PruneLimits& limits, ports::Pruned& pruned);

  // The open segment, if it has an event.
  std::optional<Segment> Open() const;
  absl::StatusOr<Outcome> Close(const Segment& open);
  absl::StatusOr<std::int64_t> FirstArrival(const Segment& segment);
  // Its counts, some at a time, then its partition.
  absl::StatusOr<Outcome> Drop(const Segment& segment, ports::Pruned& pruned);
  absl::StatusOr<int> DeleteImagesWhere(const char* condition, std::int64_t limit,
                                        ports::Pruned& pruned);
  absl::Status SaveErasedAnchors(const std::vector<model::RecordKey>& erased);
  absl::Status SetMeta(const char* key, std::int64_t value);
  void EndRun();

  Connection& connection_;
  Segments& segments_;
  AnchorCache& anchors_;
  EventWriter& writer_;
  const Clock& clock_;
  const std::chrono::milliseconds segment_age_;

  PrunedThrough through_;
  // Not shown any more, oldest first.
  struct Hidden {
    Segment segment;
    model::RecordKey remembered = {};  // those up to it are
    bool all_remembered = false;
  };
  std::deque<Hidden> hidden_;
  void OnAllRemembered(Hidden& hidden);
  bool images_gone_ = false;  // those of hidden segments

  // Of one run, which ends when nothing is left to do. Two that go on at a time, of the clock and
  // of `store prune`, are one until the first of them ends.
  bool close_refused_ = false;
  int drops_refused_ = 0;
  std::set<std::uint64_t> counted_for_images_;  // segments, by their first event
  std::set<std::uint64_t> counted_for_people_;

  // What the open transaction changes.
  struct Changes {
    std::optional<PrunedThrough> through = {};
    std::optional<std::uint64_t> closed_at = {};
    std::optional<Segment> hidden = {};
    std::optional<Hidden> remembered = {};  // of the first that is not yet
    std::optional<Segment> dropped = {};
    AnchorCache::Logs anchors = {};
    std::vector<std::string> people_gone = {};
  };
  Changes changes_;
};

}  // namespace gatelog::postgres
