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
// gateway.
class Follower {
 public:
  Follower(model::Incarnation incarnation, testing::VirtualTime& time)
      : time_(time), cursor_{incarnation, 0} {}
  ~Follower() { Disconnect(); }

  void Connect(core::EventReader& reader);
  // What it was given and had not taken is lost; it asks for it again.
  void Disconnect();
  bool connected() const { return following_ != nullptr; }

  const std::vector<Shown>& shown() const { return shown_; }
  // Not empty: its cursor was refused.
  const std::string& error() const { return error_; }

 private:
  void Next();
  void OnBatch(absl::StatusOr<core::FollowBatch> batch);

  testing::VirtualTime& time_;
  model::Cursor cursor_;
  core::EventReader* reader_ = nullptr;
  std::shared_ptr<core::EventReader::Following> following_;
  std::shared_ptr<bool> link_;  // false: lost
  std::vector<Shown> shown_;
  std::string error_;
};

}  // namespace gatelog::simulation
