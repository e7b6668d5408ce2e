// How long a step of retention keeps commits waiting.
//
//   prune [EVENTS [EVENTS_PER_COMMIT]]     default: 1,000,000 and 1,000
//
// Load: that of bench/site_load.h, in commits of as many events that arrive in the course of 90
// days, so of several periods of salts; a seal after every tenth. Then everything is a year old,
// and first what it tells of people is taken, then the events. Prints how many steps that was, how
// long all of them took, and the longest ones: each is one transaction.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "bench/site_load.h"
#include "evidence/seal_key.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/support/moved_clock.h"
#include "tests/support/temp_directory.h"

namespace gatelog {
namespace {

constexpr int kCommitsPerSeal = 10;
constexpr std::chrono::days kSpan{90};
constexpr std::chrono::days kAge{365};

class Bench {
 public:
  Bench(int events, int events_per_commit)
      : events_(events),
        events_per_commit_(events_per_commit),
        load_(bench::SiteLoad::Order::kLive, static_cast<std::uint64_t>(events)) {
    auto opened = store::SqliteStore::Open({.directory = directory_.path(), .clock = &clock_});
    if (!opened.ok()) std::abort();
    store_ = *std::move(opened);
  }

  void Fill() {
    const Timestamp first = clock_.Now();
    const int commits = (events_ + events_per_commit_ - 1) / events_per_commit_;
    for (int i = 0; i < commits; ++i) {
      std::vector<ports::Batch> batches = load_.Next(events_per_commit_);
      for (ports::Batch& batch : batches) {
        batch.arrival = first + std::chrono::milliseconds(kSpan) * i / commits;
      }
      if (!store_->Commit(batches).ok()) std::abort();
      if (i % kCommitsPerSeal == 0 || i + 1 == commits) {
        if (!store_->AppendSeal(key_).ok()) std::abort();
      }
    }
    clock_.Move(kAge);
  }

  void Prune(const char* what, const ports::PruneLimits& limits) {
    using Milliseconds = std::chrono::duration<double, std::milli>;
    std::vector<double> steps;
    ports::Pruned pruned;
    for (bool more = true; more;) {
      const auto start = std::chrono::steady_clock::now();
      const auto step = store_->PruneSome(limits, "bench");
      steps.push_back(Milliseconds(std::chrono::steady_clock::now() - start).count());
      if (!step.ok()) std::abort();
      more = step->more;
      pruned.events += step->pruned.events;
      pruned.people += step->pruned.people;
    }
    std::sort(steps.begin(), steps.end());
    double sum = 0;
    for (const double step : steps) sum += step;
    std::printf(
        "%s: %llu events, %zu steps in %.1f s; half of them %.1f ms at most, 99 %% %.1f ms, "
        "the longest %.1f ms\n",
        what, static_cast<unsigned long long>(pruned.events + pruned.people), steps.size(),
        sum / 1'000, steps[steps.size() / 2], steps[steps.size() * 99 / 100], steps.back());
  }

  void Run() {
    Fill();
    Prune("people", {.people_before = clock_.Now() - std::chrono::days(1)});
    Prune("events", {.events_before = clock_.Now() - std::chrono::days(1)});
  }

 private:
  const int events_;
  const int events_per_commit_;
  testing::TempDirectory directory_;
  testing::MovedClock clock_;
  const evidence::SealKey key_ = evidence::SealKey::Make();
  std::unique_ptr<store::SqliteStore> store_;
  bench::SiteLoad load_;
};

int Main(int argc, char** argv) {
  const int events = argc > 1 ? std::atoi(argv[1]) : 1'000'000;
  const int events_per_commit = argc > 2 ? std::atoi(argv[2]) : 1'000;
  if (events < 1 || events_per_commit < 1) {
    std::fprintf(stderr, "prune [EVENTS [EVENTS_PER_COMMIT]], each at least 1\n");
    return 2;
  }
  Bench(events, events_per_commit).Run();
  return 0;
}

}  // namespace
}  // namespace gatelog

int main(int argc, char** argv) { return gatelog::Main(argc, argv); }
