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

namespace gatelog::simulation {
namespace {

struct Options {
  std::uint64_t seeds = 200;
  std::uint64_t first_seed = 1;
  std::uint64_t only = 0;
  double hours = 0;
  bool expect_failure = false;
  bool verbose = false;
};

using Time = std::chrono::steady_clock;

double Seconds(Time::duration duration) { return std::chrono::duration<double>(duration).count(); }

void PrintCounts(const World::Counts& counts, std::uint64_t failed, double seconds) {
  for (std::size_t i = 0; i < kFaultCount; ++i) {
    const auto fault = static_cast<Fault>(i);
    std::printf("%12" PRIu64 "  %s\n", counts.faults.of(fault), FaultName(fault));
  }
  std::printf("%12" PRIu64 "  faults in all\n", counts.faults.total());
  std::printf("simulation: seeds=%" PRIu64 " failed=%" PRIu64 " steps=%" PRIu64
              " virtual_hours=%.1f records=%" PRIu64 " stored=%" PRIu64 " images=%" PRIu64
              " gaps=%" PRIu64 " epochs=%" PRIu64 " faults=%" PRIu64 " seconds=%.1f\n",
              counts.worlds, failed, counts.steps,
              std::chrono::duration<double, std::ratio<3'600>>(counts.time).count(), counts.records,
              counts.stored, counts.images, counts.gaps, counts.epochs, counts.faults.total(),
              seconds);
}

int Run(const Options& options) {
  const auto begin = Time::now();
  const bool by_time = options.hours > 0;
  std::uint64_t failed = 0;
  World::Counts sum;
  for (std::uint64_t seed = options.first_seed;; ++seed) {
    const double seconds = Seconds(Time::now() - begin);
    if (by_time ? seconds >= options.hours * 3'600 : seed - options.first_seed >= options.seeds) {
      break;
    }
    World world(seed);
    const std::string error = world.Run();
    sum.Add(world.counts());
    if (error.empty()) continue;
    ++failed;
    std::printf("seed %" PRIu64 ": %s\n  again: script/simulate --seed %" PRIu64 "\n", seed,
                error.c_str(), seed);
    std::fflush(stdout);
    if (options.expect_failure) break;
  }
  const double seconds = Seconds(Time::now() - begin);
  PrintCounts(sum, failed, seconds);
  if (!options.expect_failure) return failed == 0 ? 0 : 1;
  std::printf("%s after seeds=%" PRIu64 " seconds=%.1f\n", failed == 0 ? "not caught" : "caught",
              sum.worlds, seconds);
  return failed == 0 ? 1 : 0;
}

}  // namespace
}  // namespace gatelog::simulation

int main(int argc, char** argv) {
  gatelog::simulation::Options options;
  CLI::App app("Seeded simulation of the collector, the way into the store and the followers.");
  app.add_option("--seeds", options.seeds, "How many worlds to run");
  app.add_option("--first-seed", options.first_seed, "The first of them");
  app.add_option("--seed", options.only, "Run this one alone");
  app.add_option("--hours", options.hours, "Run worlds until so much time is over");
  app.add_flag("--expect-failure", options.expect_failure,
               "End at the first world that fails, and succeed only then");
  app.add_flag("--verbose", options.verbose, "Show the log of the core");
  CLI11_PARSE(app, argc, argv);
  if (options.only != 0) {
    options.first_seed = options.only;
    options.seeds = 1;
    options.hours = 0;
  }
  gatelog::SetLogLevel(options.verbose ? gatelog::LogLevel::kTrace : gatelog::LogLevel::kNone);
  return gatelog::simulation::Run(options);
}
