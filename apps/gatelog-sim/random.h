#pragma once

#include <cstdint>

namespace gatelog::sim {

// SplitMix64: eight bytes of state, and the same numbers on every machine, which the standard's
// distributions do not promise.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t Next() {
    state_ += 0x9e3779b97f4a7c15;
    std::uint64_t z = state_;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }

  // 0 to n - 1; n is at least 1.
  std::uint32_t Below(std::uint32_t n) {
    return static_cast<std::uint32_t>((Next() >> 32) * n >> 32);
  }
  std::uint32_t Between(std::uint32_t low, std::uint32_t high) {
    return low + Below(high - low + 1);
  }
  bool Percent(std::uint32_t percent) { return Below(100) < percent; }
  // From 0 up to, not with, 1.
  double Fraction() { return static_cast<double>(Next() >> 11) * 0x1p-53; }

 private:
  std::uint64_t state_;
};

// A seed for one purpose out of another seed.
inline std::uint64_t MixSeed(std::uint64_t seed, std::uint64_t purpose) {
  Random random(seed ^ purpose * 0xd6e8feb86659fd93);
  random.Next();
  return random.Next();
}

}  // namespace gatelog::sim
