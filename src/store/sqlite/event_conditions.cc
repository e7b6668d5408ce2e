#include "store/sqlite/event_conditions.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/event.h"
#include "store/sqlite/json_list.h"
#include "store/sqlite/person_table.h"

namespace gatelog::store {
namespace {

// `column` is one of the list. The statement's text does not depend on the list's length, so that
// it is compiled once.
template <typename Number>
void AddList(absl::string_view column, const std::vector<Number>& list, Conditions& conditions) {
  if (list.empty()) return;
  if (list.size() == 1) {
    conditions.Add(absl::StrCat(column, " = ?"), std::int64_t{list[0]});
  } else {
    conditions.Add(absl::StrCat(column, " IN (SELECT value FROM json_each(?))"), JsonList(list));
  }
}

// Written as in the index, or SQLite does not see that the index has all of them.
constexpr char kHasImageCondition[] = "flags & 1";

constexpr std::size_t kPeopleIndexedMax = 16;  // beyond it, their events are too many to be sorted

absl::Status AddUsers(Database& database, const std::vector<std::string>& users, Filter& filter) {
  if (users.empty()) return absl::OkStatus();
  std::vector<std::int64_t> people;
  bool nobody = false;  // the empty user ID was asked for
  for (const std::string& user : users) {
    nobody = nobody || user.empty();
    GATELOG_ASSIGN_OR_RETURN(const std::vector<Person> rows, FindPeople(database, user));
    for (const Person& row : rows) people.push_back(row.id);
  }
  if (nobody && people.empty()) {
    filter.conditions.Add("person IS NULL");
  } else if (nobody) {
    filter.conditions.Add("(person IS NULL OR person IN (SELECT value FROM json_each(?)))",
                          JsonList(people));
  } else {
    AddList("person", people, filter.conditions);
    const bool in_order = people.size() == 1 || filter.path == Path::kAll;
    if (in_order && people.size() <= kPeopleIndexedMax) filter.path = Path::kPeople;
  }
  filter.possible = nobody || !people.empty();
  return absl::OkStatus();
}

void AddCodes(const std::vector<ports::CodeChoice>& codes, Conditions& conditions) {
  std::vector<std::uint32_t> whole;
  std::vector<std::uint32_t> pairs;  // code << 8 | sub code
  for (const ports::CodeChoice& choice : codes) {
    if (choice.sub_codes.empty()) whole.push_back(choice.code);
    for (const std::uint32_t sub_code : choice.sub_codes) {
      if (sub_code <= 0xFF) pairs.push_back(choice.code << 8 | sub_code);
    }
  }
  if (codes.empty()) return;
  if (pairs.empty() && !whole.empty()) return AddList("code", whole, conditions);
  conditions.Add(
      "(code IN (SELECT value FROM json_each(?)) OR code << 8 | sub_code IN (SELECT value FROM "
      "json_each(?)))",
      JsonList(whole));
  conditions.values.emplace_back(JsonList(pairs));
}

constexpr char kCardFunction[] = "card_hex";

std::string CardText(std::string_view payload) {
  const std::string_view card = model::CardNumber(payload);
  return absl::BytesToHexString({card.data(), card.size()});
}

void AddCards(const std::vector<std::string>& cards, Conditions& conditions) {
  if (cards.empty()) return;
  std::vector<std::string> texts;
  for (const std::string& card : cards) {
    // An event without a card is nobody's.
    if (!card.empty()) texts.push_back(absl::StrCat("\"", absl::BytesToHexString(card), "\""));
  }
  conditions.Add(absl::StrCat(kCardFunction, "(payload) IN (SELECT value FROM json_each(?))"),
                 JsonList(texts));
}

void AddBounds(const ports::EventFilter& wanted, Conditions& conditions) {
  if (wanted.first_id != 0) conditions.Add("id >= ?", std::int64_t{wanted.first_id});
  if (wanted.last_id != 0) conditions.Add("id <= ?", std::int64_t{wanted.last_id});
  if (wanted.from_s != 0) conditions.Add("timestamp >= ?", wanted.from_s);
  if (wanted.to_s != 0) conditions.Add("timestamp < ?", wanted.to_s);
  const auto milliseconds = [](Timestamp time) -> std::int64_t {
    return time.time_since_epoch().count();
  };
  if (wanted.arrival_from != Timestamp{}) {
    conditions.Add("arrival_ms >= ?", milliseconds(wanted.arrival_from));
  }
  if (wanted.arrival_to != Timestamp{}) {
    conditions.Add("arrival_ms < ?", milliseconds(wanted.arrival_to));
  }
  if (wanted.temperature_from != 0 || wanted.temperature_to != 0) {
    conditions.Add("temperature >= ?",
                   std::int64_t{std::max<std::uint32_t>(wanted.temperature_from, 1)});
  }
  if (wanted.temperature_to != 0) {
    conditions.Add("temperature <= ?", std::int64_t{wanted.temperature_to});
  }
}

}  // namespace

absl::StatusOr<Filter> FilterOf(Database& database, const ports::EventFilter& wanted) {
  Filter filter;
  Conditions& conditions = filter.conditions;
  AddList("log_device", wanted.log_devices, conditions);
  if (wanted.log_devices.size() == 1) filter.path = Path::kLog;
  if (wanted.epoch) conditions.Add("epoch = ?", std::int64_t{*wanted.epoch});
  if (wanted.phase) conditions.Add("phase = ?", std::int64_t{static_cast<int>(*wanted.phase)});
  AddList("device", wanted.devices, conditions);
  AddCodes(wanted.codes, conditions);
  AddList("entity", wanted.entities, conditions);
  AddList("tna_key", wanted.tna_keys, conditions);
  AddCards(wanted.cards, conditions);
  AddBounds(wanted, conditions);
  if (wanted.changed_on_device) conditions.Add("flags & 2");
  // IDs of one log are a narrower way than a person.
  const bool by_id = filter.path == Path::kLog && wanted.epoch && wanted.last_id != 0;
  GATELOG_RETURN_IF_ERROR(AddUsers(database, wanted.users, filter));
  if (by_id) filter.path = Path::kLog;
  if (wanted.has_image) {
    conditions.Add(kHasImageCondition);
    if (filter.path == Path::kLog) filter.path = Path::kImages;
  }
  return filter;
}

int BindValues(const std::vector<Value>& values, Statement& statement) {
  int parameter = 0;
  for (const Value& value : values) {
    ++parameter;
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
      statement.Bind(parameter, *number);
    } else {
      statement.BindCopy(parameter, std::get<std::string>(value));
    }
  }
  return parameter;
}

absl::Status AddCardFunction(Database& database) {
  return database.AddFunction(kCardFunction, CardText);
}

}  // namespace gatelog::store
