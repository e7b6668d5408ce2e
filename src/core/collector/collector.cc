#include "core/collector/collector.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace gatelog::core {
namespace {

using model::Anchor;
using model::EventId;
using model::LogStatus;
using ports::LogPage;

constexpr std::uint32_t kLogClearedCode = 0x4200;

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
  EventId lowest = from;
  for (std::size_t i = 0; i < page.size(); ++i) {
    if (page[i].id < lowest) return false;
    lowest = page[i].id + 1;
  }
  return true;
}

}  // namespace

Collector::Collector(model::DeviceId log_device, ports::LogState state, Options options)
    : log_device_(log_device), options_(options), state_(std::move(state)), tip_(state_) {
  state_.log_device = tip_.log_device = log_device;
}

Collector::Output Collector::OnConnected(const LogStatus& status) {
  connected_ = true;
  step_ = Step::kVerify;
  log_ = status;
  target_ = status.last;
  live_from_ = status.last + 1;
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
  target_ = std::max(target_, id);
  if (undecided_ && step_ == Step::kVerify) step_ = Step::kProbe;
  return Proceed();
}

Collector::Output Collector::OnStatus(const LogStatus& status) {
  if (!connected_) return {};
  Learn(status);
  return Proceed();
}

void Collector::Learn(const LogStatus& status) {
  log_ = status;
  target_ = status.last;
  if (step_ == Step::kFollow && LogRestarted(status)) step_ = Step::kVerify;
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

// A push says that something has changed; a page tells what.
Collector::Output Collector::Probe() {
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
  if (!SameLife(log_.generation, tip_.generation)) return VerifyGeneration();
  if (log_.empty()) {
    undecided_ = true;
    return {};
  }
  const EventId newest_stored = tip_.next - 1;
  if (log_.first > newest_stored) {
    unverified_ = tip_.generation == 0 && log_.first > tip_.next;
    step_ = Step::kFollow;
    return ReadOn();
  }
  const std::optional<ReadRequest> anchored = AnchoredWindow();
  if (!anchored) {
    // Shorter than all that we know it by.
    if (log_.last < newest_stored) return StartBisection(log_.first, log_.last + 1);
    unverified_ = tip_.generation == 0;
    step_ = Step::kFollow;
    return ReadOn();
  }
  step_ = Step::kCompareAnchors;
  read_ = anchored;
  return {.read = read_};
}

// The newest records that the device should still have and that anchors tell of.
std::optional<Collector::ReadRequest> Collector::AnchoredWindow() const {
  std::optional<ReadRequest> window;
  EventId newest = 0;
  for (auto anchor = tip_.anchors.rbegin(); anchor != tip_.anchors.rend(); ++anchor) {
    if (anchor->id > log_.last) continue;
    if (anchor->id < log_.first) break;
    if (newest == 0) newest = anchor->id;
    if (newest - anchor->id >= model::kAnchorCount) break;
    window = ReadRequest{anchor->id, newest - anchor->id + 1};
  }
  return window;
}

// Another life of the counter. If it is one that we have seen before, a terminal has come back:
// what is stored of it is not stored again.
Collector::Output Collector::VerifyGeneration() {
  const auto earlier = std::find_if(
      tip_.past.rbegin(), tip_.past.rend(),
      [this](const ports::PastEpoch& past) { return past.generation == log_.generation; });
  if (earlier == tip_.past.rend()) {
    OpenEpoch(1);
    return ReadOn();
  }
  if (log_.empty()) {
    undecided_ = true;
    return {};
  }
  tip_.anchors.clear();
  if (log_.first >= earlier->next) {
    OpenEpoch(earlier->next);
    return ReadOn();
  }
  return StartBisection(log_.first, std::min(log_.last + 1, earlier->next));
}

Collector::Output Collector::CompareAnchors(const ReadRequest& request, const LogPage& page) {
  log_ = page.status;
  target_ = log_.last;
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
  const Comparison comparison = Compare(AnchorsOf(page, tip_.next - 1), tip_.anchors);
  if (comparison.difference != 0) return StartBisection(log_.first, comparison.difference);
  if (log_.last < tip_.next - 1) {
    return StartBisection(std::max(log_.first, comparison.last_equal + 1), log_.last + 1);
  }
  unverified_ = comparison.last_equal == 0 && tip_.generation == 0;
  step_ = Step::kFollow;
  return ReadOn();
}

// Records below `low` are the same as far as they tell; those from `high` on are known to differ,
// or one side has none.
Collector::Output Collector::StartBisection(EventId low, EventId high) {
  search_.emplace(log_.first, low, high);
  searched_through_ = log_.last;
  step_ = Step::kBisectDevice;
  return ContinueBisection();
}

// The device has lost its newest records, or its status was an old one: only a record that differs
// from ours tells.
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
  search_.reset();
  if (first_new > searched_through_) return WaitForNextRecord();
  // Nothing on the device is ours: another life of the counter, whose beginning we never saw.
  const bool nothing_shared = first_new <= log_.first;
  // The last window ends with records that are the same on both sides.
  tip_.anchors = device_window_;
  OpenEpoch(nothing_shared ? 1 : first_new);
  unverified_ = nothing_shared;
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
      log_ = page.status;
      target_ = log_.last;
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
  if (page.status.generation != log_.generation) {
    log_ = page.status;
    step_ = Step::kVerify;
    return Proceed();
  }
  const auto window = search_->window();
  device_window_ = AnchorsOf(page, window.last);
  loading_ = true;
  step_ = Step::kBisectStore;
  return {.load = LoadRequest{OwnersOf(window.first, window.last)}};
}

// Which epochs hold the records [first, last] of the device's present counter: the newest that
// begins at or below each.
std::vector<ports::RecordRange> Collector::OwnersOf(EventId first, EventId last) const {
  std::vector<ports::RecordRange> ranges;
  const auto take = [&](model::Epoch epoch, EventId epoch_first, model::Generation generation) {
    if (last < first || epoch_first > last || !SameLife(generation, log_.generation)) return;
    ranges.push_back({epoch, std::max(first, epoch_first), last});
    last = std::max(first, epoch_first) - 1;
  };
  take(tip_.epoch, tip_.epoch_first, tip_.generation);
  for (auto past = tip_.past.rbegin(); past != tip_.past.rend(); ++past) {
    take(past->epoch, past->first, past->generation);
  }
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
  if (page.empty() && page.status.last >= batch.after.next) {
    TakeHole(page.status.last, page, 0, now, batch);
  }
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
  if (page.empty() && page.status.last >= expected) holes_.push_back({expected, page.status.last});
}

model::GapReason Collector::ReasonOf(EventId last, const LogPage& page,
                                     std::size_t following) const {
  if (page.status.first == 0 || last >= page.status.first) return model::GapReason::kAbsent;
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
