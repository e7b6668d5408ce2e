#include "store/postgres/postgres_registry.h"

#include <utility>

#include "base/status_macros.h"
#include "store/postgres/session.h"

namespace gatelog::postgres {
namespace {

constexpr model::DeviceId kEveryDevice = 0;  // in the table of those that are accepted

}  // namespace

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
      Query("SELECT id, family, host, port, key, collected::int, monitored::int, tls::int, "
            "calls_in::int FROM gatelog.device ORDER BY id",
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
    registration.address.tls = rows.Integer(row, 7) != 0;
    registration.calls_in = rows.Integer(row, 8) != 0;
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
  params.Add(registration.address.tls ? 1 : 0).Add(registration.calls_in ? 1 : 0);
  return Query(
             "INSERT INTO gatelog.device (id, family, host, port, key, collected, monitored, tls, "
             "calls_in) VALUES ($1, $2, $3, $4, $5, $6::integer <> 0, $7::integer <> 0, "
             "$8::integer <> 0, $9::integer <> 0) ON CONFLICT (id) DO UPDATE SET family = "
             "excluded.family, host = excluded.host, port = excluded.port, key = excluded.key, "
             "collected = excluded.collected, monitored = excluded.monitored, tls = excluded.tls, "
             "calls_in = excluded.calls_in",
             params)
      .status();
}

absl::Status PostgresRegistry::Remove(model::DeviceId id) {
  return Query("DELETE FROM gatelog.device WHERE id = $1", Params().Add(id)).status();
}

absl::StatusOr<ports::AcceptFilter> PostgresRegistry::LoadAcceptFilter() {
  GATELOG_ASSIGN_OR_RETURN(const Result rows, Query("SELECT device FROM gatelog.accepted", {}));
  ports::AcceptFilter filter;
  for (int row = 0; row < rows.rows(); ++row) {
    const auto device = static_cast<model::DeviceId>(rows.Integer(row, 0));
    if (device == kEveryDevice) {
      filter.all = true;
    } else {
      filter.devices.insert(device);
    }
  }
  return filter;
}

absl::Status PostgresRegistry::SaveAcceptFilter(const ports::AcceptFilter& filter) {
  std::vector<model::DeviceId> devices(filter.devices.begin(), filter.devices.end());
  if (filter.all) devices.push_back(kEveryDevice);
  // One statement, so that it is replaced whole.
  return Query(
             "WITH gone AS (DELETE FROM gatelog.accepted WHERE device <> ALL ($1::oid[])) INSERT "
             "INTO gatelog.accepted SELECT unnest($1::oid[]) ON CONFLICT DO NOTHING",
             Params().AddOids(devices))
      .status();
}

absl::StatusOr<std::vector<ports::DeviceTrust>> PostgresRegistry::LoadTrust() {
  GATELOG_ASSIGN_OR_RETURN(
      const Result rows,
      Query("SELECT device, key, certificate FROM gatelog.device_trust ORDER BY device", {}));
  std::vector<ports::DeviceTrust> all;
  for (int row = 0; row < rows.rows(); ++row) {
    all.push_back({.id = static_cast<model::DeviceId>(rows.Integer(row, 0)),
                   .key = std::string(rows.Bytes(row, 1)),
                   .certificate = std::string(rows.Bytes(row, 2))});
  }
  return all;
}

absl::Status PostgresRegistry::SaveTrust(const ports::DeviceTrust& trust) {
  if (trust.key.empty() && trust.certificate.empty()) {
    return Query("DELETE FROM gatelog.device_trust WHERE device = $1", Params().Add(trust.id))
        .status();
  }
  return Query(
             "INSERT INTO gatelog.device_trust (device, key, certificate) VALUES ($1, $2, $3) ON "
             "CONFLICT (device) DO UPDATE SET key = excluded.key, certificate = "
             "excluded.certificate",
             Params().Add(trust.id).AddBytes(trust.key).AddBytes(trust.certificate))
      .status();
}

}  // namespace gatelog::postgres
