#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "apps/gatelog/output.h"
#include "apps/gatelog/session.h"
#include "gatelog/v1/events.pb.h"

namespace gatelog::cli {

// "hour", "code" and so on, in any case; an error is a sentence that has them all.
absl::StatusOr<std::vector<v1::CountBy>> ParseCountBy(const std::vector<std::string>& words);

// How counts look: a column for each thing counted by, in its order, then how many events.
// `zone_name` heads hours and days.
Layout CountLayout(const std::vector<v1::CountBy>& by, const std::string& zone_name);
Record CountRecord(const v1::CountRow& row, const std::vector<v1::CountBy>& by, absl::TimeZone zone,
                   const std::string& zone_name);

absl::Status CountEvents(Session& session, const v1::Filter& filter,
                         const std::vector<std::string>& by);

}  // namespace gatelog::cli
