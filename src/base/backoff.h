#pragma once

#include <chrono>
#include <cstdint>
#include <random>

namespace gatelog {

// Growing waits between attempts: each twice the one before, up to a maximum, spread by a quarter
// so that many clients of one fault do not return together.
class Backoff {
 public:
  struct Options {
    std::chrono::milliseconds delay_min{500};
    std::chrono::milliseconds delay_max{30'000};
  };

  Backoff(Options options, std::uint64_t seed);

  // The wait before the next attempt.
  std::chrono::milliseconds Next();
  void Reset() { attempts_ = 0; }

 private:
  Options options_;
  std::minstd_rand random_;
  int attempts_ = 0;
};

}  // namespace gatelog
