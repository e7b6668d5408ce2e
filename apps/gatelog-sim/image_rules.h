#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "apps/gatelog-sim/named_schedules.h"
#include "apps/gatelog-sim/setting_store.h"

namespace gatelog::sim {

// Which events a terminal takes an image for: its image filters with the schedules that they name.
class ImageRules {
 public:
  // `filters` is an encoded gsdk.event.SetImageFilterRequest. Errors are those of the store.
  static absl::StatusOr<ImageRules> Read(SettingStore& store, std::uint32_t device,
                                         const std::string& filters);

  // `local_s` is the moment by the terminal's own clock (LocalSeconds).
  bool Wants(std::uint32_t code, std::int64_t local_s) const;
  bool Names(std::uint32_t schedule) const;

 private:
  struct Rule {
    std::uint32_t code = 0;
    std::uint32_t schedule = 0;
  };

  std::vector<Rule> rules_;
  NamedSchedules schedules_;
};

}  // namespace gatelog::sim
