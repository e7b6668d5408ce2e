#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "base/dropping_queue.h"
#include "base/executor.h"
#include "base/mutex.h"
#include "model/event.h"

namespace gatelog::core {

// What one subscriber wants to see. Empty sets match all; both must match.
struct LiveFilter {
  std::unordered_set<model::DeviceId>
      devices;  // where the event happened, or whose log it stands in
  std::unordered_set<std::uint32_t> codes;
};

// An encoded EventLog, shared by all who are sent it.
using LivePayload = std::shared_ptr<const std::string>;

inline constexpr std::size_t kLiveQueueDefault = 1'024;  // for a queue size of 0 or less
inline constexpr std::size_t kLiveQueueMax = 65'536;
inline constexpr std::size_t kLiveSubscribersMax = 4'096;
// Events of one turn of the loop that are handed out together; the one after begins another burst.
inline constexpr std::size_t kLiveBurstMax = 1'024;

// One subscriber's own queue. Dropping the last reference ends the subscription.
class LiveSubscription {
 public:
  LiveSubscription(LiveFilter filter, std::size_t capacity, absl::AnyInvocable<void()> wake)
      : filter_(std::move(filter)), queue_(capacity, std::move(wake)) {}

  // Up to `max` payloads, oldest first. Any thread.
  std::vector<LivePayload> Take(std::size_t max) { return queue_.Take(max); }
  std::uint64_t dropped() const { return queue_.dropped(); }

 private:
  friend class LiveHub;

  const LiveFilter filter_;
  DroppingQueue<LivePayload> queue_;
};

// Hands live events to subscribers, at most once each (G4). Slow subscribers lose events, which is
// counted, and change nothing for others.
//
// What is published in one turn of the loop is handed out together at its end: each subscriber is
// locked and woken once for it, and a queue that has room for one takes all of it.
class LiveHub {
 public:
  // Hands out each event at once.
  LiveHub() = default;
  // `loop` runs Publish, and outlives the hub or drops its tasks before.
  explicit LiveHub(Executor& loop) : loop_(&loop) {}

  // Any thread. `wake` is called on the publishing thread when the subscriber's queue stops being
  // empty; it must not block. queue_size <= 0: kLiveQueueDefault; above kLiveQueueMax: that.
  // nullptr when kLiveSubscribersMax are there already.
  std::shared_ptr<LiveSubscription> Subscribe(LiveFilter filter, int queue_size,
                                              absl::AnyInvocable<void()> wake);

  // Loop's thread. `log_device` is whose log the event stands in.
  void Publish(model::DeviceId log_device, model::Event event);

  std::uint64_t published() const { return published_; }  // events, counted once each
  std::uint64_t dropped() const { return dropped_; }      // over all subscribers
  std::size_t subscribers() const;

 private:
  struct Waiting {
    model::DeviceId log_device = 0;
    model::DeviceId device = 0;
    std::uint32_t code = 0;
    LivePayload payload = {};
  };

  static bool Matches(const LiveFilter& filter, const Waiting& event);
  void HandOut();

  Executor* const loop_ = nullptr;
  std::vector<Waiting> waiting_;  // of this turn; loop's thread
  bool posted_ = false;           // HandOut; loop's thread

  mutable Mutex mutex_;
  std::vector<std::weak_ptr<LiveSubscription>> subscriptions_ GUARDED_BY(mutex_);
  std::atomic<std::uint64_t> published_ = 0;
  std::atomic<std::uint64_t> dropped_ = 0;
};

}  // namespace gatelog::core
