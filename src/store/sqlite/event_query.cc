#include "store/sqlite/event_query.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "model/event.h"
#include "store/sqlite/event_writer.h"
#include "store/sqlite/json_list.h"
#include "store/sqlite/person_table.h"

namespace gatelog::store {
namespace {

using Value = std::variant<std::int64_t, std::string>;

// The conditions of a query and the values bound to them, in order.
struct Conditions {
  std::vector<std::string> sql;
  std::vector<Value> values;

  void Add(std::string condition) { sql.push_back(std::move(condition)); }
  void Add(std::string condition, Value value) {
    sql.push_back(std::move(condition));
    values.push_back(std::move(value));
  }
};

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

// Which way to the matching events. SQLite has no statistics to choose by, and chooses badly
// without.
enum class Path {
  kAll,     // every event of the range in order of seq
  kLog,     // one log's events, in the order of their keys
  kPeople,  // a few people's events
  kImages,  // one log's events that have an image, in the order of their keys
};

// Written as in the index, or SQLite does not see that the index has all of them.
constexpr char kHasImageCondition[] = "flags & 1";

// Beyond it, the events of so many users are as soon found among all.
constexpr std::size_t kUsersIndexedMax = 16;
// A user has a row of the table `person` for each period. So many rows' events are merged in one
// statement, of which SQLite allows 500 parts; those of more are sorted.
constexpr std::size_t kPeopleMergedMax = 400;

struct Filter {
  Conditions conditions;
  bool possible = true;  // false: nothing can match
  Path path = Path::kAll;
  std::vector<std::int64_t> people = {};  // whose events are to be merged, by Path::kPeople
};

// `narrower`: there is a shorter way than by people.
absl::Status AddUsers(Database& database, const std::vector<std::string>& users, bool narrower,
                      Filter& filter) {
  if (users.empty()) return absl::OkStatus();
  std::vector<std::int64_t> people;
  bool nobody = false;  // the empty user ID was asked for
  for (const std::string& user : users) {
    nobody = nobody || user.empty();
    GATELOG_ASSIGN_OR_RETURN(const std::vector<Person> rows, FindPeople(database, user));
    for (const Person& row : rows) people.push_back(row.id);
  }
  std::sort(people.begin(), people.end());
  people.erase(std::unique(people.begin(), people.end()), people.end());
  filter.possible = nobody || !people.empty();
  if (nobody && people.empty()) {
    filter.conditions.Add("person IS NULL");
    return absl::OkStatus();
  }
  if (nobody) {
    filter.conditions.Add("(person IS NULL OR person IN (SELECT value FROM json_each(?)))",
                          JsonList(people));
    return absl::OkStatus();
  }
  const bool few =
      users.size() == 1 || (users.size() <= kUsersIndexedMax && filter.path == Path::kAll);
  if (few && !narrower) filter.path = Path::kPeople;
  if (filter.path == Path::kPeople && people.size() <= kPeopleMergedMax) {
    filter.people = std::move(people);
  } else {
    AddList("person", people, filter.conditions);
  }
  return absl::OkStatus();
}

absl::StatusOr<Filter> FilterOf(Database& database, const ports::EventFilter& wanted) {
  Filter filter;
  Conditions& conditions = filter.conditions;
  AddList("log_device", wanted.log_devices, conditions);
  if (wanted.log_devices.size() == 1) filter.path = Path::kLog;
  if (wanted.epoch) conditions.Add("epoch = ?", std::int64_t{*wanted.epoch});
  if (wanted.first_id != 0) conditions.Add("id >= ?", std::int64_t{wanted.first_id});
  if (wanted.last_id != 0) conditions.Add("id <= ?", std::int64_t{wanted.last_id});
  AddList("device", wanted.devices, conditions);
  AddList("code", wanted.codes, conditions);
  if (wanted.from_s != 0) conditions.Add("timestamp >= ?", wanted.from_s);
  if (wanted.to_s != 0) conditions.Add("timestamp < ?", wanted.to_s);
  // IDs of one log are a narrower way than a person.
  const bool by_id = filter.path == Path::kLog && wanted.epoch && wanted.last_id != 0;
  GATELOG_RETURN_IF_ERROR(AddUsers(database, wanted.users, by_id, filter));
  if (wanted.has_image) {
    conditions.Add(kHasImageCondition);
    if (filter.path == Path::kLog) filter.path = Path::kImages;
  }
  return filter;
}

const char* IndexOf(Path path) {
  switch (path) {
    case Path::kAll:
      return "NOT INDEXED";
    case Path::kLog:
      return "INDEXED BY event_key";
    case Path::kPeople:
      return "INDEXED BY event_person";
    case Path::kImages:
      return "INDEXED BY event_image";
  }
  return "";
}

// Within one log, (epoch, ID) goes up as seq does: the index gives the right order, and a seq that
// is an event of this log, as at a page's edge, is a place in the index from which to go on.
absl::Status AddIndexEdge(Database& database, model::DeviceId log_device, std::uint64_t seq,
                          const char* comparison, Conditions& conditions) {
  if (seq == 0) return absl::OkStatus();
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database.Prepare("SELECT epoch, id FROM event WHERE seq = ?1 AND log_device = ?2"));
  select.Bind(1, static_cast<std::int64_t>(seq));
  select.Bind(2, log_device);
  GATELOG_ASSIGN_OR_RETURN(const bool found, select.Step());
  if (!found) return absl::OkStatus();
  conditions.Add(absl::StrCat("(epoch, id) ", comparison, " (?, ?)"), select.Integer(0));
  conditions.values.emplace_back(select.Integer(1));
  return absl::OkStatus();
}

struct Range {
  std::uint64_t above;  // exclusive
  std::uint64_t below;  // exclusive
};

void BindValue(const Value& value, int parameter, Statement& select) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    select.Bind(parameter, *number);
  } else {
    select.BindCopy(parameter, std::get<std::string>(value));
  }
}

absl::StatusOr<Statement> Compile(Database& database, const ports::EventQuery& query, Range range,
                                  Filter filter) {
  Conditions& conditions = filter.conditions;
  conditions.Add("seq > ?", static_cast<std::int64_t>(range.above));
  conditions.Add("seq < ?", static_cast<std::int64_t>(range.below));
  const bool by_key = filter.path == Path::kLog || filter.path == Path::kImages;
  if (by_key) {
    const model::DeviceId log_device = query.filter.log_devices[0];
    GATELOG_RETURN_IF_ERROR(AddIndexEdge(database, log_device, query.after_seq, ">", conditions));
    GATELOG_RETURN_IF_ERROR(AddIndexEdge(database, log_device, query.before_seq, "<", conditions));
  }
  const char* direction = query.order == ports::Order::kNewestFirst ? " DESC" : "";
  const std::string order =
      by_key ? absl::StrCat("epoch", direction, ", id", direction) : absl::StrCat("seq", direction);
  // The events of each of several people come in order, and are merged while they are read.
  const char* of_person = filter.people.empty() ? "" : "person = ? AND ";
  const std::string term = absl::StrCat(
      "SELECT seq, log_device, epoch, arrival_ms, phase, payload, flags FROM event ",
      IndexOf(filter.path), " WHERE ", of_person, absl::StrJoin(conditions.sql, " AND "));
  std::vector<std::string> terms(std::max<std::size_t>(filter.people.size(), 1), term);
  GATELOG_ASSIGN_OR_RETURN(Statement select,
                           database.Prepare(absl::StrCat(absl::StrJoin(terms, " UNION ALL "),
                                                         " ORDER BY ", order, " LIMIT ?")));
  int parameter = 0;
  for (std::size_t i = 0; i < terms.size(); ++i) {
    if (!filter.people.empty()) select.Bind(++parameter, filter.people[i]);
    for (const Value& value : conditions.values) BindValue(value, ++parameter, select);
  }
  select.Bind(parameter + 1, query.limit);
  return select;
}

absl::StatusOr<ports::StoredEvent> EventOfRow(Database& database, const Statement& row) {
  ports::StoredEvent stored;
  stored.seq = static_cast<std::uint64_t>(row.Integer(0));
  stored.log_device = static_cast<model::DeviceId>(row.Integer(1));
  stored.epoch = static_cast<model::Epoch>(row.Integer(2));
  stored.arrival = Timestamp(std::chrono::milliseconds(row.Integer(3)));
  stored.phase = static_cast<ports::Phase>(row.Integer(4));
  stored.erased = (row.Integer(6) & kFlagErased) != 0;
  absl::StatusOr<model::Event> event = model::ParseEvent(row.Bytes(5));
  if (!event.ok()) {
    return absl::DataLossError(absl::StrCat(database.path(), " is damaged (event ", stored.seq,
                                            ": ", event.status().message(),
                                            "); keep a copy of it and restore a backup."));
  }
  stored.event = *std::move(event);
  return stored;
}

}  // namespace

absl::StatusOr<ports::EventPage> ReadEvents(Database& database, const ports::EventQuery& query,
                                            SeqRange visible) {
  if (query.limit == 0 || query.limit > ports::kQueryLimitMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("A page has 1 to ", ports::kQueryLimitMax, " events, not ", query.limit, "."));
  }
  const bool newest_first = query.order == ports::Order::kNewestFirst;
  const std::uint64_t after = std::max(query.after_seq, visible.first - 1);
  std::uint64_t newest = visible.last;
  if (query.before_seq != 0) newest = std::min(newest, query.before_seq - 1);

  ports::EventPage page;
  page.seq_reached = newest_first ? after + 1 : std::max(newest, after);
  if (newest <= after) return page;

  GATELOG_ASSIGN_OR_RETURN(Filter filter, FilterOf(database, query.filter));
  if (!filter.possible) return page;
  GATELOG_ASSIGN_OR_RETURN(Statement select,
                           Compile(database, query, {after, newest + 1}, std::move(filter)));
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) break;
    GATELOG_ASSIGN_OR_RETURN(ports::StoredEvent event, EventOfRow(database, select));
    page.events.push_back(std::move(event));
  }
  if (page.events.size() == query.limit) {
    page.more = true;
    page.seq_reached = page.events.back().seq;
  }
  return page;
}

}  // namespace gatelog::store
