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

// The IANA name of this machine's zone: what $TZ says, else where /etc/localtime points. Empty:
// neither tells.
std::string LocalZoneName();

// "2026-11-23T08:00:30+01:00".
std::string FormatWithOffset(absl::Time time, absl::TimeZone zone);

}  // namespace gatelog::cli
