#include "store/postgres/postgres_registry.h"

#include <utility>

#include "base/status_macros.h"
#include "store/postgres/session.h"

namespace gatelog::postgres {

absl::StatusOr<Result> PostgresRegistry::Query(const std::string& sql, const Params& params) {
  const bool kept = session_ != nullptr;
  for (bool again = kept;; again = false) {
    if (session_ == nullptr) {
      GATELOG_ASSIGN_OR_RETURN(session_, OpenSideSession(url_, "gatelog registry"));
    }
    absl::StatusOr<Result> result = session_->Query(sql, params);
    if (session_->alive()) return result;
    session_.reset();
    if (!again) return result;
  }
}

absl::StatusOr<std::vector<ports::Registration>> PostgresRegistry::Load() {
  GATELOG_ASSIGN_OR_RETURN(
      const Result rows,
      Query("SELECT id, family, host, port, key, collected::int, monitored::int FROM "
            "gatelog.device ORDER BY id",
            {}));
  std::vector<ports::Registration> registrations;
  for (int row = 0; row < rows.rows(); ++row) {
    ports::Registration registration;
    registration.id = static_cast<model::DeviceId>(rows.Integer(row, 0));
    registration.address.family = rows.Bytes(row, 1);
    registration.address.host = rows.Bytes(row, 2);
    registration.address.port = static_cast<std::uint16_t>(rows.Integer(row, 3));
    registration.address.key = rows.Bytes(row, 4);
    registration.collected = rows.Integer(row, 5) != 0;
    registration.monitored = rows.Integer(row, 6) != 0;
    registrations.push_back(std::move(registration));
  }
  return registrations;
}

absl::Status PostgresRegistry::Save(const ports::Registration& registration) {
  Params params;
  params.Add(registration.id);
  params.AddBytes(registration.address.family).AddBytes(registration.address.host);
  params.Add(registration.address.port).AddBytes(registration.address.key);
  params.Add(registration.collected ? 1 : 0).Add(registration.monitored ? 1 : 0);
  return Query(
             "INSERT INTO gatelog.device VALUES ($1, $2, $3, $4, $5, $6::integer <> 0, "
             "$7::integer <> 0) ON CONFLICT (id) DO UPDATE SET family = excluded.family, host = "
             "excluded.host, port = excluded.port, key = excluded.key, collected = "
             "excluded.collected, monitored = excluded.monitored",
             params)
      .status();
}

absl::Status PostgresRegistry::Remove(model::DeviceId id) {
  return Query("DELETE FROM gatelog.device WHERE id = $1", Params().Add(id)).status();
}

}  // namespace gatelog::postgres
