#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <queue>
#include <vector>

#include "absl/status/status.h"
#include "apps/gatelog-sim/image_maker.h"
#include "apps/gatelog-sim/log_database.h"
#include "apps/gatelog-sim/options.h"
#include "apps/gatelog-sim/terminal.h"
#include "base/clock.h"

namespace gatelog::sim {

// All virtual terminals of a simulator, and what makes time pass for them. One tick serves the
// whole fleet: it takes those terminals whose next event is due, writes all these events in one
// transaction and pushes them; the others cost nothing.
//
// The loop's thread only.
class Fleet {
 public:
  // `make_call_server` serves the terminals' calls; null: they serve none.
  Fleet(asio::io_context& context, Options options, MakeCallServer make_call_server = nullptr);
  ~Fleet();

  // Opens the data folder, takes up the logs and writes the past of terminals that have none, with
  // progress on standard error. kFailedPrecondition in one sentence if the folder cannot be used.
  absl::Status Open();
  void Start();
  void Stop();

  Terminal* FindNumber(std::uint32_t number);  // 1 to the fleet's size
  Terminal* FindId(std::uint32_t device_id);
  const std::vector<std::unique_ptr<Terminal>>& terminals() const { return terminals_; }

  // Writes 0x3000, drops the link, stays away for `duration`, then writes 0x3100.
  absl::Status Reboot(Terminal& terminal, std::chrono::milliseconds duration);
  // Events per second, 0 to kRateMax; 0 stops.
  void SetRate(Terminal& terminal, double rate);

 private:
  using Steady = std::chrono::steady_clock;

  // What life is scheduled by; beside the terminal of the same index.
  struct Schedule {
    double rate = 0;
    std::chrono::steady_clock::time_point turn;  // when the rate alone would have the next event
    std::uint32_t version = 0;                   // an entry of another version is out of date
    bool staged = false;                         // in this tick
  };
  struct Due {
    Steady::time_point time;
    std::size_t index = 0;
    std::uint32_t version = 0;
    bool operator>(const Due& other) const { return time > other.time; }
  };

  absl::Status MakeHistories(const std::vector<Terminal*>& newcomers);
  void StartTick();
  void Tick();
  absl::Status StageDue(Steady::time_point now, std::vector<std::size_t>& staged);
  // Scenes begin at the pace of the rate; within one the events follow as they would at a door,
  // unless the rate wants them even sooner.
  void ScheduleNext(std::size_t index, Steady::time_point after, bool in_scene);

  asio::io_context& context_;
  const Options options_;
  const MakeCallServer make_call_server_;
  const SystemClock clock_;
  const std::vector<Person> people_;
  ImageMaker images_;
  std::unique_ptr<LogDatabase> database_;
  std::vector<std::unique_ptr<Terminal>> terminals_;
  std::vector<Schedule> schedules_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  Random random_;  // for the intervals only; what happens comes from each terminal's life
  asio::steady_timer tick_timer_;
  bool stopped_ = false;
  std::vector<std::unique_ptr<asio::steady_timer>> reboot_timers_;  // by terminal, made when needed
  bool failing_ = false;
};

}  // namespace gatelog::sim
