#include "store/postgres/event_filter.h"

#include <algorithm>
#include <span>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "store/postgres/event_writer.h"

namespace gatelog::postgres {
namespace {

void AddNumber(const char* condition, std::int64_t number, const char* type, Filter& filter) {
  filter.params.Add(number);
  filter.conditions.push_back(absl::StrCat(condition, " ", filter.params.last(), "::", type));
}

// `column` is one of the list.
void AddOids(const char* column, const std::vector<std::uint32_t>& list, Filter& filter) {
  if (list.empty()) return;
  if (list.size() == 1) {
    return AddNumber(absl::StrCat(column, " =").c_str(), list[0], "oid", filter);
  }
  filter.params.AddOids(list);
  filter.conditions.push_back(absl::StrCat(column, " = ANY(", filter.params.last(), "::oid[])"));
}

// Told twice, so that both the index of log devices and that of their slaves can be used.
void AddDevices(const std::vector<std::uint32_t>& list, Filter& filter) {
  if (list.empty()) return;
  filter.params.AddOids(list);
  const std::string any = absl::StrCat("= ANY(", filter.params.last(), "::oid[])");
  filter.conditions.push_back(absl::StrCat("(log_device ", any, " AND device ", any,
                                           " OR device <> log_device AND device ", any, ")"));
}

void AddNumbers(const char* column, const std::vector<std::int64_t>& list, Filter& filter) {
  if (list.size() == 1) {
    return AddNumber(absl::StrCat(column, " =").c_str(), list[0], "bigint", filter);
  }
  filter.params.AddNumbers(list);
  filter.conditions.push_back(absl::StrCat(column, " = ANY(", filter.params.last(), "::bigint[])"));
}

absl::Status AddUsers(Connection& connection, const std::vector<std::string>& users,
                      const std::stop_token& stop, Filter& filter) {
  if (users.empty()) return absl::OkStatus();
  std::vector<std::string> named;
  bool nobody = false;  // the empty user ID was asked for
  for (const std::string& user : users) {
    if (user.empty()) {
      nobody = true;
    } else {
      named.push_back(user);
    }
  }
  std::vector<std::int64_t> people;
  if (!named.empty()) {
    const Connection::Statement numbers = {
        "SELECT id FROM gatelog.person WHERE user_id = ANY($1::bytea[])",
        Params().AddBytesList(named)};
    GATELOG_ASSIGN_OR_RETURN(const std::vector<Result> results,
                             connection.QueryTogether({&numbers, 1}, stop));
    const Result& rows = results.front();
    for (int row = 0; row < rows.rows(); ++row) people.push_back(rows.Integer(row, 0));
  }
  filter.people.assign(people.begin(), people.end());
  filter.possible = nobody || !people.empty();
  constexpr char kNobody[] = "person IS NULL AND flags & 4 = 0";  // whose person was not erased
  if (nobody && people.empty()) {
    filter.conditions.push_back(kNobody);
  } else if (nobody) {
    filter.params.AddNumbers(people);
    filter.conditions.push_back(
        absl::StrCat("(", kNobody, " OR person = ANY(", filter.params.last(), "::bigint[]))"));
  } else if (!people.empty()) {
    AddNumbers("person", people, filter);
  }
  if (nobody) filter.people.push_back(0);
  return absl::OkStatus();
}

void AddCodes(const std::vector<ports::CodeChoice>& codes, Filter& filter) {
  if (codes.empty()) return;
  constexpr std::uint32_t kCodeMax = 0xFFFF;
  constexpr std::uint32_t kSubCodeMax = 0xFF;
  std::vector<std::int64_t> whole;
  std::vector<std::int64_t> pairs;  // code << 8 | sub code
  for (const ports::CodeChoice& choice : codes) {
    if (choice.sub_codes.empty()) whole.push_back(choice.code);
    for (const std::uint32_t sub_code : choice.sub_codes) {
      if (choice.code <= kCodeMax && sub_code <= kSubCodeMax) {
        pairs.push_back(choice.code << 8 | sub_code);
      }
    }
  }
  if (pairs.empty() && !whole.empty()) return AddNumbers("code", whole, filter);
  filter.params.AddNumbers(whole);
  const std::string first = filter.params.last();
  filter.params.AddNumbers(pairs);
  filter.conditions.push_back(absl::StrCat("(code = ANY(", first,
                                           "::bigint[]) OR (code << 8 | sub_code) = ANY(",
                                           filter.params.last(), "::bigint[]))"));
}

void AddCards(const std::vector<std::string>& cards, Filter& filter) {
  if (cards.empty()) return;
  // The index has so much of each: a whole one may be longer than an index takes.
  constexpr std::size_t kIndexedBytes = 64;
  std::vector<std::string> beginnings;
  beginnings.reserve(cards.size());
  for (const std::string& card : cards) beginnings.push_back(card.substr(0, kIndexedBytes));
  filter.params.AddBytesList(beginnings);
  const std::string indexed = filter.params.last();
  filter.params.AddBytesList(cards);
  // An event without a card is nobody's.
  filter.conditions.push_back(absl::StrCat("card <> '' AND substring(card for ", kIndexedBytes,
                                           ") = ANY(", indexed, "::bytea[]) AND card = ANY(",
                                           filter.params.last(), "::bytea[])"));
}

void AddTimes(const ports::EventFilter& wanted, Filter& filter) {
  const auto milliseconds = [](Timestamp time) -> std::int64_t {
    return time.time_since_epoch().count();
  };
  if (wanted.from_s != 0) AddNumber("timestamp >=", wanted.from_s, "bigint", filter);
  if (wanted.to_s != 0) AddNumber("timestamp <", wanted.to_s, "bigint", filter);
  if (wanted.arrival_from != Timestamp{}) {
    AddNumber("arrival_ms >=", milliseconds(wanted.arrival_from), "bigint", filter);
  }
  if (wanted.arrival_to != Timestamp{}) {
    AddNumber("arrival_ms <", milliseconds(wanted.arrival_to), "bigint", filter);
  }
}

void AddRest(const ports::EventFilter& wanted, Filter& filter) {
  if (wanted.epoch) AddNumber("epoch =", *wanted.epoch, "bigint", filter);
  if (wanted.phase) AddNumber("phase =", static_cast<int>(*wanted.phase), "smallint", filter);
  AddOids("entity", wanted.entities, filter);
  if (!wanted.tna_keys.empty()) {
    AddNumbers("tna_key", {wanted.tna_keys.begin(), wanted.tna_keys.end()}, filter);
  }
  if (wanted.first_id != 0) AddNumber("id >=", wanted.first_id, "oid", filter);
  if (wanted.last_id != 0) AddNumber("id <=", wanted.last_id, "oid", filter);
  if (wanted.temperature_from != 0 || wanted.temperature_to != 0) {
    AddNumber("temperature >=", std::max<std::uint32_t>(wanted.temperature_from, 1), "oid", filter);
  }
  if (wanted.temperature_to != 0) {
    AddNumber("temperature <=", wanted.temperature_to, "oid", filter);
  }
  if (wanted.has_image) filter.conditions.push_back("flags & 1 <> 0");
  if (wanted.changed_on_device) filter.conditions.push_back("flags & 2 <> 0");
}

Path PathOf(const ports::EventFilter& wanted, const Filter& filter) {
  const bool one_log = wanted.log_devices.size() == 1;
  if (one_log && wanted.epoch && wanted.last_id != 0) return Path::kLog;
  const bool nobody = !filter.people.empty() && filter.people.back() == 0;
  if (!filter.people.empty() && !nobody) return Path::kPeople;
  if (!wanted.cards.empty()) return Path::kCards;
  if (one_log) return Path::kLog;
  if (!wanted.devices.empty()) return Path::kDevices;
  return wanted.codes.empty() ? Path::kAll : Path::kCodes;
}

// Of several codes, none of which leads in order of seq, the best plan depends on how many events
// they have; of cards and times, on whether there are many within them.
bool IsPlannedOnce(const ports::EventFilter& wanted, const Filter& filter) {
  switch (filter.path) {
    case Path::kLog:
    case Path::kPeople:
      return true;
    case Path::kCodes:
      return wanted.codes.size() == 1 && wanted.codes[0].sub_codes.empty();
    case Path::kAll:
      return filter.conditions.empty();
    default:
      return false;
  }
}

}  // namespace

absl::StatusOr<Filter> FilterOf(Connection& connection, const ports::EventFilter& wanted,
                                const std::stop_token& stop) {
  Filter filter;
  AddCodes(wanted.codes, filter);
  AddTimes(wanted, filter);
  const std::size_t easy = filter.conditions.size();
  AddOids("log_device", wanted.log_devices, filter);
  AddDevices(wanted.devices, filter);
  AddCards(wanted.cards, filter);
  AddRest(wanted, filter);
  GATELOG_RETURN_IF_ERROR(AddUsers(connection, wanted.users, stop, filter));
  filter.path = PathOf(wanted, filter);
  filter.exact = filter.conditions.size() == easy;
  filter.planned_once = IsPlannedOnce(wanted, filter);
  // Opens the index of times.
  if (!filter.planned_once && (wanted.from_s != 0 || wanted.to_s != 0)) {
    filter.conditions.emplace_back("timestamp >= 0");
  }
  return filter;
}

}  // namespace gatelog::postgres
