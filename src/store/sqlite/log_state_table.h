#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/identity.h"
#include "ports/event_store.h"
#include "store/sqlite/sqlite_database.h"

namespace gatelog::store {

// What one batch adds to a log device's totals.
struct LogChange {
  std::uint64_t events = 0;
  std::uint64_t gaps = 0;
  std::uint64_t missing = 0;
  std::uint64_t images_wanted = 0;
  std::uint64_t images_absent = 0;
};

// As the column `anchors` keeps them; bytes that are no whole anchor are left out.
std::string EncodeAnchors(const std::vector<model::Anchor>& anchors);
std::vector<model::Anchor> DecodeAnchors(std::string_view bytes);

// Empty: the store knows nothing of the device.
absl::StatusOr<std::optional<ports::LogState>> ReadLogState(Database& database,
                                                            model::DeviceId log_device);
absl::StatusOr<std::vector<ports::LogState>> ReadLogStates(Database& database);
absl::StatusOr<std::vector<ports::LogTotals>> ReadLogTotals(Database& database);

// Writes `after`; image_next becomes epoch_first if the epoch is opened by it, and stays otherwise.
absl::Status WriteLogState(Database& database, const ports::LogState& after, bool opens_epoch,
                           const LogChange& change);

}  // namespace gatelog::store
