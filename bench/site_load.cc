#include "bench/site_load.h"

#include <algorithm>
#include <chrono>
#include <string>

#include "tests/support/records.h"

namespace gatelog::bench {

SiteLoad::SiteLoad(Order order, std::uint64_t events) : order_(order), events_(events) {
  for (int i = 0; i < kDevices; ++i) {
    states_.push_back({.log_device = kFirstDevice + static_cast<model::DeviceId>(i)});
  }
}

std::uint32_t SiteLoad::Pick(std::uint32_t below) {
  random_ = random_ * 6'364'136'223'846'793'005u + 1'442'695'040'888'963'407u;
  return static_cast<std::uint32_t>(random_ >> 33) % below;
}

model::Event SiteLoad::MakeEvent(model::DeviceId device) {
  const std::uint64_t per_device = std::max<std::uint64_t>(events_ / kDevices, 1);
  const double passed =
      order_ == Order::kLive
          ? static_cast<double>(made_) / static_cast<double>(events_)
          : static_cast<double>(made_ % per_device) / static_cast<double>(per_device);
  constexpr std::uint32_t kJitterSeconds = 20;
  model::Event event;
  event.timestamp = static_cast<std::uint32_t>(
      kFirstSecond + static_cast<std::int64_t>(passed * static_cast<double>(kSeconds)) +
      Pick(kJitterSeconds));
  event.device = device;
  event.code = Pick(50) == 0 ? kDenied : kGranted;
  event.sub_code = Pick(4);
  if (Pick(10) != 0) event.user_id = std::to_string(Pick(kUsers));
  ++made_;
  return event;
}

std::vector<ports::Batch> SiteLoad::Next(int events) {
  std::vector<ports::Batch> batches;
  const std::uint64_t end = std::min(events_, made_ + static_cast<std::uint64_t>(events));
  const std::uint64_t per_device = std::max<std::uint64_t>(events_ / kDevices, 1);
  const std::uint64_t per_turn = std::max(1, events / kDevices);
  while (made_ < end) {
    const std::uint64_t device = order_ == Order::kLive ? made_ / per_turn : made_ / per_device;
    const std::uint64_t turn_end =
        order_ == Order::kLive ? made_ + per_turn : (made_ / per_device + 1) * per_device;
    ports::LogState& state = states_[device % kDevices];
    testing::BatchMaker maker(state);
    if (state.epoch == 0) maker.OpenEpoch(1, 1);
    while (made_ < std::min(end, turn_end)) maker.Add(MakeEvent(state.log_device));
    batches.push_back(maker.Make());
    batches.back().arrival =
        Timestamp(std::chrono::milliseconds(1'702'600'000'000 + static_cast<std::int64_t>(made_)));
    state = batches.back().after;
  }
  return batches;
}

}  // namespace gatelog::bench
