#pragma once

#include <cstdint>
#include <vector>

#include "model/event.h"
#include "ports/event_store.h"

namespace gatelog::bench {

// The events of a site: 1,000 devices, 50,000 users, 30 days, a tenth of the events of nobody, one
// in fifty denied, some 30 bytes each. The same for every store that is measured.
class SiteLoad {
 public:
  enum class Order {
    kLive,     // a commit has a few records of every device, the days pass as it goes on
    kCatchUp,  // one device after the other gives its 30 days
  };
  static constexpr int kDevices = 1'000;
  static constexpr std::uint32_t kUsers = 50'000;
  static constexpr model::DeviceId kFirstDevice = 541'000'001;
  static constexpr std::int64_t kFirstSecond = 1'700'006'400;  // a midnight in UTC
  static constexpr std::int64_t kDay = 86'400;
  static constexpr std::int64_t kSeconds = 30 * kDay;
  static constexpr std::uint32_t kGranted = 0x1300;
  static constexpr std::uint32_t kDenied = 0x1900;

  SiteLoad(Order order, std::uint64_t events);

  // The next commit; fewer events at the end, none behind it.
  std::vector<ports::Batch> Next(int events);

 private:
  model::Event MakeEvent(model::DeviceId device);
  std::uint32_t Pick(std::uint32_t below);

  const Order order_;
  const std::uint64_t events_;
  std::vector<ports::LogState> states_;
  std::uint64_t made_ = 0;
  std::uint64_t random_ = 1;
};

}  // namespace gatelog::bench
