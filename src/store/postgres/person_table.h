#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "store/postgres/connection.h"

namespace gatelog::postgres {

// The table `person`: the numbers that stand for user IDs in the other tables, given by the one
// writer. One thread at a time; does not outlive the connection.
//
// As long as there are not more than kCachedMax it knows them all, so that a user who is not among
// them is a new one; then it knows those who were met last, and asks for others.
class PersonTable {
 public:
  static constexpr std::size_t kCachedMax = 200'000;

  explicit PersonTable(Connection& connection, std::size_t cached_max = kCachedMax)
      : connection_(connection), cached_max_(cached_max) {}

  // Before anything else.
  absl::Status Load();

  // 0: it does not know the user.
  std::int32_t NumberOf(const std::string& user_id) const {
    const auto found = numbers_.find(user_id);
    return found == numbers_.end() ? 0 : found->second;
  }
  // Finds or adds those in the transaction that is open. It must not know any of them yet; one may
  // be there twice.
  absl::Status Learn(std::vector<std::string> user_ids);

  // Of people whose rows are gone, which is committed.
  void Forget(const std::vector<std::string>& user_ids) {
    for (const std::string& user_id : user_ids) numbers_.erase(user_id);
  }

  // To be called at the end of every transaction.
  void OnCommitted();
  void OnRolledBack();

 private:
  absl::Status Find(std::vector<std::string>& user_ids);

  Connection& connection_;
  const std::size_t cached_max_;
  std::unordered_map<std::string, std::int32_t> numbers_;
  bool has_all_ = false;
  std::int32_t last_ = 0;              // the highest number that was given
  std::vector<std::string> new_ = {};  // by the open transaction
};

}  // namespace gatelog::postgres
