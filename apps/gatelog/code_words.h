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
class CodeFilter {
 public:
  // Empty: every event.
  bool empty() const { return main_codes_.empty(); }
  // What the gateway is asked for; it knows main codes only, sorted and without repeats.
  std::vector<std::uint32_t> main_codes() const;
  // False for an event of an asked main code with a sub code that was not meant.
  bool Matches(std::uint32_t code, std::uint32_t sub_code) const;
  // Something in the filter needs Matches().
  bool finer_than_main_codes() const;

  void AddMain(std::uint32_t code);
  void AddPair(std::uint32_t code, std::uint32_t sub_code);

 private:
  std::set<std::uint32_t> main_codes_;   // all that is asked for
  std::set<std::uint32_t> whole_codes_;  // those with every sub code
  std::set<std::pair<std::uint32_t, std::uint32_t>> pairs_;
};

// Each word is a number ("0x1300", "4864"), a pair ("0x1300/0x03"), a name or sub name
// ("BS2_EVENT_IDENTIFY_SUCCESS", "IDENTIFY_SUCCESS") or words that occur in descriptions ("denied",
// "forced open"). A number need not be in the table. kInvalidArgument names a word that matches
// nothing.
absl::StatusOr<CodeFilter> ParseCodeWords(const std::vector<std::string>& words);

// One number: 0x-prefixed hexadecimal or decimal, at most `max`.
absl::StatusOr<std::uint32_t> ParseNumber(std::string_view text, std::uint32_t max);

}  // namespace gatelog::cli
