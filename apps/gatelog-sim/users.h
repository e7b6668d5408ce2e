#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "apps/gatelog-sim/log_database.h"
#include "apps/gatelog-sim/roster.h"
#include "apps/gatelog-sim/site.h"
#include "gsdk/user.pb.h"

namespace gatelog::sim {

using gsdk::user::UserInfo;

// What a terminal has room for; it says so in its capabilities.
inline constexpr std::uint32_t kUsersMax = 100'000;
inline constexpr std::uint32_t kCardsPerUserMax = 8;
inline constexpr std::uint32_t kFingersPerUserMax = 10;
inline constexpr std::uint32_t kFacesPerUserMax = 5;
inline constexpr int kBlacklistMax = 1'000;  // cards

// How the site's people are known to a terminal from the beginning. Templates and card numbers are
// made up, by the user ID alone.
UserInfo MakeUserInfo(const Person& person);
// As somebody changes it at the terminal: another card, or another PIN where there is no card.
void ChangeCredential(std::uint64_t seed, UserInfo& user);

// The users of one terminal. In the file only what differs from the site's people has a row: a
// changed or added user, or an empty value for one of the site's people who is gone here. So a
// terminal where nobody was enrolled or deleted has no rows.
//
// Save, Remove and Clear belong inside LogDatabase::InTransaction; when that fails, call Reload,
// which goes back to what is in the file. The database's thread owns it. Errors are those of
// SettingStore.
class Users {
 public:
  // The references outlive the users.
  Users(LogDatabase& database, std::uint32_t device, const std::vector<Person>& people);

  absl::Status Reload();

  const Roster& roster() const { return roster_; }
  bool Has(std::string_view id) const { return roster_.Has(id); }
  // kNotFound in a sentence for the client.
  absl::StatusOr<UserInfo> Find(std::string_view id);
  // Everybody, until the visitor returns false. First those that are as they were in the beginning.
  // The visitor must not change users.
  using Visitor = absl::FunctionRef<bool(const UserInfo& user)>;
  absl::Status Visit(Visitor visitor);

  // In the place of what is there. Whether there is room is for the caller to see.
  absl::Status Save(const UserInfo& user);
  absl::Status Remove(std::string_view id);
  // Nobody is enrolled any more.
  absl::Status Clear();

 private:
  SettingStore& store() { return database_.settings(); }

  LogDatabase& database_;
  const std::uint32_t device_;
  const std::vector<Person>& people_;
  Roster roster_;
};

}  // namespace gatelog::sim
