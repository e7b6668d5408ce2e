#include "store/sqlite/segment_candidates.h"

#include <algorithm>

#include "base/status_macros.h"

namespace gatelog::store {
namespace {

// Sets `count` bits from `first` on.
void SetBits(std::uint32_t first, std::uint32_t count, std::vector<std::uint64_t>& bits) {
  while (count > 0) {
    const std::uint32_t bit = first % kWordBits;
    const std::uint32_t taken = std::min(count, kWordBits - bit);
    const std::uint64_t ones =
        taken == kWordBits ? ~std::uint64_t{0} : ((std::uint64_t{1} << taken) - 1) << bit;
    bits[first / kWordBits] |= ones;
    first += taken;
    count -= taken;
  }
}

std::uint32_t WordsOf(std::uint32_t events) { return (events + kWordBits - 1) / kWordBits; }

}  // namespace

SegmentCandidates::SegmentCandidates(Database& database, const EventMatcher& matcher,
                                     const ClosedSegment* closed, const MemorySegment* memory)
    : database_(database),
      matcher_(matcher),
      closed_(closed),
      memory_(memory),
      first_seq_(closed != nullptr ? closed->first_seq : memory->first_seq()),
      events_(closed != nullptr ? closed->events : memory->capacity()),
      window_events_(WindowEvents(events_)) {}

absl::Status SegmentCandidates::Load(std::uint32_t end) {
  const std::uint32_t windows = (events_ + window_events_ - 1) / window_events_;
  windows_ = (std::uint64_t{1} << windows) - 1;
  window_.resize(WordsOf(window_events_));
  for (const EventMatcher::Choice& choice : matcher_.choices()) {
    if (memory_ != nullptr) {
      LoadChoiceFromMemory(choice, end);
    } else {
      GATELOG_RETURN_IF_ERROR(LoadChoice(choice));
    }
    if (windows_ == 0) break;
  }
  return absl::OkStatus();
}

std::vector<std::uint64_t>& SegmentCandidates::BitsOf(Chosen& chosen) const {
  if (!chosen.bits.empty()) return chosen.bits;
  chosen.bits.resize(WordsOf(events_));
  for (const std::uint32_t offset : chosen.few) SetBits(offset, 1, chosen.bits);
  return chosen.bits;
}

void SegmentCandidates::AddStretch(ListKind kind, std::uint32_t first, std::uint32_t count,
                                   model::EventId id, Chosen& chosen) const {
  if (HasIds(kind)) {
    const std::uint64_t end = std::uint64_t{id} + count;
    const std::uint64_t from = std::max<std::uint64_t>(id, matcher_.first_id());
    const std::uint64_t to = std::min(end, std::uint64_t{matcher_.last_id()} + 1);
    if (from >= to) return;
    first += static_cast<std::uint32_t>(from - id);
    count = static_cast<std::uint32_t>(to - from);
  }
  if (chosen.bits.empty() && chosen.few.size() + count <= kFewMax) {
    for (std::uint32_t i = 0; i < count; ++i) chosen.few.push_back(first + i);
  } else {
    SetBits(first, count, BitsOf(chosen));
  }
  const std::uint32_t last = (first + count - 1) / window_events_;
  for (std::uint32_t window = first / window_events_; window <= last; ++window) {
    chosen.windows |= std::uint64_t{1} << window;
  }
}

absl::Status SegmentCandidates::LoadChoice(const EventMatcher::Choice& choice) {
  Chosen chosen{.choice = &choice};
  for (const KeyRange& range : choice) {
    if (range.kind == ListKind::kHour) {
      // The choice of hours has one range. Segments of devices whose clocks are right mostly lie
      // within what is asked for, or outside.
      if (range.first <= closed_->first_hour && range.last >= closed_->last_hour) {
        return absl::OkStatus();
      }
      if (range.last < closed_->first_hour || range.first > closed_->last_hour) break;
    }
    const auto take = [&](const StoredList& list) -> absl::Status {
      if (list.is_long) {
        chosen.parts.push_back({range.kind, list.key, list.windows});
        chosen.windows |= list.windows;
        return absl::OkStatus();
      }
      const bool whole =
          DecodeStretches(list.list, HasIds(range.kind), events_,
                          [&](std::uint32_t first, std::uint32_t count, model::EventId id) {
                            AddStretch(range.kind, first, count, id, chosen);
                          });
      return whole ? absl::OkStatus() : DamagedIndex(database_, first_seq_);
    };
    GATELOG_RETURN_IF_ERROR(VisitLists(database_, *closed_, range, take));
  }
  AddChosen(std::move(chosen));
  return absl::OkStatus();
}

void SegmentCandidates::LoadChoiceFromMemory(const EventMatcher::Choice& choice,
                                             std::uint32_t end) {
  Chosen chosen{.choice = &choice};
  for (const KeyRange& range : choice) {
    if (range.kind == ListKind::kHour && !memory_->MayHaveHours(range)) continue;
    const bool chained =
        memory_->VisitChain(range, end, [&](std::uint32_t offset, model::EventId id) {
          AddStretch(range.kind, offset, 1, id, chosen);
        });
    if (chained) continue;
    chosen.scans.push_back(range);
    chosen.windows = windows_;
  }
  AddChosen(std::move(chosen));
}

void SegmentCandidates::AddChosen(Chosen chosen) {
  windows_ &= chosen.windows;
  // Lists of several keys lie among each other.
  std::sort(chosen.few.begin(), chosen.few.end());
  chosen.few.erase(std::unique(chosen.few.begin(), chosen.few.end()), chosen.few.end());
  chosen_.push_back(std::move(chosen));
}

std::optional<std::span<const std::uint32_t>> SegmentCandidates::Few() const {
  if (windows_ == 0) return std::span<const std::uint32_t>();
  if (chosen_.size() != 1) return std::nullopt;
  const Chosen& only = chosen_.front();
  if (!only.bits.empty() || !only.parts.empty() || !only.scans.empty()) return std::nullopt;
  return only.few;
}

absl::Status SegmentCandidates::ReadParts(std::uint32_t window, Chosen& chosen) {
  const std::uint64_t bit = std::uint64_t{1} << window;
  for (Chosen::Long& part : chosen.parts) {
    if ((part.windows & bit) == 0) continue;
    part.windows &= ~bit;
    GATELOG_RETURN_IF_ERROR(
        VisitPart(database_, *closed_, part.kind, window, part.key,
                  [&](std::uint32_t first, std::uint32_t count, model::EventId id) {
                    AddStretch(part.kind, first, count, id, chosen);
                  }));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::span<const std::uint64_t>> SegmentCandidates::Window(std::uint32_t window,
                                                                         std::uint32_t first,
                                                                         std::uint32_t end) {
  const std::uint32_t begin = window * window_events_;
  std::fill(window_.begin(), window_.end(), ~std::uint64_t{0});
  const auto any = [&] {
    return std::any_of(window_.begin(), window_.end(),
                       [](std::uint64_t word) { return word != 0; });
  };
  for (Chosen& chosen : chosen_) {
    GATELOG_RETURN_IF_ERROR(ReadParts(window, chosen));
    std::vector<std::uint64_t>& bits = BitsOf(chosen);
    // Whole words, so that the bits of all choices lie upon each other.
    const std::uint32_t from = first / kWordBits * kWordBits;
    for (const KeyRange& range : chosen.scans) {
      memory_->Mark(range, matcher_.first_id(), matcher_.last_id(), from, end,
                    &bits[from / kWordBits]);
    }
    const std::size_t word = begin / kWordBits;
    const std::size_t words = std::min(window_.size(), bits.size() - word);
    for (std::size_t i = 0; i < words; ++i) window_[i] &= bits[word + i];
    if (!any()) break;
  }
  return std::span<const std::uint64_t>(window_);
}

}  // namespace gatelog::store
