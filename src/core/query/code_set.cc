#include "core/query/code_set.h"

#include "model/event_code.h"

namespace gatelog::core {

CodeSet CodeSet::Known() {
  CodeSet set;
  for (const model::EventCode& entry : model::EventCodes()) set.Add(entry.code);
  return set;
}

CodeSet CodeSet::Of(const std::vector<ports::CodeChoice>& choices) {
  CodeSet set;
  for (const ports::CodeChoice& choice : choices) {
    if (choice.sub_codes.empty()) set.Add(choice.code);
    for (const std::uint32_t sub_code : choice.sub_codes) set.Add(choice.code, sub_code);
  }
  return set;
}

void CodeSet::Add(std::uint32_t code) {
  if (code <= kCodeMax) codes_[code].set();
}

void CodeSet::Add(std::uint32_t code, std::uint32_t sub_code) {
  if (code <= kCodeMax && sub_code <= kSubCodeMax) codes_[code].set(sub_code);
}

void CodeSet::KeepIf(const std::function<bool(std::uint32_t, std::uint32_t)>& wanted) {
  for (auto& [code, sub_codes] : codes_) {
    for (std::uint32_t sub_code = 0; sub_code <= kSubCodeMax; ++sub_code) {
      if (sub_codes[sub_code] && !wanted(code, sub_code)) sub_codes.reset(sub_code);
    }
  }
}

std::vector<ports::CodeChoice> CodeSet::Choices() const {
  std::vector<ports::CodeChoice> choices;
  for (const auto& [code, sub_codes] : codes_) {
    if (sub_codes.none()) continue;
    ports::CodeChoice& choice = choices.emplace_back(code);
    if (sub_codes.all()) continue;
    for (std::uint32_t sub_code = 0; sub_code <= kSubCodeMax; ++sub_code) {
      if (sub_codes[sub_code]) choice.sub_codes.push_back(sub_code);
    }
  }
  if (choices.empty()) choices.emplace_back(kCodeMax + 1);
  return choices;
}

}  // namespace gatelog::core
