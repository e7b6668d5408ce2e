#pragma once

#include <fmt/format.h>
#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "api/rpc/call.h"
#include "core/fleet/fleet.h"

namespace gatelog::api {

// The devices of a request in its order, each once. kInvalidArgument for more than a gateway can
// have.
template <typename Ids>
absl::StatusOr<std::vector<model::DeviceId>> DistinctDevices(const Ids& ids) {
  std::vector<model::DeviceId> distinct;
  std::unordered_set<model::DeviceId> seen;
  for (const model::DeviceId id : ids) {
    if (!seen.insert(id).second) continue;
    if (distinct.size() == core::kDevicesMax) {
      return absl::InvalidArgumentError(
          fmt::format("The request names more than {} devices.", core::kDevicesMax));
    }
    distinct.push_back(id);
  }
  return distinct;
}

// The answer of a call on several devices that succeeded on all.
template <typename Response>
Response EmptyResponse() {
  if constexpr (std::is_same_v<Response, grpc::ByteBuffer>) {
    const grpc::Slice nothing;
    return grpc::ByteBuffer(&nothing, 1);  // a default one is no message at all
  } else {
    return Response();
  }
}

// One call on several devices: gathers the results and answers when the last one is there.
template <typename Response>
class MultiCall {
 public:
  MultiCall(UnaryCall<Response> call, const std::vector<model::DeviceId>& devices)
      : call_(std::move(call)), open_(devices.size()) {
    for (const model::DeviceId device : devices) results_.push_back({device, absl::OkStatus()});
  }

  void Set(std::size_t i, absl::Status status) {
    results_[i].status = std::move(status);
    if (--open_ == 0) Answer();
  }

  void Answer() {
    const std::size_t count = results_.size();
    std::erase_if(results_, [](const DeviceFailure& result) { return result.status.ok(); });
    results_.empty() ? call_.Reply(EmptyResponse<Response>())
                     : call_.Finish(MultiErrorStatus(results_, count));
  }

 private:
  UnaryCall<Response> call_;
  std::vector<DeviceFailure> results_;
  std::size_t open_;
};

// The reply of one of a MultiCall's devices; a failure if it is dropped.
template <typename Response>
class DeviceReply {
 public:
  DeviceReply(std::shared_ptr<MultiCall<Response>> call, std::size_t i)
      : call_(std::move(call)), i_(i) {}
  DeviceReply(DeviceReply&& other) noexcept = default;
  DeviceReply& operator=(DeviceReply&&) = delete;
  ~DeviceReply() {
    if (call_) call_->Set(i_, absl::UnavailableError(kDroppedMessage));
  }

  void operator()(absl::Status status) {
    std::exchange(call_, nullptr)->Set(i_, std::move(status));
  }

 private:
  std::shared_ptr<MultiCall<Response>> call_;
  std::size_t i_;
};

// Does the same for several devices at once, each once, and answers when all are done: OK with an
// empty response, or MultiErrorStatus. Work done on devices that succeeded stays. Loop's thread;
// `act(device, reply)` gets its reply there too.
template <typename Response, typename Ids, typename Act>
void ForEachDevice(const Ids& ids, UnaryCall<Response> call, Act act) {
  const absl::StatusOr<std::vector<model::DeviceId>> devices = DistinctDevices(ids);
  if (!devices.ok()) return call.Finish(devices.status());
  if (devices->empty()) return call.Reply(EmptyResponse<Response>());
  auto multi = std::make_shared<MultiCall<Response>>(std::move(call), *devices);
  for (std::size_t i = 0; i < devices->size(); ++i)
    act((*devices)[i], DeviceReply<Response>(multi, i));
}

}  // namespace gatelog::api
