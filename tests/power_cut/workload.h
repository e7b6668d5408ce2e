#pragma once

#include <cstdint>
#include <map>
#include <random>

#include "absl/status/status.h"
#include "base/clock.h"
#include "evidence/seal_key.h"
#include "ports/event_store.h"
#include "store/sqlite/sqlite_registry.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/support/moved_clock.h"

namespace gatelog::power_cut {

// What a gateway asks of its store, chosen by a seed: events of several terminals with gaps and new
// epochs, batches behind the fence, images, devices added and removed, seals, old events, images
// and people taken away, users forgotten.
class Workload {
 public:
  explicit Workload(std::uint64_t seed) : random_(seed) {}

  // The store's: an hour goes by from one block of its chain to the next.
  const Clock& clock() const { return clock_; }

  // Takes up the logs where the store has them.
  absl::Status Begin(store::SqliteStore& store);

  // One transaction. An error is the store's; then the store may or may not hold it.
  absl::Status Step(store::SqliteStore& store, store::SqliteRegistry& registry);

 private:
  absl::Status CommitEvents(store::SqliteStore& store);
  absl::Status CommitImages(store::SqliteStore& store);
  absl::Status ChangeRegistry(store::SqliteRegistry& registry);
  absl::Status Seal(store::SqliteStore& store);
  absl::Status Prune(store::SqliteStore& store);
  absl::Status Forget(store::SqliteStore& store);
  ports::Batch SomeBatch(const ports::LogState& state);
  int Some(int max) { return static_cast<int>(random_() % static_cast<unsigned>(max)) + 1; }

  const evidence::SealKey key_ = evidence::SealKey::Make();
  std::mt19937_64 random_;
  testing::MovedClock clock_;
  std::uint64_t hours_ = 0;  // that the clock has been moved by
  std::map<model::DeviceId, ports::LogState> logs_;
};

}  // namespace gatelog::power_cut
