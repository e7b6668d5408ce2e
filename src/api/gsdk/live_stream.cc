#include "api/gsdk/live_stream.h"

#include <fmt/format.h>

#include <utility>

#include "base/happens_before.h"

namespace gatelog::api {
namespace {

constexpr std::size_t kTakenMax = 64;  // payloads out of the queue and not yet written
constexpr int kEventCodesMax = 65'536;

// Shares the payload with gRPC instead of copying it.
grpc::Slice SliceOf(const core::LivePayload& payload) {
  auto* owner = new core::LivePayload(payload);
  happens_before::Release(owner);
  return {const_cast<char*>((*owner)->data()), (*owner)->size(),
          [](void* data) {
            happens_before::Acquire(data);
            delete static_cast<core::LivePayload*>(data);
          },
          owner};
}

}  // namespace

absl::Status LiveStream::Subscribe(core::LiveHub& hub,
                                   const gsdk::event::SubscribeRealtimeLogRequest& request) {
  if (request.deviceids_size() > static_cast<int>(core::kDevicesMax) ||
      request.eventcodes_size() > kEventCodesMax) {
    return absl::InvalidArgumentError(
        fmt::format("A subscription names {} devices and {} event codes at most.",
                    core::kDevicesMax, kEventCodesMax));
  }
  core::LiveFilter filter;
  filter.devices.insert(request.deviceids().begin(), request.deviceids().end());
  filter.codes.insert(request.eventcodes().begin(), request.eventcodes().end());
  std::weak_ptr<ServerStream> weak = weak_from_this();
  auto subscription = hub.Subscribe(std::move(filter), request.queuesize(), [weak] {
    if (const auto stream = weak.lock()) stream->Wake();
  });
  if (subscription == nullptr) {
    return absl::ResourceExhaustedError(fmt::format(
        "{} clients are subscribed already, which is the limit.", core::kLiveSubscribersMax));
  }
  {
    MutexLock lock(subscription_mutex_);
    subscription_ = std::move(subscription);
  }
  Wake();
  return absl::OkStatus();
}

bool LiveStream::Next(grpc::ByteBuffer& message, bool& more) {
  if (written_ == taken_.size()) {
    MutexLock lock(subscription_mutex_);
    if (subscription_ == nullptr) return false;
    taken_ = subscription_->Take(kTakenMax);
    written_ = 0;
  }
  if (written_ == taken_.size()) return false;
  const grpc::Slice slice = SliceOf(taken_[written_]);
  taken_[written_].reset();
  ++written_;
  message = grpc::ByteBuffer(&slice, 1);
  more = written_ < taken_.size();
  return true;
}

}  // namespace gatelog::api
