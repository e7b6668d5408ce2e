#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "apps/gatelog-sim/terminal.h"
#include "gsdk/system.pb.h"

// The settings of a terminal as a whole. Three services change them: Time the zone, Device the
// lock, System all.
namespace gatelog::sim {

absl::StatusOr<gsdk::system::SystemConfig> ReadSystemConfig(Terminal& terminal);

// Saves it and writes what changes with it: 0x3201 for another zone, 0x3700 and 0x3800 for a lock
// that is set and lifted. A transaction of its own. kInvalidArgument for a zone that there is not.
absl::Status SaveSystemConfig(Terminal& terminal, const gsdk::system::SystemConfig& config);

}  // namespace gatelog::sim
