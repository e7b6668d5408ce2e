#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/fleet/fleet.h"
#include "core/ingest/ingest.h"
#include "core/query/event_reader.h"
#include "tests/simulation/modelled_device.h"
#include "tests/support/memory_store.h"
#include "tests/support/virtual_time.h"

namespace gatelog::simulation {

// The whole core on virtual time, its devices and its store, all driven by one seed: a troubled
// phase in which anything may happen, then a quiet one, after which the store must hold what it
// promises.
class World {
 public:
  explicit World(std::uint64_t seed);
  ~World();

  // Empty if everything holds, else what does not, in words.
  std::string Run();

  struct Counts {
    std::uint64_t records = 0;  // written by all devices
    std::uint64_t stored = 0;
    std::uint64_t gaps = 0;
    std::uint64_t epochs = 0;
    std::uint64_t kills = 0;
    std::uint64_t links_lost = 0;
  };
  const Counts& counts() const { return counts_; }

 private:
  // What runs in one process of gatelogd, and dies with it.
  struct Gateway;

  void StartGateway();
  void KillGateway();
  void FollowOn();
  void OnFollowed(absl::StatusOr<core::FollowBatch> batch);
  void Disturb();
  void DisturbDevice(ModelledDevice& device, ModelledDevice& spare);
  void DisturbStore();
  bool Pass(std::chrono::milliseconds time);

  std::string Check();
  std::string CheckDevice(const ModelledDevice& device);
  std::string CheckDoubles();
  std::string CheckContiguity();
  std::string CheckFollower();

  Random random_;
  testing::VirtualTime time_;
  testing::MemoryStore store_;
  ModelledDialer dialer_;
  std::vector<std::unique_ptr<ModelledDevice>> devices_;
  std::vector<std::unique_ptr<ModelledDevice>> spares_;
  std::unique_ptr<Gateway> gateway_;
  model::Cursor followed_to_;
  std::vector<std::uint64_t> followed_;  // seqs, in the order of their coming
  std::string follow_error_;
  Counts counts_;
};

}  // namespace gatelog::simulation
