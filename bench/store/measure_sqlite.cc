// The SQLite store as it grows: how fast it takes events, how long a commit takes at worst, what an
// event takes on the disk, and the five queries at the end, warm.
//
//   measure_sqlite [EVENTS] [EVENTS_PER_COMMIT] [live|catch-up] [DIRECTORY]
//
// Default: 1,000,000 in commits of 10,000, live, in a directory that is removed. In a given
// directory the store stays, and one that is there is only queried.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>

#include "bench/store/load.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/support/temp_directory.h"

namespace gatelog::bench {
namespace {

std::unique_ptr<store::SqliteStore> Open(const std::string& directory) {
  auto opened = store::SqliteStore::Open({.directory = directory});
  if (opened.ok()) return *std::move(opened);
  std::fprintf(stderr, "%s\n", std::string(opened.status().message()).c_str());
  std::exit(1);
}

void Fill(store::SqliteStore& store, SiteLoad::Order order, std::uint64_t events, int per_commit) {
  SiteLoad load(order, events);
  double seconds = 0;
  double worst = 0;
  double since_seconds = 0;
  std::uint64_t since = 0;
  std::uint64_t done = 0;
  const std::uint64_t tell_every = std::max<std::uint64_t>(events / 10, 100'000);
  std::vector<double> slowest;
  while (done < events) {
    const std::vector<ports::Batch> batches = load.Next(per_commit);
    const double start = SecondsNow();
    const auto results = store.Commit(batches);
    const double took = SecondsNow() - start;
    if (!results.ok()) {
      std::fprintf(stderr, "%s\n", std::string(results.status().message()).c_str());
      std::exit(1);
    }
    seconds += took;
    since_seconds += took;
    worst = std::max(worst, took);
    slowest.push_back(took);
    for (const ports::Batch& batch : batches) {
      done += batch.events.size();
      since += batch.events.size();
    }
    const bool tell = since >= tell_every || (done == 100'000 && since == done) || done == events;
    if (!tell) continue;
    std::printf("%10llu events: %8.0f events/s, worst commit so far %.1f ms\n",
                static_cast<unsigned long long>(done), static_cast<double>(since) / since_seconds,
                1e3 * worst);
    std::fflush(stdout);
    since = 0;
    since_seconds = 0;
  }
  std::sort(slowest.begin(), slowest.end());
  std::printf("all: %.0f events/s; commit median %.1f ms, 99 %% %.1f ms, worst %.1f ms\n",
              static_cast<double>(events) / seconds, 1e3 * slowest[slowest.size() / 2],
              1e3 * slowest[slowest.size() * 99 / 100], 1e3 * worst);
}

int Main(int argc, char** argv) {
  const auto events = static_cast<std::uint64_t>(argc > 1 ? std::atoll(argv[1]) : 1'000'000);
  const int per_commit = argc > 2 ? std::atoi(argv[2]) : 10'000;
  const bool catch_up = argc > 3 && std::strcmp(argv[3], "catch-up") == 0;
  if (events < 1 || per_commit < 1) {
    std::fprintf(stderr, "measure_sqlite [EVENTS] [EVENTS_PER_COMMIT] [live|catch-up] [DIR]\n");
    return 2;
  }
  const testing::TempDirectory temporary;
  const std::string directory = argc > 4 ? argv[4] : temporary.path();
  auto store = Open(directory);
  if (store->last_seq() == 0) {
    // Without a seal, a start would look for what is to be sealed in all of it.
    Fill(*store, catch_up ? SiteLoad::Order::kCatchUp : SiteLoad::Order::kLive, events, per_commit);
    if (!store->AppendSeal(evidence::SealKey::Make()).ok()) std::abort();
  }
  constexpr int kRounds = 51;
  for (const QueryTime& time : MeasureQueries(*store, kRounds)) {
    std::printf("%-40s %8.3f ms (worst %.3f), %llu found on average\n", time.name, time.median_ms,
                time.worst_ms, static_cast<unsigned long long>(time.found / kRounds));
  }
  const std::uint64_t stored = store->last_seq();
  store.reset();
  const auto bytes = std::filesystem::file_size(directory + "/gatelog.db");
  std::printf("%.1f bytes per event\n", static_cast<double>(bytes) / static_cast<double>(stored));
  const double start = SecondsNow();
  store = Open(directory);
  std::printf("opened in %.0f ms\n", 1e3 * (SecondsNow() - start));
  return 0;
}

}  // namespace
}  // namespace gatelog::bench

int main(int argc, char** argv) { return gatelog::bench::Main(argc, argv); }
