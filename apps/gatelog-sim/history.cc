#include "apps/gatelog-sim/history.h"

#include <algorithm>

#include "base/status_macros.h"

namespace gatelog::sim {
namespace {

constexpr std::uint32_t kHour = 3600;
constexpr std::uint32_t kDay = 24 * kHour;
constexpr std::uint32_t kRecordsPerDay = 1'500;
constexpr std::uint32_t kDaysMin = 3;
constexpr std::uint32_t kDaysMax = 3'650;
constexpr std::uint32_t kRecordsPerSeal = 10'000;

// Hours of a working day, UTC.
constexpr double kWorkday[24] = {1,  1,  1,  1,  2,  4,  14, 45, 70, 40, 22, 24,
                                 45, 40, 22, 20, 30, 60, 45, 20, 10, 6,  3,  2};
constexpr double kWeekendShare = 0.12;

double ActivityOf(std::uint32_t hour_start) {
  const std::uint32_t day = hour_start / kDay;
  const std::uint32_t weekday = (day + 4) % 7;  // 1970 began on a Thursday; 0 is Sunday
  const bool weekend = weekday == 0 || weekday == 6;
  return kWorkday[hour_start / kHour % 24] * (weekend ? kWeekendShare : 1.0);
}

}  // namespace

ActivityCurve::ActivityCurve(std::uint32_t from, std::uint32_t to) : from_(from), to_(to) {
  double sum = 0;
  for (std::uint32_t hour = from; hour < to; hour += kHour)
    until_.push_back(sum += ActivityOf(hour));
}

std::uint32_t ActivityCurve::At(double share) const {
  const double wanted = std::clamp(share, 0.0, 1.0) * until_.back();
  const auto hour =
      std::min(std::upper_bound(until_.begin(), until_.end(), wanted), until_.end() - 1);
  const double before = hour == until_.begin() ? 0 : *(hour - 1);
  const double within = std::min(1.0, (wanted - before) / (*hour - before));
  const auto offset = static_cast<std::uint32_t>(hour - until_.begin()) * kHour +
                      static_cast<std::uint32_t>(within * kHour);
  return std::min(to_, from_ + offset);
}

absl::Status MakeHistory(Terminal& terminal, LogDatabase& database, std::uint32_t count,
                         const std::function<void(std::uint32_t)>& progress) {
  const std::uint32_t held = std::min(count, terminal.settings().limits.records);
  const auto now = static_cast<std::uint32_t>(terminal.clock_ms() / 1000);
  const std::uint32_t days = std::clamp(held / kRecordsPerDay, kDaysMin, kDaysMax);
  const ActivityCurve curve(now - days * kDay, now);
  return database.InTransaction([&]() -> absl::Status {
    GATELOG_RETURN_IF_ERROR(terminal.Create(count - held + 1));
    std::uint32_t time = curve.At(0);
    for (std::uint32_t i = 0; i < held; ++i) {
      const Life::Step& step = terminal.life().Next(time / kHour % 24);
      // Within a scene its own pauses count; the next begins when its time has come.
      time = step.begins_scene ? std::max(time, curve.At(static_cast<double>(i) / held))
                               : time + step.pause_s;
      time = std::min(time, now);
      GATELOG_RETURN_IF_ERROR(terminal.StageStep(step, time));
      if ((i + 1) % kRecordsPerSeal == 0) {
        GATELOG_RETURN_IF_ERROR(terminal.Seal());
        progress(kRecordsPerSeal);
      }
    }
    progress(held % kRecordsPerSeal);
    return terminal.Seal();
  });
}

}  // namespace gatelog::sim
