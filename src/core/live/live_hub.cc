#include "core/live/live_hub.h"

#include <algorithm>
#include <utility>

namespace gatelog::core {
namespace {

bool Matches(const LiveFilter& filter, model::DeviceId log_device, const model::Event& event) {
  if (!filter.devices.empty() && !filter.devices.contains(event.device) &&
      !filter.devices.contains(log_device)) {
    return false;
  }
  return filter.codes.empty() || filter.codes.contains(event.code);
}

std::size_t Capacity(int queue_size) {
  if (queue_size <= 0) return kLiveQueueDefault;
  return std::min(static_cast<std::size_t>(queue_size), kLiveQueueMax);
}

}  // namespace

std::shared_ptr<LiveSubscription> LiveHub::Subscribe(LiveFilter filter, int queue_size,
                                                     absl::AnyInvocable<void()> wake) {
  MutexLock lock(mutex_);
  std::erase_if(subscriptions_, [](const auto& subscription) { return subscription.expired(); });
  if (subscriptions_.size() >= kLiveSubscribersMax) return nullptr;
  auto subscription =
      std::make_shared<LiveSubscription>(std::move(filter), Capacity(queue_size), std::move(wake));
  subscriptions_.push_back(subscription);
  return subscription;
}

void LiveHub::Publish(model::DeviceId log_device, const model::Event& event) {
  ++published_;
  std::vector<std::shared_ptr<LiveSubscription>> receivers;
  {
    MutexLock lock(mutex_);
    for (const auto& weak : subscriptions_) {
      auto subscription = weak.lock();
      if (subscription && Matches(subscription->filter_, log_device, event)) {
        receivers.push_back(std::move(subscription));
      }
    }
  }
  if (receivers.empty()) return;
  const auto payload = std::make_shared<const std::string>(event.payload);
  for (const auto& receiver : receivers) {
    if (!receiver->queue_.Push(payload)) ++dropped_;
  }
}

std::size_t LiveHub::subscribers() const {
  MutexLock lock(mutex_);
  return static_cast<std::size_t>(
      std::count_if(subscriptions_.begin(), subscriptions_.end(),
                    [](const auto& subscription) { return !subscription.expired(); }));
}

}  // namespace gatelog::core
