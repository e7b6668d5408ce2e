#include "bench/store/load.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <utility>

#include "tests/support/records.h"

namespace gatelog::bench {
namespace {

template <typename T>
T Must(absl::StatusOr<T> result) {
  if (result.ok()) return *std::move(result);
  std::fprintf(stderr, "%s\n", std::string(result.status().message()).c_str());
  std::abort();
}

QueryTime Measure(const char* name, int rounds, const std::function<std::size_t(int)>& query) {
  QueryTime time{.name = name};
  std::vector<double> times;
  query(0);  // warm
  for (int round = 0; round < rounds; ++round) {
    const double start = SecondsNow();
    time.found += query(round);
    times.push_back(1e3 * (SecondsNow() - start));
  }
  std::sort(times.begin(), times.end());
  time.median_ms = times[times.size() / 2];
  time.worst_ms = times.back();
  return time;
}

}  // namespace

double SecondsNow() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

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

std::vector<QueryTime> MeasureQueries(ports::EventStore& store, int rounds) {
  using ports::Order;
  const auto day = [](int round) { return SiteLoad::kFirstSecond + (round * 7 % 29) * 86'400; };
  const auto user = [](int round) { return std::to_string(100 + round * 997 % 49'000); };
  std::vector<QueryTime> times;
  times.push_back(Measure("i   one user, the newest 100", rounds, [&](int round) {
    return Must(store.Read({.filter = {.users = {user(round)}},
                            .order = Order::kNewestFirst,
                            .limit = 100}))
        .events.size();
  }));
  times.push_back(Measure("ii  one device, one day", rounds, [&](int round) {
    ports::EventFilter filter;
    filter.log_devices = {SiteLoad::kFirstDevice + static_cast<model::DeviceId>(round * 37 % 1000)};
    filter.from_s = day(round);
    filter.to_s = day(round) + 86'400;
    return Must(store.Read({.filter = filter, .limit = ports::kQueryLimitMax})).events.size();
  }));
  times.push_back(Measure("iii one code in a week, the newest 100", rounds, [&](int round) {
    ports::EventFilter filter;
    filter.codes = {SiteLoad::kDenied};
    filter.from_s = SiteLoad::kFirstSecond + (round % 23) * 86'400;
    filter.to_s = filter.from_s + 7 * 86'400;
    return Must(store.Read({.filter = filter, .order = Order::kNewestFirst, .limit = 100}))
        .events.size();
  }));
  times.push_back(Measure("iv  count by code and hour, one day", rounds, [&](int round) {
    ports::CountQuery query{.by_code = true, .by_span_s = 3'600};
    query.filter.from_s = day(round);
    query.filter.to_s = day(round) + 86'400;
    return Must(store.Count(query)).size();
  }));
  const std::uint64_t last = store.last_seq();
  times.push_back(Measure("v   the next 100 of all", rounds, [&](int round) {
    const std::uint64_t after = last * static_cast<std::uint64_t>(round % 97) / 97;
    return Must(store.Read({.after_seq = after, .limit = 100})).events.size();
  }));
  return times;
}

}  // namespace gatelog::bench
