#include "apps/gatelog/event_count.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "apps/gatelog/counted.h"
#include "apps/gatelog/failure.h"
#include "apps/gatelog/proto_json.h"
#include "apps/gatelog/time_zones.h"
#include "base/status_macros.h"
#include "model/event_code.h"

namespace gatelog::cli {
namespace {

struct Kind {
  v1::CountBy by;
  const char* word;
  const char* title;
  bool right;
};

constexpr Kind kKinds[] = {{v1::COUNT_BY_HOUR, "hour", "HOUR", false},
                           {v1::COUNT_BY_DAY, "day", "DAY", false},
                           {v1::COUNT_BY_CODE, "code", "EVENT", false},
                           {v1::COUNT_BY_SUB_CODE, "sub-code", "SUB CODE", false},
                           {v1::COUNT_BY_CATEGORY, "category", "CATEGORY", false},
                           {v1::COUNT_BY_DEVICE, "device", "DEVICE", true},
                           {v1::COUNT_BY_USER, "user", "USER", false},
                           {v1::COUNT_BY_DOOR, "door", "DOOR", true}};

const Kind& KindOf(v1::CountBy by) {
  return *std::find_if(std::begin(kKinds), std::end(kKinds),
                       [by](const Kind& kind) { return kind.by == by; });
}

bool IsTime(v1::CountBy by) { return by == v1::COUNT_BY_HOUR || by == v1::COUNT_BY_DAY; }

bool Holds(const std::vector<v1::CountBy>& by, v1::CountBy wanted) {
  return std::find(by.begin(), by.end(), wanted) != by.end();
}

// A main code in words: what its sub codes have in common stands under the lowest.
std::string CodeWords(std::uint32_t code) {
  const auto table = model::EventCodes();
  const auto found = std::find_if(table.begin(), table.end(),
                                  [code](const auto& entry) { return entry.code == code; });
  if (found == table.end()) return absl::StrFormat("event 0x%04x", code);
  return std::string(found->description);
}

std::string Words(const v1::CountRow& row, bool sub_codes) {
  return sub_codes ? model::DescribeEvent(row.event_code(), row.sub_code())
                   : CodeWords(row.event_code());
}

std::string Cell(const v1::CountRow& row, v1::CountBy by, bool sub_codes, absl::TimeZone zone) {
  const absl::Time from = absl::FromUnixSeconds(row.from_s());
  switch (by) {
    case v1::COUNT_BY_HOUR:
      return absl::FormatTime("%Y-%m-%d %H:%M %Ez", from, zone);
    case v1::COUNT_BY_DAY:
      return absl::FormatTime("%Y-%m-%d", from, zone);
    case v1::COUNT_BY_CODE:
      return Words(row, sub_codes);
    case v1::COUNT_BY_SUB_CODE:
      return absl::StrFormat("0x%04x/0x%02x", row.event_code(), row.sub_code());
    case v1::COUNT_BY_CATEGORY:
      return row.category().empty() ? "unknown" : row.category();
    case v1::COUNT_BY_DEVICE:
      return absl::StrCat(row.device_id());
    case v1::COUNT_BY_USER:
      return row.user_id().empty() ? "(nobody known, or erased)" : row.user_id();
    case v1::COUNT_BY_DOOR:
      return absl::StrCat(row.door_id());
    default:
      return "";
  }
}

void AddCsv(v1::CountBy by, std::vector<std::pair<std::string, std::string>>& csv) {
  const auto add = [&csv](const char* name) { csv.emplace_back(name, absl::StrCat("/", name)); };
  if (IsTime(by)) {
    for (const char* name : {"from", "to", "zone"}) add(name);
  } else if (by == v1::COUNT_BY_CODE) {
    for (const char* name : {"event_code", "description"}) add(name);
  } else if (by == v1::COUNT_BY_SUB_CODE) {
    add("sub_code");
  } else if (by == v1::COUNT_BY_CATEGORY) {
    add("category");
  } else if (by == v1::COUNT_BY_DEVICE) {
    add("device_id");
  } else if (by == v1::COUNT_BY_USER) {
    add("user_id");
  } else if (by == v1::COUNT_BY_DOOR) {
    add("door_id");
  }
}

}  // namespace

absl::StatusOr<std::vector<v1::CountBy>> ParseCountBy(const std::vector<std::string>& words) {
  std::vector<v1::CountBy> result;
  for (const std::string& word : words) {
    const auto found =
        std::find_if(std::begin(kKinds), std::end(kKinds),
                     [&word](const Kind& kind) { return absl::EqualsIgnoreCase(kind.word, word); });
    if (found == std::end(kKinds)) {
      return UsageError(absl::StrCat("Nothing is counted by '", word,
                                     "'. --by takes hour or day, code, sub-code, category, device, "
                                     "user and door."));
    }
    if (!Holds(result, found->by)) result.push_back(found->by);
  }
  if (Holds(result, v1::COUNT_BY_SUB_CODE) && !Holds(result, v1::COUNT_BY_CODE)) {
    result.insert(std::find(result.begin(), result.end(), v1::COUNT_BY_SUB_CODE),
                  v1::COUNT_BY_CODE);
  }
  return result;
}

Layout CountLayout(const std::vector<v1::CountBy>& by, const std::string& zone_name) {
  Layout layout;
  for (const v1::CountBy one : by) {
    const Kind& kind = KindOf(one);
    std::string title = kind.title;
    if (IsTime(one)) absl::StrAppend(&title, " (", zone_name, ")");
    layout.columns.push_back({std::move(title), kind.right, one == v1::COUNT_BY_CODE});
    AddCsv(one, layout.csv);
  }
  layout.columns.push_back({"EVENTS", true});
  layout.csv.emplace_back("events", "/events");
  return layout;
}

Record CountRecord(const v1::CountRow& row, const std::vector<v1::CountBy>& by, absl::TimeZone zone,
                   const std::string& zone_name) {
  Record record;
  const bool sub_codes = Holds(by, v1::COUNT_BY_SUB_CODE);
  Json json = Json::object();
  for (const v1::CountBy one : by) {
    record.cells.push_back(Cell(row, one, sub_codes, zone));
    if (IsTime(one)) {
      json["from"] = FormatWithOffset(absl::FromUnixSeconds(row.from_s()), zone);
      json["to"] = FormatWithOffset(absl::FromUnixSeconds(row.to_s()), zone);
      json["zone"] = zone_name;
      json["from_s"] = row.from_s();
      json["to_s"] = row.to_s();
    } else if (one == v1::COUNT_BY_CODE) {
      json["event_code"] = row.event_code();
      json["description"] = Words(row, sub_codes);
    } else if (one == v1::COUNT_BY_SUB_CODE) {
      json["sub_code"] = row.sub_code();
    } else if (one == v1::COUNT_BY_CATEGORY) {
      json["category"] = row.category();
    } else if (one == v1::COUNT_BY_DEVICE) {
      json["device_id"] = row.device_id();
    } else if (one == v1::COUNT_BY_USER) {
      json["user_id"] = row.user_id();
    } else if (one == v1::COUNT_BY_DOOR) {
      json["door_id"] = row.door_id();
    }
  }
  record.cells.push_back(FormatCount(row.events()));
  json["events"] = row.events();
  record.json = std::move(json);
  return record;
}

absl::Status CountEvents(Session& session, const v1::Filter& filter,
                         const std::vector<std::string>& by) {
  GATELOG_ASSIGN_OR_RETURN(const std::vector<v1::CountBy> kinds, ParseCountBy(by));
  v1::CountRequest request;
  *request.mutable_filter() = filter;
  for (const v1::CountBy kind : kinds) request.add_by(kind);
  std::string zone_name;
  if (std::any_of(kinds.begin(), kinds.end(), IsTime)) {
    GATELOG_ASSIGN_OR_RETURN(zone_name, session.zone_name());
    request.set_time_zone(zone_name);
  }
  GATELOG_ASSIGN_OR_RETURN(Connection * gateway, session.gateway());
  const Interrupt::Watch watch(session.interrupt());
  GATELOG_ASSIGN_OR_RETURN(const v1::CountResponse response,
                           gateway->Call(gateway->events(), &v1::Events::Stub::Count, request));
  RecordWriter writer = session.Writer(CountLayout(kinds, zone_name));
  std::uint64_t events = 0;
  for (const v1::CountRow& row : response.rows()) {
    events += row.events();
    GATELOG_RETURN_IF_ERROR(writer.Add(CountRecord(row, kinds, session.zone(), zone_name)));
  }
  GATELOG_RETURN_IF_ERROR(writer.Finish());
  if (writer.count() == 0) {
    session.Say("No stored event fits.");
  } else if (!kinds.empty() && session.format() == Format::kTable) {
    session.Say(absl::StrCat(Counted(events, "event"), " in all."));
  }
  return absl::OkStatus();
}

}  // namespace gatelog::cli
