// Cuts the power under a store, kills it and lets its disk fail, all on a modelled disk.
//   cut_power --seeds 5 [--first-seed 1]
//   cut_power --seed 17              one seed again
//   cut_power --synchronous OFF      a mutant: must fail

#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdio>
#include <string>

#include "base/log.h"
#include "tests/power_cut/cuts.h"

namespace gatelog::power_cut {
namespace {

struct Arguments {
  std::uint64_t seeds = 5;
  std::uint64_t first_seed = 1;
  std::uint64_t only = 0;
  int steps = 40;
  int kills = 40;
  std::uint64_t stride = 20;
  Settings settings;
};

std::string RunSeed(std::uint64_t seed, const Arguments& arguments, Counts& counts) {
  const auto& [seeds, first, only, steps, kills, stride, settings] = arguments;
  std::string fault = RunCuts(seed, steps, settings, counts);
  if (fault.empty()) fault = RunKills(seed, steps, kills, settings, counts);
  for (const auto kind : {testing::DiskVfs::Fault::kIoError, testing::DiskVfs::Fault::kNoSpace}) {
    if (fault.empty()) fault = RunFaults(seed, steps, stride, kind, settings, counts);
  }
  return fault;
}

int Run(const Arguments& arguments) {
  Counts counts;
  int failed = 0;
  for (std::uint64_t seed = arguments.first_seed; seed < arguments.first_seed + arguments.seeds;
       ++seed) {
    const std::string fault = RunSeed(seed, arguments, counts);
    if (fault.empty()) continue;
    ++failed;
    std::printf(
        "seed %llu: %s\n  again: script/cut_power --seed %llu --steps %d --synchronous %s\n",
        static_cast<unsigned long long>(seed), fault.c_str(), static_cast<unsigned long long>(seed),
        arguments.steps, arguments.settings.synchronous.c_str());
    std::fflush(stdout);
  }
  std::printf("cut_power: seeds=%llu failed=%d %s\n",
              static_cast<unsigned long long>(arguments.seeds), failed,
              FormatCounts(counts).c_str());
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace gatelog::power_cut

int main(int argc, char** argv) {
  gatelog::power_cut::Arguments arguments;
  CLI::App app("Cuts the power under a store at every sync, kills it, and lets its disk fail.");
  app.add_option("--seeds", arguments.seeds, "How many runs");
  app.add_option("--first-seed", arguments.first_seed, "The first of them");
  app.add_option("--seed", arguments.only, "Run this one alone");
  app.add_option("--steps", arguments.steps, "Transactions of a run");
  app.add_option("--kills", arguments.kills, "Places of a run at which the process is killed");
  app.add_option("--fault-stride", arguments.stride,
                 "Of how many failed writes and syncs one is followed by cuts everywhere");
  app.add_option("--synchronous", arguments.settings.synchronous, "FULL, or a mutant: NORMAL, OFF")
      ->check(CLI::IsMember({"FULL", "NORMAL", "OFF"}));
  CLI11_PARSE(app, argc, argv);
  if (arguments.only != 0) {
    arguments.first_seed = arguments.only;
    arguments.seeds = 1;
  }
  gatelog::SetLogLevel(gatelog::LogLevel::kError);
  return gatelog::power_cut::Run(arguments);
}
