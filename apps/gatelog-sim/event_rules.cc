#include "apps/gatelog-sim/event_rules.h"

#include <utility>

#include "base/status_macros.h"

namespace gatelog::sim {
namespace {

constexpr const char* kLabels[] = {"In", "Out", "Break out", "Break in"};
constexpr std::uint32_t kThresholdHigh = 3800;  // hundredths of a degree Celsius
constexpr std::uint32_t kThresholdLow = 3200;
constexpr std::uint32_t kDistanceCm = 100;
constexpr std::uint32_t kEmissionPercent = 98;
constexpr std::uint32_t kAccessDenied = 0x1900;
constexpr std::uint32_t kHighTemperature = 0x13;

bool IsRecognised(std::uint32_t code) { return code == 0x1000 || code == 0x1300; }

}  // namespace

gsdk::tna::TNAConfig DefaultTnaConfig(const Place& place) {
  gsdk::tna::TNAConfig config;
  if (!place.time_attendance) return config;
  config.set_mode(gsdk::tna::BY_USER);
  for (const char* label : kLabels) config.add_labels(label);
  return config;
}

gsdk::thermal::ThermalConfig DefaultThermalConfig(const Place& place) {
  gsdk::thermal::ThermalConfig config;
  config.set_checkmode(place.thermal ? gsdk::thermal::SOFT : gsdk::thermal::OFF);
  config.set_checkorder(gsdk::thermal::AFTER_AUTH);
  config.set_temperatureformat(gsdk::thermal::CELSIUS);
  config.set_temperaturethresholdhigh(kThresholdHigh);
  config.set_temperaturethresholdlow(kThresholdLow);
  config.set_audittemperature(place.thermal);
  gsdk::thermal::ThermalCamera& camera = *config.mutable_camera();
  camera.set_distance(kDistanceCm);
  camera.set_emissionrate(kEmissionPercent);
  camera.mutable_roi()->set_x(30);
  camera.mutable_roi()->set_y(25);
  camera.mutable_roi()->set_width(50);
  camera.mutable_roi()->set_height(55);
  return config;
}

EventRules::EventRules(const Place& place, gsdk::tna::TNAConfig tna,
                       gsdk::thermal::ThermalConfig thermal)
    : device_(place.device),
      tna_(std::move(tna)),
      thermal_(std::move(thermal)),
      measures_(place.thermal && thermal_.checkmode() != gsdk::thermal::OFF) {}

absl::StatusOr<gsdk::tna::Key> EventRules::KeyOf(const Life::Step& step, ScheduleIsOn is_on,
                                                 gsdk::tna::Key& last_key) const {
  // A slave's reader has no keys to press.
  const bool has_keys = step.event.deviceid() == device_;
  const gsdk::tna::Key pressed = step.event.tnakey();
  switch (tna_.mode()) {
    case gsdk::tna::BY_USER:
      return has_keys && tna_.isrequired() ? step.key : pressed;
    case gsdk::tna::LAST_CHOICE:
      if (!has_keys) return gsdk::tna::UNSPECIFIED;
      if (pressed != gsdk::tna::UNSPECIFIED || last_key == gsdk::tna::UNSPECIFIED)
        last_key = step.key;
      return last_key;
    case gsdk::tna::FIXED:
      return tna_.key();
    case gsdk::tna::BY_SCHEDULE:
      for (int i = 0; i < tna_.schedules_size(); ++i) {
        if (tna_.schedules(i) == 0) continue;
        GATELOG_ASSIGN_OR_RETURN(const bool on, is_on(tna_.schedules(i)));
        if (on) return static_cast<gsdk::tna::Key>(i + 1);
      }
      return gsdk::tna::UNSPECIFIED;
    default:
      return gsdk::tna::UNSPECIFIED;
  }
}

absl::StatusOr<EventRules::Verdict> EventRules::Apply(const Life::Step& step, ScheduleIsOn is_on,
                                                      gsdk::tna::Key& last_key,
                                                      EventLog& event) const {
  const std::uint32_t measured = measures_ ? event.temperature() : 0;
  event.set_temperature(thermal_.audittemperature() ? measured : 0);
  if (!IsRecognised(event.eventcode())) return Verdict::kPasses;
  GATELOG_ASSIGN_OR_RETURN(const gsdk::tna::Key key, KeyOf(step, is_on, last_key));
  event.set_tnakey(key);
  if (measured <= thermal_.temperaturethresholdhigh()) return Verdict::kPasses;
  if (thermal_.checkmode() == gsdk::thermal::SOFT) return Verdict::kWarns;
  event.set_eventcode(kAccessDenied);
  event.set_subcode(kHighTemperature);
  event.clear_tnakey();
  return Verdict::kDenies;
}

}  // namespace gatelog::sim
