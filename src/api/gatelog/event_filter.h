#pragma once

#include "absl/status/statusor.h"
#include "gatelog/v1/events.pb.h"
#include "ports/event_store.h"

namespace gatelog::api {

inline constexpr int kFilterValuesMax = 1'000;          // of each list in a filter
inline constexpr std::size_t kFilterUserSizeMax = 256;  // bytes
inline constexpr std::size_t kFilterCardSizeMax = 256;  // bytes

// The filter in the store's terms; kInvalidArgument says which part of it cannot be meant. Codes,
// categories and levels become one list of codes, in which an unknown sub code counts to its main
// code's category and level.
absl::StatusOr<ports::EventFilter> ToEventFilter(const gatelog::v1::Filter& filter);

}  // namespace gatelog::api
