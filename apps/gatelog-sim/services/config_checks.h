#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

// Checks that the settings of several services share. Every error is kInvalidArgument in one
// sentence for the client.
namespace gatelog::sim {

// `is_valid` is the function that protobuf makes for the enum.
inline absl::Status CheckEnum(std::string_view name, int value, bool (*is_valid)(int)) {
  if (is_valid(value)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(std::string(name), " has no value ", value, "."));
}

inline absl::Status CheckRange(std::string_view name, std::int64_t value, std::int64_t low,
                               std::int64_t high) {
  if (value >= low && value <= high) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(std::string(name), " is ", low, " to ", high, ", not ", value, "."));
}

}  // namespace gatelog::sim
