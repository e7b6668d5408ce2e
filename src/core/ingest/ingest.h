#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/executor.h"
#include "base/mutex.h"
#include "ports/event_store.h"

namespace gatelog::core {

// The way into the store: gathers the batches of all devices and commits what waits in one
// transaction, on the writer's thread. Devices bound what they have under way
// (Collector::kBatchesInFlightMax), so the queue is bounded by the fleet's size.
class Ingest {
 public:
  struct Options {
    std::size_t events_per_commit_max = 20'000;
  };

  // All outlive the ingest. `writer` runs the store's blocking calls; replies are posted to `loop`.
  Ingest(ports::EventStore& store, Executor& writer, Executor& loop, Options options);

  // Loop's thread. `done` comes once, on the loop's thread, when the batch is durable or refused.
  void Submit(ports::Batch batch, absl::AnyInvocable<void(absl::Status)> done);
  void SubmitImages(ports::ImageBatch batch, absl::AnyInvocable<void(absl::Status)> done);

  // Reads of what the store knows, for the collector: they block on the writer's thread; the reply
  // comes on the loop's. Those of many logs that wait together are answered by one read.
  struct Known {
    ports::LogState state = {};  // of a log that the store does not know only log_device is set
    ports::LogTotals totals = {};
  };
  void LoadKnown(model::DeviceId device, absl::AnyInvocable<void(absl::StatusOr<Known>)> reply);
  void LoadState(model::DeviceId device,
                 absl::AnyInvocable<void(absl::StatusOr<ports::LogState>)> reply);
  void LoadAnchors(model::DeviceId device, std::vector<ports::RecordRange> ranges,
                   absl::AnyInvocable<void(absl::StatusOr<std::vector<model::Anchor>>)> reply);
  // The log's newest event; empty if it has none.
  void LoadNewest(model::DeviceId device,
                  absl::AnyInvocable<void(absl::StatusOr<std::vector<ports::StoredEvent>>)> reply);
  // Events of a stretch that say they have an image, oldest first, `limit` at most.
  void LoadEventsWithImage(
      model::DeviceId device, ports::RecordRange range, std::uint32_t limit,
      absl::AnyInvocable<void(absl::StatusOr<std::vector<ports::StoredEvent>>)> reply);

  // Called on the writer's thread after each commit that wrote events, with the store's newest seq;
  // for Follow. Set before the first Submit.
  void OnCommitted(absl::AnyInvocable<void(std::uint64_t)> listener) {
    on_committed_ = std::move(listener);
  }

  std::uint64_t events_committed() const { return events_committed_; }
  std::uint64_t commits() const { return commits_; }
  std::uint64_t failures() const { return failures_; }
  // The store's last answer: OK, or why nothing is acknowledged. Any thread.
  absl::Status health() const;
  // Once a second or so, any thread: asks the store whether it takes commits, so that health() also
  // knows of a disk that failed elsewhere, and of one that has space again, when no device has
  // anything to store.
  void Tick();

 private:
  struct Pending {
    ports::Batch batch;
    absl::AnyInvocable<void(absl::Status)> done;
  };
  struct PendingImages {
    ports::ImageBatch batch;
    absl::AnyInvocable<void(absl::Status)> done;
  };

  struct PendingKnown {
    model::DeviceId device;
    absl::AnyInvocable<void(absl::StatusOr<Known>)> reply;
  };

  void Wake() GATELOG_REQUIRES(mutex_);
  void CommitWaiting();
  void CommitEvents(std::vector<Pending> pending);
  void CommitImages(std::vector<PendingImages> pending);
  std::vector<Pending> TakeWaiting() GATELOG_REQUIRES(mutex_);
  void AnswerKnown();
  absl::StatusOr<std::map<model::DeviceId, Known>> ReadKnown();
  void LoadEvents(ports::EventQuery query,
                  absl::AnyInvocable<void(absl::StatusOr<std::vector<ports::StoredEvent>>)> reply);
  // The store's answer to a commit, or to being asked for one.
  void SetHealth(const absl::Status& status);

  ports::EventStore& store_;
  Executor& writer_;
  Executor& loop_;
  const Options options_;
  absl::AnyInvocable<void(std::uint64_t)> on_committed_;

  mutable Mutex mutex_;
  std::deque<Pending> waiting_ GUARDED_BY(mutex_);
  std::deque<PendingImages> waiting_images_ GUARDED_BY(mutex_);
  bool posted_ GUARDED_BY(mutex_) = false;
  bool asking_ GUARDED_BY(mutex_) = false;                      // a Tick waits for the store
  std::vector<PendingKnown> waiting_known_ GUARDED_BY(mutex_);  // a few for each log at most
  absl::Status health_ GUARDED_BY(mutex_);

  std::atomic<std::uint64_t> events_committed_ = 0;
  std::atomic<std::uint64_t> commits_ = 0;
  std::atomic<std::uint64_t> failures_ = 0;
};

}  // namespace gatelog::core
