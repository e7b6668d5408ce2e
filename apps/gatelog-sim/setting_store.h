#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

struct sqlite3;
struct sqlite3_stmt;

namespace gatelog::sim {

// What the terminals keep besides their logs: settings, one encoded message under each name, and
// users, one row each. In the file of LogDatabase, whose thread owns it; changes belong inside
// LogDatabase::InTransaction. Nothing is cached: after a rollback the store shows what is in the
// file.
//
// Errors: kDataLoss for anything that SQLite reports.
class SettingStore {
 public:
  // Which resets take a setting away. A factory reset takes all.
  enum class Area {
    kConfig = 1,    // ResetConfig
    kDatabase = 2,  // ResetConfig with withDB: schedules, doors, access groups
    kNetwork = 3,   // ResetConfig with withNetwork
  };

  // `connection` outlives the store and has the tables.
  static absl::StatusOr<std::unique_ptr<SettingStore>> Prepare(sqlite3* connection);
  ~SettingStore();
  SettingStore(const SettingStore&) = delete;
  SettingStore& operator=(const SettingStore&) = delete;

  absl::StatusOr<std::optional<std::string>> Find(std::uint32_t device, std::string_view name);
  // In the place of what is there.
  absl::Status Save(std::uint32_t device, Area area, std::string_view name, std::string_view value);
  absl::Status Wipe(std::uint32_t device, Area area);
  // Users too.
  absl::Status WipeAll(std::uint32_t device);

  absl::StatusOr<std::optional<std::string>> FindUser(std::uint32_t device, std::string_view id);
  // In the place of what is there.
  absl::Status SaveUser(std::uint32_t device, std::string_view id, std::string_view value);
  // Both return how many went.
  absl::StatusOr<std::uint64_t> DeleteUser(std::uint32_t device, std::string_view id);
  absl::StatusOr<std::uint64_t> WipeUsers(std::uint32_t device);
  absl::StatusOr<std::uint64_t> CountUsers(std::uint32_t device);
  // Shows users in the order of their IDs' bytes until the visitor returns false. The visitor must
  // not change users.
  using UserVisitor = absl::FunctionRef<bool(std::string_view id, std::string_view value)>;
  absl::Status VisitUsers(std::uint32_t device, UserVisitor visitor);

 private:
  enum StatementId : std::size_t {
    kFind,
    kSave,
    kWipe,
    kWipeAll,
    kFindUser,
    kSaveUser,
    kDeleteUser,
    kWipeUsers,
    kCountUsers,
    kVisitUsers,
    kStatementCount,
  };

  explicit SettingStore(sqlite3* connection) : connection_(connection) {}
  absl::Status Error(std::string_view doing) const;
  // Steps a statement that returns no rows, and resets it.
  absl::Status Run(StatementId id);
  // Steps one that returns a row at most, its value first, and resets it.
  absl::StatusOr<std::optional<std::string>> FindValue(StatementId id);

  sqlite3* connection_;
  sqlite3_stmt* statements_[kStatementCount] = {};
};

// The message under this name, or `fallback` where the terminal has none.
template <typename Message>
absl::StatusOr<Message> ReadSetting(SettingStore& store, std::uint32_t device,
                                    std::string_view name, Message fallback = Message()) {
  absl::StatusOr<std::optional<std::string>> value = store.Find(device, name);
  if (!value.ok()) return value.status();
  if (!value->has_value()) return fallback;
  Message message;
  if (!message.ParseFromString(**value)) {
    return absl::DataLossError(
        absl::StrCat("The terminal's setting ", std::string(name), " cannot be decoded."));
  }
  return message;
}

}  // namespace gatelog::sim
