#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "base/executor.h"
#include "core/collector/collector.h"
#include "core/ingest/ingest.h"
#include "model/log_status.h"
#include "ports/device_link.h"
#include "ports/event_store.h"

namespace gatelog::core {

// One log device's way into the store: carries out what its Collector decides, on the link while
// there is one, and fetches the images of stored events. Lives as long as the process, because
// commits outlast links.
//
// Threads: the loop's.
class LogCollection {
 public:
  struct Options {
    Collector::Options collector;
    std::chrono::milliseconds retry_store{1'000};
    std::uint32_t images_per_read = 16;
  };

  LogCollection(TimedExecutor& loop, const Clock& clock, Ingest& ingest, ports::LogState state,
                ports::LogTotals totals, Options options);

  // From now until Detach, `link` is there and has its pushes armed; `status` is the log after
  // that.
  void Attach(ports::DeviceLink& link, const model::LogStatus& status);
  void Detach();

  void OnPush(model::EventId id);
  void OnStatus(const model::LogStatus& status);

  // Replies once everything known to be on the device is stored; see Fleet::WhenStored.
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
  void OnCommitted(const ports::LogTotals& added, bool with_images, const absl::Status& status);
  void ReloadLater();
  void Reload();
  void FetchImages();
  void OnImages(model::EventId from, model::EventId limit,
                absl::StatusOr<std::vector<std::string>> images);
  void AnswerWaiting();

  TimedExecutor& loop_;
  const Clock& clock_;
  Ingest& ingest_;
  const Options options_;
  Collector collector_;
  ports::LogTotals totals_;
  absl::AnyInvocable<void(absl::Status)> on_broken_;
  ports::DeviceLink* link_ = nullptr;
  std::uint64_t links_ = 0;  // links so far: tells replies of this one from older ones
  std::uint64_t reads_ = 0;  // tells the reply to the read that is under way from any other
  bool images_wanted_ =
      false;  // an event with an image was stored, or none has been looked for on this link
  bool images_under_way_ = false;
  std::vector<ports::Reply<absl::StatusOr<model::LogStatus>>> waiting_;
};

}  // namespace gatelog::core
