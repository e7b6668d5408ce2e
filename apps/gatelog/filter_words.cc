#include "apps/gatelog/filter_words.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "apps/gatelog/code_words.h"
#include "apps/gatelog/failure.h"
#include "base/status_macros.h"

namespace gatelog::cli {
namespace {

using Words = std::vector<std::string>;

absl::string_view Absl(std::string_view text) { return {text.data(), text.size()}; }

// `word` as it stands in the list, whose case does not matter.
absl::StatusOr<std::string> OneOf(const Words& known, const std::string& word, const char* option) {
  const auto found = std::find_if(known.begin(), known.end(), [&word](const std::string& name) {
    return absl::EqualsIgnoreCase(name, word);
  });
  if (found != known.end()) return *found;
  return UsageError(absl::StrCat("'", word, "' is nothing that ", option, " takes: it is one of ",
                                 absl::StrJoin(known, ", "), "."));
}

// One bound; empty: none. Hundredths of a degree.
std::optional<std::uint32_t> Hundredths(std::string_view text) {
  constexpr double kDegreesMax = 1'000;
  constexpr double kHundred = 100;
  if (text.empty()) return 0;
  double degrees = 0;
  if (!absl::SimpleAtod(Absl(text), &degrees) || !(degrees > 0) || degrees > kDegreesMax) {
    return std::nullopt;
  }
  return static_cast<std::uint32_t>(std::lround(degrees * kHundred));
}

absl::Status TakeCodes(const FilterWords& words, v1::Filter& filter) {
  GATELOG_ASSIGN_OR_RETURN(const CodeFilter codes, ParseCodeWords(words.codes));
  for (const std::uint32_t code : codes.whole) filter.add_event_codes(code);
  for (const auto& [code, sub_code] : codes.pairs) {
    v1::CodePair& pair = *filter.add_code_pairs();
    pair.set_event_code(code);
    pair.set_sub_code(sub_code);
  }
  for (const std::string& word : words.categories) {
    GATELOG_ASSIGN_OR_RETURN(
        std::string category,
        OneOf({"Auth", "User", "Device", "Door", "Zone", "Lift"}, word, "--category"));
    filter.add_categories(std::move(category));
  }
  for (const std::string& word : words.levels) {
    GATELOG_ASSIGN_OR_RETURN(std::string level, OneOf({"alert", "alarm"}, word, "--level"));
    filter.add_levels(std::move(level));
  }
  return absl::OkStatus();
}

absl::Status TakeBounds(const FilterWords& words, absl::Time now, absl::TimeZone zone,
                        v1::Filter& filter) {
  constexpr std::int64_t kMilliseconds = 1'000;
  GATELOG_ASSIGN_OR_RETURN(
      const TimeBounds happened,
      ParseTimeBounds(words.since, words.until, "--since and --until", now, zone));
  filter.set_from_s(happened.from_s);
  filter.set_to_s(happened.to_s);
  GATELOG_ASSIGN_OR_RETURN(const TimeBounds arrived,
                           ParseTimeBounds(words.arrived_since, words.arrived_until,
                                           "--arrived-since and --arrived-until", now, zone));
  filter.set_arrival_from_ms(arrived.from_s * kMilliseconds);
  filter.set_arrival_to_ms(arrived.to_s * kMilliseconds);
  if (!words.temperature.empty()) {
    GATELOG_ASSIGN_OR_RETURN(const auto temperatures, ParseTemperatures(words.temperature));
    filter.set_temperature_from(temperatures.first);
    filter.set_temperature_to(temperatures.second);
  }
  if (words.last_id != 0 && words.last_id < words.first_id) {
    return UsageError("--last-id must not lie below --first-id.");
  }
  filter.set_first_id(words.first_id);
  filter.set_last_id(words.last_id);
  return absl::OkStatus();
}

void AddListOptions(CLI::App& verb, FilterWords& words) {
  const auto list = [&verb](const char* name, auto& values, const char* description) {
    verb.add_option(name, values, std::string(description) + " (repeatable)")
        ->expected(1)
        ->take_all();
  };
  list("--device", words.devices, "ID of the device where it happened");
  list("--log-device", words.log_devices,
       "ID of the device in whose log it stands; its slaves' events stand there too");
  list("--user", words.users, "user ID; \"\": events of nobody known");
  list("--card", words.cards, "card as it is shown, in hexadecimal");
  list("--code", words.codes,
       "code (0x1300 or 4864), code and sub code (0x1300/3), a name, or words of its meaning, such "
       "as denied");
  list("--category", words.categories, "auth, user, device, door, zone or lift");
  list("--level", words.levels, "level of its code: alert or alarm");
  list("--entity,--door", words.entities, "number of the door, zone or lift");
  list("--tna", words.tna_keys, "T&A key, 1 to 16");
}

}  // namespace

void AddFilterOptions(CLI::App& verb, FilterWords& words) {
  AddListOptions(verb, words);
  AddTimeOption(verb, "--since", words.since,
                "happened at this time or later, by the device's clock: \"2026-11-23 08:00\", \"2 "
                "hours ago\", today");
  AddTimeOption(verb, "--until", words.until, "happened before this time, by the device's clock");
  AddTimeOption(verb, "--arrived-since", words.arrived_since,
                "reached the gateway at this time or later");
  AddTimeOption(verb, "--arrived-until", words.arrived_until,
                "reached the gateway before this time");
  verb.add_option("--temperature", words.temperature,
                  "measured temperature in °C, both ends included: 37.5..40, 37.5.. or ..36")
      ->type_name("RANGE");
  verb.add_option("--epoch", words.epoch,
                  "epoch of the device's log: 1, and one more each time its counter began anew");
  verb.add_option("--phase", words.phase,
                  "live (happened while the gateway was linked to the device) or backlog");
  verb.add_option("--first-id", words.first_id, "lowest ID in the device's log");
  verb.add_option("--last-id", words.last_id, "highest ID in the device's log");
  verb.add_flag("--image", words.image, "only events that say they have an image");
  verb.add_flag("--changed-on-device", words.changed_on_device,
                "only changes of users that were made at a device");
}

absl::StatusOr<v1::Filter> BuildFilter(const FilterWords& words, absl::Time now,
                                       absl::TimeZone zone) {
  v1::Filter filter;
  GATELOG_RETURN_IF_ERROR(TakeCodes(words, filter));
  GATELOG_RETURN_IF_ERROR(TakeBounds(words, now, zone, filter));
  filter.mutable_device_ids()->Add(words.devices.begin(), words.devices.end());
  filter.mutable_log_device_ids()->Add(words.log_devices.begin(), words.log_devices.end());
  filter.mutable_entity_ids()->Add(words.entities.begin(), words.entities.end());
  filter.mutable_tna_keys()->Add(words.tna_keys.begin(), words.tna_keys.end());
  for (const std::string& user : words.users) filter.add_user_ids(user);
  for (const std::string& word : words.cards) {
    GATELOG_ASSIGN_OR_RETURN(std::string card, ParseCard(word));
    filter.add_cards(std::move(card));
  }
  if (!words.phase.empty()) {
    GATELOG_ASSIGN_OR_RETURN(const std::string phase,
                             OneOf({"live", "backlog"}, words.phase, "--phase"));
    filter.set_phase(phase == "live" ? v1::PHASE_LIVE : v1::PHASE_BACKLOG);
  }
  filter.set_epoch(words.epoch);
  filter.set_has_image(words.image);
  filter.set_changed_on_device(words.changed_on_device);
  return filter;
}

absl::StatusOr<std::pair<std::uint32_t, std::uint32_t>> ParseTemperatures(std::string_view text) {
  constexpr std::string_view kTo = "..";
  const std::size_t at = text.find(kTo);
  if (at != std::string_view::npos && text.size() > kTo.size()) {
    const auto from = Hundredths(text.substr(0, at));
    const auto to = Hundredths(text.substr(at + kTo.size()));
    if (from && to && (*to == 0 || *from <= *to)) return std::make_pair(*from, *to);
  }
  return UsageError(absl::StrCat("'", Absl(text),
                                 "' is no range of temperatures. Examples: 37.5..40, 37.5.., "
                                 "..36."));
}

absl::StatusOr<std::string> ParseCard(std::string_view text) {
  std::string_view digits = text;
  if (digits.starts_with("0x") || digits.starts_with("0X")) digits.remove_prefix(2);
  const bool hexadecimal = std::all_of(digits.begin(), digits.end(), [](unsigned char digit) {
    return absl::ascii_isxdigit(digit);
  });
  const bool zero = digits.find_first_not_of('0') == std::string_view::npos;
  if (!hexadecimal || zero) {
    return UsageError(absl::StrCat(
        "'", Absl(text), "' is no card. It is written as 'event query' shows it: 00a1b2c3."));
  }
  const std::string even = absl::StrCat(digits.size() % 2 == 0 ? "" : "0", Absl(digits));
  return absl::HexStringToBytes(even);
}

}  // namespace gatelog::cli
