#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "apps/gatelog-sim/setting_store.h"
#include "gsdk/schedule.pb.h"

namespace gatelog::sim {

// Those of a terminal's schedules that a setting names, as they were when they were read.
class NamedSchedules {
 public:
  NamedSchedules() = default;
  // Errors are those of the store.
  static absl::StatusOr<NamedSchedules> Read(SettingStore& store, std::uint32_t device,
                                             std::span<const std::uint32_t> ids);

  // `local_s` is the moment by the terminal's own clock (LocalSeconds). A schedule that is not
  // there never holds.
  bool Hold(std::uint32_t id, std::int64_t local_s) const;

 private:
  std::vector<gsdk::schedule::ScheduleInfo> schedules_;
  gsdk::schedule::GetHolidayListResponse holidays_;
};

// Whether the terminal has a schedule of this ID; always and never are there without being kept.
absl::StatusOr<bool> HasSchedule(SettingStore& store, std::uint32_t device, std::uint32_t id);

}  // namespace gatelog::sim
