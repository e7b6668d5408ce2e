#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/event_store.h"
#include "store/sqlite/sqlite_database.h"

namespace gatelog::store {

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

// Which way to the matching events. SQLite has no statistics to choose by, and chooses badly
// without.
enum class Path {
  kAll,     // every event of the range in order of seq
  kLog,     // one log's events, in the order of their keys
  kPeople,  // a few people's events
  kImages,  // one log's events that have an image, in the order of their keys
};

// What a filter says about rows of the table event, in SQL.
struct Filter {
  Conditions conditions;
  bool possible = true;  // false: nothing can match
  Path path = Path::kAll;
};
// On a connection that has AddCardFunction's function.
absl::StatusOr<Filter> FilterOf(Database& database, const ports::EventFilter& wanted);

// What conditions on cards need: no column has them.
absl::Status AddCardFunction(Database& database);

// Binds the values from the first parameter on and returns how many there are.
int BindValues(const std::vector<Value>& values, Statement& statement);

}  // namespace gatelog::store
