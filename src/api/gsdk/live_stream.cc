#include "api/gsdk/live_stream.h"

#include <fmt/format.h>

#include <utility>

#include "base/happens_before.h"

namespace gatelog::api {
namespace {

constexpr std::size_t kTakenMax = 64;  // payloads out of the queue and not yet written
constexpr int kEventCodesMax = 65'536;

constexpr std::size_t kCopiedMax = 512;  // bytes; sharing takes two allocations, a copy one

// Shares a large payload with gRPC instead of copying it.
grpc::Slice SliceOf(const core::LivePayload& payload) {
  if (payload->size() <= kCopiedMax) return {payload->data(), payload->size()};
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

void LiveStream::Take() {
  MutexLock lock(subscription_mutex_);
  if (subscription_ == nullptr) return;
  taken_ = subscription_->Take(kTakenMax);
  written_ = 0;
}

bool LiveStream::Next(grpc::ByteBuffer& message, bool& more) {
  if (written_ == taken_.size()) Take();
  if (written_ == taken_.size()) return false;
  const grpc::Slice slice = SliceOf(taken_[written_]);
  taken_[written_].reset();
  ++written_;
  message = grpc::ByteBuffer(&slice, 1);
  // Looked for now, so that all that waits goes out with as few system calls as can be.
  if (written_ == taken_.size()) Take();
  more = written_ < taken_.size();
  return true;
}

}  // namespace gatelog::api
