#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace gatelog::cli {

// Which events a person means by --code.
struct CodeFilter {
  std::set<std::uint32_t> whole;                            // main codes with every sub code
  std::set<std::pair<std::uint32_t, std::uint32_t>> pairs;  // of other main codes

  bool empty() const { return whole.empty() && pairs.empty(); }
};

// Each word is a number ("0x1300", "4864"), a pair ("0x1300/0x03"), a name or sub name
// ("BS2_EVENT_IDENTIFY_SUCCESS", "IDENTIFY_SUCCESS") or words that occur in descriptions ("denied",
// "forced open"). A number need not be in the table. kInvalidArgument names a word that matches
// nothing.
absl::StatusOr<CodeFilter> ParseCodeWords(const std::vector<std::string>& words);

// One number: 0x-prefixed hexadecimal or decimal, at most `max`.
absl::StatusOr<std::uint32_t> ParseNumber(std::string_view text, std::uint32_t max);

}  // namespace gatelog::cli
