#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "apps/gatelog-sim/life.h"
#include "apps/gatelog-sim/named_schedules.h"
#include "apps/gatelog-sim/setting_store.h"
#include "apps/gatelog-sim/site.h"
#include "apps/gatelog-sim/users.h"
#include "gsdk/system.pb.h"
#include "gsdk/thermal.pb.h"
#include "gsdk/tna.pb.h"

namespace gatelog::sim {

// The settings of a terminal where nobody has set anything.
gsdk::system::SystemConfig DefaultSystemConfig();
gsdk::tna::TNAConfig DefaultTnaConfig(const Place& place);
gsdk::thermal::ThermalConfig DefaultThermalConfig(const Place& place);

// What a terminal's settings make of a record that life brings: its time-and-attendance key, its
// job code and its temperature, and whether somebody is let in.
//
// The loop's thread only.
class EventRules {
 public:
  EventRules() = default;
  // Errors are those of the store.
  static absl::StatusOr<EventRules> Read(SettingStore& store, const Place& place);

  enum class Verdict {
    kPasses,
    kWarns,   // too warm, but let in: a record of the violation goes before this one
    kDenies,  // the event now says why, and nothing follows from it
  };
  // Gives the event of `step` what the settings want. `local_s` is the moment by the terminal's own
  // clock (LocalSeconds). `last_key` is the key that was pressed last at this terminal, kept by the
  // caller.
  Verdict Apply(const Life::Step& step, std::int64_t local_s, gsdk::tna::Key& last_key,
                EventLog& event) const;
  // Somebody was recognised, so that what is known of them matters (Refuses, AsksForJobCode).
  static bool IsRecognition(const EventLog& event);
  // It matters also of one with whom nothing was changed.
  bool LooksAtUnchanged(const EventLog& event) const;
  // The user is not valid at that time, or has a card that is refused: the event now says so, and
  // nothing follows from it.
  bool Refuses(const UserInfo& user, std::uint32_t utc_s, EventLog& event) const;
  // At the terminal itself, which asks for a job code where the user has some.
  bool AsksForJobCode(const EventLog& event) const;
  // A key has this schedule.
  bool Names(std::uint32_t schedule) const;

 private:
  gsdk::tna::Key KeyOf(const Life::Step& step, std::int64_t local_s,
                       gsdk::tna::Key& last_key) const;

  std::uint32_t device_ = 0;
  gsdk::tna::Mode mode_ = gsdk::tna::UNUSED;
  gsdk::tna::Key fixed_key_ = gsdk::tna::UNSPECIFIED;
  bool key_required_ = false;
  std::vector<std::uint32_t> key_schedules_;  // of KEY_1 on; 0: none
  NamedSchedules schedules_;
  bool uses_job_codes_ = false;
  std::vector<std::string> blacklist_;  // IDs of cards, ascending
  bool measures_ = false;               // temperatures
  bool audits_ = false;                 // writes them down
  bool denies_ = false;                 // who is too warm
  std::uint32_t too_warm_above_ = 0;
};

}  // namespace gatelog::sim
