#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/event.h"

namespace gatelog::core {

// One filter of GetLogWithFilter. What is zero or empty matches all; what is set must all match.
struct RecordFilter {
  std::string user_id = {};
  std::uint32_t start_time = 0;  // inclusive
  std::uint32_t end_time = 0;    // inclusive; 0: none
  std::uint32_t code = 0;
  std::uint32_t tna_key = 0;
  std::optional<bool> changed_on_device = {};
};

bool Matches(const RecordFilter& filter, const model::Event& event);
bool MatchesAny(const std::vector<RecordFilter>& filters, const model::Event& event);

inline constexpr std::size_t kRecordFiltersMax = 32;

}  // namespace gatelog::core
