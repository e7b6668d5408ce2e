#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "model/identity.h"

namespace gatelog::api {

// Which devices an encoded request names, found without knowing what else it says: field 1 is
// deviceID, or deviceIDs in the request of a Multi method. Pure.

// The device of a request. kInvalidArgument: the bytes are no message, field 1 is missing (or 0,
// which is the same) or no number of 32 bits.
absl::StatusOr<model::DeviceId> DeviceOf(std::string_view request);

// A request of a Multi method, apart: the rest has the fields of the single method, under the same
// numbers.
struct MultiRequest {
  std::vector<model::DeviceId> devices;  // as they are named; perhaps none, perhaps one twice
  std::string rest;
};

// kInvalidArgument as for DeviceOf; but naming none is fine.
absl::StatusOr<MultiRequest> SplitMultiRequest(std::string_view request);

// The request of the single method for one of the devices.
std::string RequestFor(model::DeviceId device, std::string_view rest);

// Whether the bytes can be a message at all.
bool IsMessage(std::string_view bytes);

}  // namespace gatelog::api
