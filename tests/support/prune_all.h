#pragma once

#include <gtest/gtest.h>

#include "ports/retention_store.h"

namespace gatelog::testing {

// Prunes step by step until nothing is left to do: `step()` takes one and returns it, `between()`
// runs after each that is not the last. One that never ends fails the test.
template <typename TakeStep, typename Between>
ports::Pruned PruneAll(TakeStep step, Between between) {
  ports::Pruned sum;
  constexpr int kStepsMax = 1'000;
  for (int i = 0; i < kStepsMax; ++i) {
    const ports::RetentionStore::Step taken = step();
    sum.Add(taken.pruned);
    if (!taken.more) return sum;
    between();
  }
  ADD_FAILURE() << "it has no end";
  return sum;
}

}  // namespace gatelog::testing
