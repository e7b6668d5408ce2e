#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/loop.h"
#include "device/terminal/terminal_dialer.h"
#include "ports/device_link.h"

namespace gatelog::terminal {

// For tests: a value that comes later, from the loop's thread, and how often it came.
template <typename T>
class Awaited {
 public:
  ports::Reply<T> Reply() {
    return [state = state_](T value) {
      const std::lock_guard lock(state->mutex);
      state->value.emplace(std::move(value));
      ++state->count;
      state->changed.notify_all();
    };
  }

  // Waits a few seconds at most; nullopt: nothing came.
  std::optional<T> Wait() {
    std::unique_lock lock(state_->mutex);
    state_->changed.wait_for(lock, std::chrono::seconds(10), [this] { return state_->count > 0; });
    return std::exchange(state_->value, std::nullopt);
  }

  int count() const {
    const std::lock_guard lock(state_->mutex);
    return state_->count;
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<T> value;
    int count = 0;
  };

  std::shared_ptr<State> state_ = std::make_shared<State>();
};

// Everything that a link reported, in order, as lines of text.
class RecordingObserver final : public ports::DeviceLinkObserver {
 public:
  void OnPush(model::EventId id, std::string_view payload) override;
  void OnStatus(const model::LogStatus& status, Timestamp device_time) override;
  void OnLost(const absl::Status& reason) override;

  void Note(std::string line);
  std::vector<std::string> lines() const;
  // Waits a few seconds at most until so many lines are there.
  bool WaitForLines(std::size_t count) const;
  absl::Status lost() const;

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<std::string> lines_;
  absl::Status lost_;
};

// For tests: a loop, a dialer and one link, used from the test's thread.
class LinkTestClient {
 public:
  explicit LinkTestClient(TerminalOptions options = {}, TerminalDialer::Security security = {});
  ~LinkTestClient();

  void Dial(const ports::DeviceAddress& address);
  // The answer to Dial; a link is kept here.
  absl::Status WaitForLink();
  void GiveUpDialing();
  int dial_replies() const { return dialed_.count(); }

  // Runs on the loop's thread.
  void OnLoop(absl::AnyInvocable<void(ports::DeviceLink&)> work);
  void DestroyLink();
  const model::DeviceIdentity& identity() const { return link_->identity(); }

  Loop& loop() { return loop_; }
  RecordingObserver observer;

 private:
  Loop loop_;
  TerminalDialer dialer_;
  Awaited<absl::Status> dialed_;
  std::unique_ptr<ports::DeviceDialer::Attempt> attempt_;  // the loop's thread
  bool dialing_ = false;                                   // the loop's thread
  std::unique_ptr<ports::DeviceLink> link_;                // the loop's thread
};

}  // namespace gatelog::terminal
