#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "evidence/chain.h"
#include "store/sqlite/sqlite_database.h"

namespace gatelog::store {

// The table `person`. A row holds the salt of what the events of one period tell of one user, or,
// where it names nobody (user_id is NULL), of people whom the events do not name: temperatures,
// cards. It goes with the last event and image that refer to it, so that nothing is left that a
// guess about what was erased could be tried with.

// As long as a salt is used for new events.
inline constexpr std::chrono::days kSaltPeriod{30};

// The period of events that arrive then, from 1 on. Rows of period 0 are from before there were
// periods.
std::int64_t PeriodOf(Timestamp arrival);

// Leads to schema version 4.
absl::Status AddPeriods(Database& database, const Clock& clock);

struct Person {
  std::int64_t id = 0;
  std::string salt;
};
// All rows of a user, the oldest first; the empty ID is nobody's.
absl::StatusOr<std::vector<Person>> FindPeople(Database& database, const std::string& user_id);

// Deletes rows to which no event refers, unless an image does. Adds the user IDs of the deleted
// ones to `gone`.
absl::Status DeletePeople(Database& database, const std::unordered_set<std::int64_t>& people,
                          std::vector<std::string>& gone);

// Builds the index of user IDs anew, in the open transaction: keys that have moved between its
// pages have left copies behind.
absl::Status IndexPeopleAnew(Database& database);
// Whether that is done so fast that commits can wait for it.
absl::StatusOr<bool> HasFewPeople(Database& database);

// The rows that new events refer to, most of them from memory. One thread at a time.
class PeopleOfEvents {
 public:
  struct Row {
    std::int64_t id = 0;
    std::array<char, evidence::kSaltBytes> salt = {};  // beside the ID: one look into memory
  };

  explicit PeopleOfEvents(Database& database) : database_(database) {}

  // The row of a user, or of nobody where the ID is empty; made, with a new salt, if there is none.
  // Valid until the next call.
  absl::StatusOr<const Row*> Of(const std::string& user_id, std::int64_t period);

  // To be called at the end of every transaction.
  void OnCommitted() { made_.clear(); }
  void OnRolledBack();
  // A row of the user may be deleted, in the open transaction.
  void OnGone(const std::string& user_id) { rows_.erase(user_id); }

 private:
  absl::StatusOr<Row> FindOrMake(const std::string& user_id, std::int64_t period);

  Database& database_;
  std::int64_t period_ = 0;                    // whose rows are in memory
  std::unordered_map<std::string, Row> rows_;  // by user ID, kPeopleCachedMax at most
  std::vector<std::string> made_;              // those made in the open transaction
};

}  // namespace gatelog::store
