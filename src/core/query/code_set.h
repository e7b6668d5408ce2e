#pragma once

#include <bitset>
#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "ports/event_store.h"

namespace gatelog::core {

// A set of pairs of event code and sub code.
class CodeSet {
 public:
  static constexpr std::uint32_t kCodeMax = 0xFFFF;
  static constexpr std::uint32_t kSubCodeMax = 0xFF;

  // Every main code of the table with every sub code: what has a category or a level.
  static CodeSet Known();
  // What a filter's list chooses.
  static CodeSet Of(const std::vector<ports::CodeChoice>& choices);

  // A code or sub code beyond its maximum is nobody's and is left out.
  void Add(std::uint32_t code);
  void Add(std::uint32_t code, std::uint32_t sub_code);
  void KeepIf(const std::function<bool(std::uint32_t code, std::uint32_t sub_code)>& wanted);

  // The set as a filter's list, ascending. An empty set gives a choice that no event fits, since an
  // empty list would let every event pass.
  std::vector<ports::CodeChoice> Choices() const;

 private:
  std::map<std::uint32_t, std::bitset<kSubCodeMax + 1>> codes_;
};

}  // namespace gatelog::core
