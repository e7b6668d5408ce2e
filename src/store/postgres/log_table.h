#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "ports/event_store.h"
#include "store/postgres/connection.h"

namespace gatelog::postgres {

// Where a log stands, as far as a batch's fence asks.
struct LogPosition {
  model::Epoch epoch = 0;
  model::EventId next = 0;
  model::Generation generation = 0;
};

// What one commit does to one log: all its batches together.
struct LogUpdate {
  LogPosition before;                      // epoch 0: the log was not known
  const ports::LogState* after = nullptr;  // of the last batch
  bool opened = false;                     // an epoch
  std::uint64_t events = 0;
  std::uint64_t images_wanted = 0;
  std::uint64_t images_absent = 0;     // of this commit's events in epochs that it ended
  std::uint64_t images_unsettled = 0;  // of its other events
  std::uint64_t gaps = 0;
  std::uint64_t missing = 0;
  bool saves_anchors = true;
  const std::vector<model::Anchor>* anchors = nullptr;  // after it
};

// Whether an update's `before` was still right. The whole of the transaction must be dropped if
// not.
absl::StatusOr<bool> WriteLogs(Connection& connection, std::span<const LogUpdate> updates);

absl::StatusOr<std::unordered_map<model::DeviceId, LogPosition>> ReadPositions(
    Connection& connection);

using Anchors = std::vector<model::Anchor>;

// The anchors of a log after the events and unreadable records that a batch adds to those before,
// as a collector keeps them. What they say of a log can be found again from its records, so they
// are written only now and then: when they are not what this gives, and every kAnchorCount IDs.
Anchors AnchorsAfter(const Anchors& before, const ports::Batch& batch);

// The anchors of logs, as of where they stand, so that nobody looks them up. Any thread.
class AnchorCache {
 public:
  struct Kept {
    model::Epoch epoch = 0;
    model::EventId next = 0;
    Anchors anchors = {};
    model::EventId first = 0;  // the lowest ID of the epoch
  };
  using Logs = std::unordered_map<model::DeviceId, Kept>;

  std::optional<Kept> Find(model::DeviceId log_device) const GATELOG_EXCLUDES(mutex_);
  void Set(Logs logs) GATELOG_EXCLUDES(mutex_);  // those, and no others
  void Add(Logs logs) GATELOG_EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;
  Logs logs_ GUARDED_BY(mutex_);
};

// Writes these logs' anchors in the transaction that is open.
absl::Status SaveAnchors(Connection& connection, const AnchorCache::Logs& logs);

// Anchors as the store keeps them: each its ID and fingerprint, big-endian.
std::string EncodeAnchors(std::span<const model::Anchor> anchors);
std::vector<model::Anchor> DecodeAnchors(std::string_view bytes);

// As EventStore. Anchors that the cache does not have for where a log stands are found from its
// records, which takes longer.
absl::StatusOr<std::vector<ports::LogState>> ReadLogStates(Connection& connection,
                                                           const AnchorCache& cache);
absl::StatusOr<std::vector<ports::LogTotals>> ReadLogTotals(Connection& connection);

}  // namespace gatelog::postgres
