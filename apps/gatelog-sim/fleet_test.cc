#include "apps/gatelog-sim/fleet.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "apps/gatelog-sim/history.h"
#include "apps/gatelog-sim/sim_test_support.h"

namespace gatelog::sim {
namespace {

std::vector<EventLog> Events(RunningSim& sim, std::uint32_t number) {
  std::vector<EventLog> events;
  sim.OnLoop([&] {
    const absl::Status status = sim.fleet().FindNumber(number)->log().VisitRecords(
        0, [&](std::uint32_t id, std::string_view payload) {
          events.emplace_back();
          EXPECT_TRUE(
              events.back().ParseFromArray(payload.data(), static_cast<int>(payload.size())));
          EXPECT_EQ(events.back().id(), id);
          return true;
        });
    EXPECT_TRUE(status.ok()) << status;
  });
  return events;
}

TEST(FleetTest, ANewTerminalHasAPastUpToNow) {
  TemporaryFolder folder;
  Options options = QuietOptions(folder.path());
  options.history = 5'000;
  RunningSim sim(options);
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
  for (std::uint32_t number = 1; number <= 3; ++number) {
    const std::vector<EventLog> events = Events(sim, number);
    ASSERT_EQ(events.size(), 5'000u);
    for (std::size_t i = 1; i < events.size(); ++i) {
      ASSERT_EQ(events[i].id(), events[i - 1].id() + 1);
      ASSERT_GE(events[i].timestamp(), events[i - 1].timestamp());
    }
    EXPECT_LE(events.back().timestamp(), now);
    EXPECT_GT(events.back().timestamp(), now - 4 * 24 * 3600);
    EXPECT_LT(events.front().timestamp(), now - 2 * 24 * 3600);
  }
}

TEST(FleetTest, TheRecordsOfOnePassageLieWithinSeconds) {
  TemporaryFolder folder;
  Options options = QuietOptions(folder.path());
  options.devices = 1;
  options.history = 5'000;
  RunningSim sim(options);
  const std::vector<EventLog> events = Events(sim, 1);
  int passages = 0;
  for (std::size_t i = 1; i < events.size(); ++i) {
    const EventLog& before = events[i - 1];
    const bool person = before.eventcode() == 0x1300 || before.eventcode() == 0x1000;
    if (events[i].eventcode() != 0x5000 || !person) continue;
    ++passages;
    EXPECT_LE(events[i].timestamp() - before.timestamp(), 5u) << events[i].ShortDebugString();
    for (std::size_t k = i; k + 1 < events.size() && events[k].eventcode() != 0x5100; ++k) {
      // Somebody may hold the door open for a while, not longer.
      EXPECT_LE(events[k + 1].timestamp() - events[k].timestamp(), 120u)
          << events[k].ShortDebugString();
    }
  }
  EXPECT_GT(passages, 300);
}

TEST(FleetTest, OfALongPastTheNewestRecordsAreHeld) {
  TemporaryFolder folder;
  Options options = QuietOptions(folder.path());
  options.devices = 1;
  options.history = 5'000;
  options.capacity = 1'000;
  RunningSim sim(options);
  const std::vector<EventLog> events = Events(sim, 1);
  ASSERT_EQ(events.size(), 1'000u);
  EXPECT_EQ(events.front().id(), 4'001u);
  EXPECT_EQ(events.back().id(), 5'000u);
}

TEST(FleetTest, ARestartGoesOnWithTheSameLogs) {
  TemporaryFolder folder;
  Options options = QuietOptions(folder.path());
  options.history = 100;
  std::uint64_t generation = 0;
  {
    RunningSim sim(options);
    sim.Record(1, EventOf(0x4000));
    sim.OnLoop([&] { generation = sim.fleet().FindNumber(1)->log().status().generation(); });
  }
  options.history = 500;
  options.devices = 4;
  RunningSim sim(options);
  EXPECT_EQ(Events(sim, 1).size(), 101u);
  EXPECT_EQ(Events(sim, 4).size(), 500u);
  sim.OnLoop(
      [&] { EXPECT_EQ(sim.fleet().FindNumber(1)->log().status().generation(), generation); });
}

TEST(FleetTest, LifeGoesOnAtTheRateAndTheRateCanChange) {
  TemporaryFolder folder;
  Options options = QuietOptions(folder.path());
  options.rate = 200;
  RunningSim sim(options);
  const auto last_ids = [&] {
    std::uint32_t sum = 0;
    sim.OnLoop([&] {
      for (const auto& terminal : sim.fleet().terminals()) sum += terminal->log().last_id();
    });
    return sum;
  };
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (last_ids() < 300 && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
  EXPECT_GE(last_ids(), 300u);
  sim.OnLoop([&] {
    for (const auto& terminal : sim.fleet().terminals()) sim.fleet().SetRate(*terminal, 0);
  });
  const std::uint32_t stopped = last_ids();
  std::uint32_t id = 0;
  // Two ticks and more have gone by when this terminal has made another ten.
  sim.OnLoop([&] { sim.fleet().SetRate(*sim.fleet().FindNumber(1), 100); });
  while (id < 10 && std::chrono::steady_clock::now() < limit) id = last_ids() - stopped;
  EXPECT_GE(id, 10u);
  for (std::uint32_t number = 2; number <= 3; ++number) {
    const std::vector<EventLog> events = Events(sim, number);
    EXPECT_EQ(events.size(), events.back().id());
  }
}

TEST(FleetTest, RecordsSurviveTheEndOfTheProcess) {
  TemporaryFolder folder;
  const Options options = QuietOptions(folder.path());
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    asio::io_context context;
    Fleet fleet(context, options);
    bool ok = fleet.Open().ok();
    for (int i = 0; i < 500; ++i) ok = ok && fleet.FindNumber(1)->Record(EventOf(0x5000)).ok();
    (void)!::write(ready[1], ok ? "y" : "n", 1);
    ::pause();
  }
  char answer = 0;
  ASSERT_EQ(::read(ready[0], &answer, 1), 1);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(answer, 'y');
  RunningSim sim(options);
  EXPECT_EQ(Events(sim, 1).size(), 500u);
}

TEST(ActivityCurveTest, NeverGoesBackAndPrefersTheMorning) {
  constexpr std::uint32_t kMonday = 1'700'438'400;  // 2023-11-20, midnight UTC
  const ActivityCurve curve(kMonday, kMonday + 5 * 24 * 3600);
  std::uint32_t before = kMonday;
  int by_day = 0;
  for (int i = 0; i <= 1000; ++i) {
    const std::uint32_t time = curve.At(i / 1000.0);
    ASSERT_GE(time, before);
    before = time;
    const std::uint32_t hour = time / 3600 % 24;
    if (hour >= 7 && hour < 20) ++by_day;
  }
  EXPECT_LE(before, kMonday + 5 * 24 * 3600);
  EXPECT_GT(by_day, 850);
}

TEST(ListenerTest, SaysWhenThePortIsTaken) {
  TemporaryFolder folder;
  RunningSim sim(QuietOptions(folder.path()));
  asio::io_context context;
  TemporaryFolder other;
  Fleet fleet(context, QuietOptions(other.path()));
  const auto listener = Listener::Open(context, sim.port(), fleet);
  ASSERT_FALSE(listener.ok());
  EXPECT_NE(listener.status().message().find("--port"), absl::string_view::npos);
}

}  // namespace
}  // namespace gatelog::sim
