#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace gatelog::cli {

// A zone by its IANA name, "Europe/Berlin"; an error is a sentence, see failure.h.
absl::StatusOr<absl::TimeZone> ParseZone(const std::string& name);

// A zone and what it is called where times are shown.
struct NamedZone {
  absl::TimeZone zone;
  std::string name;
};

// This machine's zone with its IANA name, empty if that cannot be told: what `chosen`, the value of
// $TZ, says, and where it is not set (null) where /etc/localtime points. A text that is no zone
// here is refused in a sentence: times would be UTC without saying so.
absl::StatusOr<NamedZone> LocalZone(const char* chosen);

// "2026-11-23T08:00:30+01:00".
std::string FormatWithOffset(absl::Time time, absl::TimeZone zone);

}  // namespace gatelog::cli
