#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <thread>
#include <unordered_map>

#include "base/executor.h"

namespace gatelog {

// One thread with an asio io_context: timers, tasks and the sockets of whoever uses context().
// Start, then Stop, each once, from the thread that owns the loop.
class Loop final : public TimedExecutor {
 public:
  Loop();
  ~Loop() override;

  void Start();
  // Lets the running task end, drops what waits, joins the thread.
  void Stop();

  void Post(Task task) override;
  TimerId PostAfter(std::chrono::milliseconds delay, Task task) override;
  void Cancel(TimerId timer) override;

  // Runs the task on the loop's thread and waits for its end. Not from the loop's own thread.
  void RunAndWait(Task task);

  asio::io_context& context() { return context_; }

 private:
  asio::io_context context_{1};
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_;
  std::unordered_map<TimerId, std::unique_ptr<asio::steady_timer>> timers_;
  TimerId last_timer_ = 0;
  std::thread thread_;
};

}  // namespace gatelog
