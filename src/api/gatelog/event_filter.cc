#include "api/gatelog/event_filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>

#include "absl/types/span.h"
#include "base/status_macros.h"
#include "core/query/code_set.h"
#include "model/event_code.h"

namespace gatelog::api {
namespace {

namespace v1 = gatelog::v1;
using core::CodeSet;

constexpr std::uint32_t kTnaKeyMax = 16;
constexpr std::string_view kCategories[] = {"Auth", "User", "Device", "Door", "Zone", "Lift"};
constexpr std::string_view kLevels[] = {"alert", "alarm"};

absl::Status Invalid(std::string sentence) { return absl::InvalidArgumentError(sentence); }

absl::Status CheckCount(const char* field, int count) {
  if (count <= kFilterValuesMax) return absl::OkStatus();
  return Invalid(fmt::format("The filter's {} has {} values; at most {} are allowed.", field, count,
                             kFilterValuesMax));
}

absl::Status CheckCounts(const v1::Filter& filter) {
  const std::pair<const char*, int> lists[] = {
      {"log_device_ids", filter.log_device_ids_size()},
      {"device_ids", filter.device_ids_size()},
      {"user_ids", filter.user_ids_size()},
      {"event_codes", filter.event_codes_size()},
      {"sub_codes", filter.sub_codes_size()},
      {"code_pairs", filter.code_pairs_size()},
      {"categories", filter.categories_size()},
      {"levels", filter.levels_size()},
      {"entity_ids", filter.entity_ids_size()},
      {"tna_keys", filter.tna_keys_size()},
      {"cards", filter.cards_size()},
  };
  for (const auto& [field, count] : lists) GATELOG_RETURN_IF_ERROR(CheckCount(field, count));
  return absl::OkStatus();
}

// `from` and `to` in `unit`; 0 is no bound, and `to` is exclusive.
absl::Status CheckTimes(const char* from_field, std::int64_t from, const char* to_field,
                        std::int64_t to, const char* unit, std::int64_t max) {
  if (from < 0 || to < 0) {
    return Invalid(fmt::format("The filter's {} and {} are Unix {} and cannot be negative.",
                               from_field, to_field, unit));
  }
  if (from > max || to > max) {
    return Invalid(fmt::format("The filter's {} and {} are Unix {}; {} is too large for that.",
                               from_field, to_field, unit, std::max(from, to)));
  }
  if (to != 0 && to <= from) {
    return Invalid(fmt::format("The filter ends at {} and begins at {}; {} must be later than {}.",
                               to, from, to_field, from_field));
  }
  return absl::OkStatus();
}

absl::Status CheckBounds(const v1::Filter& filter) {
  // As far as calendars are sure of.
  constexpr std::int64_t kSecondsMax = 253'402'300'799;  // the year 9999
  GATELOG_RETURN_IF_ERROR(
      CheckTimes("from_s", filter.from_s(), "to_s", filter.to_s(), "seconds", kSecondsMax));
  GATELOG_RETURN_IF_ERROR(CheckTimes("arrival_from_ms", filter.arrival_from_ms(), "arrival_to_ms",
                                     filter.arrival_to_ms(), "milliseconds", kSecondsMax * 1'000));
  if (filter.temperature_to() != 0 && filter.temperature_to() < filter.temperature_from()) {
    return Invalid(
        fmt::format("The filter's temperature_to, {}, lies below its temperature_from, {}.",
                    filter.temperature_to(), filter.temperature_from()));
  }
  if (filter.last_id() != 0 && filter.last_id() < filter.first_id()) {
    return Invalid(fmt::format("The filter's last_id, {}, lies below its first_id, {}.",
                               filter.last_id(), filter.first_id()));
  }
  return absl::OkStatus();
}

absl::Status CheckCodes(const v1::Filter& filter) {
  const auto check = [](std::uint32_t number, std::uint32_t max, const char* what,
                        int bits) -> absl::Status {
    if (number <= max) return absl::OkStatus();
    return Invalid(fmt::format("{:#x} is no {}: those have {} bits.", number, what, bits));
  };
  constexpr int kCodeBits = 16;
  constexpr int kSubCodeBits = 8;
  for (const std::uint32_t code : filter.event_codes()) {
    GATELOG_RETURN_IF_ERROR(check(code, CodeSet::kCodeMax, "event code", kCodeBits));
  }
  for (const std::uint32_t sub_code : filter.sub_codes()) {
    GATELOG_RETURN_IF_ERROR(check(sub_code, CodeSet::kSubCodeMax, "sub code", kSubCodeBits));
  }
  for (const v1::CodePair& pair : filter.code_pairs()) {
    GATELOG_RETURN_IF_ERROR(check(pair.event_code(), CodeSet::kCodeMax, "event code", kCodeBits));
    GATELOG_RETURN_IF_ERROR(check(pair.sub_code(), CodeSet::kSubCodeMax, "sub code", kSubCodeBits));
  }
  const bool narrows =
      filter.event_codes_size() > 0 || filter.categories_size() > 0 || filter.levels_size() > 0;
  if (filter.sub_codes_size() > 0 && !narrows) {
    return Invalid(
        "The filter's sub_codes say which of event_codes, categories or levels are meant; name one "
        "of those too.");
  }
  return absl::OkStatus();
}

absl::Status CheckWords(const char* field,
                        const google::protobuf::RepeatedPtrField<std::string>& words,
                        absl::Span<const std::string_view> known) {
  for (const std::string& word : words) {
    if (std::find(known.begin(), known.end(), word) != known.end()) continue;
    return Invalid(fmt::format("The filter's {} has a word that is none of them: they are {}.",
                               field, fmt::join(known.begin(), known.end(), ", ")));
  }
  return absl::OkStatus();
}

absl::Status CheckUsers(const v1::Filter& filter) {
  for (const std::string& user : filter.user_ids()) {
    if (user.size() <= kFilterUserSizeMax) continue;
    return Invalid(fmt::format("A user ID in the filter has {} bytes; at most {} are allowed.",
                               user.size(), kFilterUserSizeMax));
  }
  return absl::OkStatus();
}

template <typename Values>
bool Holds(const Values& values, std::string_view value) {
  return values.empty() || std::find(values.begin(), values.end(), value) != values.end();
}

std::vector<ports::CodeChoice> CodesOf(const v1::Filter& filter) {
  const bool classed = filter.categories_size() > 0 || filter.levels_size() > 0;
  const bool named = filter.event_codes_size() > 0 || filter.code_pairs_size() > 0;
  if (!classed && !named) return {};
  const auto narrowed = [&filter](std::uint32_t sub_code) {
    return filter.sub_codes().empty() ||
           std::find(filter.sub_codes().begin(), filter.sub_codes().end(), sub_code) !=
               filter.sub_codes().end();
  };
  CodeSet codes = named ? CodeSet() : CodeSet::Known();
  for (const std::uint32_t code : filter.event_codes()) codes.Add(code);
  codes.KeepIf([&](std::uint32_t, std::uint32_t sub_code) { return narrowed(sub_code); });
  for (const v1::CodePair& pair : filter.code_pairs()) {
    codes.Add(pair.event_code(), pair.sub_code());
  }
  codes.KeepIf([&filter](std::uint32_t code, std::uint32_t sub_code) {
    return Holds(filter.categories(), model::EventCategory(code, sub_code)) &&
           Holds(filter.levels(), model::EventLevel(code, sub_code));
  });
  return codes.Choices();
}

absl::Status TakeCards(const v1::Filter& filter, ports::EventFilter& result) {
  for (const std::string& card : filter.cards()) {
    const std::size_t zeros = std::min(card.find_first_not_of('\0'), card.size());
    if (zeros == card.size()) {
      return Invalid("A card in the filter has no data: it is empty, or zeros alone.");
    }
    if (card.size() > kFilterCardSizeMax) {
      return Invalid(fmt::format("A card in the filter has {} bytes; at most {} are allowed.",
                                 card.size(), kFilterCardSizeMax));
    }
    result.cards.push_back(card.substr(zeros));
  }
  return absl::OkStatus();
}

absl::Status TakeNumbers(const v1::Filter& filter, ports::EventFilter& result) {
  for (const std::uint32_t key : filter.tna_keys()) {
    if (key >= 1 && key <= kTnaKeyMax) continue;
    return Invalid(fmt::format("{} is no T&A key: they are 1 to {}.", key, kTnaKeyMax));
  }
  for (const std::uint32_t entity : filter.entity_ids()) {
    if (entity == 0) return Invalid("0 in the filter's entity_ids is no door, zone or lift.");
  }
  result.log_devices.assign(filter.log_device_ids().begin(), filter.log_device_ids().end());
  result.devices.assign(filter.device_ids().begin(), filter.device_ids().end());
  result.entities.assign(filter.entity_ids().begin(), filter.entity_ids().end());
  result.tna_keys.assign(filter.tna_keys().begin(), filter.tna_keys().end());
  if (filter.epoch() != 0) result.epoch = filter.epoch();
  result.first_id = filter.first_id();
  result.last_id = filter.last_id();
  result.from_s = filter.from_s();
  result.to_s = filter.to_s();
  result.arrival_from = Timestamp(std::chrono::milliseconds(filter.arrival_from_ms()));
  result.arrival_to = Timestamp(std::chrono::milliseconds(filter.arrival_to_ms()));
  result.temperature_from = filter.temperature_from();
  result.temperature_to = filter.temperature_to();
  result.has_image = filter.has_image();
  result.changed_on_device = filter.changed_on_device();
  return absl::OkStatus();
}

absl::Status TakePhase(const v1::Filter& filter, ports::EventFilter& result) {
  if (filter.phase() == v1::PHASE_UNSPECIFIED) return absl::OkStatus();
  if (filter.phase() != v1::PHASE_LIVE && filter.phase() != v1::PHASE_BACKLOG) {
    return Invalid(fmt::format("{} is no phase: it is PHASE_LIVE or PHASE_BACKLOG.",
                               static_cast<int>(filter.phase())));
  }
  result.phase = static_cast<ports::Phase>(filter.phase());  // the numbers are the same
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ports::EventFilter> ToEventFilter(const v1::Filter& filter) {
  GATELOG_RETURN_IF_ERROR(CheckCounts(filter));
  GATELOG_RETURN_IF_ERROR(CheckBounds(filter));
  GATELOG_RETURN_IF_ERROR(CheckCodes(filter));
  GATELOG_RETURN_IF_ERROR(CheckWords("categories", filter.categories(), kCategories));
  GATELOG_RETURN_IF_ERROR(CheckWords("levels", filter.levels(), kLevels));
  GATELOG_RETURN_IF_ERROR(CheckUsers(filter));
  ports::EventFilter result;
  GATELOG_RETURN_IF_ERROR(TakeNumbers(filter, result));
  GATELOG_RETURN_IF_ERROR(TakePhase(filter, result));
  GATELOG_RETURN_IF_ERROR(TakeCards(filter, result));
  result.users.assign(filter.user_ids().begin(), filter.user_ids().end());
  result.codes = CodesOf(filter);
  return result;
}

}  // namespace gatelog::api
