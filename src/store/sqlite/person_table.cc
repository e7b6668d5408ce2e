#include "store/sqlite/person_table.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace gatelog::store {
namespace {

constexpr std::size_t kPeopleCachedMax = 200'000;
constexpr std::int64_t kFewPeople = 50'000;

constexpr char kPeriods[] = R"sql(
DROP VIEW IF EXISTS events;
CREATE TABLE person_of_period (
  id INTEGER PRIMARY KEY,
  user_id TEXT,
  period INTEGER NOT NULL,
  salt BLOB NOT NULL,
  UNIQUE (user_id, period)
) STRICT;
INSERT INTO person_of_period SELECT id, user_id, 0, salt FROM person ORDER BY id;
DROP TABLE person;
ALTER TABLE person_of_period RENAME TO person;

CREATE VIEW events AS
  SELECT e.seq, e.log_device, e.epoch, e.id,
         datetime(e.timestamp, 'unixepoch') AS time_utc, e.timestamp,
         e.device, e.code, e.sub_code, p.user_id,
         e.entity, e.tna_key, e.flags & 1 AS has_image, (e.flags >> 1) & 1 AS changed_on_device,
         e.temperature / 100.0 AS temperature,
         datetime(e.arrival_ms / 1000, 'unixepoch') AS arrival_utc, e.arrival_ms,
         CASE e.phase WHEN 1 THEN 'live' ELSE 'backlog' END AS phase, e.payload,
         (e.flags >> 2) & 1 AS erased
  FROM event AS e LEFT JOIN person AS p ON p.id = e.person;
)sql";

void BindUser(const std::string& user_id, int parameter, Statement& statement) {
  user_id.empty() ? statement.BindNull(parameter) : statement.BindText(parameter, user_id);
}

}  // namespace

std::int64_t PeriodOf(Timestamp arrival) {
  constexpr std::int64_t kPeriod_ms = std::chrono::milliseconds(kSaltPeriod).count();
  const std::int64_t arrival_ms = arrival.time_since_epoch().count();
  return 1 + std::max<std::int64_t>(arrival_ms, 0) / kPeriod_ms;
}

absl::Status AddPeriods(Database& database, const Clock&) { return database.Execute(kPeriods); }

absl::StatusOr<std::vector<Person>> FindPeople(Database& database, const std::string& user_id) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database.Prepare("SELECT id, salt FROM person WHERE user_id IS ?1 ORDER BY period"));
  BindUser(user_id, 1, select);
  std::vector<Person> people;
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return people;
    people.push_back({select.Integer(0), std::string(select.Bytes(1))});
  }
}

absl::Status DeletePeople(Database& database, const std::unordered_set<std::int64_t>& people,
                          std::vector<std::string>& gone) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement remove,
      database.Prepare(
          "DELETE FROM person WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM image INDEXED BY "
          "image_person WHERE person = ?1) RETURNING user_id"));
  for (const std::int64_t person : people) {
    remove.Bind(1, person);
    GATELOG_ASSIGN_OR_RETURN(const bool deleted, remove.Step());
    if (deleted) gone.emplace_back(remove.Bytes(0));
    remove.Reset();
  }
  return absl::OkStatus();
}

absl::Status IndexPeopleAnew(Database& database) { return database.Execute("REINDEX person"); }

absl::StatusOr<bool> HasFewPeople(Database& database) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement count,
      database.Prepare("SELECT count(*) FROM (SELECT 1 FROM person LIMIT ?1 + 1)"));
  count.Bind(1, kFewPeople);
  GATELOG_RETURN_IF_ERROR(count.Step().status());
  return count.Integer(0) <= kFewPeople;
}

absl::StatusOr<const PeopleOfEvents::Row*> PeopleOfEvents::Of(const std::string& user_id,
                                                              std::int64_t period) {
  if (period != period_) rows_.clear();
  period_ = period;
  const auto cached = rows_.find(user_id);
  if (cached != rows_.end()) return &cached->second;
  GATELOG_ASSIGN_OR_RETURN(const Row row, FindOrMake(user_id, period));
  if (rows_.size() >= kPeopleCachedMax) rows_.clear();
  return &rows_.emplace(user_id, row).first->second;
}

absl::StatusOr<PeopleOfEvents::Row> PeopleOfEvents::FindOrMake(const std::string& user_id,
                                                               std::int64_t period) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database_.Prepare("SELECT id, salt FROM person WHERE user_id IS ?1 AND period = ?2"));
  BindUser(user_id, 1, select);
  select.Bind(2, period);
  GATELOG_ASSIGN_OR_RETURN(const bool known, select.Step());
  Row row;
  if (known) {
    row.id = select.Integer(0);
    if (select.Bytes(1).size() != row.salt.size()) {
      return absl::DataLossError(absl::StrCat(database_.path(), " is damaged (the salt of person ",
                                              row.id,
                                              "); keep a copy of it and restore a backup."));
    }
    std::copy_n(select.Bytes(1).data(), row.salt.size(), row.salt.begin());
    return row;
  }
  GATELOG_ASSIGN_OR_RETURN(
      Statement insert,
      database_.Prepare(
          "INSERT INTO person (user_id, period, salt) VALUES (?1, ?2, ?3) RETURNING id"));
  const std::string salt = evidence::NewSalt();
  std::copy_n(salt.data(), row.salt.size(), row.salt.begin());
  BindUser(user_id, 1, insert);
  insert.Bind(2, period);
  insert.BindBlob(3, salt);
  GATELOG_RETURN_IF_ERROR(insert.Step().status());
  row.id = insert.Integer(0);
  made_.push_back(user_id);
  return row;
}

void PeopleOfEvents::OnRolledBack() {
  for (const std::string& user_id : made_) rows_.erase(user_id);
  made_.clear();
}

}  // namespace gatelog::store
