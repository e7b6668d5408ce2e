#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace gatelog::cli {

// A time as it was typed after an option; none: the option was not given. An empty text is no time.
using TimeText = std::optional<std::string>;

CLI::Option* AddTimeOption(CLI::App& verb, const std::string& name, TimeText& text,
                           const std::string& description);

// Unix seconds.
struct TimeBounds {
  std::int64_t from_s = 0;  // 0: no bound
  std::int64_t to_s = 0;    // exclusive; 0: no bound
};

// What two options such as "--since and --until" say; times without an offset are meant in `zone`.
// Errors are sentences: what is no time, lies before 1970, or leaves nothing between.
absl::StatusOr<TimeBounds> ParseTimeBounds(const TimeText& from, const TimeText& to,
                                           const char* options, absl::Time now,
                                           absl::TimeZone zone);

}  // namespace gatelog::cli
