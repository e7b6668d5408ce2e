#include "tests/power_cut/cuts.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

namespace gatelog::power_cut {
namespace {

using testing::DiskModel;
using testing::DiskOperation;
using testing::Unsynced;
using Random = DiskModel::Random;

bool IsSync(const DiskOperation& operation) {
  return operation.kind == DiskOperation::Kind::kSync ||
         operation.kind == DiskOperation::Kind::kFailedSync ||
         operation.kind == DiskOperation::Kind::kSyncDirectory;
}

// Places to cut: before and after each sync, and some others.
std::set<std::size_t> PlacesOf(const Life& life, const CutPlan& plan, Random& random,
                               Counts& counts) {
  std::set<std::size_t> places = {0, life.record.size()};
  for (std::size_t i = 0; i < life.record.size(); ++i) {
    if (!IsSync(life.record[i])) continue;
    places.insert({i, i + 1});
    ++counts.boundaries;
  }
  const std::size_t at_syncs = places.size();
  for (int i = 0; i < plan.points_per_life; ++i) places.insert(random() % (life.record.size() + 1));
  counts.points += places.size() - at_syncs;
  return places;
}

std::string TryCut(const DiskModel& disk, const Allowed& allowed, const CutPlan& plan,
                   const Settings& settings, Random& random, Counts& counts) {
  std::vector<Unsynced> kinds(static_cast<std::size_t>(plan.chances), Unsynced::kChance);
  kinds.push_back(Unsynced::kLost);
  kinds.push_back(Unsynced::kKept);
  for (const Unsynced kind : kinds) {
    ++counts.images;
    std::string fault = TryImage(disk.AfterPowerCut(kind, random), allowed, random(), settings);
    if (!fault.empty()) return fault;
  }
  return {};
}

}  // namespace

std::string FormatCounts(const Counts& counts) {
  return absl::StrCat("lives=", counts.lives, " faults=", counts.faults,
                      " boundaries=", counts.boundaries, " points=", counts.points,
                      " pruned=", counts.pruned, " images=", counts.images);
}

Allowed AllowedAt(const Life& life, std::size_t place, const Allowed& before) {
  Allowed allowed = before;
  for (const Moment& moment : life.moments) {
    if (moment.acknowledged_at <= place) {
      allowed.contents = {moment.contents};
      allowed.last_seq = moment.contents.last_seq;
      allowed.incarnation = life.incarnation;
      allowed.in_doubt = false;
      allowed.left_open = true;
    } else if (moment.submitted_at < place && !allowed.contents.empty()) {
      allowed.contents.push_back(moment.contents);
    }
  }
  if (life.in_doubt_at && *life.in_doubt_at < place) allowed.in_doubt = true;
  return allowed;
}

DiskModel DiskAt(const Life& life, std::size_t place, std::uint64_t seed) {
  Random random(seed);
  DiskModel disk = life.disk;
  for (std::size_t i = 0; i < place; ++i) disk.Apply(life.record[i], random);
  return disk;
}

std::string CutEverywhere(const Life& life, const Allowed& before, std::uint64_t seed,
                          const CutPlan& plan, const Settings& settings, Counts& counts) {
  Random random(seed);
  ++counts.lives;
  counts.pruned += life.pruned;
  const std::set<std::size_t> places = PlacesOf(life, plan, random, counts);
  DiskModel disk = life.disk;
  std::size_t applied = 0;
  for (const std::size_t place : places) {
    for (; applied < place; ++applied) disk.Apply(life.record[applied], random);
    const std::string fault =
        TryCut(disk, AllowedAt(life, place, before), plan, settings, random, counts);
    if (fault.empty()) continue;
    return absl::StrCat("cut after operation ", place, " of ", life.record.size(), ": ", fault);
  }
  return {};
}

std::string RunCuts(std::uint64_t seed, int steps, const Settings& settings, Counts& counts) {
  const auto life = Live(DiskWithNewStore(), {.seed = seed, .steps = steps}, settings);
  if (!life.ok()) return life.status().ToString();
  return CutEverywhere(*life, {}, seed, {}, settings, counts);
}

namespace {

// A second life after the first one ended at `place`, by a kill or by its own failure.
std::string LiveAgain(const Life& first, std::size_t place, std::uint64_t seed, bool cut_everywhere,
                      const Settings& settings, Counts& counts) {
  constexpr int kSteps = 3;
  constexpr CutPlan kPlan = {.chances = 1, .points_per_life = 4};
  const Allowed allowed = AllowedAt(first, place, {});
  const DiskModel disk = DiskAt(first, place, seed);
  const auto second =
      Live(disk, {.seed = seed, .steps = kSteps, .left_open = allowed.left_open}, settings);
  if (!second.ok()) return absl::StrCat("started again: ", second.status().ToString());
  // What the second process finds is what it may show.
  if (!second->moments.empty()) {
    const Contents& found = second->moments[0].contents;
    const bool known = allowed.contents.empty() || allowed.in_doubt ||
                       std::find(allowed.contents.begin(), allowed.contents.end(), found) !=
                           allowed.contents.end();
    if (!known || found.last_seq < allowed.last_seq) {
      return absl::StrCat("started again: shows events up to seq ", found.last_seq, ", not ",
                          allowed.last_seq);
    }
  }
  if (cut_everywhere) return CutEverywhere(*second, allowed, seed, kPlan, settings, counts);
  ++counts.lives;
  Random random(seed);
  const std::size_t end = second->record.size();
  return TryCut(DiskAt(*second, end, seed), AllowedAt(*second, end, allowed), {.chances = 0},
                settings, random, counts);
}

// Then what the system has cached is not what is on the disk.
bool HasFailedSync(const Life& life) {
  return std::any_of(life.record.begin(), life.record.end(), [](const DiskOperation& operation) {
    return operation.kind == DiskOperation::Kind::kFailedSync;
  });
}

}  // namespace

std::string RunKills(std::uint64_t seed, int steps, int kills, const Settings& settings,
                     Counts& counts) {
  const auto life = Live(DiskWithNewStore(), {.seed = seed, .steps = steps}, settings);
  if (!life.ok()) return life.status().ToString();
  ++counts.lives;
  Random random(seed);
  for (int i = 0; i < kills; ++i) {
    const std::size_t place = random() % (life->record.size() + 1);
    const std::string fault = LiveAgain(*life, place, random(), true, settings, counts);
    if (!fault.empty()) return absl::StrCat("killed after operation ", place, ", ", fault);
  }
  return {};
}

std::string RunFaults(std::uint64_t seed, int steps, const FaultPlan& plan,
                      const Settings& settings, Counts& counts) {
  using testing::DiskVfs;
  const bool full = plan.fault == DiskVfs::Fault::kNoSpace;
  LifePlan first = {.seed = seed,
                    .steps = steps,
                    .fault = plan.fault,
                    .lasting = full ? DiskVfs::Lasting::kUntilHealed : DiskVfs::Lasting::kOnce,
                    .steps_after_failure = 2};
  std::uint64_t stride = 1;
  if (plan.faults_max != 0) {
    const auto unharmed = Live(DiskWithNewStore(), first, settings);
    if (!unharmed.ok()) return unharmed.status().ToString();
    stride = unharmed->fault_calls / plan.faults_max + 1;
  }
  for (std::uint64_t call = seed % stride, lives = 0;; call += stride, ++lives) {
    first.fault_at = call;
    const auto life = Live(DiskWithNewStore(), first, settings);
    const std::string where = absl::StrCat("fault at call ", call, ", ");
    if (!life.ok()) return where + life.status().ToString();
    if (life->fault_calls <= call) return {};
    ++counts.lives;
    ++counts.faults;
    const bool everywhere = lives % plan.cut_every == 0 || HasFailedSync(*life);
    const std::string found =
        LiveAgain(*life, life->record.size(), seed + call, everywhere, settings, counts);
    if (!found.empty()) return where + found;
  }
}

}  // namespace gatelog::power_cut
