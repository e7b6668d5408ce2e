#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/identity.h"
#include "model/log_status.h"
#include "terminal/v1/link.pb.h"

namespace gatelog::terminal {

// From the link's messages to the model. Pure; whatever a terminal sends gives a value or an error.

// kInvalidArgument if the device ID is 0, a capability is not what it should be, or a limit is
// exceeded. Long texts are cut to kDeviceTextMax.
absl::StatusOr<model::DeviceIdentity> DecodeIdentity(const v1::Identity& identity);

// kInvalidArgument if first is above last or there is no generation.
absl::StatusOr<model::LogStatus> DecodeLogStatus(const v1::LogStatus& status);

// The terminal's error as a status that says it in words.
absl::Status DecodeError(const v1::Error& error);

// The same, where the request's content is the client's: INVALID is then the client's fault
// (kInvalidArgument), not one of the two sides of the link.
absl::Status DecodeClientError(const v1::Error& error);

// `text` cut to `max` bytes without breaking a UTF-8 character.
std::string CutText(std::string_view text, std::size_t max);

}  // namespace gatelog::terminal
