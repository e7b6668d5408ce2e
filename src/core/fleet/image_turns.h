#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>

#include "base/executor.h"

namespace gatelog::core {

// Lets a limited number of devices give images at a time, the others one after another, so that
// what a fleet's images take in memory has a limit (G6): turns * images of a read * their size.
//
// Threads: the loop's.
class ImageTurns {
 public:
  explicit ImageTurns(std::size_t max) : max_(max) {}

  // Runs `begin` when it is its turn, perhaps at once. Each must be ended once, whether or not it
  // has begun.
  using Turn = std::uint64_t;
  Turn Take(Task begin);
  void End(Turn turn);

  std::size_t under_way() const { return under_way_.size(); }
  std::size_t waiting() const { return waiting_.size(); }

 private:
  const std::size_t max_;
  Turn last_ = 0;
  std::set<Turn> under_way_;
  std::map<Turn, Task> waiting_;  // one for each device at most
};

}  // namespace gatelog::core
