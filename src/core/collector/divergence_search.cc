#include "core/collector/divergence_search.h"

#include <algorithm>

namespace gatelog::core {
namespace {

constexpr auto kWindow = static_cast<model::EventId>(model::kAnchorCount);

}  // namespace

Comparison Compare(std::span<const model::Anchor> device, std::span<const model::Anchor> stored) {
  Comparison result;
  auto s = stored.begin();
  for (const model::Anchor& record : device) {
    while (s != stored.end() && s->id < record.id) ++s;
    bool same = false;
    bool differs = false;
    for (; s != stored.end() && s->id == record.id; ++s) {
      same |= model::SameRecord(*s, record);
      differs |= !model::IsUnreadable(*s) && !model::IsUnreadable(record);
    }
    if (same) {
      result.last_equal = record.id;
    } else if (differs) {
      result.difference = record.id;
      return result;
    }
  }
  return result;
}

DivergenceSearch::Window DivergenceSearch::window() const {
  if (bisecting()) {
    const model::EventId first = low_ + (high_ - low_) / 2;
    return {first, high_ - first > kWindow ? first + kWindow - 1 : high_ - 1};
  }
  return {high_ - floor_ > kWindow ? high_ - kWindow : floor_, high_ - 1};
}

void DivergenceSearch::Compare(std::span<const model::Anchor> device,
                               std::span<const model::Anchor> stored) {
  const Window compared = window();
  const Comparison comparison = core::Compare(device, stored);
  if (bisecting()) {
    if (comparison.difference != 0) {
      high_ = comparison.difference;
      low_ = std::min(low_, high_);
    } else {
      low_ = compared.last + 1;
    }
    return;
  }
  if (comparison.last_equal != 0) {
    high_ = comparison.last_equal + 1;
    found_ = true;
  } else {
    high_ = compared.first;
  }
  low_ = high_;
}

}  // namespace gatelog::core
