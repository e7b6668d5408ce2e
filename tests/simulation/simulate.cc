// Runs the seeded simulation of the core: many worlds, each from one number.
//   simulate --seeds 200 [--first-seed 1]
//   simulate --seed 17                      one world again
//   simulate --hours 0.5 [--first-seed 1]   as many as there is time for

#include <CLI/CLI.hpp>
#include <chrono>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <string>

#include "base/log.h"
#include "tests/simulation/world.h"
#include "tests/support/seed_runs.h"

namespace gatelog::simulation {
namespace {

void PrintCounts(const World::Counts& counts, const testing::SeedRuns& runs) {
  for (std::size_t i = 0; i < kFaultCount; ++i) {
    const auto fault = static_cast<Fault>(i);
    std::printf("%12" PRIu64 "  %s\n", counts.faults.of(fault), FaultName(fault));
  }
  std::printf("%12" PRIu64 "  faults in all\n", counts.faults.total());
  std::printf("simulation: seeds=%" PRIu64 " failed=%" PRIu64 " steps=%" PRIu64
              " virtual_hours=%.1f records=%" PRIu64 " stored=%" PRIu64 " pruned=%" PRIu64
              " images=%" PRIu64 " gaps=%" PRIu64 " epochs=%" PRIu64 " faults=%" PRIu64
              " seconds=%.1f\n",
              counts.worlds, runs.failed, counts.steps,
              std::chrono::duration<double, std::ratio<3'600>>(counts.time).count(), counts.records,
              counts.stored, counts.pruned, counts.images, counts.gaps, counts.epochs,
              counts.faults.total(), runs.seconds);
}

// `until_failure`: what is run is a mutant, which must fail.
int Run(const testing::Seeds& seeds) {
  World::Counts sum;
  const testing::SeedRuns runs =
      testing::RunSeeds(seeds, "script/simulate", [&sum](std::uint64_t seed) {
        World world(seed);
        std::string error = world.Run();
        sum.Add(world.counts());
        return error;
      });
  PrintCounts(sum, runs);
  const bool failed = runs.failed > 0;
  if (!seeds.until_failure) return failed ? 1 : 0;
  std::printf("%s after seeds=%" PRIu64 " seconds=%.1f\n", failed ? "caught" : "not caught",
              runs.run, runs.seconds);
  return failed ? 0 : 1;
}

}  // namespace
}  // namespace gatelog::simulation

int main(int argc, char** argv) {
  gatelog::testing::Seeds seeds = {.count = 200};
  bool verbose = false;
  CLI::App app("Seeded simulation of the collector, the way into the store and the followers.");
  gatelog::testing::AddSeedOptions(app, seeds);
  app.add_option("--hours", seeds.hours, "Run worlds until so much time is over");
  app.add_flag("--expect-failure", seeds.until_failure,
               "End at the first world that fails, and succeed only then");
  app.add_flag("--verbose", verbose, "Show the log of the core");
  CLI11_PARSE(app, argc, argv);
  gatelog::SetLogLevel(verbose ? gatelog::LogLevel::kTrace : gatelog::LogLevel::kNone);
  return gatelog::simulation::Run(seeds);
}
