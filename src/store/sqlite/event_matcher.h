#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/event_store.h"
#include "store/sqlite/event_row.h"
#include "store/sqlite/index_key.h"
#include "store/sqlite/sqlite_database.h"

namespace gatelog::store {

// A filter as rows of the table event are compared with it.
class EventMatcher {
 public:
  // Looks the users up.
  static absl::StatusOr<EventMatcher> Make(Database& database, const ports::EventFilter& filter);

  // False: nothing can match.
  bool possible() const { return possible_; }
  // What Matches looks at; nothing: every event matches.
  EventColumns columns() const { return columns_; }
  // Of a row with kEventColumns, or with columns() of them.
  bool Matches(const Statement& row) const;

  // What lists can narrow the search by: an event that matches is in one of the lists of each of
  // these. None: there are no such lists, or too many.
  using Choice = std::vector<KeyRange>;
  const std::vector<Choice>& choices() const { return choices_; }
  // IDs that can match; only of the lists that tell them.
  model::EventId first_id() const { return filter_.first_id; }
  model::EventId last_id() const;

 private:
  explicit EventMatcher(const ports::EventFilter& filter) : filter_(filter) {}

  absl::Status FindPeople(Database& database);
  void MakeChoices();
  EventColumns ColumnsOfFilter() const;
  void AddChoice(Choice choice);
  void AddHours();
  bool CodeMatches(std::int64_t code, std::int64_t sub_code) const;
  bool PersonMatches(const Statement& row) const;
  bool NumbersMatch(const Statement& row) const;
  bool BoundsMatch(const Statement& row) const;

  ports::EventFilter filter_;
  EventColumns columns_ = 0;
  bool possible_ = true;
  bool nobody_ = false;                 // events of nobody known match, not the erased ones
  std::set<std::int64_t> people_ = {};  // several of one user, it may be
  std::vector<Choice> choices_ = {};
};

}  // namespace gatelog::store
