#include "core/live/status_hub.h"

#include <algorithm>
#include <utility>

namespace gatelog::core {

std::shared_ptr<StatusSubscription> StatusHub::Subscribe(int queue_size,
                                                         absl::AnyInvocable<void()> wake) {
  const std::size_t capacity =
      queue_size <= 0 ? kStatusQueueDefault
                      : std::min(static_cast<std::size_t>(queue_size), kStatusQueueMax);
  auto subscription = std::make_shared<StatusSubscription>(capacity, std::move(wake));
  MutexLock lock(mutex_);
  std::erase_if(subscriptions_, [](const auto& weak) { return weak.expired(); });
  subscriptions_.push_back(subscription);
  return subscription;
}

void StatusHub::Publish(const StatusChange& change) {
  std::vector<std::shared_ptr<StatusSubscription>> receivers;
  {
    MutexLock lock(mutex_);
    for (const auto& weak : subscriptions_) {
      if (auto subscription = weak.lock()) receivers.push_back(std::move(subscription));
    }
  }
  for (const auto& receiver : receivers) receiver->Push(change);
}

}  // namespace gatelog::core
