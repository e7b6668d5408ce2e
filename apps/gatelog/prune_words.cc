#include "apps/gatelog/prune_words.h"

#include "absl/strings/str_cat.h"
#include "apps/gatelog/counted.h"
#include "apps/gatelog/time_words.h"
#include "base/status_macros.h"

namespace gatelog::cli {

absl::StatusOr<v1::PruneRequest> BuildPruneRequest(const PruneWords& words, absl::Time now,
                                                   absl::TimeZone zone) {
  const auto milliseconds = [&](const TimeText& text) -> absl::StatusOr<std::int64_t> {
    constexpr std::int64_t kMillisecondsPerSecond = 1'000;
    GATELOG_ASSIGN_OR_RETURN(const TimeBounds bounds, ParseTimeBounds({}, text, "", now, zone));
    return bounds.to_s * kMillisecondsPerSecond;
  };
  v1::PruneRequest request;
  if (words.events_days) request.set_events_days(*words.events_days);
  if (words.images_days) request.set_images_days(*words.images_days);
  if (words.people_days) request.set_people_days(*words.people_days);
  if (words.events_before) {
    GATELOG_ASSIGN_OR_RETURN(const std::int64_t before, milliseconds(words.events_before));
    request.set_events_before_ms(before);
  }
  if (words.images_before) {
    GATELOG_ASSIGN_OR_RETURN(const std::int64_t before, milliseconds(words.images_before));
    request.set_images_before_ms(before);
  }
  if (words.people_before) {
    GATELOG_ASSIGN_OR_RETURN(const std::int64_t before, milliseconds(words.people_before));
    request.set_people_before_ms(before);
  }
  return request;
}

std::string DescribePruned(const v1::PruneResponse& pruned, const NamedZone& zone) {
  constexpr std::uint64_t kMiB = 1024 * 1024;
  return absl::StrCat(Counted(pruned.events(), "event"), ", ", Counted(pruned.images(), "image"),
                      ", and what ", Counted(pruned.people(), "event"),
                      pruned.people() == 1 ? " tells of people, in " : " tell of people, in ",
                      Counted(pruned.segments(), "segment"), ", about ",
                      FormatCount((pruned.bytes() + kMiB - 1) / kMiB), " MiB, which arrived from ",
                      FormatMilliseconds(pruned.oldest_arrival_ms(), zone.zone), " to ",
                      FormatMilliseconds(pruned.newest_arrival_ms(), zone.zone), " (", zone.name,
                      ")");
}

}  // namespace gatelog::cli
