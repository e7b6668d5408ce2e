#pragma once

#include <cstdint>
#include <map>
#include <random>

#include "absl/status/status.h"
#include "ports/event_store.h"
#include "store/sqlite/sqlite_registry.h"
#include "store/sqlite/sqlite_store.h"

namespace gatelog::power_cut {

// What a gateway asks of its store, chosen by a seed: events of several terminals with gaps and new
// epochs, batches behind the fence, images, devices added and removed.
class Workload {
 public:
  explicit Workload(std::uint64_t seed) : random_(seed) {}

  // Takes up the logs where the store has them.
  absl::Status Begin(store::SqliteStore& store);

  // One transaction. An error is the store's; then the store may or may not hold it.
  absl::Status Step(store::SqliteStore& store, store::SqliteRegistry& registry);

 private:
  absl::Status CommitEvents(store::SqliteStore& store);
  absl::Status CommitImages(store::SqliteStore& store);
  absl::Status ChangeRegistry(store::SqliteRegistry& registry);
  ports::Batch SomeBatch(const ports::LogState& state);
  int Some(int max) { return static_cast<int>(random_() % static_cast<unsigned>(max)) + 1; }

  std::mt19937_64 random_;
  std::map<model::DeviceId, ports::LogState> logs_;
};

}  // namespace gatelog::power_cut
