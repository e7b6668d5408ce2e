#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <queue>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "apps/gatelog-sim/random.h"
#include "apps/gatelog-sim/session.h"

namespace gatelog::sim {

class Fleet;
class Terminal;

inline constexpr std::size_t kCallsAtATime = 64;  // connections being opened; the others wait
inline constexpr std::chrono::milliseconds kCallTimeMax{5'000};  // to open one
// Before a terminal calls again whose link was lost, or that was not taken; somewhere in between.
inline constexpr std::chrono::milliseconds kCallPauseMin{1'000};
inline constexpr std::chrono::milliseconds kCallPauseMax{3'000};

// Makes those terminals call their gateway that are to, each from its own address, 127.0.0.0 plus
// the terminal's number, and again whenever they have no link.
//
// The loop's thread only. `context` and `fleet` outlive it.
class Caller {
 public:
  Caller(asio::io_context& context, Fleet& fleet, std::uint64_t seed);

  // The terminals call from now on.
  void Start();
  // Closes all connections.
  void Stop();

 private:
  using Clock = std::chrono::steady_clock;

  struct Due {
    Clock::time_point time;
    Terminal* terminal = nullptr;
    bool operator>(const Due& other) const { return time > other.time; }
  };

  asio::awaitable<void> CallThoseDue();
  asio::awaitable<void> Call(Terminal& terminal);
  // False: nobody is there, or not in time.
  asio::awaitable<bool> Connect(asio::ip::tcp::socket& socket, const Terminal& terminal,
                                asio::ip::tcp::endpoint gateway);
  void CallLater(Terminal& terminal);
  void CheckTimes(Clock::time_point now);

  asio::io_context& context_;
  Fleet& fleet_;
  Random random_;
  asio::steady_timer timer_;
  bool stopped_ = false;
  std::size_t calling_ = 0;
  Clock::time_point next_check_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  std::unordered_set<Terminal*> waiting_;  // those in due_
  std::unordered_set<Terminal*> in_call_;  // those whose connection is in sessions_
  std::unordered_map<Session*, std::shared_ptr<Session>> sessions_;
};

}  // namespace gatelog::sim
