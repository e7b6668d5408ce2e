#include "core/collector/divergence_search.h"

#include <algorithm>

namespace gatelog::core {

DivergenceSearch::Window DivergenceSearch::window() const {
  const model::EventId middle = low_ + (high_ - low_) / 2;
  const auto width = static_cast<model::EventId>(model::kAnchorCount);
  // Near the low end the window begins there, so that the last step settles the search.
  const model::EventId first = middle - low_ < width ? low_ : middle;
  return {first, high_ - first > width ? first + width - 1 : high_ - 1};
}

void DivergenceSearch::Compare(std::span<const model::Anchor> device,
                               std::span<const model::Anchor> stored) {
  const Window compared_window = window();
  const Comparison comparison = core::Compare(device, stored);
  if (comparison.difference == 0) {
    low_ = compared_window.last + 1;
    unreadable_from_ = comparison.unreadable_from;
    return;
  }
  high_ = comparison.difference;
  if (compared_window.first != low_) return;
  // Everything below has been compared. A run of unreadable records before this window counts only
  // if it reaches here.
  if (high_ > low_) unreadable_from_ = 0;
  low_ = high_;
}

Comparison Compare(std::span<const model::Anchor> device, std::span<const model::Anchor> stored) {
  Comparison result;
  auto d = device.begin();
  auto s = stored.begin();
  while (d != device.end() && s != stored.end()) {
    if (d->id < s->id) {
      ++d;
      continue;
    }
    if (s->id < d->id) {
      ++s;
      continue;
    }
    if (d->fingerprint == model::kUnreadableFingerprint) {
      if (result.unreadable_from == 0) result.unreadable_from = d->id;
    } else {
      ++result.compared;
      if (d->fingerprint != s->fingerprint) {
        result.difference = result.unreadable_from != 0 ? result.unreadable_from : d->id;
        return result;
      }
      result.unreadable_from = 0;
    }
    ++d;
    ++s;
  }
  return result;
}

}  // namespace gatelog::core
