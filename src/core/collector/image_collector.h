#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "model/event.h"
#include "model/identity.h"
#include "model/image_absence.h"
#include "ports/event_store.h"

namespace gatelog::core {

// Decides which images are read from one log device and what is stored of them: after the events,
// with a progress of their own.
//
// A state machine without I/O, threads or clock, as Collector is. One load, one read and one commit
// are under way at most, and no read while a commit is.
//
// What is wanted are the images of stored events that say they have one. An image is that of its
// event only if time and code are the event's too: IDs repeat when a counter begins anew. A missing
// image is final, and recorded as absent, once the device has shown an image of this epoch with a
// larger ID, or when it is still missing kFinalAfter after its event was stored. Until then it is
// asked for again, and holds up nobody: those behind it are asked for in the same read. What is
// missing when the epoch ends is absent for good; the store knows that by itself.
class ImageCollector {
 public:
  static constexpr std::chrono::minutes kFinalAfter{10};
  static constexpr std::uint32_t kWantedMax = 1'024;  // events looked at together; the rest waits
  static constexpr std::size_t kBatchBytesMax = 1024 * 1024;  // of images; the rest is read again

  struct Options {
    std::uint32_t images_per_read = 16;  // at most ports::kReadImagesMax
    // How long until the device is asked again for what it did not have; doubles each time.
    std::chrono::milliseconds ask_again_min{2'000};
    std::chrono::milliseconds ask_again_max{60'000};
  };

  struct ReadRequest {
    model::EventId from = 0;
    std::uint32_t max = 0;
  };
  // Stored events that say they have an image, ascending, `limit` at most.
  struct LoadRequest {
    model::Epoch epoch = 0;
    model::EventId first = 0;
    model::EventId last = 0;  // inclusive
    std::uint32_t limit = 0;
  };

  // A stored event whose image is wanted.
  struct Wanted {
    model::Event event;  // without its payload
    Timestamp arrival{};
    model::ImageAbsenceReason missing_as = model::ImageAbsenceReason::kAbsent;
  };
  // What a batch of events tells about images, so that they need not be loaded again.
  struct Stored {
    model::Epoch epoch = 0;
    model::EventId first = 0;  // lowest ID that the batch accounts for
    model::EventId next = 0;
    std::vector<Wanted> wanted = {};
    bool complete = true;  // false: there are more than kWantedMax, and they have to be loaded
  };
  static Stored StoredBy(const ports::Batch& batch);

  // What is to be done now.
  struct Output {
    std::optional<ReadRequest> read = {};          // answer by OnImages or OnReadFailed
    std::optional<LoadRequest> load = {};          // answer by OnLoaded, also when the link is lost
    std::optional<ports::ImageBatch> commit = {};  // answer by OnCommitted, likewise
    bool reload = false;  // the store did not take a batch: wait, load the state, answer by
                          // OnReloaded
    std::optional<std::chrono::milliseconds> ask_again = {};  // call OnTick then; replaces a former
  };

  // `state` as the store has it; epoch 0 if it knows nothing of the device.
  ImageCollector(model::DeviceId log_device, const ports::LogState& state, Options options);

  Output OnConnected();
  // A read under way will not be answered any more.
  void OnLinkLost();

  // A batch of events has been committed; OnEvents follows.
  void OnStored(Stored stored);

  // How far the events are stored. `may_read`: the device's log has been recognised and is stored,
  // or nearly so; images wait until then. To be called whenever either changes; costs nothing if
  // there is nothing to do.
  Output OnEvents(const ports::LogState& state, bool may_read);

  Output OnLoaded(std::vector<ports::StoredEvent> events);
  // What the device answered: encoded ImageLogs in ascending order of ID.
  Output OnImages(std::span<const std::string> images, Timestamp now);
  Output OnReadFailed();
  Output OnCommitted(const absl::Status& status);
  Output OnReloaded(const ports::LogState& state);
  Output OnTick();

  // All images that the device had of the stored events are stored, and nothing is under way. What
  // is still wanted the device did not have when it was last asked.
  bool caught_up() const;

  model::Epoch epoch() const { return epoch_; }
  // As the store has it.
  model::EventId image_next() const { return image_next_; }
  // Images that could not be decoded, each time they were read; since this object was made.
  std::uint64_t unreadable() const { return unreadable_; }

 private:
  // What one answer of the device tells.
  struct Answer {
    bool reached_end = true;                            // the device has no further images
    std::map<model::EventId, model::Image> found = {};  // wanted ones
    std::vector<model::Image> beyond = {};              // of events that have not been looked at
    model::EventId highest = 0;                         // ID shown, of whatever
  };

  Output Proceed();
  Output LoadWanted();
  Output LoadBeyond();
  Output CommitGone();
  Output Read();
  Output Commit(ports::ImageBatch batch);
  void Restart(model::Epoch epoch, model::EventId image_next, model::EventId next);
  void AskFromTheFront();
  std::chrono::milliseconds NextAskAgain();
  void TakeLoaded(const LoadRequest& request, std::vector<ports::StoredEvent> events);
  void CompareBeyond(std::span<const ports::StoredEvent> events);

  Answer Sort(const ReadRequest& request, std::span<const std::string> images);
  Wanted* FindWanted(model::EventId id);
  ports::ImageBatch Settle(Answer& answer, Timestamp now);
  void EndRoundOrReadOn(const ReadRequest& request, Answer& answer);
  ports::ImageBatch EmptyBatch(Timestamp found) const;
  model::EventId SettledBelow() const;

  const model::DeviceId log_device_;
  const Options options_;

  model::Epoch epoch_ = 0;
  model::EventId next_ = 0;        // of the events
  model::EventId image_next_ = 0;  // committed
  bool connected_ = false;
  bool may_read_ = false;

  std::deque<Wanted> wanted_;     // not settled, ascending
  model::EventId looked_at_ = 0;  // every event below it whose image is not settled is in wanted_
  // The device has shown an image of this epoch with this ID, and below it none that is wanted and
  // not settled.
  model::EventId gone_below_ = 0;
  model::EventId read_from_ = 0;  // where the present round of reads goes on; 0: at the front
  bool asked_ = false;            // the round is over; another begins with OnTick
  bool failed_ = false;           // the device did not answer the last read
  std::chrono::milliseconds ask_again_;

  std::optional<ReadRequest> read_;          // under way
  model::Epoch read_epoch_ = 0;              // for which
  std::optional<LoadRequest> load_;          // under way
  std::optional<ports::ImageBatch> commit_;  // under way, without what is in it
  bool reloading_ = false;
  std::vector<model::Image> beyond_;  // shown by the device; their events are loaded for comparison
  Timestamp answered_{};              // when the device last gave images
  std::uint64_t unreadable_ = 0;
};

}  // namespace gatelog::core
