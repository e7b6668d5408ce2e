#include "api/gatelog/event_count.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <system_error>

#include "absl/strings/ascii.h"
#include "api/gatelog/event_filter.h"
#include "base/status_macros.h"

namespace gatelog::api {
namespace {

namespace v1 = gatelog::v1;
using core::TallyQuery;

constexpr std::size_t kZoneNameMax = 64;

// Only what is a zone of this system is loaded: a loaded one stays in memory, and so does a name
// that is none.
bool IsZoneName(const std::string& name) {
  const bool safe = std::all_of(name.begin(), name.end(), [](unsigned char letter) {
    return absl::ascii_isalnum(letter) || letter == '/' || letter == '_' || letter == '-' ||
           letter == '+';
  });
  if (name.empty() || name.size() > kZoneNameMax || !safe || name[0] == '/') return false;
  const char* const directory = std::getenv("TZDIR");
  std::error_code error;
  return std::filesystem::is_regular_file(
      std::filesystem::path(directory != nullptr ? directory : "/usr/share/zoneinfo") / name,
      error);
}

absl::StatusOr<absl::TimeZone> ZoneOf(const std::string& name) {
  if (name.empty() || name == "UTC") return absl::UTCTimeZone();
  absl::TimeZone zone;
  if (IsZoneName(name) && absl::LoadTimeZone(name, &zone)) return zone;
  return absl::InvalidArgumentError(
      "The gateway knows no time zone of the name in time_zone. Use an IANA name such as "
      "Europe/Berlin, or leave it empty for UTC.");
}

void TakeCountBy(v1::CountBy by, TallyQuery& query) {
  query.by_code |= by == v1::COUNT_BY_CODE;
  query.by_sub_code |= by == v1::COUNT_BY_SUB_CODE;
  query.by_category |= by == v1::COUNT_BY_CATEGORY;
  query.by_device |= by == v1::COUNT_BY_DEVICE;
  query.by_user |= by == v1::COUNT_BY_USER;
  query.by_door |= by == v1::COUNT_BY_DOOR;
  if (by == v1::COUNT_BY_HOUR) query.by_span = TallyQuery::Span::kHour;
  if (by == v1::COUNT_BY_DAY) query.by_span = TallyQuery::Span::kDay;
}

absl::Status CheckCountBy(const std::set<int>& kinds, int named) {
  if (kinds.size() != static_cast<std::size_t>(named)) {
    return absl::InvalidArgumentError("The request counts by the same thing twice.");
  }
  if (kinds.contains(v1::COUNT_BY_HOUR) && kinds.contains(v1::COUNT_BY_DAY)) {
    return absl::InvalidArgumentError("Events are counted by hour or by day, not by both.");
  }
  if (kinds.contains(v1::COUNT_BY_SUB_CODE) && !kinds.contains(v1::COUNT_BY_CODE)) {
    return absl::InvalidArgumentError(
        "A sub code means something with its event code only: count by COUNT_BY_CODE too.");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TallyQuery> ToTallyQuery(const v1::CountRequest& request) {
  TallyQuery query;
  GATELOG_ASSIGN_OR_RETURN(query.filter, ToEventFilter(request.filter()));
  std::set<int> kinds;
  for (const int by : request.by()) {
    if (by == v1::COUNT_BY_UNSPECIFIED || !v1::CountBy_IsValid(by)) {
      return absl::InvalidArgumentError(
          fmt::format("{} is nothing that events are counted by.", by));
    }
    kinds.insert(by);
    TakeCountBy(static_cast<v1::CountBy>(by), query);
  }
  GATELOG_RETURN_IF_ERROR(CheckCountBy(kinds, request.by_size()));
  GATELOG_ASSIGN_OR_RETURN(query.zone, ZoneOf(request.time_zone()));
  return query;
}

absl::StatusOr<v1::CountResponse> ToCountResponse(const std::vector<core::TallyRow>& rows) {
  v1::CountResponse response;
  response.mutable_rows()->Reserve(static_cast<int>(rows.size()));
  for (const core::TallyRow& row : rows) {
    v1::CountRow& wire = *response.add_rows();
    wire.set_from_s(row.from_s);
    wire.set_to_s(row.to_s);
    wire.set_event_code(row.code);
    wire.set_sub_code(row.sub_code);
    wire.set_category(std::string(row.category));
    wire.set_device_id(row.device);
    wire.set_user_id(row.user_id);
    wire.set_door_id(row.door);
    wire.set_events(row.events);
  }
  if (const std::size_t size = response.ByteSizeLong(); size > kCountBytesMax) {
    return absl::ResourceExhaustedError(
        fmt::format("The count has {} rows with {} bytes, more than clients receive. Filter more, "
                    "or count by less.",
                    rows.size(), size));
  }
  return response;
}

}  // namespace gatelog::api
