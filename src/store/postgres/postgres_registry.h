#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/device_registry.h"
#include "store/postgres/connection.h"
#include "store/postgres/postgres_store.h"

namespace gatelog::postgres {

// The devices that are kept, in the store's own schema, over a session of its own. Threads and
// errors: as the port says; the statuses are those of Connection.
class PostgresRegistry final : public ports::DeviceRegistry {
 public:
  // The store keeps the database to this process, so it must outlive the registry.
  explicit PostgresRegistry(const PostgresStore& store) : url_(store.url()) {}

  absl::StatusOr<std::vector<ports::Registration>> Load() override;
  absl::Status Save(const ports::Registration& registration) override;
  absl::Status Remove(model::DeviceId id) override;
  absl::StatusOr<ports::AcceptFilter> LoadAcceptFilter() override;
  absl::Status SaveAcceptFilter(const ports::AcceptFilter& filter) override;
  absl::StatusOr<std::vector<ports::DeviceTrust>> LoadTrust() override;
  absl::Status SaveTrust(const ports::DeviceTrust& trust) override;

 private:
  // A lost session is replaced, and the statement, which may run twice, run once more.
  absl::StatusOr<Result> Query(const std::string& sql, const Params& params);

  const std::string url_;
  std::unique_ptr<Connection> session_;
};

}  // namespace gatelog::postgres
