#pragma once

#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"

namespace CLI {
class App;
}

namespace gatelog::testing {

// Which seeds a program runs, one after another.
struct Seeds {
  std::uint64_t count = 0;
  std::uint64_t first = 1;
  std::uint64_t only = 0;      // not 0: this one alone
  double hours = 0;            // not 0: as many as there is time for, whatever the count
  bool until_failure = false;  // none after one that fails
};

// Takes --seeds, --first-seed and --seed from the command line; `seeds` outlives the app.
void AddSeedOptions(CLI::App& app, Seeds& seeds);

struct SeedRuns {
  std::uint64_t run = 0;
  std::uint64_t failed = 0;
  double seconds = 0;
};

// `run` returns what was wrong with a seed in words, or nothing. A seed that fails is printed at
// once, with the command that repeats it: `again`, --seed and the seed.
SeedRuns RunSeeds(const Seeds& seeds, const std::string& again,
                  absl::FunctionRef<std::string(std::uint64_t seed)> run);

}  // namespace gatelog::testing
