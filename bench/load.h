#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/records.h"

namespace gatelog::bench {

inline constexpr int kDevices = 1'000;
inline constexpr int kUsers = 50'000;
inline constexpr int kRecordsPerTurn = 100;
inline constexpr model::DeviceId kFirstDevice = 541'000'001;

// Batches as devices would give them, always the same: 1,000 log devices in turns of 100 records,
// 50,000 users, a tenth of the events without one.
class Load {
 public:
  Load() {
    for (int i = 0; i < kDevices; ++i) {
      states_.push_back({.log_device = kFirstDevice + static_cast<model::DeviceId>(i)});
    }
  }

  std::vector<ports::Batch> Next(int events) {
    std::vector<ports::Batch> batches;
    for (int made = 0; made < events; made += kRecordsPerTurn) {
      ports::LogState& state = states_[turn_++ % kDevices];
      testing::BatchMaker maker(state);
      if (state.epoch == 0) maker.OpenEpoch(1, 1);
      for (int i = 0; i < kRecordsPerTurn && made + i < events; ++i) maker.Add(Event(state));
      batches.push_back(maker.Make());
      state = batches.back().after;
    }
    return batches;
  }

 private:
  model::Event Event(const ports::LogState& state) {
    random_ = random_ * 6'364'136'223'846'793'005u + 1'442'695'040'888'963'407u;
    const auto pick = [this](int shift, unsigned below) {
      return static_cast<std::uint32_t>(random_ >> shift) % below;
    };
    model::Event event;
    event.timestamp = 1'700'000'000 + pick(8, 30 * 24 * 3600);
    event.device = state.log_device;
    event.code = pick(20, 50) == 0 ? 0x1900 : 0x1300;
    event.sub_code = pick(24, 4);
    if (pick(28, 10) != 0) event.user_id = std::to_string(pick(32, kUsers));
    return event;
  }

  std::vector<ports::LogState> states_;
  std::size_t turn_ = 0;
  std::uint64_t random_ = 1;
};

}  // namespace gatelog::bench
