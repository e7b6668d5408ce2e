#include "store/postgres/person_table.h"

#include <algorithm>

#include "base/status_macros.h"

namespace gatelog::postgres {

absl::Status PersonTable::Load() {
  numbers_.clear();
  new_.clear();
  GATELOG_ASSIGN_OR_RETURN(const std::int64_t last,
                           connection_.QueryInteger("SELECT max(id) FROM gatelog.person"));
  last_ = static_cast<std::int32_t>(last);
  has_all_ = static_cast<std::size_t>(last_) <= cached_max_;
  if (!has_all_) return absl::OkStatus();
  GATELOG_ASSIGN_OR_RETURN(const Result rows,
                           connection_.Query("SELECT id, user_id FROM gatelog.person"));
  for (int row = 0; row < rows.rows(); ++row) {
    numbers_.emplace(rows.Bytes(row, 1), static_cast<std::int32_t>(rows.Integer(row, 0)));
  }
  return absl::OkStatus();
}

absl::Status PersonTable::Find(std::vector<std::string>& user_ids) {
  GATELOG_ASSIGN_OR_RETURN(
      const Result known,
      connection_.Query("SELECT p.id, p.user_id FROM unnest($1::bytea[]) AS u(user_id) JOIN "
                        "gatelog.person AS p ON p.user_id = u.user_id",
                        Params().AddBytesList(user_ids)));
  for (int row = 0; row < known.rows(); ++row) {
    numbers_.emplace(known.Bytes(row, 1), static_cast<std::int32_t>(known.Integer(row, 0)));
  }
  std::erase_if(user_ids, [this](const std::string& user) { return numbers_.contains(user); });
  return absl::OkStatus();
}

absl::Status PersonTable::Learn(std::vector<std::string> user_ids) {
  if (user_ids.empty()) return absl::OkStatus();
  std::sort(user_ids.begin(), user_ids.end());
  user_ids.erase(std::unique(user_ids.begin(), user_ids.end()), user_ids.end());
  if (!has_all_) GATELOG_RETURN_IF_ERROR(Find(user_ids));
  if (user_ids.empty()) return absl::OkStatus();
  constexpr int kColumns = 2;
  BinaryRows rows;
  for (std::string& user_id : user_ids) {
    rows.BeginRow(kColumns);
    rows.AddInt32(++last_);
    rows.AddBytes(user_id);
    numbers_.emplace(user_id, last_);
    new_.push_back(std::move(user_id));
  }
  return connection_.CopyIn("COPY gatelog.person (id, user_id) FROM STDIN (FORMAT binary)",
                            rows.Finish());
}

void PersonTable::OnCommitted() {
  new_.clear();
  if (numbers_.size() <= cached_max_) return;
  numbers_.clear();
  has_all_ = false;
}

void PersonTable::OnRolledBack() {
  // Their numbers are not given again: there are enough.
  for (const std::string& user_id : new_) numbers_.erase(user_id);
  new_.clear();
}

}  // namespace gatelog::postgres
