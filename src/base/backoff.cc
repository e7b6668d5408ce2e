#include "base/backoff.h"

#include <algorithm>

namespace gatelog {

Backoff::Backoff(Options options, std::uint64_t seed)
    : options_(options), random_(static_cast<std::minstd_rand::result_type>(seed)) {}

std::chrono::milliseconds Backoff::Next() {
  auto delay = options_.delay_min;
  for (int i = 0; i < attempts_ && delay < options_.delay_max; ++i) delay *= 2;
  delay = std::min(delay, options_.delay_max);
  ++attempts_;
  std::uniform_int_distribution<std::chrono::milliseconds::rep> spread(-delay.count() / 4,
                                                                       delay.count() / 4);
  return delay + std::chrono::milliseconds(spread(random_));
}

}  // namespace gatelog
