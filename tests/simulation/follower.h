#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/query/event_reader.h"
#include "tests/simulation/faults.h"
#include "tests/simulation/random.h"
#include "tests/simulation/verdict.h"
#include "tests/support/virtual_time.h"

namespace gatelog::simulation {

// A client that follows the store and keeps its cursor, over the loss of its link and of the
// gateway. Told that its cursor lies before what is left, it notes what it missed and goes on at
// the first valid one.
class Follower {
 public:
  // `store` is asked for nothing but what is left of it when the follower is told.
  Follower(const ports::EventStore& store, testing::VirtualTime& time, FaultCounts& counts)
      : store_(store), time_(time), counts_(counts), cursor_{store.incarnation(), 0} {}
  ~Follower() { Disconnect(); }

  void Connect(core::EventReader& reader);
  // What it was given and had not taken is lost; it asks for it again.
  void Disconnect();
  bool connected() const { return following_ != nullptr; }

  const std::vector<Shown>& shown() const { return shown_; }
  const std::vector<Missed>& missed() const { return missed_; }
  // Not empty: its cursor was refused, and not as it should.
  const std::string& error() const { return error_; }

 private:
  void Next();
  void OnBatch(absl::StatusOr<core::FollowBatch> batch);
  void OnRefused(const absl::Status& refusal);

  const ports::EventStore& store_;
  testing::VirtualTime& time_;
  FaultCounts& counts_;
  model::Cursor cursor_;
  core::EventReader* reader_ = nullptr;
  std::shared_ptr<core::EventReader::Following> following_;
  std::shared_ptr<bool> link_;  // false: lost
  std::vector<Shown> shown_;
  std::vector<Missed> missed_;
  std::string error_;
};

}  // namespace gatelog::simulation
