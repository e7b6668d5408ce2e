#include "tests/simulation/gateway.h"

namespace gatelog::simulation {
namespace {

using std::chrono::milliseconds;

core::Fleet::Options FleetOptions() {
  core::Fleet::Options options;
  options.reconnect = {milliseconds(100), milliseconds(2'000)};
  options.collection.collector.page_records = 128;
  options.collection.retry_store = milliseconds(200);
  return options;
}

}  // namespace

Gateway::Gateway(testing::VirtualTime& time, Random& random, const Slowness& slowness,
                 testing::MemoryStore& store, ModelledDialer& dialer)
    : loop_(time, [&] { return UpTo(random, slowness.loop_max); }),
      writer_(time, [&] { return UpTo(random, slowness.writer_max); }),
      registry_worker_(time, [] { return milliseconds(1); }),
      readers_(time, [&] { return UpTo(random, slowness.readers_max); }),
      ingest_(store, writer_, loop_, {.events_per_commit_max = 500}),
      reader_(store, readers_, time),
      fleet_(
          {loop_, registry_worker_, time, {{"terminal", &dialer}}, store, ingest_, live_, status_},
          FleetOptions()) {
  ingest_.OnCommitted([this](std::uint64_t seq) { reader_.OnCommitted(seq); });
}

std::unique_ptr<Gateway> Gateway::Start(testing::VirtualTime& time, Random& random,
                                        const Slowness& slowness, testing::MemoryStore& store,
                                        ModelledDialer& dialer) {
  const auto registrations = store.Load();
  const auto states = store.LoadLogStates();
  const auto totals = store.ReadTotals();
  if (!registrations.ok() || !states.ok() || !totals.ok()) return nullptr;
  std::unique_ptr<Gateway> gateway(new Gateway(time, random, slowness, store, dialer));
  gateway->fleet_.Start(*registrations, *states, *totals);
  return gateway;
}

}  // namespace gatelog::simulation
