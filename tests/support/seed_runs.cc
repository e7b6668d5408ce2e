#include "tests/support/seed_runs.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <cinttypes>
#include <cstdio>

namespace gatelog::testing {
namespace {

using Time = std::chrono::steady_clock;

constexpr double kSecondsPerHour = 3'600;

double SecondsSince(Time::time_point begin) {
  return std::chrono::duration<double>(Time::now() - begin).count();
}

}  // namespace

void AddSeedOptions(CLI::App& app, Seeds& seeds) {
  app.add_option("--seeds", seeds.count, "How many seeds to run");
  app.add_option("--first-seed", seeds.first, "The first of them");
  app.add_option("--seed", seeds.only, "Run this one alone");
}

SeedRuns RunSeeds(const Seeds& seeds, const std::string& again,
                  absl::FunctionRef<std::string(std::uint64_t seed)> run) {
  const auto begin = Time::now();
  const bool by_time = seeds.only == 0 && seeds.hours > 0;
  const std::uint64_t count = seeds.only == 0 ? seeds.count : 1;
  SeedRuns runs;
  const auto go_on = [&] {
    if (seeds.until_failure && runs.failed > 0) return false;
    return by_time ? SecondsSince(begin) < seeds.hours * kSecondsPerHour : runs.run < count;
  };
  for (std::uint64_t seed = seeds.only == 0 ? seeds.first : seeds.only; go_on(); ++seed) {
    const std::string error = run(seed);
    ++runs.run;
    if (error.empty()) continue;
    ++runs.failed;
    std::printf("seed %" PRIu64 ": %s\n  again: %s --seed %" PRIu64 "\n", seed, error.c_str(),
                again.c_str(), seed);
    std::fflush(stdout);
  }
  runs.seconds = SecondsSince(begin);
  return runs;
}

}  // namespace gatelog::testing
