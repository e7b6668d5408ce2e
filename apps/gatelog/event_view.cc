#include "apps/gatelog/event_view.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "apps/gatelog/proto_json.h"
#include "apps/gatelog/time_words.h"
#include "model/event_code.h"

namespace gatelog::cli {
namespace {

constexpr std::size_t kTimeWidth = 19;
constexpr std::size_t kDeviceWidth = 10;
constexpr std::size_t kIdWidth = 7;
constexpr std::size_t kEventWidth = 38;
constexpr std::size_t kSubjectWidth = 12;
constexpr double kTemperatureUnit = 100.0;  // hundredths of a degree

constexpr const char* kPortValues[] = {"open", "closed", "shorted", "cut"};

using Csv = std::vector<std::pair<std::string, std::string>>;

std::vector<Column> Columns(const std::string& time_title) {
  return {{time_title, false, false, kTimeWidth},
          {"DEVICE", true, false, kDeviceWidth},
          {"ID", true, false, kIdWidth},
          {"EVENT", false, true, kEventWidth},
          {"WHO, WHERE", false, false, kSubjectWidth},
          {"DETAILS"}};
}

Csv EventCsv(const std::string& under) {
  Csv csv;
  for (const char* field :
       {"ID", "timestamp", "deviceID", "userID", "entityID", "eventCode", "subCode", "description",
        "TNAKey", "hasImage", "changedOnDevice", "temperature", "cardData", "inputInfo",
        "alarmZoneInfo", "interlockZoneInfo"}) {
    csv.emplace_back(field, absl::StrCat(under, "/", field));
  }
  return csv;
}

const char* EntityWord(std::string_view category) {
  if (category == "Door") return "door";
  if (category == "Zone") return "zone";
  return category == "Lift" ? "lift" : "entity";
}

std::string PortText(const gsdk::event::DetectInputInfo& input) {
  const int value = static_cast<int>(input.value());
  const bool known = value >= 0 && value < static_cast<int>(std::size(kPortValues));
  return absl::StrFormat("port %d %s", input.port(),
                         known ? kPortValues[value] : std::to_string(value));
}

// Readers pad a card's number with zeros in front; JSON and CSV have all bytes.
std::string CardNumber(const std::string& data) {
  const std::size_t first = std::min(data.find_first_not_of('\0'), data.size() - 1);
  return absl::BytesToHexString(data.substr(first));
}

std::string EventDetails(const gsdk::event::EventLog& event) {
  std::vector<std::string> parts;
  if (event.tnakey() != 0) {
    parts.push_back(absl::StrCat("T&A key ", static_cast<int>(event.tnakey())));
  }
  if (event.temperature() != 0) {
    parts.push_back(absl::StrFormat("%.1f °C", event.temperature() / kTemperatureUnit));
  }
  if (!event.carddata().empty()) {
    parts.push_back(absl::StrCat("card ", CardNumber(event.carddata())));
  }
  if (event.has_inputinfo()) parts.push_back(PortText(event.inputinfo()));
  if (event.has_alarmzoneinfo() && event.alarmzoneinfo().doorid() != 0) {
    parts.push_back(absl::StrCat("door ", event.alarmzoneinfo().doorid()));
  }
  if (event.has_interlockzoneinfo() && event.interlockzoneinfo().doorids_size() > 0) {
    parts.push_back(
        absl::StrCat("doors ", absl::StrJoin(event.interlockzoneinfo().doorids(), " ")));
  }
  if (event.changedondevice()) parts.push_back("at the device");
  if (event.hasimage()) parts.push_back("image");
  return absl::StrJoin(parts, ", ");
}

Tone ToneOf(const gsdk::event::EventLog& event) {
  const std::string_view level = model::EventLevel(event.eventcode(), event.subcode());
  if (level == "alarm") return Tone::kAlarm;
  return level == "alert" ? Tone::kAlert : Tone::kPlain;
}

}  // namespace

std::string EventSubject(const gsdk::event::EventLog& event) {
  std::vector<std::string> parts;
  if (!event.userid().empty()) parts.push_back(absl::StrCat("user ", event.userid()));
  if (event.entityid() != 0) {
    const auto category = model::EventCategory(event.eventcode(), event.subcode());
    parts.push_back(absl::StrCat(EntityWord(category), " ", event.entityid()));
  } else if (event.has_alarmzoneinfo()) {
    parts.push_back(absl::StrCat("zone ", event.alarmzoneinfo().zoneid()));
  } else if (event.has_interlockzoneinfo()) {
    parts.push_back(absl::StrCat("zone ", event.interlockzoneinfo().zoneid()));
  }
  return absl::StrJoin(parts, ", ");
}

Layout EventLayout(const std::string& time_title) { return {Columns(time_title), EventCsv("")}; }

Layout StoredEventLayout(const std::string& time_title) {
  Csv csv = {{"seq", "/seq"},     {"log_device_id", "/log_device_id"},
             {"epoch", "/epoch"}, {"arrival_ms", "/arrival_ms"},
             {"phase", "/phase"}, {"erased", "/erased"}};
  const Csv event = EventCsv("/event");
  csv.insert(csv.end(), event.begin(), event.end());
  return {Columns(time_title), std::move(csv)};
}

Record EventRecord(const gsdk::event::EventLog& event, absl::TimeZone zone) {
  const std::string words = model::DescribeEvent(event.eventcode(), event.subcode());
  Record record;
  record.cells = {FormatSeconds(event.timestamp(), zone),
                  absl::StrCat(event.deviceid()),
                  absl::StrCat(event.id()),
                  words,
                  EventSubject(event),
                  EventDetails(event)};
  record.json = ToJson(event);
  record.json["description"] = words;
  record.tone = ToneOf(event);
  return record;
}

Record StoredEventRecord(const v1::StoredEvent& stored, absl::TimeZone zone) {
  Record record;
  Json json = ToJson(stored);
  gsdk::event::EventLog event;
  if (event.ParseFromString(stored.event())) {
    record = EventRecord(event, zone);
    json["event"] = std::move(record.json);
    if (event.deviceid() != stored.log_device_id()) {
      std::string& details = record.cells.back();
      absl::StrAppend(&details, details.empty() ? "" : ", ", "log of ", stored.log_device_id());
    }
    if (stored.erased()) {
      std::string& details = record.cells.back();
      absl::StrAppend(&details, details.empty() ? "" : ", ", "person erased");
    }
  } else {
    record.cells = {"", absl::StrCat(stored.log_device_id()),
                    "", absl::StrCat("unreadable event, number ", stored.seq(), " of the store"),
                    "", ""};
  }
  record.json = std::move(json);
  return record;
}

}  // namespace gatelog::cli
