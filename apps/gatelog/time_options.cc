#include "apps/gatelog/time_options.h"

#include "absl/strings/str_cat.h"
#include "apps/gatelog/failure.h"
#include "apps/gatelog/time_words.h"
#include "base/status_macros.h"

namespace gatelog::cli {
namespace {

constexpr char kBeginning[] = " 1970-01-01 00:00:00 UTC, where the times of events begin.";

}  // namespace

CLI::Option* AddTimeOption(CLI::App& verb, const std::string& name, TimeText& text,
                           const std::string& description) {
  return verb
      .add_option_function<std::string>(
          name, [&text](const std::string& typed) { text = typed; }, description)
      ->type_name("TIME");
}

absl::StatusOr<TimeBounds> ParseTimeBounds(const TimeText& from, const TimeText& to,
                                           const char* options, absl::Time now,
                                           absl::TimeZone zone) {
  TimeBounds bounds;
  if (from) {
    GATELOG_ASSIGN_OR_RETURN(bounds.from_s, ParseTimeWords(*from, now, zone));
    if (bounds.from_s < 0) return UsageError(absl::StrCat("'", *from, "' is before", kBeginning));
  }
  if (to) {
    GATELOG_ASSIGN_OR_RETURN(bounds.to_s, ParseTimeWords(*to, now, zone));
    if (bounds.to_s <= 0) return UsageError(absl::StrCat("'", *to, "' is not after", kBeginning));
  }
  if (from && to && bounds.from_s >= bounds.to_s) {
    return UsageError(absl::StrCat("Of ", options, " the first must be the earlier one."));
  }
  return bounds;
}

}  // namespace gatelog::cli
