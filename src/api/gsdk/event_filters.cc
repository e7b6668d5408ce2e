#include <fmt/format.h>

#include "api/gsdk/event_service.h"

namespace gatelog::api {
namespace {

constexpr std::uint32_t kEventCodeMax = 0xFFFF;

absl::Status TooMany(const char* what, int count, std::size_t max) {
  return absl::InvalidArgumentError(
      fmt::format("The request has {} {}; at most {} are allowed.", count, what, max));
}

}  // namespace

absl::StatusOr<std::vector<core::RecordFilter>> ToRecordFilters(
    const google::protobuf::RepeatedPtrField<gsdk::event::EventFilter>& filters) {
  if (static_cast<std::size_t>(filters.size()) > core::kRecordFiltersMax) {
    return TooMany("filters", filters.size(), core::kRecordFiltersMax);
  }
  std::vector<core::RecordFilter> result;
  for (const gsdk::event::EventFilter& filter : filters) {
    if (filter.has_floorindex() || filter.has_alarmflag() || filter.has_licensetype()) {
      return absl::UnimplementedError(
          "Events do not tell of floors, alarm flags and licences, so no filter can ask for them.");
    }
    result.push_back({.user_id = filter.userid(),
                      .start_time = filter.starttime(),
                      .end_time = filter.endtime(),
                      .code = filter.eventcode(),
                      .tna_key = static_cast<std::uint32_t>(filter.tnakey()),
                      .changed_on_device = filter.has_ondevice()
                                               ? std::optional<bool>(filter.ondevice())
                                               : std::nullopt});
  }
  return result;
}

absl::StatusOr<std::vector<std::string>> ToImageFilters(
    const google::protobuf::RepeatedPtrField<gsdk::event::ImageFilter>& filters) {
  if (static_cast<std::size_t>(filters.size()) > core::kImageFiltersMax) {
    return TooMany("image filters", filters.size(), core::kImageFiltersMax);
  }
  std::vector<std::string> result;
  for (const gsdk::event::ImageFilter& filter : filters) {
    if (filter.eventcode() > kEventCodeMax) {
      return absl::InvalidArgumentError(
          fmt::format("{:#x} is no event code: codes have 16 bits.", filter.eventcode()));
    }
    result.push_back(filter.SerializeAsString());
  }
  return result;
}

}  // namespace gatelog::api
