#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace gatelog::cli {

// Unix seconds of a time as people write it. Understood are RFC 3339 ("2026-11-23T08:00:00Z"), also
// without seconds and with blanks ("2026-11-23 08:00 +01:00"), "2026-11-23", "2026-11-23 08:00",
// "2026-11-23 08:00:30", "08:00" (today), "now", "today", "yesterday" (from midnight), "yesterday
// 17:30", "monday" (the latest, today included), "monday 08:00", "2 hours ago", "90m ago", "2
// months ago" (the same day of that month, or its last). Without an offset the time is meant in
// `zone`. kInvalidArgument shows examples; "last week" is none, because it could mean two things.
absl::StatusOr<std::int64_t> ParseTimeWords(std::string_view text, absl::Time now,
                                            absl::TimeZone zone);

// "2026-11-23 08:00:30" in `zone`.
std::string FormatSeconds(std::int64_t unix_seconds, absl::TimeZone zone);

// The same for Unix milliseconds, cut to seconds; empty for 0.
std::string FormatMilliseconds(std::int64_t unix_milliseconds, absl::TimeZone zone);

// "12 s", "5 m 3 s", "3 h 12 m", "4 d 2 h"; "0 s" for less than one, and for less than nothing.
std::string FormatDuration(std::int64_t milliseconds);

// How far a clock is ahead: "+3 s", "-1 h 0 m", "0 s".
std::string FormatDrift(std::int64_t milliseconds);

}  // namespace gatelog::cli
