#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "apps/gatelog/time_options.h"
#include "gatelog/v1/events.pb.h"

namespace gatelog::cli {

// Which events are meant, as it was typed.
struct FilterWords {
  std::vector<std::uint32_t> devices;
  std::vector<std::uint32_t> log_devices;
  std::vector<std::string> users;
  std::vector<std::string> cards;
  std::vector<std::string> codes;
  std::vector<std::string> categories;
  std::vector<std::string> levels;
  std::vector<std::uint32_t> entities;
  std::vector<std::uint32_t> tna_keys;
  TimeText since;
  TimeText until;
  TimeText arrived_since;
  TimeText arrived_until;
  std::string temperature;
  std::string phase;
  std::uint32_t epoch = 0;
  std::uint32_t first_id = 0;
  std::uint32_t last_id = 0;
  bool image = false;
  bool changed_on_device = false;
};

void AddFilterOptions(CLI::App& verb, FilterWords& words);

// What the gateway is asked for; times without an offset are meant in `zone`. Errors are sentences
// that name the word that cannot be meant.
absl::StatusOr<v1::Filter> BuildFilter(const FilterWords& words, absl::Time now,
                                       absl::TimeZone zone);

// "37.5..40", "37.5.." or "..36" in hundredths of a degree; 0: no bound.
absl::StatusOr<std::pair<std::uint32_t, std::uint32_t>> ParseTemperatures(std::string_view text);

// A card as it is shown: hexadecimal digits, zeros in front do not count.
absl::StatusOr<std::string> ParseCard(std::string_view text);

}  // namespace gatelog::cli
