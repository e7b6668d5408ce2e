#include "api/gatelog/event_filter.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/status_macros.h"

namespace gatelog::api {
namespace {

constexpr std::uint32_t kEventCodeMax = 0xFFFF;

absl::Status CheckCount(const char* field, int count) {
  if (count <= kFilterValuesMax) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format(
      "The filter's {} has {} values; at most {} are allowed.", field, count, kFilterValuesMax));
}

absl::Status CheckTimes(const gatelog::v1::Filter& filter) {
  if (filter.from_s() < 0 || filter.to_s() < 0) {
    return absl::InvalidArgumentError(
        "The filter's times are Unix seconds and cannot be negative.");
  }
  if (filter.to_s() != 0 && filter.to_s() <= filter.from_s()) {
    return absl::InvalidArgumentError(
        fmt::format("The filter ends at {} and begins at {}; to_s must be later than from_s.",
                    filter.to_s(), filter.from_s()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ports::EventFilter> ToEventFilter(const gatelog::v1::Filter& filter) {
  GATELOG_RETURN_IF_ERROR(CheckCount("log_device_ids", filter.log_device_ids_size()));
  GATELOG_RETURN_IF_ERROR(CheckCount("device_ids", filter.device_ids_size()));
  GATELOG_RETURN_IF_ERROR(CheckCount("user_ids", filter.user_ids_size()));
  GATELOG_RETURN_IF_ERROR(CheckCount("event_codes", filter.event_codes_size()));
  GATELOG_RETURN_IF_ERROR(CheckTimes(filter));
  for (const std::string& user : filter.user_ids()) {
    if (user.size() > kFilterUserSizeMax) {
      return absl::InvalidArgumentError(
          fmt::format("A user ID in the filter has {} bytes; at most {} are allowed.", user.size(),
                      kFilterUserSizeMax));
    }
  }
  for (const std::uint32_t code : filter.event_codes()) {
    if (code > kEventCodeMax) {
      return absl::InvalidArgumentError(
          fmt::format("{:#x} is no event code: codes have 16 bits.", code));
    }
  }
  ports::EventFilter result;
  result.log_devices.assign(filter.log_device_ids().begin(), filter.log_device_ids().end());
  result.devices.assign(filter.device_ids().begin(), filter.device_ids().end());
  result.users.assign(filter.user_ids().begin(), filter.user_ids().end());
  result.codes.assign(filter.event_codes().begin(), filter.event_codes().end());
  result.from_s = filter.from_s();
  result.to_s = filter.to_s();
  result.has_image = filter.has_image();
  return result;
}

}  // namespace gatelog::api
