#include "store/sqlite/event_matcher.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/status_macros.h"
#include "model/event.h"
#include "store/sqlite/person_table.h"

namespace gatelog::store {
namespace {

// So many lists of one field take as long as reading on; the rows are compared in any case.
constexpr std::size_t kListsMax = 256;

template <typename Number>
bool Contains(const std::vector<Number>& list, std::int64_t number) {
  return list.empty() || std::any_of(list.begin(), list.end(),
                                     [number](Number one) { return std::int64_t{one} == number; });
}

}  // namespace

absl::StatusOr<EventMatcher> EventMatcher::Make(Database& database,
                                                const ports::EventFilter& filter) {
  EventMatcher matcher(filter);
  GATELOG_RETURN_IF_ERROR(matcher.FindPeople(database));
  matcher.MakeChoices();
  matcher.columns_ = matcher.ColumnsOfFilter();
  return matcher;
}

absl::Status EventMatcher::FindPeople(Database& database) {
  if (filter_.users.empty()) return absl::OkStatus();
  for (const std::string& user : filter_.users) {
    nobody_ = nobody_ || user.empty();
    GATELOG_ASSIGN_OR_RETURN(const std::vector<Person> rows, store::FindPeople(database, user));
    for (const Person& row : rows) people_.insert(row.id);
  }
  possible_ = nobody_ || !people_.empty();
  return absl::OkStatus();
}

model::EventId EventMatcher::last_id() const {
  return filter_.last_id != 0 ? filter_.last_id : std::numeric_limits<model::EventId>::max();
}

void EventMatcher::AddChoice(Choice choice) {
  if (!choice.empty() && choice.size() <= kListsMax) choices_.push_back(std::move(choice));
}

void EventMatcher::AddHours() {
  if (filter_.from_s <= 0 && filter_.to_s <= 0) return;
  constexpr std::int64_t kSecondsMax = 0xFFFFFFFF;
  const std::int64_t from = std::clamp<std::int64_t>(filter_.from_s, 0, kSecondsMax + 1);
  const std::int64_t to =
      filter_.to_s == 0 ? kSecondsMax : std::clamp<std::int64_t>(filter_.to_s - 1, -1, kSecondsMax);
  if (from > to) {
    possible_ = false;
    return;
  }
  AddChoice({{ListKind::kHour, from / kHourSeconds, to / kHourSeconds}});
}

// Those first that are narrow more often than not.
void EventMatcher::MakeChoices() {
  if (!nobody_) {
    Choice people;
    for (const std::int64_t person : people_) people.push_back({ListKind::kPerson, person, person});
    AddChoice(std::move(people));
  }
  const ListKind log_kind = filter_.has_image ? ListKind::kImage : ListKind::kLog;
  Choice logs;
  for (const model::DeviceId log : filter_.log_devices) {
    logs.push_back(LogKeys(log_kind, log));
    if (filter_.epoch) {
      logs.back().first = logs.back().last = LogKey(log, *filter_.epoch);
    }
  }
  if (logs.empty() && filter_.has_image) logs.push_back(AllKeys(ListKind::kImage));
  AddChoice(std::move(logs));
  Choice devices;
  for (const model::DeviceId device : filter_.devices) {
    devices.push_back(LogKeys(ListKind::kLog, device));
    devices.push_back({ListKind::kDevice, device, device});
  }
  AddChoice(std::move(devices));
  AddHours();
  Choice codes;
  for (const ports::CodeChoice& choice : filter_.codes) {
    if (choice.sub_codes.empty()) {
      codes.push_back({ListKind::kCode, CodeKey(choice.code, 0), CodeKey(choice.code, 0xFF)});
    }
    for (const std::uint32_t sub_code : choice.sub_codes) {
      codes.push_back(
          {ListKind::kCode, CodeKey(choice.code, sub_code), CodeKey(choice.code, sub_code)});
    }
  }
  AddChoice(std::move(codes));
}

EventColumns EventMatcher::ColumnsOfFilter() const {
  const ports::EventFilter none;
  const auto if_set = [](bool set, EventColumn column) { return set ? Bit(column) : 0; };
  return if_set(!filter_.log_devices.empty(), kLogDeviceColumn) |
         if_set(!filter_.devices.empty(), kDeviceColumn) |
         if_set(!filter_.users.empty(), kPersonColumn) |
         if_set(!filter_.cards.empty(), kPayloadColumn) |
         if_set(!filter_.codes.empty(), kCodeColumn) |
         if_set(!filter_.codes.empty(), kSubCodeColumn) |
         if_set(!filter_.entities.empty(), kEntityColumn) |
         if_set(!filter_.tna_keys.empty(), kTnaKeyColumn) |
         if_set(filter_.epoch.has_value(), kEpochColumn) |
         if_set(filter_.phase.has_value(), kPhaseColumn) |
         if_set(filter_.first_id != 0 || filter_.last_id != 0, kIdColumn) |
         if_set(filter_.from_s != 0 || filter_.to_s != 0, kTimestampColumn) |
         if_set(filter_.arrival_from != none.arrival_from || filter_.arrival_to != none.arrival_to,
                kArrivalColumn) |
         if_set(filter_.temperature_from != 0 || filter_.temperature_to != 0, kTemperatureColumn) |
         if_set(nobody_ || filter_.has_image || filter_.changed_on_device, kFlagsColumn);
}

bool EventMatcher::CodeMatches(std::int64_t code, std::int64_t sub_code) const {
  if (filter_.codes.empty()) return true;
  return std::any_of(filter_.codes.begin(), filter_.codes.end(),
                     [&](const ports::CodeChoice& choice) {
                       return choice.code == code && Contains(choice.sub_codes, sub_code);
                     });
}

bool EventMatcher::PersonMatches(const Statement& row) const {
  if (filter_.users.empty()) return true;
  if (row.IsNull(kPersonColumn)) {
    return nobody_ && (row.Integer(kFlagsColumn) & kFlagErased) == 0;
  }
  return people_.contains(row.Integer(kPersonColumn));
}

bool EventMatcher::NumbersMatch(const Statement& row) const {
  const auto is_one_of = [&row](const auto& list, EventColumn column) {
    return list.empty() || Contains(list, row.Integer(column));
  };
  return is_one_of(filter_.log_devices, kLogDeviceColumn) &&
         is_one_of(filter_.devices, kDeviceColumn) && is_one_of(filter_.entities, kEntityColumn) &&
         is_one_of(filter_.tna_keys, kTnaKeyColumn) &&
         (!filter_.epoch || row.Integer(kEpochColumn) == *filter_.epoch) &&
         (!filter_.phase || row.Integer(kPhaseColumn) == static_cast<int>(*filter_.phase)) &&
         (!filter_.has_image || (row.Integer(kFlagsColumn) & kFlagHasImage) != 0) &&
         (!filter_.changed_on_device || (row.Integer(kFlagsColumn) & kFlagChangedOnDevice) != 0);
}

bool EventMatcher::BoundsMatch(const Statement& row) const {
  const auto at_least = [&row](std::int64_t bound, EventColumn column) {
    return bound == 0 || row.Integer(column) >= bound;
  };
  const auto at_most = [&row](std::int64_t bound, EventColumn column) {
    return bound == 0 || row.Integer(column) <= bound;
  };
  const auto milliseconds = [](Timestamp time) -> std::int64_t {
    return time.time_since_epoch().count();
  };
  if (!at_least(filter_.first_id, kIdColumn) || !at_most(filter_.last_id, kIdColumn)) return false;
  if (!at_least(filter_.from_s, kTimestampColumn)) return false;
  if (filter_.to_s != 0 && row.Integer(kTimestampColumn) >= filter_.to_s) return false;
  if (!at_least(milliseconds(filter_.arrival_from), kArrivalColumn)) return false;
  const std::int64_t arrival_to = milliseconds(filter_.arrival_to);
  if (arrival_to != 0 && row.Integer(kArrivalColumn) >= arrival_to) return false;
  const bool measured = filter_.temperature_from != 0 || filter_.temperature_to != 0;
  if (measured && row.Integer(kTemperatureColumn) == 0) return false;
  return at_least(filter_.temperature_from, kTemperatureColumn) &&
         at_most(filter_.temperature_to, kTemperatureColumn);
}

bool EventMatcher::Matches(const Statement& row) const {
  if (columns_ == 0) return true;
  if (!PersonMatches(row) || !NumbersMatch(row) || !BoundsMatch(row)) return false;
  if (!filter_.codes.empty() &&
      !CodeMatches(row.Integer(kCodeColumn), row.Integer(kSubCodeColumn))) {
    return false;
  }
  if (filter_.cards.empty()) return true;
  const std::string_view card = model::CardNumber(row.Bytes(kPayloadColumn));
  // An event without a card is nobody's.
  return !card.empty() &&
         std::find(filter_.cards.begin(), filter_.cards.end(), card) != filter_.cards.end();
}

}  // namespace gatelog::store
