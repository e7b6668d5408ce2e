#include "base/loop.h"

#include <asio/post.hpp>
#include <future>
#include <utility>

namespace gatelog {

Loop::Loop() : work_(asio::make_work_guard(context_)) {}

Loop::~Loop() { Stop(); }

void Loop::Start() {
  thread_ = std::thread([this] { context_.run(); });
}

void Loop::Stop() {
  work_.reset();
  context_.stop();
  if (thread_.joinable()) thread_.join();
}

void Loop::Post(Task task) {
  asio::post(context_, [task = std::move(task)]() mutable { task(); });
}

TimerId Loop::PostAfter(std::chrono::milliseconds delay, Task task) {
  const TimerId id = ++last_timer_;
  auto& timer = timers_[id] = std::make_unique<asio::steady_timer>(context_, delay);
  timer->async_wait([this, id, task = std::move(task)](const std::error_code& error) mutable {
    if (error || timers_.erase(id) == 0) return;
    task();
  });
  return id;
}

void Loop::Cancel(TimerId timer) { timers_.erase(timer); }

void Loop::RunAndWait(Task task) {
  std::promise<void> done;
  Post([&] {
    task();
    done.set_value();
  });
  done.get_future().wait();
}

}  // namespace gatelog
