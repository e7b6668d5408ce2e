#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/power_cut/life.h"
#include "tests/power_cut/trial.h"

namespace gatelog::power_cut {

struct Counts {
  std::uint64_t lives = 0;       // runs of a process, each from one disk
  std::uint64_t faults = 0;      // lives whose disk failed
  std::uint64_t boundaries = 0;  // syncs, each cut before and after
  std::uint64_t points = 0;      // cuts elsewhere
  std::uint64_t pruned = 0;      // events taken away in lives that were cut everywhere
  std::uint64_t images = 0;      // disks after a cut, each opened and checked
};

std::string FormatCounts(const Counts& counts);

struct CutPlan {
  int chances = 2;           // images by chance of each cut, besides all lost and all kept
  int points_per_life = 40;  // cuts at random places between syncs
};

// What may be found when the power is cut after `place` operations of the life. `before` is what
// could be found before its first operation.
Allowed AllowedAt(const Life& life, std::size_t place, const Allowed& before);

// Cuts the power at every sync of the life and at some places between, and tries each disk that
// may be left. The first fault in words, with its place; empty: none.
std::string CutEverywhere(const Life& life, const Allowed& before, std::uint64_t seed,
                          const CutPlan& plan, const Settings& settings, Counts& counts);

// The disk after `place` operations of a life, with what is not certain on it.
testing::DiskModel DiskAt(const Life& life, std::size_t place, std::uint64_t seed);

// One seed of each kind of run. The first fault in words; empty: none.

// One process from an empty disk to its end, cut everywhere.
std::string RunCuts(std::uint64_t seed, int steps, const Settings& settings, Counts& counts);
// A process killed at `kills` places, each time started again on what the system still has cached,
// and cut everywhere in that second life.
std::string RunKills(std::uint64_t seed, int steps, int kills, const Settings& settings,
                     Counts& counts);

struct FaultPlan {
  testing::DiskVfs::Fault fault = testing::DiskVfs::Fault::kIoError;
  std::uint64_t faults_max = 0;  // lives, evenly over the run's writes and syncs; 0: one for each
  std::uint64_t cut_every = 1;   // of how many second lives one is cut everywhere
};

// The disk fails at a write or sync, in another life at a later one, and so on through the whole
// run; for want of space it does so until the store has noticed. Each time the process is started
// again, with a healthy disk, and the power cut at the end of that second life; everywhere in it
// after a sync that failed, and in one of every `cut_every`.
std::string RunFaults(std::uint64_t seed, int steps, const FaultPlan& plan,
                      const Settings& settings, Counts& counts);

}  // namespace gatelog::power_cut
