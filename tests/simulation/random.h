#pragma once

#include <chrono>
#include <cstdint>
#include <random>

namespace gatelog::simulation {

// The one source of chance of a world; the same seed gives the same world.
using Random = std::mt19937_64;

// True once in `n` times.
inline bool OneIn(Random& random, std::uint64_t n) { return random() % n == 0; }

// 0 to n - 1.
inline std::uint32_t Below(Random& random, std::uint64_t n) {
  return static_cast<std::uint32_t>(random() % n);
}

inline std::chrono::milliseconds UpTo(Random& random, std::chrono::milliseconds max) {
  return std::chrono::milliseconds(Below(random, static_cast<std::uint64_t>(max.count()) + 1));
}

}  // namespace gatelog::simulation
