#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/limited_executor.h"
#include "base/mutex.h"
#include "model/cursor.h"
#include "ports/event_store.h"

namespace gatelog::core {

struct FollowBatch {
  // Each with its payload alone. May be empty: then only the cursor moved.
  std::vector<ports::StoredEvent> events;
  model::Cursor cursor;  // everything that matches up to here has been given
};

// Reads the store for clients, on threads where blocking is allowed, and follows it.
class EventReader {
 public:
  // All outlive the reader; `readers` runs the store's blocking reads, of which `long_reads_max` at
  // once may be long ones.
  EventReader(ports::EventStore& store, Executor& readers, const Clock& clock,
              std::size_t long_reads_max = 1);

  // Runs `work` where it may block on the store. Any thread.
  void Post(absl::AnyInvocable<void(ports::EventStore&)> work);
  // The same for work that may read the whole store: it waits until few enough of the kind run, so
  // that pages and followers need not wait for it.
  void PostLong(absl::AnyInvocable<void(ports::EventStore&)> work);

  // Every committed event that matches, after the cursor, in commit order, once each (G3). One Next
  // at a time; the batch comes when there is one, on a reader's thread, so a slow client is waited
  // for and costs no memory. Any thread.
  class Following {
   public:
    virtual ~Following() = default;
    // OUT_OF_RANGE for a cursor that this store never gave, or behind which events were pruned,
    // naming the first valid one; also for a follower that retention has overtaken. After the reply
    // with an error none follows. Replies with an empty batch when the cursor moved over many
    // events of which none matched, and after every kFollowIdle without one. Dropping the Following
    // drops an open reply.
    virtual void Next(absl::AnyInvocable<void(absl::StatusOr<FollowBatch>)> reply) = 0;
    // Nobody wants a batch any more: a read that is under way ends soon.
    virtual void Stop() = 0;
  };
  std::shared_ptr<Following> Follow(model::Cursor cursor, ports::EventFilter filter,
                                    std::uint32_t batch_max);

  // One page, also where the store looks at so many events that it gives partial ones: it is asked
  // on until the page is full, the range is over or kPageTime has passed. Blocks; any thread.
  absl::StatusOr<ports::EventPage> ReadPage(ports::EventQuery query);

  // The place after everything that is stored now, and before what is left of it.
  model::Cursor Now() const;
  model::Cursor Beginning() const;

  // Any thread: new events are visible up to `seq`.
  void OnCommitted(std::uint64_t seq);
  // Once a second or so, any thread: lets idle followers report their cursor.
  void Tick();

 private:
  class FollowingImpl;

  // Wakes the follower at the next commit. Not again before that.
  void Await(std::weak_ptr<FollowingImpl> following);

  ports::EventStore& store_;
  Executor& readers_;
  LimitedExecutor long_readers_;
  const Clock& clock_;
  Mutex mutex_;
  std::vector<std::weak_ptr<FollowingImpl>> waiting_ GUARDED_BY(mutex_);  // each once
};

inline constexpr std::chrono::seconds kFollowIdle{5};
inline constexpr std::chrono::seconds kPageTime{2};

}  // namespace gatelog::core
