#include "apps/gatelog-sim/event_rules.h"

#include <algorithm>

#include "apps/gatelog-sim/setting_names.h"
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
constexpr std::uint32_t kExpired = 0x03;
constexpr std::uint32_t kOnBlacklist = 0x04;

// Not by a typed ID, which the sub codes 0x01 to 0x05 and 0x12 say.
bool IsByCard(const EventLog& event) {
  return event.eventcode() == 0x1000 && event.subcode() > 0x05 && event.subcode() != 0x12;
}

void Deny(std::uint32_t reason, EventLog& event) {
  event.set_eventcode(kAccessDenied);
  event.set_subcode(reason);
  event.clear_tnakey();
}

}  // namespace

// The site has users whose IDs have letters.
gsdk::system::SystemConfig DefaultSystemConfig() {
  gsdk::system::SystemConfig config;
  config.set_usealphanumericid(true);
  return config;
}

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

absl::StatusOr<EventRules> EventRules::Read(SettingStore& store, const Place& place) {
  EventRules rules;
  rules.device_ = place.device;
  GATELOG_ASSIGN_OR_RETURN(
      const gsdk::tna::TNAConfig tna,
      ReadSetting(store, place.device, setting::kTna, DefaultTnaConfig(place)));
  rules.mode_ = tna.mode();
  rules.fixed_key_ = tna.key();
  rules.key_required_ = tna.isrequired();
  rules.key_schedules_.assign(tna.schedules().begin(), tna.schedules().end());
  if (tna.mode() == gsdk::tna::BY_SCHEDULE) {
    GATELOG_ASSIGN_OR_RETURN(rules.schedules_,
                             NamedSchedules::Read(store, place.device, rules.key_schedules_));
  }
  GATELOG_ASSIGN_OR_RETURN(
      const auto system, ReadSetting(store, place.device, setting::kSystem, DefaultSystemConfig()));
  rules.uses_job_codes_ = place.time_attendance && system.usejobcode();
  GATELOG_ASSIGN_OR_RETURN(const auto blacklist, ReadSetting<gsdk::card::GetBlacklistResponse>(
                                                     store, place.device, setting::kBlacklist));
  for (const gsdk::card::BlacklistItem& card : blacklist.blacklist())
    rules.blacklist_.push_back(card.cardid());
  std::sort(rules.blacklist_.begin(), rules.blacklist_.end());
  GATELOG_ASSIGN_OR_RETURN(
      const gsdk::thermal::ThermalConfig thermal,
      ReadSetting(store, place.device, setting::kThermal, DefaultThermalConfig(place)));
  rules.measures_ = place.thermal && thermal.checkmode() != gsdk::thermal::OFF;
  rules.audits_ = thermal.audittemperature();
  rules.denies_ = thermal.checkmode() == gsdk::thermal::HARD;
  rules.too_warm_above_ = thermal.temperaturethresholdhigh();
  return rules;
}

bool EventRules::LooksAtUnchanged(const EventLog& event) const {
  // They are always valid and have no job codes.
  return !blacklist_.empty() && IsByCard(event);
}

bool EventRules::IsRecognition(const EventLog& event) {
  return event.eventcode() == 0x1000 || event.eventcode() == 0x1300;
}

bool EventRules::Refuses(const UserInfo& user, std::uint32_t utc_s, EventLog& event) const {
  const gsdk::user::UserSetting& setting = user.setting();
  if (utc_s < setting.starttime() || (setting.endtime() != 0 && utc_s > setting.endtime())) {
    Deny(kExpired, event);
    return true;
  }
  const bool refused =
      IsByCard(event) &&
      std::any_of(user.cards().begin(), user.cards().end(),
                  [&](const gsdk::card::CSNCardData& card) {
                    return std::binary_search(blacklist_.begin(), blacklist_.end(), card.data());
                  });
  if (refused) Deny(kOnBlacklist, event);
  return refused;
}

bool EventRules::AsksForJobCode(const EventLog& event) const {
  return uses_job_codes_ && IsRecognition(event) && event.deviceid() == device_;
}

bool EventRules::Names(std::uint32_t schedule) const {
  return std::find(key_schedules_.begin(), key_schedules_.end(), schedule) != key_schedules_.end();
}

gsdk::tna::Key EventRules::KeyOf(const Life::Step& step, std::int64_t local_s,
                                 gsdk::tna::Key& last_key) const {
  // A slave's reader has no keys to press.
  const bool has_keys = step.event.deviceid() == device_;
  const gsdk::tna::Key pressed = step.event.tnakey();
  switch (mode_) {
    case gsdk::tna::BY_USER:
      return has_keys && key_required_ ? step.key : pressed;
    case gsdk::tna::LAST_CHOICE:
      if (!has_keys) return gsdk::tna::UNSPECIFIED;
      // At the beginning somebody has to choose.
      if (pressed != gsdk::tna::UNSPECIFIED || last_key == gsdk::tna::UNSPECIFIED)
        last_key = step.key;
      return last_key;
    case gsdk::tna::FIXED:
      return fixed_key_;
    case gsdk::tna::BY_SCHEDULE:
      for (std::size_t i = 0; i < key_schedules_.size(); ++i) {
        if (schedules_.Hold(key_schedules_[i], local_s)) return static_cast<gsdk::tna::Key>(i + 1);
      }
      return gsdk::tna::UNSPECIFIED;
    default:
      return gsdk::tna::UNSPECIFIED;
  }
}

EventRules::Verdict EventRules::Apply(const Life::Step& step, std::int64_t local_s,
                                      gsdk::tna::Key& last_key, EventLog& event) const {
  const std::uint32_t measured = measures_ ? event.temperature() : 0;
  event.set_temperature(audits_ ? measured : 0);
  if (!IsRecognition(event)) return Verdict::kPasses;
  event.set_tnakey(KeyOf(step, local_s, last_key));
  if (measured <= too_warm_above_) return Verdict::kPasses;
  if (!denies_) return Verdict::kWarns;
  Deny(kHighTemperature, event);
  return Verdict::kDenies;
}

}  // namespace gatelog::sim
