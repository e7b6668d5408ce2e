#include "core/collector/collector.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/collector/log_record.h"

namespace gatelog::core {
namespace {

using model::Anchor;
using model::EventId;
using model::LogStatus;
using ports::LogPage;

constexpr std::uint32_t kRecordsReadAgain = 8;

constexpr std::uint32_t kLogClearedCode = 0x4200;

// The highest ID that can be stored: `next` must be able to follow it.
constexpr EventId kEventIdMax = std::numeric_limits<EventId>::max() - 1;

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
  pushed_ = log_.last;
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

Collector::Output Collector::OnPush(EventId id, std::optional<Anchor> record) {
  if (!connected_) return {};
  // Pushes ascend, unless one comes twice. Where they do not, or another record is stored under the
  // ID, the counter may have begun anew.
  const bool fell = id < std::exchange(pushed_, id);
  const bool other = record && core::Compare(std::span(&*record, 1), tip_.anchors).difference != 0;
  pushed_since_ = true;
  target_ = std::max(target_, std::min(id, kEventIdMax));
  if (undecided_ && step_ == Step::kVerify) step_ = Step::kProbe;
  if ((fell || other) && step_ == Step::kFollow) step_ = Step::kLookAgain;
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
  pushed_since_ = false;
}

void Collector::Learn(const LogStatus& status) {
  // A ring only moves on. Where it has stepped back the counter has begun anew, and what could not
  // be compared because it was overwritten can be now.
  const bool receded = tip_.generation == 0 && !log_.empty() && status.first < log_.first;
  Hear(status);
  if (step_ == Step::kFollow && (receded || LogRestarted(log_))) step_ = Step::kVerify;
}

bool Collector::LogRestarted(const LogStatus& status) const {
  if (!SameLife(status.generation, tip_.generation)) return true;
  // An empty log decides nothing until its first record.
  if (status.empty()) return false;
  if (status.last + 1 < tip_.next) return true;
  // Or a record stands where none was.
  const EventId newest = tip_.anchors.empty() ? 0 : tip_.anchors.back().id;
  return tip_.generation == 0 && status.first > newest && status.first < tip_.next;
}

Collector::Output Collector::Proceed() {
  if (!connected_ || read_ || loading_ || reloading_ || commit_failed_) return {};
  switch (step_) {
    case Step::kVerify:
      return Verify();
    case Step::kProbe:
    case Step::kLookAgain:
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

Collector::Output Collector::ReadOn() {
  if (tip_.next > target_ || in_flight_.size() >= kBatchesInFlightMax) return {};
  // A batch that opens an epoch is waited for: the fence of the one behind it would match the same
  // epoch opened by another gateway, for another log.
  if (!in_flight_.empty() && in_flight_.back().epoch != state_.epoch) return {};
  asked_next_ = tip_.next;
  read_ = ReadRequest{tip_.next, options_.page_records};
  // Without generations only the records tell that the counter has not begun anew meanwhile: the
  // newest stored ones are read again with those that follow.
  if (tip_.generation != 0) return {.read = read_};
  for (auto anchor = tip_.anchors.rbegin(); anchor != tip_.anchors.rend(); ++anchor) {
    const bool enough = read_->max == options_.page_records + kRecordsReadAgain;
    if (anchor->id < log_.first || enough || read_->max == ports::kReadRecordsMax) break;
    read_ = ReadRequest{anchor->id, read_->max + 1};
  }
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
      return CompareAnchors(page);
    case Step::kBisectDevice:
      return LoadWindow(page);
    case Step::kProbe:
      Hear(page.status);
      step_ = Step::kVerify;
      return Proceed();
    case Step::kLookAgain:
      Hear(page.status);
      step_ = tip_.generation == 0 || LogRestarted(log_) ? Step::kVerify : Step::kFollow;
      return Proceed();
    case Step::kVerify:
    case Step::kBisectStore:
      return Proceed();
    case Step::kFollow:
      break;
  }
  Learn(page.status);
  if (step_ != Step::kFollow || asked_next_ != tip_.next || commit_failed_) return Proceed();
  if (request.from < tip_.next) {
    if (!Continues(page)) {
      step_ = Step::kVerify;
      return Proceed();
    }
    if (FirstNew(page) == page.size() && tip_.next <= target_) {
      // Perhaps the device gave less than was asked for.
      read_ = ReadRequest{tip_.next, options_.page_records};
      return {.read = read_};
    }
  }
  return Take(page, now);
}

void Collector::OnReadFailed() { read_.reset(); }

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

// The first record of the page that was asked for as new; the page's size if there is none.
std::size_t Collector::FirstNew(const LogPage& page) const {
  std::size_t i = 0;
  while (i < page.size() && page[i].id < asked_next_) ++i;
  return i;
}

ports::Batch Collector::BuildBatch(const LogPage& page, Timestamp now) {
  ports::Batch batch;
  batch.log_device = log_device_;
  batch.expected_epoch = before().epoch;
  batch.expected_next = before().next;
  batch.after = tip_;
  batch.arrival = now;
  batch.live_from = live_from_;
  const std::size_t first_new = FirstNew(page);
  for (std::size_t i = first_new; i < page.size(); ++i) {
    if (page[i].id > batch.after.next && !TakeHole(page[i].id - 1, page, i, now, batch)) break;
    TakeRecord(page[i], now, batch);
  }
  if (first_new == page.size() && log_.last >= batch.after.next) {
    TakeHole(log_.last, page, first_new, now, batch);
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
// was missing in the last page too or is older than what the device still has. True if that was all
// of it.
bool Collector::TakeHole(EventId last, const LogPage& page, std::size_t following, Timestamp now,
                         ports::Batch& batch) {
  const EventId first = batch.after.next;
  const auto hole = std::find_if(holes_.begin(), holes_.end(), [first](const Hole& missed) {
    return missed.first <= first && first <= missed.last;
  });
  if (hole == holes_.end()) return false;
  const EventId gone_through = page.status.empty() ? 0 : page.status.first - 1;
  const EventId through = std::min(last, std::max(hole->last, gone_through));
  batch.gaps.push_back({log_device_,
                        batch.after.epoch,
                        first,
                        through,
                        through <= hole->last ? hole->reason : ReasonOf(through, page, following),
                        now,
                        {}});
  batch.after.next = through + 1;
  return through == last;
}

void Collector::RememberHoles(const LogPage& page) {
  holes_.clear();
  EventId expected = tip_.next;
  const auto remember = [&](EventId last, std::size_t following) {
    if (last >= expected) holes_.push_back({expected, last, ReasonOf(last, page, following)});
  };
  const std::size_t first_new = FirstNew(page);
  for (std::size_t i = first_new; i < page.size(); ++i) {
    remember(page[i].id - 1, i);
    expected = std::max(expected, page[i].id + 1);
  }
  if (first_new == page.size()) remember(log_.last, first_new);
}

model::GapReason Collector::ReasonOf(EventId last, const LogPage& page,
                                     std::size_t following) const {
  const LogStatus& log = page.status;
  if (!log.empty() && last >= log.first) return model::GapReason::kAbsent;
  if (unverified_) return model::GapReason::kUnverified;
  if (log.empty()) return model::GapReason::kCleared;
  if (following < page.size() && page[following].id == log.first) {
    const auto event = model::ParseEvent(page[following].payload);
    if (event.ok() && event->code == kLogClearedCode) return model::GapReason::kCleared;
  }
  return model::GapReason::kOverwritten;
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
