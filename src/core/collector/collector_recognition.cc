// Collector, part two: whether the log that a device shows is one that is known, and where it
// ceases to be.

#include <algorithm>
#include <utility>

#include "core/collector/collector.h"
#include "core/collector/log_record.h"

namespace gatelog::core {
namespace {

using model::Anchor;
using model::EventId;
using ports::LogPage;

// How many epochs, the newest first, are asked for the records of one window. A device that changes
// lives more often than this is not recognised by what it showed before.
constexpr std::size_t kEpochsComparedMax = ports::kEpochsRemembered;

void EraseAfter(std::vector<Anchor>& anchors, EventId last) {
  std::erase_if(anchors, [last](const Anchor& anchor) { return anchor.id > last; });
}

}  // namespace

// A push or a keep-alive says that something has changed; a page tells what.
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
  if (log_.empty()) return WaitForNextRecord();
  if (SameLife(log_.generation, tip_.generation)) {
    if (const std::optional<ReadRequest> anchored = AnchoredWindow()) {
      step_ = Step::kCompareAnchors;
      return Compare(*anchored);
    }
  }
  // Nothing of what was stored last is there. A keep-alive that was overtaken by a page may say so
  // too.
  if (!hearsay_) return SearchStored(log_.first);
  step_ = Step::kProbe;
  return Probe();
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

// Asks for records to be compared.
Collector::Output Collector::Compare(const ReadRequest& request) {
  compared_ = request;
  shown_.clear();
  read_ = request;
  return {.read = read_};
}

// True when all that was asked for has come. A device that gives less than that is asked for the
// rest: what it keeps back must not be taken for missing.
bool Collector::TakeShown(const LogPage& page) {
  for (std::size_t i = 0; i < page.size(); ++i) shown_.push_back(AnchorOf(page[i]));
  if (page.empty() || shown_.size() >= compared_.max || shown_.back().id >= page.status.last) {
    return true;
  }
  read_ =
      ReadRequest{shown_.back().id + 1, compared_.max - static_cast<std::uint32_t>(shown_.size())};
  return false;
}

Collector::Output Collector::CompareAnchors(const LogPage& page) {
  Hear(page.status);
  const std::optional<ReadRequest> window =
      SameLife(log_.generation, tip_.generation) && !log_.empty() ? AnchoredWindow() : std::nullopt;
  if (!window || window->from + window->max != compared_.from + compared_.max) {
    // The log went on meanwhile: more of it can be compared, or less.
    step_ = Step::kVerify;
    return Proceed();
  }
  if (!TakeShown(page)) return {.read = read_};
  EraseAfter(shown_, tip_.next - 1);
  const Comparison comparison = core::Compare(shown_, tip_.anchors);
  if (comparison.difference != 0) return SearchStored(log_.first);
  // Of the same log, the newest stored record is there, and nothing stands between it and `next`.
  const bool lost =
      !shown_.empty() && shown_.back().id < compared_.from + compared_.max - 1 - kFollowingAnchors;
  const bool unknown =
      std::any_of(shown_.begin(), shown_.end(), [&comparison](const Anchor& anchor) {
        return anchor.id > comparison.last_equal && !model::IsUnreadable(anchor);
      });
  if (lost || unknown || log_.last < tip_.next - 1) {
    return SearchStored(std::max(log_.first, comparison.last_equal + 1));
  }
  unverified_ = comparison.last_equal == 0 && tip_.generation == 0;
  step_ = Step::kFollow;
  return ReadOn();
}

// Whether a page that begins with the newest stored records still shows them, or cannot because
// they have been overwritten.
bool Collector::Continues(const LogPage& page) const {
  const EventId newest = tip_.anchors.back().id;
  if (page.status.empty() || page.status.first > newest) return true;
  std::vector<Anchor> shown;
  for (std::size_t i = 0; i < page.size() && page[i].id < tip_.next; ++i) {
    shown.push_back(AnchorOf(page[i]));
  }
  if (core::Compare(shown, tip_.anchors).difference != 0) return false;
  // A page that ends before it tells nothing of it.
  if (page.empty() || page[page.size() - 1].id < newest) return true;
  const auto found = std::find_if(shown.begin(), shown.end(),
                                  [newest](const Anchor& anchor) { return anchor.id == newest; });
  return found != shown.end() && std::all_of(found + 1, shown.end(), model::IsUnreadable);
}

// Looks for the end of what the device shows and the store has, in whichever epoch: a device may
// have lost its newest records, or be one that was here before. Records below `low` are stored as
// far as they tell.
Collector::Output Collector::SearchStored(EventId low) {
  const std::uint64_t beyond = std::uint64_t{log_.last} + 1;
  const auto high = static_cast<EventId>(std::min<std::uint64_t>(beyond, StoredThrough()));
  search_.emplace(log_.first, low, std::max(low, high));
  searched_through_ = log_.last;
  shown_.clear();
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
  undecided_ = true;
  // More may have come while it was looked for, or something else under lower IDs.
  step_ = target_ > log_.last || pushed_since_ ? Step::kProbe : Step::kVerify;
  return step_ == Step::kProbe ? Probe() : Output();
}

Collector::Output Collector::ContinueBisection() {
  if (!search_) {
    step_ = Step::kVerify;
    return Verify();
  }
  if (search_->done()) return FinishBisection();
  const auto window = search_->window();
  return Compare({window.first, window.last - window.first + 1});
}

Collector::Output Collector::FinishBisection() {
  const EventId first_new = search_->result();
  const bool shared = first_new > search_->floor();
  search_.reset();
  if (first_new > searched_through_) return WaitForNextRecord();
  if (shared) {
    tip_.anchors = shown_;  // it ends with records that are the same on both sides
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

Collector::Output Collector::LoadWindow(const LogPage& page) {
  const auto window = search_->window();
  if (page.status.generation != log_.generation || page.status.last < searched_through_ ||
      page.status.empty() || page.status.first > window.first) {
    // Not the log any more in which the search began.
    Hear(page.status);
    step_ = Step::kVerify;
    return Proceed();
  }
  target_ = std::max(target_, page.status.last);
  if (!TakeShown(page)) return {.read = read_};
  EraseAfter(shown_, window.last);
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

Collector::Output Collector::OnLoaded(std::span<const Anchor> stored) {
  loading_ = false;
  if (!connected_ || step_ != Step::kBisectStore || !search_) return Proceed();
  search_->Compare(shown_, stored);
  step_ = Step::kBisectDevice;
  return Proceed();
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

}  // namespace gatelog::core
