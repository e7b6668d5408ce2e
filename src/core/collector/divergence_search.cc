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
  std::size_t compared = 0;
  const model::EventId difference = FirstDifference(device, stored, compared);
  if (difference == 0) {
    low_ = compared_window.last + 1;
    return;
  }
  high_ = difference;
  if (compared_window.first == low_) low_ = high_;
}

model::EventId FirstDifference(std::span<const model::Anchor> device,
                               std::span<const model::Anchor> stored, std::size_t& compared) {
  compared = 0;
  auto d = device.begin();
  auto s = stored.begin();
  while (d != device.end() && s != stored.end()) {
    if (d->id < s->id) {
      ++d;
    } else if (s->id < d->id) {
      ++s;
    } else {
      ++compared;
      if (d->fingerprint != s->fingerprint) return d->id;
      ++d;
      ++s;
    }
  }
  return 0;
}

}  // namespace gatelog::core
