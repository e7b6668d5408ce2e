// How fast the store takes events, and what of that the evidence costs.
//
//   ingest [EVENTS] [EVENTS_PER_COMMIT]     default: 1,000,000 in commits of 10,000
//
// Load: bench/site_load.h.
// Prints events per second of the whole, of the disk's share none is taken out; and the hashing
// alone, over the same events.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "bench/site_load.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/support/temp_directory.h"
#ifndef GATELOG_WITHOUT_EVIDENCE
#include "evidence/chain.h"
#endif

namespace gatelog {
namespace {

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double StoreAll(int events, int per_commit) {
  testing::TempDirectory directory;
  auto store = store::SqliteStore::Open({.directory = directory.path()});
  if (!store.ok()) std::abort();
  bench::SiteLoad load(bench::SiteLoad::Order::kLive, static_cast<std::uint64_t>(events));
  double seconds = 0;
  for (int done = 0; done < events; done += per_commit) {
    const std::vector<ports::Batch> batches = load.Next(per_commit);
    const auto start = std::chrono::steady_clock::now();
    if (!(*store)->Commit(batches).ok()) std::abort();
    seconds += SecondsSince(start);
  }
  return seconds;
}

#ifndef GATELOG_WITHOUT_EVIDENCE
double HashAll(int events, int per_commit) {
  bench::SiteLoad load(bench::SiteLoad::Order::kLive, static_cast<std::uint64_t>(events));
  evidence::BlockBuilder builder;
  evidence::ChainHead head;
  const std::string salt = evidence::NewSalt();
  std::uint64_t seq = 0;
  double seconds = 0;
  for (int done = 0; done < events; done += per_commit) {
    const std::vector<ports::Batch> batches = load.Next(per_commit);
    const auto start = std::chrono::steady_clock::now();
    builder.Begin(head, seq + 1);
    for (const ports::Batch& batch : batches) {
      for (const model::Event& event : batch.events) {
        builder.AddEvent({.seq = ++seq, .log_device = batch.log_device, .epoch = 1, .id = event.id},
                         event.payload, salt);
      }
    }
    const evidence::Block block = builder.Finish(Timestamp{});
    head = {block.number, block.head};
    seconds += SecondsSince(start);
  }
  return seconds;
}
#endif

int Main(int argc, char** argv) {
  const int events = argc > 1 ? std::atoi(argv[1]) : 1'000'000;
  const int per_commit = argc > 2 ? std::atoi(argv[2]) : 10'000;
  if (events < 1 || per_commit < 1) {
    std::fprintf(stderr, "ingest [EVENTS] [EVENTS_PER_COMMIT], both at least 1\n");
    return 2;
  }
  const double stored = StoreAll(events, per_commit);
  std::printf("stored %d events, %d per commit: %.0f events/s\n", events, per_commit,
              events / stored);
#ifndef GATELOG_WITHOUT_EVIDENCE
  const double hashed = HashAll(events, per_commit);
  std::printf("hashing alone: %.0f ns per event, %.1f %% of that time\n", 1e9 * hashed / events,
              100 * hashed / stored);
#endif
  return 0;
}

}  // namespace
}  // namespace gatelog

int main(int argc, char** argv) { return gatelog::Main(argc, argv); }
