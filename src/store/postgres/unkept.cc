#include "store/postgres/unkept.h"

namespace gatelog::postgres {
namespace {

absl::Status NoRetention() {
  return absl::UnimplementedError(
      "A store in PostgreSQL keeps events for ever: the gateway does not prune it yet.");
}

}  // namespace

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

absl::StatusOr<ports::Pruned> Unkept::PreviewPrune(const ports::PruneLimits&) {
  return NoRetention();
}

absl::StatusOr<ports::RetentionStore::Step> Unkept::PruneSome(const ports::PruneLimits& limits,
                                                              const std::string&) {
  if (limits.events_before || limits.images_before || limits.people_before) return NoRetention();
  return Step{};
}

}  // namespace gatelog::postgres
