#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "base/executor.h"
#include "core/collector/collector.h"
#include "core/collector/image_collector.h"
#include "core/fleet/image_turns.h"
#include "core/ingest/ingest.h"
#include "model/log_status.h"
#include "ports/device_link.h"
#include "ports/event_store.h"

namespace gatelog::core {

// One log device's way into the store: carries out what its Collector and its ImageCollector
// decide, on the link while there is one. Outlives links, because commits do.
//
// Threads: the loop's. May be destroyed at any time: what is under way then is not answered.
class LogCollection {
 public:
  struct Options {
    Collector::Options collector;
    ImageCollector::Options images;
    std::chrono::milliseconds retry_store{1'000};
    // Images wait while more records than this are still to be stored.
    std::uint32_t images_wait_records = 1'000;
  };

  struct Parts {  // all outlive the collection
    TimedExecutor& loop;
    const Clock& clock;
    Ingest& ingest;
    ImageTurns& image_turns;
  };

  // Since this object was made.
  struct Counts {
    std::uint64_t reads_repeated = 0;     // of the log or its images, because one failed
    std::uint64_t images_unreadable = 0;  // images whose bytes were none
  };

  // `known` is what the store has of the log; without it, that is loaded first, and nothing is
  // collected before.
  LogCollection(Parts parts, model::DeviceId log_device, std::optional<Ingest::Known> known,
                Options options);
  ~LogCollection();
  LogCollection(const LogCollection&) = delete;
  LogCollection& operator=(const LogCollection&) = delete;

  // From now until Detach, `link` is there and has its pushes armed; `status` is the log after
  // that.
  void Attach(ports::DeviceLink& link, const model::LogStatus& status);
  void Detach();

  void OnPush(const model::Anchor& record);
  void OnStatus(const model::LogStatus& status);

  // Replies once everything known to be on the device is stored, its images too; see
  // Fleet::WhenStored.
  void WhenStored(ports::Reply<absl::StatusOr<model::LogStatus>> reply);

  // Called when the device breaks the rules of its link; the owner ends it. Set before the first
  // Attach.
  void OnBroken(absl::AnyInvocable<void(absl::Status)> listener) {
    on_broken_ = std::move(listener);
  }
  // Called when the device did not give what it was asked for.
  void OnReadError(absl::AnyInvocable<void(absl::Status)> listener) {
    on_read_error_ = std::move(listener);
  }

  // Asks the store for newest(); `then` comes afterwards, also when this object is gone. Once: what
  // comes later is known from the commits.
  void LoadNewest(Task then);
  // What the store had of it may be there no more.
  void ForgetNewest() { newest_.reset(); }

  // Whether a commit is under way: then what totals() says is about to change.
  bool committing() const { return commits_ > 0; }
  // Called, from the loop, once nothing is being committed any more.
  void WhenCommitted(Task then);

  const Collector& collector() const { return collector_; }
  const ports::LogTotals& totals() const { return totals_; }
  Counts counts() const { return {reads_repeated_, images_.unreadable()}; }
  // The newest event of the log, without its payload; empty: it has none, or it is still being
  // loaded.
  const std::optional<ports::StoredEvent>& newest() const { return newest_; }

 private:
  // What a commit under way will add.
  struct Added {
    ports::LogTotals totals = {};
    ImageCollector::Stored images = {};
    std::optional<ports::StoredEvent> newest = {};
  };

  // `work`, unless this object is gone by then.
  template <typename Work>
  auto IfAlive(Work work) {
    return [alive = std::weak_ptr<char>(alive_),
            work = std::move(work)]<typename... Arguments>(Arguments&&... arguments) mutable {
      if (!alive.expired()) work(std::forward<Arguments>(arguments)...);
    };
  }
  void Later(std::chrono::milliseconds delay, void (LogCollection::*work)());

  void LoadKnown();
  void Begin();
  void CarryOut(Collector::Output output);
  void Read(const Collector::ReadRequest& request);
  void OnReadFailed(const absl::Status& status);
  void Load(const Collector::LoadRequest& request);
  void Commit(ports::Batch batch);
  void OnCommitted(Added added, const absl::Status& status);
  void Reload();
  void AnswerWaiting();
  void EndCommit();
  void RefuseWaiting(const absl::Status& status);

  void CarryOut(ImageCollector::Output output);
  bool ImagesMayBeRead();
  void ReadImages(const ImageCollector::ReadRequest& request);
  void EndImageTurn();
  void LoadImageEvents(const ImageCollector::LoadRequest& request);
  void CommitImages(ports::ImageBatch batch);
  void ReloadImages();

  const Parts parts_;
  const Options options_;
  Collector collector_;
  ImageCollector images_;
  ports::LogTotals totals_;
  std::optional<ports::StoredEvent> newest_;
  bool known_ = false;  // what the store has of the log
  absl::AnyInvocable<void(absl::Status)> on_broken_ = [](const absl::Status&) {};
  absl::AnyInvocable<void(absl::Status)> on_read_error_ = [](const absl::Status&) {};
  ports::DeviceLink* link_ = nullptr;
  model::LogStatus attached_;  // the log when the link came
  std::uint64_t links_ = 0;    // links so far: tells replies of this one from older ones
  std::uint64_t reads_ = 0;    // tells the reply to the read that is under way from any other
  bool recognised_ = false;    // the log on this link, at least once
  std::optional<ImageTurns::Turn> image_turn_;
  std::optional<TimerId> ask_again_;
  std::vector<ports::Reply<absl::StatusOr<model::LogStatus>>> waiting_;
  std::size_t commits_ = 0;  // under way
  Task when_committed_;
  std::uint64_t reads_repeated_ = 0;
  const std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace gatelog::core
