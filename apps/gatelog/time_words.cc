#include "apps/gatelog/time_words.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace gatelog::cli {
namespace {

constexpr std::int64_t kAgoCountMax = 1'000'000;

std::optional<absl::Duration> UnitOf(const std::string& word) {
  static const auto& units = *new std::map<std::string, absl::Duration>{
      {"s", absl::Seconds(1)},  {"sec", absl::Seconds(1)},  {"second", absl::Seconds(1)},
      {"m", absl::Minutes(1)},  {"min", absl::Minutes(1)},  {"minute", absl::Minutes(1)},
      {"h", absl::Hours(1)},    {"hour", absl::Hours(1)},   {"d", absl::Hours(24)},
      {"day", absl::Hours(24)}, {"w", absl::Hours(24 * 7)}, {"week", absl::Hours(24 * 7)},
  };
  auto found = units.find(word);
  if (found == units.end() && word.size() > 1 && word.back() == 's') {
    found = units.find(word.substr(0, word.size() - 1));
  }
  if (found == units.end()) return std::nullopt;
  return found->second;
}

std::optional<std::int64_t> CountOf(const std::string& word) {
  if (word == "a" || word == "an") return 1;
  std::int64_t count = 0;
  if (!absl::SimpleAtoi(word, &count) || count < 0 || count > kAgoCountMax) return std::nullopt;
  return count;
}

std::optional<std::int64_t> MonthsOf(const std::string& word) {
  if (word == "month" || word == "months") return 1;
  if (word == "year" || word == "years") return 12;
  return std::nullopt;
}

// The same day and hour so many months before; where that month has no such day, its last one.
std::optional<absl::Time> MonthsBefore(absl::Time now, std::int64_t months, absl::TimeZone zone) {
  constexpr std::int64_t kMonthsMax = 12 * 1'000;
  if (months > kMonthsMax) return std::nullopt;
  const absl::CivilSecond civil = absl::ToCivilSecond(now, zone);
  const absl::CivilMonth month = absl::CivilMonth(civil) - months;
  const int last_day = (absl::CivilDay(month + 1) - 1).day();
  return absl::FromCivil(
      absl::CivilSecond(month.year(), month.month(), std::min(civil.day(), last_day), civil.hour(),
                        civil.minute(), civil.second()),
      zone);
}

// "2 hours ago", "an hour ago", "90m ago".
std::optional<absl::Time> ParseAgo(std::vector<std::string> words, absl::Time now,
                                   absl::TimeZone zone) {
  if (words.size() < 2 || words.back() != "ago") return std::nullopt;
  words.pop_back();
  if (words.size() == 1) {
    const std::size_t digits = words[0].find_first_not_of("0123456789");
    if (digits == 0 || digits == std::string::npos) return std::nullopt;
    words = {words[0].substr(0, digits), words[0].substr(digits)};
  }
  if (words.size() != 2) return std::nullopt;
  const auto count = CountOf(words[0]);
  const auto unit = UnitOf(words[1]);
  if (count && unit) return now - *unit * *count;
  const auto months = MonthsOf(words[1]);
  if (!count || !months) return std::nullopt;
  return MonthsBefore(now, *months * *count, zone);
}

// The latest day of that name, today included.
std::optional<absl::CivilDay> ParseWeekday(const std::string& word, absl::CivilDay today) {
  constexpr std::pair<const char*, absl::Weekday> kNames[] = {
      {"monday", absl::Weekday::monday},       {"tuesday", absl::Weekday::tuesday},
      {"wednesday", absl::Weekday::wednesday}, {"thursday", absl::Weekday::thursday},
      {"friday", absl::Weekday::friday},       {"saturday", absl::Weekday::saturday},
      {"sunday", absl::Weekday::sunday}};
  for (const auto& [name, weekday] : kNames) {
    if (word == name) return absl::PrevWeekday(today + 1, weekday);
  }
  return std::nullopt;
}

std::optional<absl::CivilDay> ParseDay(const std::string& word, absl::CivilDay today) {
  if (word == "today") return today;
  if (word == "yesterday") return today - 1;
  if (const auto weekday = ParseWeekday(word, today)) return weekday;
  absl::CivilDay day;
  if (word.size() != 10 || !absl::ParseCivilTime(word, &day)) return std::nullopt;
  return day;
}

// "08:00" or "08:00:30" as a duration since midnight.
std::optional<std::int64_t> ParseClock(const std::string& word) {
  const std::vector<std::string> parts = absl::StrSplit(word, ':');
  if (parts.size() < 2 || parts.size() > 3) return std::nullopt;
  constexpr int kLimits[] = {24, 60, 60};
  std::int64_t seconds = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    int part = 0;
    if (i < parts.size() &&
        (parts[i].empty() || parts[i].size() > 2 || !absl::SimpleAtoi(parts[i], &part) ||
         part < 0 || part >= kLimits[i])) {
      return std::nullopt;
    }
    seconds = seconds * 60 + part;
  }
  return seconds;
}

absl::Time At(absl::CivilDay day, std::int64_t seconds, absl::TimeZone zone) {
  return absl::FromCivil(absl::CivilSecond(day) + seconds, zone);
}

std::optional<absl::Time> ParseCalendar(std::vector<std::string> words, absl::CivilDay today,
                                        absl::TimeZone zone) {
  constexpr std::size_t kDateSize = 10;  // "2026-11-23t08:00"
  if (words.size() == 1 && words[0].size() > kDateSize && words[0][kDateSize] == 't') {
    words = {words[0].substr(0, kDateSize), words[0].substr(kDateSize + 1)};
  }
  if (words.size() == 1) {
    if (const auto day = ParseDay(words[0], today)) return At(*day, 0, zone);
    if (const auto clock = ParseClock(words[0])) return At(today, *clock, zone);
    return std::nullopt;
  }
  if (words.size() != 2) return std::nullopt;
  const auto day = ParseDay(words[0], today);
  const auto clock = ParseClock(words[1]);
  if (!day || !clock) return std::nullopt;
  return At(*day, *clock, zone);
}

// RFC 3339, also without seconds and with blanks: "2026-11-23 08:00 +02:00".
std::optional<absl::Time> ParseWithOffset(const std::vector<std::string>& words) {
  if (words.empty() || words.size() > 3) return std::nullopt;
  std::string text = absl::StrCat(words[0], words.size() > 1 ? "t" + words[1] : "",
                                  words.size() > 2 ? words[2] : "");
  absl::AsciiStrToUpper(&text);
  for (const char* format : {absl::RFC3339_full, "%Y-%m-%d%ET%H:%M%Ez"}) {
    absl::Time time;
    std::string error;
    if (absl::ParseTime(format, text, &time, &error) && time != absl::InfiniteFuture() &&
        time != absl::InfinitePast()) {
      return time;
    }
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<std::int64_t> ParseTimeWords(std::string_view text, absl::Time now,
                                            absl::TimeZone zone) {
  const std::string lower = absl::AsciiStrToLower(absl::string_view(text.data(), text.size()));
  const std::vector<std::string> words = absl::StrSplit(lower, ' ', absl::SkipWhitespace());
  if (words.size() == 1 && words[0] == "now") return absl::ToUnixSeconds(now);
  if (const auto time = ParseAgo(words, now, zone)) return absl::ToUnixSeconds(*time);
  if (const auto time = ParseCalendar(words, absl::ToCivilDay(now, zone), zone)) {
    return absl::ToUnixSeconds(*time);
  }
  if (const auto time = ParseWithOffset(words)) return absl::ToUnixSeconds(*time);
  return absl::InvalidArgumentError(
      absl::StrCat("'", absl::string_view(text.data(), text.size()),
                   "' is no time. Examples: \"2026-11-23 08:00\", \"2026-11-23T08:00:00Z\", "
                   "\"2 hours ago\", today, \"yesterday 17:30\"."));
}

std::string FormatSeconds(std::int64_t unix_seconds, absl::TimeZone zone) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", absl::FromUnixSeconds(unix_seconds), zone);
}

std::string FormatMilliseconds(std::int64_t unix_milliseconds, absl::TimeZone zone) {
  if (unix_milliseconds == 0) return "";
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", absl::FromUnixMillis(unix_milliseconds), zone);
}

std::string FormatDuration(std::int64_t milliseconds) {
  constexpr std::int64_t kMinute = 60;
  constexpr std::int64_t kHour = 60 * kMinute;
  constexpr std::int64_t kDay = 24 * kHour;
  const std::int64_t seconds = std::max<std::int64_t>(milliseconds / 1000, 0);
  if (seconds < kMinute) return absl::StrCat(seconds, " s");
  if (seconds < kHour) return absl::StrCat(seconds / kMinute, " m ", seconds % kMinute, " s");
  if (seconds < kDay) return absl::StrCat(seconds / kHour, " h ", seconds % kHour / kMinute, " m");
  return absl::StrCat(seconds / kDay, " d ", seconds % kDay / kHour, " h");
}

std::string FormatDrift(std::int64_t milliseconds) {
  const std::string size = FormatDuration(milliseconds < 0 ? -milliseconds : milliseconds);
  if (size == "0 s") return size;
  return absl::StrCat(milliseconds < 0 ? "-" : "+", size);
}

}  // namespace gatelog::cli
