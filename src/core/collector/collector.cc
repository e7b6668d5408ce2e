#include "core/collector/collector.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"

namespace gatelog::core {
namespace {

using model::Anchor;
using model::EventId;
using model::LogStatus;
using ports::LogPage;

constexpr std::uint32_t kLogClearedCode = 0x4200;

// The highest ID that can be stored: `next` must be able to follow it.
constexpr EventId kEventIdMax = std::numeric_limits<EventId>::max() - 1;

// How many epochs, the newest first, are asked for the records of one window. A device that changes
// lives more often than this is not recognised by what it showed before.
constexpr std::size_t kEpochsComparedMax = 32;

// Two statuses of one life of the counter, as far as generations tell.
bool SameLife(model::Generation a, model::Generation b) { return a == b || a == 0 || b == 0; }

std::vector<Anchor> AnchorsOf(const LogPage& page, EventId last) {
  std::vector<Anchor> anchors;
  for (std::size_t i = 0; i < page.size() && page[i].id <= last; ++i) {
    const auto event = model::ParseEvent(page[i].payload);
    anchors.push_back(event.ok() ? model::AnchorOf(*event)
                                 : model::AnchorOfUnreadable(page[i].id, page[i].payload));
  }
  return anchors;
}

void AppendAnchor(std::vector<Anchor>& anchors, const Anchor& anchor) {
  anchors.push_back(anchor);
  // Trimmed at twice the size, so that a long batch does not move the rest for each record.
  if (anchors.size() >= 2 * model::kAnchorCount) {
    anchors.erase(anchors.begin(),
                  anchors.end() - static_cast<std::ptrdiff_t>(model::kAnchorCount));
  }
}

void TrimAnchors(std::vector<Anchor>& anchors) {
  if (anchors.size() <= model::kAnchorCount) return;
  anchors.erase(anchors.begin(), anchors.end() - static_cast<std::ptrdiff_t>(model::kAnchorCount));
}

// Links promise this; a device family that breaks it must not confuse the store.
bool InOrder(const LogPage& page, EventId from) {
  std::uint64_t lowest = from;
  for (std::size_t i = 0; i < page.size(); ++i) {
    if (page[i].id < lowest) return false;
    lowest = std::uint64_t{page[i].id} + 1;
  }
  return true;
}

LogStatus Storable(LogStatus status) {
  status.last = std::min(status.last, kEventIdMax);
  return status;
}

bool EndsBeyondStorable(const LogPage& page) {
  return !page.empty() && page[page.size() - 1].id > kEventIdMax;
}

LogPage Storable(const LogPage& page) {
  LogPage storable;
  storable.status = page.status;
  for (std::size_t i = 0; i < page.size() && page[i].id <= kEventIdMax; ++i) {
    storable.Append(page[i].id, page[i].payload);
  }
  return storable;
}

}  // namespace

Collector::Collector(model::DeviceId log_device, ports::LogState state, Options options)
    : log_device_(log_device), options_(options), state_(std::move(state)), tip_(state_) {
  state_.log_device = tip_.log_device = log_device;
}

Collector::Output Collector::OnConnected(const LogStatus& status) {
  connected_ = true;
  step_ = Step::kVerify;
  Hear(status);
  live_from_ = log_.last + 1;
  holes_.clear();
  return Proceed();
}

void Collector::OnLinkLost() {
  connected_ = false;
  read_.reset();
  search_.reset();
  step_ = Step::kVerify;
  undecided_ = false;
}

Collector::Output Collector::OnPush(EventId id) {
  if (!connected_) return {};
  target_ = std::max(target_, std::min(id, kEventIdMax));
  if (undecided_ && step_ == Step::kVerify) step_ = Step::kProbe;
  return Proceed();
}

Collector::Output Collector::OnStatus(const LogStatus& status) {
  if (!connected_) return {};
  Learn(status);
  hearsay_ = true;
  return Proceed();
}

void Collector::Hear(const LogStatus& status) {
  log_ = Storable(status);
  target_ = log_.last;
  hearsay_ = false;
}

void Collector::Learn(const LogStatus& status) {
  Hear(status);
  if (step_ == Step::kFollow && LogRestarted(log_)) step_ = Step::kVerify;
}

bool Collector::LogRestarted(const LogStatus& status) const {
  if (!SameLife(status.generation, tip_.generation)) return true;
  // An empty log decides nothing until its first record.
  return !status.empty() && status.last + 1 < tip_.next;
}

Collector::Output Collector::Proceed() {
  if (!connected_ || read_ || loading_ || reloading_ || commit_failed_) return {};
  switch (step_) {
    case Step::kVerify:
      return Verify();
    case Step::kProbe:
      return Probe();
    case Step::kBisectDevice:
      return ContinueBisection();
    case Step::kFollow:
      return ReadOn();
    case Step::kCompareAnchors:  // waits for its page; the page was lost
    case Step::kBisectStore:
      step_ = Step::kVerify;
      return Verify();
  }
  return {};
}

// A push or a keep-alive says that something has changed; a page tells what.
Collector::Output Collector::Probe() {
  step_ = Step::kProbe;
  read_ = ReadRequest{1, 1};
  return {.read = read_};
}

// Is this the log that we know?
Collector::Output Collector::Verify() {
  tip_ = before();
  unverified_ = false;
  undecided_ = false;
  if (tip_.epoch == 0) {
    OpenEpoch(1);
    return ReadOn();
  }
  if (log_.empty()) return WaitForNextRecord();
  if (SameLife(log_.generation, tip_.generation)) {
    if (const std::optional<ReadRequest> anchored = AnchoredWindow()) {
      step_ = Step::kCompareAnchors;
      read_ = anchored;
      return {.read = read_};
    }
  }
  // Nothing of what was stored last is there. A keep-alive that was overtaken by a page may say so
  // too.
  return hearsay_ ? Probe() : SearchStored(log_.first);
}

// The newest records that the device should still have and that anchors tell of, and what follows
// them.
std::optional<Collector::ReadRequest> Collector::AnchoredWindow() const {
  std::optional<ReadRequest> window;
  EventId newest = 0;
  for (auto anchor = tip_.anchors.rbegin(); anchor != tip_.anchors.rend(); ++anchor) {
    if (anchor->id > log_.last) continue;
    if (anchor->id < log_.first) break;
    if (newest == 0) newest = anchor->id;
    if (newest - anchor->id >= model::kAnchorCount) break;
    window = ReadRequest{anchor->id, newest - anchor->id + 1 + kFollowingAnchors};
  }
  return window;
}

Collector::Output Collector::CompareAnchors(const ReadRequest& request, const LogPage& page) {
  Hear(page.status);
  if (!SameLife(log_.generation, tip_.generation) || log_.empty()) {
    step_ = Step::kVerify;
    return Proceed();
  }
  const std::optional<ReadRequest> window = AnchoredWindow();
  if (!window || window->from + window->max != request.from + request.max) {
    // The log went on meanwhile: more of it can be compared.
    step_ = Step::kVerify;
    return Proceed();
  }
  const std::vector<Anchor> shown = AnchorsOf(page, tip_.next - 1);
  const Comparison comparison = Compare(shown, tip_.anchors);
  if (comparison.difference != 0) return SearchStored(log_.first);
  // Of the same log, nothing stands between the newest stored record and `next`.
  const bool unknown = std::any_of(shown.begin(), shown.end(), [&comparison](const Anchor& anchor) {
    return anchor.id > comparison.last_equal && !model::IsUnreadable(anchor);
  });
  if (unknown || log_.last < tip_.next - 1) {
    return SearchStored(std::max(log_.first, comparison.last_equal + 1));
  }
  unverified_ = comparison.last_equal == 0 && tip_.generation == 0;
  step_ = Step::kFollow;
  return ReadOn();
}

// Looks for the end of what the device shows and the store has, in whichever epoch: a device may
// have lost its newest records, or be one that was here before. Records below `low` are stored as
// far as they tell.
Collector::Output Collector::SearchStored(EventId low) {
  const std::uint64_t beyond = std::uint64_t{log_.last} + 1;
  const auto high = static_cast<EventId>(std::min<std::uint64_t>(beyond, StoredThrough()));
  search_.emplace(log_.first, low, std::max(low, high));
  searched_through_ = log_.last;
  device_window_.clear();
  step_ = Step::kBisectDevice;
  return ContinueBisection();
}

// Beyond all that is stored of what may be the device's present life.
EventId Collector::StoredThrough() const {
  EventId next = SameLife(tip_.generation, log_.generation) ? tip_.next : 1;
  for (const ports::PastEpoch& past : tip_.past) {
    if (SameLife(past.generation, log_.generation)) next = std::max(next, past.next);
  }
  return next;
}

// The log is empty, or all it holds is stored though more of it has been seen: its next record
// tells what became of it.
Collector::Output Collector::WaitForNextRecord() {
  step_ = Step::kVerify;
  undecided_ = true;
  return {};
}

Collector::Output Collector::ContinueBisection() {
  if (!search_) {
    step_ = Step::kVerify;
    return Verify();
  }
  if (search_->done()) return FinishBisection();
  const auto window = search_->window();
  read_ = ReadRequest{window.first, window.last - window.first + 1};
  return {.read = read_};
}

Collector::Output Collector::FinishBisection() {
  const EventId first_new = search_->result();
  const bool shared = first_new > search_->floor();
  search_.reset();
  if (first_new > searched_through_) return WaitForNextRecord();
  if (shared) {
    tip_.anchors = device_window_;  // it ends with records that are the same on both sides
    OpenEpoch(first_new);
    return ReadOn();
  }
  if (SameLife(log_.generation, tip_.generation) && log_.first >= tip_.next) {
    // All that we know is overwritten.
    unverified_ = tip_.generation == 0 && log_.first > tip_.next;
    step_ = Step::kFollow;
    return ReadOn();
  }
  return OpenUnknown();
}

// Nothing on the device is stored: another life of the counter, or the rest of one of which
// generations tell how far it was stored.
Collector::Output Collector::OpenUnknown() {
  const auto earlier =
      std::find_if(tip_.past.rbegin(), tip_.past.rend(), [this](const ports::PastEpoch& past) {
        return past.generation != 0 && past.generation == log_.generation;
      });
  const bool known = !SameLife(log_.generation, tip_.generation) && earlier != tip_.past.rend() &&
                     log_.first >= earlier->next;
  const bool seen_before =
      SameLife(log_.generation, tip_.generation) || earlier != tip_.past.rend();
  tip_.anchors.clear();
  OpenEpoch(known ? earlier->next : 1);
  unverified_ = seen_before && !known;
  return ReadOn();
}

void Collector::OpenEpoch(EventId first) {
  if (tip_.epoch != 0) {
    tip_.past.push_back({tip_.epoch, tip_.epoch_first, tip_.next, tip_.generation});
  }
  tip_.epoch += 1;
  tip_.epoch_first = first;
  tip_.generation = log_.generation;
  tip_.next = first;
  tip_.image_next = first;
  std::erase_if(tip_.anchors, [first](const Anchor& anchor) { return anchor.id >= first; });
  live_from_ = log_.last + 1;
  holes_.clear();
  step_ = Step::kFollow;
}

Collector::Output Collector::ReadOn() {
  if (tip_.next > target_ || in_flight_.size() >= kBatchesInFlightMax) return {};
  read_ = ReadRequest{tip_.next, options_.page_records};
  return {.read = read_};
}

Collector::Output Collector::OnPage(const LogPage& page, Timestamp now) {
  if (!connected_ || !read_) return {};
  if (EndsBeyondStorable(page)) return OnPage(Storable(page), now);
  const ReadRequest request = *std::exchange(read_, std::nullopt);
  if (!InOrder(page, request.from)) {
    return {.drop_link = absl::InternalError(
                absl::StrCat("the device answered a read from ", request.from, " out of order"))};
  }
  switch (step_) {
    case Step::kCompareAnchors:
      return CompareAnchors(request, page);
    case Step::kBisectDevice:
      return LoadWindow(page);
    case Step::kProbe:
      Hear(page.status);
      step_ = Step::kVerify;
      return Proceed();
    case Step::kVerify:
    case Step::kBisectStore:
      return Proceed();
    case Step::kFollow:
      break;
  }
  Learn(page.status);
  if (step_ != Step::kFollow || request.from != tip_.next || commit_failed_) return Proceed();
  return Take(page, now);
}

Collector::Output Collector::LoadWindow(const LogPage& page) {
  const auto window = search_->window();
  if (page.status.generation != log_.generation || page.status.last < searched_through_ ||
      page.status.empty() || page.status.first > window.first) {
    // Not the log any more in which the search began.
    Hear(page.status);
    step_ = Step::kVerify;
    return Proceed();
  }
  device_window_ = AnchorsOf(page, window.last);
  loading_ = true;
  step_ = Step::kBisectStore;
  return {.load = LoadRequest{EpochsWith(window.first, window.last)}};
}

// Where records [first, last] of the device's present life may be stored: the device may continue
// any earlier epoch of it, or, without generations, any at all.
std::vector<ports::RecordRange> Collector::EpochsWith(EventId first, EventId last) const {
  std::vector<ports::RecordRange> ranges;
  const auto take = [&](const ports::PastEpoch& epoch) {
    if (ranges.size() == kEpochsComparedMax || !SameLife(epoch.generation, log_.generation)) return;
    if (epoch.first > last || epoch.next <= first) return;
    ranges.push_back(
        {epoch.epoch, std::max(first, epoch.first), std::min<EventId>(last, epoch.next - 1)});
  };
  take({tip_.epoch, tip_.epoch_first, tip_.next, tip_.generation});
  for (auto past = tip_.past.rbegin(); past != tip_.past.rend(); ++past) take(*past);
  return ranges;
}

void Collector::OnReadFailed() { read_.reset(); }

Collector::Output Collector::OnLoaded(std::span<const Anchor> stored) {
  loading_ = false;
  if (!connected_ || step_ != Step::kBisectStore || !search_) return Proceed();
  search_->Compare(device_window_, stored);
  step_ = Step::kBisectDevice;
  return Proceed();
}

// Stores what the page brings, up to the first hole that has not been asked for twice.
Collector::Output Collector::Take(const LogPage& page, Timestamp now) {
  ports::Batch batch = BuildBatch(page, now);
  tip_ = batch.after;
  RememberHoles(page);
  if (batch.events.empty() && batch.gaps.empty()) return Proceed();
  if (!batch.events.empty()) unverified_ = false;
  in_flight_.push_back(tip_);
  Output output = Proceed();
  output.commit = std::move(batch);
  return output;
}

ports::Batch Collector::BuildBatch(const LogPage& page, Timestamp now) {
  ports::Batch batch;
  batch.log_device = log_device_;
  batch.expected_epoch = before().epoch;
  batch.expected_next = before().next;
  batch.after = tip_;
  batch.arrival = now;
  batch.live_from = live_from_;
  for (std::size_t i = 0; i < page.size(); ++i) {
    if (page[i].id > batch.after.next && !TakeHole(page[i].id - 1, page, i, now, batch)) break;
    TakeRecord(page[i], now, batch);
  }
  if (page.empty() && log_.last >= batch.after.next) TakeHole(log_.last, page, 0, now, batch);
  TrimAnchors(batch.after.anchors);
  return batch;
}

void Collector::TakeRecord(const LogPage::Record& record, Timestamp now, ports::Batch& batch) {
  batch.after.next = record.id + 1;
  auto event = model::ParseEvent(record.payload);
  if (event.ok() && event->id == record.id) {
    AppendAnchor(batch.after.anchors, model::AnchorOf(*event));
    batch.events.push_back(*std::move(event));
    return;
  }
  AppendAnchor(batch.after.anchors, model::AnchorOfUnreadable(record.id, record.payload));
  batch.gaps.push_back({log_device_, batch.after.epoch, record.id, record.id,
                        model::GapReason::kUnreadable, now, std::string(record.payload)});
}

// Makes a gap of what is missing up to `last`, before the page's record `following`, as far as it
// has been asked for twice. True if that was all of it.
bool Collector::TakeHole(EventId last, const LogPage& page, std::size_t following, Timestamp now,
                         ports::Batch& batch) {
  const EventId first = batch.after.next;
  const EventId final_through = std::min(last, MissedTwiceThrough(first, page.status));
  if (final_through < first) return false;
  batch.gaps.push_back({log_device_,
                        batch.after.epoch,
                        first,
                        final_through,
                        ReasonOf(final_through, page, following),
                        now,
                        {}});
  batch.after.next = final_through + 1;
  return final_through == last;
}

// Up to which ID, from `first` on, records were missing in the last page too, or are older than
// what the device still has.
EventId Collector::MissedTwiceThrough(EventId first, const LogStatus& status) const {
  for (const Hole& hole : holes_) {
    if (hole.first > first || hole.last < first) continue;
    return status.first == 0 ? hole.last : std::max(hole.last, status.first - 1);
  }
  return first - 1;
}

void Collector::RememberHoles(const LogPage& page) {
  holes_.clear();
  EventId expected = tip_.next;
  for (std::size_t i = 0; i < page.size(); ++i) {
    if (page[i].id < expected) continue;
    if (page[i].id > expected) holes_.push_back({expected, page[i].id - 1});
    expected = page[i].id + 1;
  }
  if (page.empty() && log_.last >= expected) holes_.push_back({expected, log_.last});
}

model::GapReason Collector::ReasonOf(EventId last, const LogPage& page,
                                     std::size_t following) const {
  if (page.status.empty()) return model::GapReason::kCleared;
  if (last >= page.status.first) return model::GapReason::kAbsent;
  if (following < page.size() && page[following].id == page.status.first) {
    const auto event = model::ParseEvent(page[following].payload);
    if (event.ok() && event->code == kLogClearedCode) return model::GapReason::kCleared;
  }
  return unverified_ ? model::GapReason::kUnverified : model::GapReason::kOverwritten;
}

Collector::Output Collector::OnCommitted(const absl::Status& status) {
  if (in_flight_.empty()) return {};
  if (status.ok() && !commit_failed_) {
    const model::EventId image_next = in_flight_.front().epoch == state_.epoch
                                          ? state_.image_next
                                          : in_flight_.front().epoch_first;
    state_ = std::move(in_flight_.front());
    state_.image_next = image_next;
    in_flight_.pop_front();
    return Proceed();
  }
  // What is in flight behind a refused batch is refused too, by its fence.
  commit_failed_ = true;
  in_flight_.pop_front();
  if (!in_flight_.empty()) return {};
  reloading_ = true;
  return {.reload = true};
}

Collector::Output Collector::OnReloaded(ports::LogState state) {
  reloading_ = false;
  commit_failed_ = false;
  state_ = std::move(state);
  state_.log_device = log_device_;
  tip_ = state_;
  search_.reset();
  step_ = Step::kVerify;
  return Proceed();
}

bool Collector::caught_up() const {
  if (!connected_ || read_ || loading_ || !in_flight_.empty() || commit_failed_) return false;
  return undecided_ || (step_ == Step::kFollow && tip_.next > target_);
}

std::uint32_t Collector::lag() const {
  if (undecided_ || log_.empty()) return 0;
  const EventId newest = std::max(log_.last, target_);
  const bool ours = state_.epoch != 0 && SameLife(log_.generation, state_.generation);
  const EventId from = ours ? std::max(state_.next, log_.first) : log_.first;
  return newest >= from ? newest - from + 1 : 0;
}

}  // namespace gatelog::core
