#include "core/live/live_hub.h"

#include <algorithm>
#include <utility>

namespace gatelog::core {
namespace {

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

void LiveHub::Publish(model::DeviceId log_device, model::Event event) {
  ++published_;
  waiting_.push_back({log_device, event.device, event.code,
                      std::make_shared<const std::string>(std::move(event.payload))});
  if (loop_ == nullptr || waiting_.size() >= kLiveBurstMax) return HandOut();
  if (std::exchange(posted_, true)) return;
  loop_->Post([this] {
    posted_ = false;
    HandOut();
  });
}

bool LiveHub::Matches(const LiveFilter& filter, const Waiting& event) {
  if (!filter.devices.empty() && !filter.devices.contains(event.device) &&
      !filter.devices.contains(event.log_device)) {
    return false;
  }
  return filter.codes.empty() || filter.codes.contains(event.code);
}

void LiveHub::HandOut() {
  if (waiting_.empty()) return;
  std::vector<std::shared_ptr<LiveSubscription>> receivers;
  {
    MutexLock lock(mutex_);
    receivers.reserve(subscriptions_.size());
    for (const auto& weak : subscriptions_) {
      if (auto subscription = weak.lock()) receivers.push_back(std::move(subscription));
    }
  }
  for (const auto& receiver : receivers) {
    std::vector<LivePayload> matching;
    matching.reserve(waiting_.size());
    for (const Waiting& event : waiting_) {
      if (Matches(receiver->filter_, event)) matching.push_back(event.payload);
    }
    dropped_ += receiver->queue_.PushAll(std::move(matching));
  }
  waiting_.clear();
}

std::size_t LiveHub::subscribers() const {
  MutexLock lock(mutex_);
  return static_cast<std::size_t>(
      std::count_if(subscriptions_.begin(), subscriptions_.end(),
                    [](const auto& subscription) { return !subscription.expired(); }));
}

}  // namespace gatelog::core
