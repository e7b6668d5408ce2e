#pragma once

#include <grpcpp/support/status.h>

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "model/identity.h"

namespace gatelog::api {

// The one place where statuses become gRPC's. The codes are the same numbers. The message is cut at
// kMessageSizeMax and made valid UTF-8, because some of its words may come from a device.
grpc::Status ToGrpcStatus(const absl::Status& status);

inline constexpr std::size_t kMessageSizeMax = 1024;  // bytes

struct DeviceFailure {
  model::DeviceId device = 0;
  absl::Status status;
};

// How a call on several devices ends: OK without failures; else the code that all failures share or
// UNKNOWN, a message with a count, and in grpc-status-details-bin exactly one
// gsdk.err.MultiErrorResponse.
//
// Many clients accept 8 KiB of trailers at most. When the list would not fit, its messages are left
// out, then its end; the message says so.
grpc::Status MultiErrorStatus(const std::vector<DeviceFailure>& failures, std::size_t device_count);

inline constexpr std::size_t kDetailsSizeMax = 5 * 1024;  // bytes, before base64

}  // namespace gatelog::api
