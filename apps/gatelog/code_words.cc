#include "apps/gatelog/code_words.h"

#include <algorithm>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"
#include "model/event_code.h"

namespace gatelog::cli {
namespace {

constexpr std::uint32_t kCodeMax = 0xFFFF;
constexpr std::uint32_t kSubCodeMax = 0xFF;

absl::string_view Absl(std::string_view text) { return {text.data(), text.size()}; }

// "BS2_EVENT_X", "EVENT_X" and "X" name the same, in either case.
bool IsName(std::string_view name, std::string_view word) {
  for (const std::string_view prefix : {"", "BS2_", "BS2_EVENT_", "BS2_SUB_EVENT_"}) {
    if (name.starts_with(prefix) &&
        absl::EqualsIgnoreCase(Absl(name.substr(prefix.size())), Absl(word))) {
      return true;
    }
  }
  return false;
}

bool AddNumbers(std::string_view word, CodeFilter& filter) {
  const std::size_t slash = word.find('/');
  const auto code = ParseNumber(word.substr(0, slash), kCodeMax);
  if (!code.ok()) return false;
  if (slash == std::string_view::npos) {
    filter.whole.insert(*code);
    return true;
  }
  const auto sub_code = ParseNumber(word.substr(slash + 1), kSubCodeMax);
  if (!sub_code.ok()) return false;
  filter.pairs.emplace(*code, *sub_code);
  return true;
}

bool AddNames(std::string_view word, CodeFilter& filter) {
  bool found = false;
  for (const model::EventCode& entry : model::EventCodes()) {
    if (IsName(entry.name, word)) {
      filter.whole.insert(entry.code);
    } else if (!entry.sub_name.empty() && IsName(entry.sub_name, word)) {
      filter.pairs.emplace(entry.code, entry.sub_code);
    } else {
      continue;
    }
    found = true;
  }
  return found;
}

bool AddDescribed(std::string_view word, CodeFilter& filter) {
  const std::string lower = absl::AsciiStrToLower(Absl(word));
  const std::vector<std::string> parts = absl::StrSplit(lower, ' ', absl::SkipWhitespace());
  bool found = false;
  for (const model::EventCode& entry : model::EventCodes()) {
    const bool all = std::ranges::all_of(parts, [&](const std::string& part) {
      return absl::StrContains(absl::AsciiStrToLower(Absl(entry.description)), part);
    });
    if (parts.empty() || !all) continue;
    filter.pairs.emplace(entry.code, entry.sub_code);
    found = true;
  }
  return found;
}

}  // namespace

absl::StatusOr<CodeFilter> ParseCodeWords(const std::vector<std::string>& words) {
  CodeFilter filter;
  for (const std::string& word : words) {
    if (AddNumbers(word, filter) || AddNames(word, filter) || AddDescribed(word, filter)) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "No event code matches '", word, "'. 'gatelog code list' shows those that are known."));
  }
  std::erase_if(filter.pairs, [&](const auto& pair) { return filter.whole.contains(pair.first); });
  return filter;
}

absl::StatusOr<std::uint32_t> ParseNumber(std::string_view text, std::uint32_t max) {
  std::uint64_t number = 0;
  const bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
  const bool plain = !text.empty() && absl::ascii_isdigit(static_cast<unsigned char>(text[0]));
  const bool good = plain && (hexadecimal ? absl::SimpleHexAtoi(Absl(text), &number)
                                          : absl::SimpleAtoi(Absl(text), &number));
  if (!good || number > max) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", Absl(text), "' is no number from 0 to ", max, "."));
  }
  return static_cast<std::uint32_t>(number);
}

}  // namespace gatelog::cli
