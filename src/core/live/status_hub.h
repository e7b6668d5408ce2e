#pragma once

#include <memory>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "base/clock.h"
#include "base/dropping_queue.h"
#include "base/mutex.h"
#include "model/identity.h"

namespace gatelog::core {

// Each link gives exactly one kConnected and, when it is lost, exactly one kDisconnected; failed
// attempts of either side give kCannotConnect, calls of devices that are not accepted kNotAllowed;
// where it is asked for, all attempts begin with kConnecting. Of calls that fail, or are not
// accepted, not each is told: see core/fleet/call_notices.h.
enum class LinkChange { kConnected, kDisconnected, kCannotConnect, kNotAllowed, kConnecting };

struct StatusChange {
  model::DeviceId device = 0;
  LinkChange change = LinkChange::kDisconnected;
  Timestamp time{};
  bool tls = false;
};

using StatusSubscription = DroppingQueue<StatusChange>;

inline constexpr std::size_t kStatusQueueDefault = 1'024;
inline constexpr std::size_t kStatusQueueMax = 65'536;

// Tells subscribers of changes of links; no initial dump. As LiveHub for queues and threads.
class StatusHub {
 public:
  std::shared_ptr<StatusSubscription> Subscribe(int queue_size, absl::AnyInvocable<void()> wake);
  void Publish(const StatusChange& change);

 private:
  Mutex mutex_;
  std::vector<std::weak_ptr<StatusSubscription>> subscriptions_ GUARDED_BY(mutex_);
};

}  // namespace gatelog::core
