#pragma once

#include <cstdint>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "apps/gatelog-sim/life.h"
#include "apps/gatelog-sim/site.h"
#include "gsdk/thermal.pb.h"
#include "gsdk/tna.pb.h"

namespace gatelog::sim {

// The names of these settings in SettingStore.
inline constexpr std::string_view kTnaSetting = "tna";
inline constexpr std::string_view kThermalSetting = "thermal";

// The settings of a terminal where nobody has set anything.
gsdk::tna::TNAConfig DefaultTnaConfig(const Place& place);
gsdk::thermal::ThermalConfig DefaultThermalConfig(const Place& place);

// What a terminal's settings make of a record that life brings: its time-and-attendance key and its
// temperature.
//
// Pure; the loop's thread only.
class EventRules {
 public:
  EventRules(const Place& place, gsdk::tna::TNAConfig tna, gsdk::thermal::ThermalConfig thermal);

  // Whether the schedule with this ID is on at the terminal's time.
  using ScheduleIsOn = absl::FunctionRef<absl::StatusOr<bool>(std::uint32_t schedule)>;

  enum class Verdict {
    kPasses,
    kWarns,   // too warm, but let in: a record of the violation goes before this one
    kDenies,  // too warm: the event now says so, and nothing follows from it
  };
  // Gives the event of `step` what the settings want. `last_key` is the key that was pressed last
  // at this terminal, kept by the caller. Errors are those of `is_on`.
  absl::StatusOr<Verdict> Apply(const Life::Step& step, ScheduleIsOn is_on,
                                gsdk::tna::Key& last_key, EventLog& event) const;

 private:
  absl::StatusOr<gsdk::tna::Key> KeyOf(const Life::Step& step, ScheduleIsOn is_on,
                                       gsdk::tna::Key& last_key) const;

  const std::uint32_t device_;
  const gsdk::tna::TNAConfig tna_;
  const gsdk::thermal::ThermalConfig thermal_;
  const bool measures_;
};

}  // namespace gatelog::sim
