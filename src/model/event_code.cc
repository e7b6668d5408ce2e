#include "model/event_code.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "model/event_code_table.h"

namespace gatelog::model {
namespace {

using Pair = std::pair<std::uint32_t, std::uint32_t>;

Pair PairOf(const EventCode& entry) { return {entry.code, entry.sub_code}; }

std::span<const EventCode>::iterator FirstNotBelow(Pair pair) {
  return std::ranges::lower_bound(EventCodes(), pair, {}, PairOf);
}

// The pair itself, else the main code's first row: an unknown sub code still belongs to its main
// code.
const EventCode* FindNearest(std::uint32_t code, std::uint32_t sub_code) {
  if (const EventCode* exact = FindEventCode(code, sub_code)) return exact;
  const auto found = FirstNotBelow({code, 0});
  return found != EventCodes().end() && found->code == code ? &*found : nullptr;
}

}  // namespace

std::span<const EventCode> EventCodes() { return internal::EventCodeTable(); }

const EventCode* FindEventCode(std::uint32_t code, std::uint32_t sub_code) {
  const auto found = FirstNotBelow({code, sub_code});
  if (found == EventCodes().end() || PairOf(*found) != Pair{code, sub_code}) return nullptr;
  return &*found;
}

std::string DescribeEvent(std::uint32_t code, std::uint32_t sub_code) {
  if (const EventCode* entry = FindEventCode(code, sub_code)) {
    return std::string(entry->description);
  }
  return absl::StrFormat("event 0x%04x/0x%02x", code, sub_code);
}

std::string_view EventCategory(std::uint32_t code, std::uint32_t sub_code) {
  const EventCode* entry = FindNearest(code, sub_code);
  return entry != nullptr ? entry->category : std::string_view();
}

std::string_view EventLevel(std::uint32_t code, std::uint32_t sub_code) {
  const EventCode* entry = FindNearest(code, sub_code);
  return entry != nullptr ? entry->level : std::string_view();
}

}  // namespace gatelog::model
