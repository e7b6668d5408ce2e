#pragma once

#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "core/collector/divergence_search.h"
#include "model/anchor.h"
#include "model/log_status.h"
#include "ports/device_link.h"
#include "ports/event_store.h"

namespace gatelog::core {

// Decides what is read from one log device and what is stored of it, so that nothing is lost and
// nothing doubled (G1, G2).
//
// A state machine without I/O, threads or clock: inputs are method calls, and each returns what is
// to be done. Its owner carries that out and reports the outcome. One read, one load and
// kBatchesInFlightMax commits are under way at most.
//
// `next` is the lowest ID that is neither stored nor recorded as a gap. It moves only inside a
// committed batch.
class Collector {
 public:
  static constexpr std::size_t kBatchesInFlightMax = 2;

  struct Options {
    std::uint32_t page_records = 8'192;  // asked for in one read; at most ports::kReadRecordsMax
  };

  struct ReadRequest {
    model::EventId from = 0;
    std::uint32_t max = 0;
  };
  // Stored records, to be compared with the device's.
  struct LoadRequest {
    std::vector<ports::RecordRange> ranges;
  };

  // What is to be done now.
  struct Output {
    std::optional<ReadRequest> read = {};     // answer by OnPage or OnReadFailed
    std::optional<LoadRequest> load = {};     // answer by OnLoaded
    std::optional<ports::Batch> commit = {};  // answer by OnCommitted, in the order of commits
    bool reload =
        false;  // the store did not take a batch: wait, load the state, answer by OnReloaded
    absl::Status drop_link = {};  // not OK: the device breaks the rules of its link; end it
  };

  // `state` as the store has it; epoch 0 if it knows nothing of the device.
  Collector(model::DeviceId log_device, ports::LogState state, Options options);

  // The link is up, pushes are armed, and this is the log after that.
  Output OnConnected(const model::LogStatus& status);
  void OnLinkLost();

  // A push announced this record; `record` is what it is recognised by, where the push tells.
  Output OnPush(model::EventId id, std::optional<model::Anchor> record = {});
  // A keep-alive told of the log.
  Output OnStatus(const model::LogStatus& status);

  Output OnPage(const ports::LogPage& page, Timestamp now);
  // Reads are not repeated by themselves: the next push or keep-alive does it.
  void OnReadFailed();
  // `stored` ascends by ID; several epochs may have a record of one ID.
  Output OnLoaded(std::span<const model::Anchor> stored);
  Output OnCommitted(const absl::Status& status);
  Output OnReloaded(ports::LogState state);
  // The store has moved on with the images of the current epoch.
  void OnImagesCommitted(model::EventId image_next) { state_.image_next = image_next; }

  // As the store has it.
  const ports::LogState& state() const { return state_; }
  // As last heard from the device.
  const model::LogStatus& log() const { return log_; }
  bool connected() const { return connected_; }
  // The device's log has been recognised and everything known to be in it is stored.
  bool caught_up() const;
  // Records known to be on the device and not yet stored.
  std::uint32_t lag() const;

 private:
  // How much of what follows the newest anchor is read with the anchors.
  static constexpr std::uint32_t kFollowingAnchors = 16;

  struct Hole {
    model::EventId first = 0;
    model::EventId last = 0;
    model::GapReason reason = model::GapReason::kAbsent;  // as it looked then
  };
  enum class Step {
    kVerify,          // is this the log that we know?
    kProbe,           // how far does it reach? then kVerify
    kCompareAnchors,  // a page is under way, to be compared with the anchors
    kBisectDevice,    // a window of the device's records is under way
    kBisectStore,     // what is stored of the same window is being loaded
    kFollow,          // the log is known; what is new is read
    kLookAgain,       // as kFollow, but the counter may have begun anew
  };

  Output Proceed();
  Output Probe();
  Output Verify();
  std::optional<ReadRequest> AnchoredWindow() const;
  Output Compare(const ReadRequest& request);
  bool TakeShown(const ports::LogPage& page);
  Output CompareAnchors(const ports::LogPage& page);
  Output SearchStored(model::EventId low);
  model::EventId StoredThrough() const;
  Output WaitForNextRecord();
  std::vector<ports::RecordRange> EpochsWith(model::EventId first, model::EventId last) const;
  Output ContinueBisection();
  Output LoadWindow(const ports::LogPage& page);
  Output FinishBisection();
  Output OpenUnknown();
  Output ReadOn();
  bool Continues(const ports::LogPage& page) const;
  Output Take(const ports::LogPage& page, Timestamp now);

  void OpenEpoch(model::EventId first);
  void Hear(const model::LogStatus& status);
  void Learn(const model::LogStatus& status);
  bool LogRestarted(const model::LogStatus& status) const;
  std::size_t FirstNew(const ports::LogPage& page) const;
  ports::Batch BuildBatch(const ports::LogPage& page, Timestamp now);
  bool TakeHole(model::EventId last, const ports::LogPage& page, std::size_t following,
                Timestamp now, ports::Batch& batch);
  void TakeRecord(const ports::LogPage::Record& record, Timestamp now, ports::Batch& batch);
  void RememberHoles(const ports::LogPage& page);
  model::GapReason ReasonOf(model::EventId last, const ports::LogPage& page,
                            std::size_t following) const;
  // The state that the next batch follows.
  const ports::LogState& before() const { return in_flight_.empty() ? state_ : in_flight_.back(); }

  const model::DeviceId log_device_;
  const Options options_;

  ports::LogState state_;                  // committed
  ports::LogState tip_;                    // after the batches in flight
  std::deque<ports::LogState> in_flight_;  // the state after each
  bool commit_failed_ = false;
  bool reloading_ = false;

  bool connected_ = false;
  model::LogStatus log_;
  bool hearsay_ = false;          // log_ is from a keep-alive, which a page may have overtaken
  bool pushed_since_ = false;     // log_ was heard; it may have begun anew
  model::EventId target_ = 0;     // read up to here
  model::EventId pushed_ = 0;     // the record of the last push
  model::EventId live_from_ = 0;  // records from here on happened while linked
  Step step_ = Step::kVerify;
  std::optional<ReadRequest> read_;  // under way
  model::EventId asked_next_ = 0;    // `next` when what follows it was asked for
  bool loading_ = false;
  bool unverified_ = false;  // no stored record is left on the device to recognise it by
  bool undecided_ = false;   // the log is empty or shorter than ours: its next record tells
  std::vector<Hole> holes_;  // in the last page, ascending; asked for once so far

  std::optional<DivergenceSearch> search_;
  model::EventId searched_through_ = 0;  // the device's newest record when the search began
  ReadRequest compared_;                 // what was asked for to be compared
  std::vector<model::Anchor> shown_;     // and what of it the device has shown
};

}  // namespace gatelog::core
