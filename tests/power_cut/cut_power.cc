// Cuts the power under a store, kills it and lets its disk fail, all on a modelled disk.
//   cut_power --seeds 5 [--first-seed 1]
//   cut_power --seed 17              one seed again
//   cut_power --synchronous OFF      a mutant: must fail

#include <CLI/CLI.hpp>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <string>

#include "base/log.h"
#include "tests/power_cut/cuts.h"
#include "tests/support/seed_runs.h"

namespace gatelog::power_cut {
namespace {

struct Arguments {
  testing::Seeds seeds = {.count = 5};
  int steps = 40;
  int kills = 40;
  std::uint64_t faults = 150;
  Settings settings;
};

std::string RunSeed(std::uint64_t seed, const Arguments& arguments, Counts& counts) {
  const auto& [seeds, steps, kills, faults, settings] = arguments;
  std::string fault = RunCuts(seed, steps, settings, counts);
  if (fault.empty()) fault = RunKills(seed, steps, kills, settings, counts);
  for (const auto kind : {testing::DiskVfs::Fault::kIoError, testing::DiskVfs::Fault::kNoSpace}) {
    const FaultPlan plan = {.fault = kind, .faults_max = faults, .cut_every = 20};
    if (fault.empty()) fault = RunFaults(seed, steps, plan, settings, counts);
  }
  return fault;
}

int Run(const Arguments& arguments) {
  Counts counts;
  const std::string again = "script/cut_power --steps " + std::to_string(arguments.steps) +
                            " --synchronous " + arguments.settings.synchronous;
  const testing::SeedRuns runs = testing::RunSeeds(
      arguments.seeds, again, [&](std::uint64_t seed) { return RunSeed(seed, arguments, counts); });
  std::printf("cut_power: seeds=%" PRIu64 " failed=%" PRIu64 " %s\n", runs.run, runs.failed,
              FormatCounts(counts).c_str());
  return runs.failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace gatelog::power_cut

int main(int argc, char** argv) {
  gatelog::power_cut::Arguments arguments;
  CLI::App app("Cuts the power under a store at every sync, kills it, and lets its disk fail.");
  gatelog::testing::AddSeedOptions(app, arguments.seeds);
  app.add_option("--steps", arguments.steps, "Transactions of a run");
  app.add_option("--kills", arguments.kills, "Places of a run at which the process is killed");
  app.add_option("--faults", arguments.faults,
                 "Writes and syncs of a run that fail, for each kind of failure; 0: every one");
  app.add_option("--synchronous", arguments.settings.synchronous, "FULL, or a mutant: NORMAL, OFF")
      ->check(CLI::IsMember({"FULL", "NORMAL", "OFF"}));
  CLI11_PARSE(app, argc, argv);
  gatelog::SetLogLevel(gatelog::LogLevel::kError);
  return gatelog::power_cut::Run(arguments);
}
