#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/simulation/faults.h"
#include "tests/simulation/follower.h"
#include "tests/simulation/gateway.h"
#include "tests/simulation/modelled_device.h"
#include "tests/simulation/modelled_link.h"
#include "tests/simulation/random.h"
#include "tests/simulation/verdict.h"
#include "tests/support/memory_store.h"
#include "tests/support/virtual_time.h"

namespace gatelog::simulation {

// The whole core on virtual time, its devices, its store and its clients, all driven by one seed:
// a troubled phase in which anything may happen, then a quiet one, after which the store must hold
// what it promises.
class World {
 public:
  explicit World(std::uint64_t seed);
  ~World();

  // Empty if everything holds, else what does not, in words.
  std::string Run();

  struct Counts {
    std::uint64_t worlds = 0;
    std::uint64_t steps = 0;            // tasks that ran
    std::chrono::milliseconds time{0};  // that passed in the worlds
    std::uint64_t records = 0;          // written by all devices
    std::uint64_t stored = 0;
    std::uint64_t pruned = 0;  // of these
    std::uint64_t images = 0;
    std::uint64_t gaps = 0;
    std::uint64_t epochs = 0;
    FaultCounts faults;

    void Add(const Counts& other);
  };
  const Counts& counts() const { return counts_; }

 private:
  using Milliseconds = std::chrono::milliseconds;

  void MakeDevice(std::size_t number);
  std::string Trouble();
  void MakePeace(ModelledDevice& device);
  std::string Quiet();
  std::string Pass(Milliseconds time);

  void StartGateway();
  std::string KillGateway();
  std::string DisturbGateway();
  void DisturbDevice(ModelledDevice& device, ModelledDevice& spare);
  void DisturbLog(ModelledDevice& device, ModelledDevice& spare);
  void DisturbLink(ModelledDevice& device);
  LinkFaults SomeFaults();
  void WriteSome(ModelledDevice& device);
  void DisturbStore();
  void CalmStore();
  void PruneSoon();
  void PruneNowAndThen(std::uint64_t once_in);
  void Prune();

  void Look();
  std::string CheckPromptness();
  std::string Check(bool at_the_end);

  std::uint64_t OnceIn(std::uint64_t n) { return Below(random_, 3) == 0 ? n : 0; }

  Random random_;
  // Chance of its own, so that worlds that keep everything are what they are without retention.
  Random retention_;
  std::uint64_t prune_once_in_ = 0;  // steps; 0: everything is kept
  testing::VirtualTime time_;
  testing::MemoryStore store_;
  Counts counts_;
  Gateway::Slowness slowness_;
  ModelledDialer dialer_;
  std::vector<std::unique_ptr<ModelledDevice>> devices_;
  std::vector<std::unique_ptr<ModelledDevice>> spares_;
  std::unique_ptr<Gateway> gateway_;
  std::unique_ptr<Gateway> beside_;  // thought dead
  Follower follower_;
  std::vector<Shown> looked_;  // what somebody saw who looks all the time
  std::set<std::pair<model::DeviceId, std::uint64_t>> seen_;  // device and serial of each of them
  bool store_opened_anew_ = true;  // false: it failed, and takes nothing until the process restarts
  Milliseconds store_calm_since_{0};
  Milliseconds gateway_since_{0};
};

}  // namespace gatelog::simulation
