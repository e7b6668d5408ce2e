#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/event_store.h"
#include "store/postgres/connection.h"
#include "store/postgres/erased_anchors.h"
#include "store/postgres/log_table.h"
#include "store/postgres/person_table.h"
#include "store/postgres/segments.h"

namespace gatelog::postgres {

// Bits of event.flags.
inline constexpr std::int64_t kFlagHasImage = 1;
inline constexpr std::int64_t kFlagChangedOnDevice = 2;
inline constexpr std::int64_t kFlagErased = 4;

// Writes batches into the transaction that is open on the writer's connection. One thread at a
// time; does not outlive the connection.
//
// It knows where every log stands, so that a fence costs no question: the statement that writes a
// log's state holds the fence once more, and if the store was changed behind the writer's back the
// transaction changes nothing.
class EventWriter {
 public:
  // `segments` and `anchors` outlive the writer; a new segment has `segment_events` events, and
  // `tail_payload_bytes` of their payloads at most in memory.
  EventWriter(Connection& connection, Segments& segments, AnchorCache& anchors,
              std::uint64_t segment_events, std::size_t tail_payload_bytes)
      : connection_(connection),
        segments_(segments),
        anchors_(anchors),
        segment_events_(segment_events),
        tail_payload_bytes_(tail_payload_bytes),
        people_(connection) {}

  // Once the tables are there, and before anything else: `last_seq` is the newest in the store.
  absl::Status Load(std::uint64_t last_seq);

  // Writes what of the batches is not refused; `refusals` has one status for each. False: nothing
  // is to be committed. kAborted: somebody else has written to the store; drop the transaction,
  // Load, and try again.
  absl::StatusOr<bool> Write(std::span<const ports::Batch> batches,
                             std::vector<absl::Status>& refusals);

  // The newest seq, with what Write has added.
  std::uint64_t last_seq() const { return last_seq_; }

  // What retention does beside it: of people whose rows are gone, and of segments that were closed
  // or are gone, which is committed.
  void OnPeopleGone(const std::vector<std::string>& user_ids) { people_.Forget(user_ids); }
  void OnSegmentsChanged();
  // The anchors that may not tell of a person.
  ErasedAnchors& erased_anchors() { return erased_anchors_; }

  // To be called at the end of every transaction; what was committed is seen by reads from here
  // on, if they ask for its seq.
  void OnCommitted();
  void OnRolledBack();

 private:
  struct Accepted {
    const ports::Batch* batch;
    LogPosition before;
  };

  std::vector<Accepted> Accept(std::span<const ports::Batch> batches,
                               std::vector<absl::Status>& refusals);
  void Collect(const std::vector<Accepted>& accepted);
  void CollectAnchors(const ports::Batch& batch, LogUpdate& update);
  absl::Status MarkShownAgain(const std::vector<Accepted>& accepted);
  absl::Status FindPeople(const std::vector<Accepted>& accepted);
  absl::Status WriteEvents(const std::vector<Accepted>& accepted);
  absl::Status WriteEpochs(const std::vector<Accepted>& accepted);
  absl::Status WriteGaps(const std::vector<Accepted>& accepted);
  // The segment that the next event goes into, made if it is a new one.
  absl::StatusOr<Segment> OpenSegment();

  Connection& connection_;
  Segments& segments_;
  AnchorCache& anchors_;
  const std::uint64_t segment_events_;
  const std::size_t tail_payload_bytes_;

  std::unordered_map<model::DeviceId, LogPosition> positions_;
  PersonTable people_;
  ErasedAnchors erased_anchors_;
  std::uint64_t committed_seq_ = 0;
  std::uint64_t last_seq_ = 0;
  Segment open_;  // the newest

  // Of the open transaction.
  std::vector<LogUpdate> updates_;
  AnchorCache::Logs new_anchors_;
  std::vector<std::int32_t> event_people_;  // of each event in order; 0: nobody known
  std::vector<Segment> new_segments_;
  // What it adds to each segment's tail.
  struct TailRows {
    std::shared_ptr<Tail> tail;
    std::vector<TailEvent> events;
  };
  std::vector<TailRows> tail_rows_;
};

}  // namespace gatelog::postgres
