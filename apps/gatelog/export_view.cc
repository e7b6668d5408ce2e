#include "apps/gatelog/export_view.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "apps/gatelog/event_view.h"
#include "apps/gatelog/time_zones.h"
#include "gsdk/event.pb.h"
#include "model/event_code.h"

namespace gatelog::cli {
namespace {

using gsdk::event::EventLog;

constexpr std::uint32_t kVerified = 0x1000;
constexpr std::uint32_t kVerifiedUnderDuress = 0x1200;
constexpr std::uint32_t kIdentified = 0x1300;
constexpr std::uint32_t kIdentifiedUnderDuress = 0x1500;
constexpr double kTemperatureUnit = 100.0;  // hundredths of a degree

Layout LayoutOf(const std::vector<std::string>& names) {
  Layout layout;
  for (const std::string& name : names) layout.csv.emplace_back(name, "/" + name);
  return layout;
}

// Numbers that say nothing as an empty cell.
Json NumberOrNothing(std::uint32_t number) { return number == 0 ? Json() : Json(number); }

Json TextOrNothing(std::string_view text) { return text.empty() ? Json() : Json(text); }

std::string Code(std::uint32_t code, int digits) { return absl::StrFormat("0x%0*x", digits, code); }

constexpr int kCodeDigits = 4;
constexpr int kSubCodeDigits = 2;

std::string Card(const std::string& data) {
  const std::size_t zeros = std::min(data.find_first_not_of('\0'), data.size());
  return absl::BytesToHexString(data.substr(zeros));
}

// Which record it is: what no other one has.
void AddIdentity(const v1::StoredEvent& stored, const EventLog& event, Json& json) {
  json["log_device_id"] = stored.log_device_id();
  json["epoch"] = stored.epoch();
  json["event_id"] = event.id();
}

}  // namespace

Layout ExportLayout() {
  return LayoutOf({"time",        "zone",          "arrived", "device_id",         "event",
                   "category",    "level",         "user_id", "entity_id",         "tna_key",
                   "temperature", "card",          "image",   "changed_on_device", "event_code",
                   "sub_code",    "log_device_id", "epoch",   "event_id",          "seq",
                   "phase",       "erased"});
}

Record ExportRecord(const v1::StoredEvent& stored, const NamedZone& zone) {
  EventLog event;
  const bool readable = event.ParseFromString(stored.event());
  Record record;
  Json& json = record.json;
  json["time"] = readable
                     ? Json(FormatWithOffset(absl::FromUnixSeconds(event.timestamp()), zone.zone))
                     : Json();
  json["zone"] = zone.name;
  json["arrived"] = FormatWithOffset(absl::FromUnixMillis(stored.arrival_ms()), zone.zone);
  json["device_id"] = event.deviceid();
  json["event"] = model::DescribeEvent(event.eventcode(), event.subcode());
  json["category"] = TextOrNothing(model::EventCategory(event.eventcode(), event.subcode()));
  json["level"] = TextOrNothing(model::EventLevel(event.eventcode(), event.subcode()));
  json["user_id"] = event.userid();
  json["entity_id"] = NumberOrNothing(event.entityid());
  json["tna_key"] = NumberOrNothing(static_cast<std::uint32_t>(event.tnakey()));
  json["temperature"] = event.temperature() == 0
                            ? Json()
                            : Json(absl::StrFormat("%.2f", event.temperature() / kTemperatureUnit));
  json["card"] = Card(event.carddata());
  json["image"] = event.hasimage();
  json["changed_on_device"] = event.changedondevice();
  json["event_code"] = Code(event.eventcode(), kCodeDigits);
  json["sub_code"] = Code(event.subcode(), kSubCodeDigits);
  AddIdentity(stored, event, json);
  json["seq"] = stored.seq();
  json["phase"] = stored.phase() == v1::PHASE_LIVE ? "live" : "backlog";
  json["erased"] = stored.erased();
  return record;
}

Record ExportObject(const v1::StoredEvent& stored, const NamedZone& zone) {
  Record record = StoredEventRecord(stored, zone.zone);
  EventLog event;
  if (event.ParseFromString(stored.event())) {
    record.json["time"] = FormatWithOffset(absl::FromUnixSeconds(event.timestamp()), zone.zone);
  }
  record.json["zone"] = zone.name;
  return record;
}

std::vector<std::uint32_t> PunchCodes() {
  return {kVerified, kVerifiedUnderDuress, kIdentified, kIdentifiedUnderDuress};
}

Layout PunchLayout() {
  return LayoutOf({"person", "day", "time", "tna_key", "device_id", "zone", "time_utc", "how",
                   "log_device_id", "epoch", "event_id"});
}

std::optional<Record> PunchRecord(const v1::StoredEvent& stored, const NamedZone& zone) {
  EventLog event;
  if (!event.ParseFromString(stored.event()) || event.userid().empty()) return std::nullopt;
  const absl::Time time = absl::FromUnixSeconds(event.timestamp());
  Record record;
  Json& json = record.json;
  json["person"] = event.userid();
  json["day"] = absl::FormatTime("%Y-%m-%d", time, zone.zone);
  json["time"] = absl::FormatTime("%H:%M:%S", time, zone.zone);
  json["tna_key"] = NumberOrNothing(static_cast<std::uint32_t>(event.tnakey()));
  json["device_id"] = event.deviceid();
  json["zone"] = zone.name;
  json["time_utc"] = absl::FormatTime("%Y-%m-%d%ET%H:%M:%SZ", time, absl::UTCTimeZone());
  json["how"] = model::DescribeEvent(event.eventcode(), event.subcode());
  AddIdentity(stored, event, json);
  return record;
}

}  // namespace gatelog::cli
