#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
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
// decide, on the link while there is one. Lives as long as the process, because commits outlast
// links.
//
// Threads: the loop's.
class LogCollection {
 public:
  struct Options {
    Collector::Options collector;
    ImageCollector::Options images;
    std::chrono::milliseconds retry_store{1'000};
    // Images wait while more records than this are still to be stored.
    std::uint32_t images_wait_records = 1'000;
  };

  // `turns` outlives the collection.
  LogCollection(TimedExecutor& loop, const Clock& clock, Ingest& ingest, ImageTurns& turns,
                ports::LogState state, ports::LogTotals totals, Options options);
  ~LogCollection();

  // From now until Detach, `link` is there and has its pushes armed; `status` is the log after
  // that.
  void Attach(ports::DeviceLink& link, const model::LogStatus& status);
  void Detach();

  void OnPush(model::EventId id);
  void OnStatus(const model::LogStatus& status);

  // Replies once everything known to be on the device is stored, its images too; see
  // Fleet::WhenStored.
  void WhenStored(ports::Reply<absl::StatusOr<model::LogStatus>> reply);

  // Called when the device breaks the rules of its link; the owner ends it. Set before the first
  // Attach.
  void OnBroken(absl::AnyInvocable<void(absl::Status)> listener) {
    on_broken_ = std::move(listener);
  }

  const Collector& collector() const { return collector_; }
  const ports::LogTotals& totals() const { return totals_; }

 private:
  void CarryOut(Collector::Output output);
  void Read(const Collector::ReadRequest& request);
  void Load(const Collector::LoadRequest& request);
  void Commit(ports::Batch batch);
  void OnCommitted(const ports::LogTotals& added, ImageCollector::Stored stored,
                   const absl::Status& status);
  void ReloadLater();
  void Reload();
  void AnswerWaiting();
  void RefuseWaiting(const absl::Status& status);

  void CarryOut(ImageCollector::Output output);
  bool ImagesMayBeRead();
  void ReadImages(const ImageCollector::ReadRequest& request);
  void EndImageTurn();
  void LoadImageEvents(const ImageCollector::LoadRequest& request);
  void CommitImages(ports::ImageBatch batch);
  void ReloadImages();

  TimedExecutor& loop_;
  const Clock& clock_;
  Ingest& ingest_;
  ImageTurns& turns_;
  const Options options_;
  Collector collector_;
  ImageCollector images_;
  ports::LogTotals totals_;
  absl::AnyInvocable<void(absl::Status)> on_broken_;
  ports::DeviceLink* link_ = nullptr;
  std::uint64_t links_ = 0;  // links so far: tells replies of this one from older ones
  bool recognised_ = false;  // the log on this link, at least once
  std::optional<ImageTurns::Turn> image_turn_;
  std::optional<TimerId> ask_again_;
  std::vector<ports::Reply<absl::StatusOr<model::LogStatus>>> waiting_;
};

}  // namespace gatelog::core
