#pragma once

#include <cstddef>
#include <vector>

#include "absl/status/statusor.h"
#include "core/query/event_tally.h"
#include "gatelog/v1/events.pb.h"

namespace gatelog::api {

inline constexpr std::size_t kCountBytesMax = 4 * 1024 * 1024 - 1024;  // clients take 4 MiB

// What is asked for, in the core's terms; kInvalidArgument says what of it cannot be meant. Reads
// the zone from the system's files the first time; not on a thread that must not block.
absl::StatusOr<core::TallyQuery> ToTallyQuery(const gatelog::v1::CountRequest& request);

// kResourceExhausted: more bytes than clients receive.
absl::StatusOr<gatelog::v1::CountResponse> ToCountResponse(const std::vector<core::TallyRow>& rows);

}  // namespace gatelog::api
