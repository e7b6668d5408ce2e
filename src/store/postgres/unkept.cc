#include "store/postgres/unkept.h"

namespace gatelog::postgres {

absl::StatusOr<std::optional<evidence::Seal>> Unkept::AppendSeal(const evidence::SealKey&) {
  return std::nullopt;
}

absl::StatusOr<std::optional<evidence::Seal>> Unkept::LastSeal() { return std::nullopt; }

absl::StatusOr<ports::Erased> Unkept::Forget(const std::string&, const std::string&,
                                             const evidence::SealKey&) {
  return absl::UnimplementedError(
      "A store in PostgreSQL cannot forget a user yet; a store in SQLite can.");
}

absl::Status Unkept::RecordCleared(model::DeviceId, model::EventId, const std::string&) {
  return absl::OkStatus();
}

}  // namespace gatelog::postgres
