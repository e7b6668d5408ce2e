#include "store/sqlite/schema_check.h"

#include <cstddef>
#include <map>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "store/sqlite/schema.h"

namespace gatelog::store {
namespace {

bool IsWord(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_'; }

bool IsSpace(char c) { return absl::ascii_isspace(static_cast<unsigned char>(c)); }

// Where the word, the quoted text or the single character ends that begins there.
std::size_t EndOfToken(std::string_view sql, std::size_t begin) {
  const char first = sql[begin];
  std::size_t end = begin + 1;
  if (first == '\'' || first == '"' || first == '`') {
    end = sql.find(first, end);
    return end == std::string_view::npos ? sql.size() : end + 1;
  }
  while (IsWord(first) && end < sql.size() && IsWord(sql[end])) ++end;
  return end;
}

// The same for the same tokens: changes of a table by versions space it differently.
std::string Normalised(std::string_view sql) {
  std::string tokens;
  for (std::size_t at = 0; at < sql.size();) {
    if (IsSpace(sql[at])) {
      ++at;
      continue;
    }
    const std::size_t end = EndOfToken(sql, at);
    absl::StrAppend(&tokens, std::string(sql.substr(at, end - at)), " ");
    at = end;
  }
  return tokens;
}

struct Object {
  std::string type;
  std::string table;  // that it belongs to
  std::string sql;
};
// By name, those that follow from others (the indexes of keys) last.
using Objects = std::map<std::pair<bool, std::string>, Object>;

absl::StatusOr<Objects> ReadObjects(Database& database) {
  // What ANALYZE has counted changes how rows are looked for, not which are found.
  GATELOG_ASSIGN_OR_RETURN(Statement select,
                           database.Prepare("SELECT sql IS NULL, name, type, tbl_name, sql FROM "
                                            "sqlite_master WHERE NOT (type = 'table' AND name "
                                            "GLOB 'sqlite_stat[0-9]')"));
  Objects objects;
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return objects;
    objects.insert({{select.Integer(0) != 0, std::string(select.Bytes(1))},
                    {std::string(select.Bytes(2)), std::string(select.Bytes(3)),
                     Normalised(select.Bytes(4))}});
  }
}

absl::StatusOr<Objects> ExpectedObjects() {
  GATELOG_ASSIGN_OR_RETURN(const std::unique_ptr<Database> database,
                           Database::Open({.path = ":memory:"}));
  GATELOG_RETURN_IF_ERROR(MigrateSchema(*database));
  return ReadObjects(*database);
}

}  // namespace

absl::StatusOr<std::string> FindForeignSchema(Database& database) {
  // Once in a process: it is the same for every store.
  static const auto* const made = new absl::StatusOr<Objects>(ExpectedObjects());
  GATELOG_RETURN_IF_ERROR(made->status());
  const Objects& expected = **made;
  GATELOG_ASSIGN_OR_RETURN(const Objects objects, ReadObjects(database));
  for (const auto& [key, object] : objects) {
    const auto known = expected.find(key);
    const std::string name = absl::StrCat("the ", object.type, " ", key.second);
    if (known == expected.end()) return absl::StrCat(name, " is no part of a store");
    const bool same = object.type == known->second.type && object.table == known->second.table &&
                      object.sql == known->second.sql;
    if (!same) return absl::StrCat(name, " is not defined as gatelog defines it");
  }
  for (const auto& [key, object] : expected) {
    if (!objects.contains(key)) {
      return absl::StrCat("the ", object.type, " ", key.second, " is missing");
    }
  }
  return std::string();
}

}  // namespace gatelog::store
