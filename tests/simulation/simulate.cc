// Runs the seeded simulation of the core: many worlds, each from one number.
//   simulate --seeds 200 [--first-seed 1]
//   simulate --seed 17            one world again

#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdio>
#include <string>

#include "base/log.h"
#include "tests/simulation/world.h"

int main(int argc, char** argv) {
  std::uint64_t seeds = 200;
  std::uint64_t first_seed = 1;
  std::uint64_t only = 0;
  bool verbose = false;
  CLI::App app("Seeded simulation of the collector, the way into the store and the followers.");
  app.add_option("--seeds", seeds, "How many worlds to run");
  app.add_option("--first-seed", first_seed, "The first of them");
  app.add_option("--seed", only, "Run this one alone");
  app.add_flag("--verbose", verbose, "Show the log of the core");
  CLI11_PARSE(app, argc, argv);
  if (only != 0) {
    first_seed = only;
    seeds = 1;
  }
  gatelog::SetLogLevel(verbose ? gatelog::LogLevel::kTrace : gatelog::LogLevel::kError);

  std::uint64_t failed = 0;
  gatelog::simulation::World::Counts sum;
  for (std::uint64_t seed = first_seed; seed < first_seed + seeds; ++seed) {
    gatelog::simulation::World world(seed);
    const std::string error = world.Run();
    const auto& counts = world.counts();
    sum.records += counts.records;
    sum.stored += counts.stored;
    sum.gaps += counts.gaps;
    sum.epochs += counts.epochs;
    sum.kills += counts.kills;
    if (error.empty()) continue;
    ++failed;
    std::printf("seed %llu: %s\n  again: script/simulate --seed %llu\n",
                static_cast<unsigned long long>(seed), error.c_str(),
                static_cast<unsigned long long>(seed));
  }
  std::printf(
      "simulation: seeds=%llu failed=%llu records=%llu stored=%llu gaps=%llu epochs=%llu "
      "kills=%llu\n",
      static_cast<unsigned long long>(seeds), static_cast<unsigned long long>(failed),
      static_cast<unsigned long long>(sum.records), static_cast<unsigned long long>(sum.stored),
      static_cast<unsigned long long>(sum.gaps), static_cast<unsigned long long>(sum.epochs),
      static_cast<unsigned long long>(sum.kills));
  return failed == 0 ? 0 : 1;
}
