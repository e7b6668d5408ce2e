#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "apps/gatelog/time_options.h"
#include "apps/gatelog/time_zones.h"
#include "gatelog/v1/store.pb.h"

namespace gatelog::cli {

// What is to go, as it was typed.
struct PruneWords {
  std::optional<std::uint32_t> events_days;
  std::optional<std::uint32_t> images_days;
  std::optional<std::uint32_t> people_days;
  TimeText events_before;
  TimeText images_before;
  TimeText people_before;
};

// What the gateway is asked for; times without an offset are meant in `zone`. Errors are sentences
// that name what cannot be meant.
absl::StatusOr<v1::PruneRequest> BuildPruneRequest(const PruneWords& words, absl::Time now,
                                                   absl::TimeZone zone);

// What goes or is gone, as part of a sentence; the times in `zone`, which it names.
std::string DescribePruned(const v1::PruneResponse& pruned, const NamedZone& zone);

}  // namespace gatelog::cli
