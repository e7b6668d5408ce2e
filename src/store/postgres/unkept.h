#pragma once

#include <optional>
#include <string>

#include "ports/evidence_store.h"
#include "ports/retention_store.h"

namespace gatelog::postgres {

// What a store in PostgreSQL does not keep: seals, erasures and retention. Each call that asks for
// it ends with kUnimplemented and a sentence that says what to use; what the gateway does by itself
// finds nothing to do. Any thread.
class Unkept final : public ports::EvidenceStore, public ports::RetentionStore {
 public:
  evidence::ChainHead chain_head() const override { return {}; }
  absl::StatusOr<std::optional<evidence::Seal>> AppendSeal(const evidence::SealKey& key) override;
  absl::StatusOr<std::optional<evidence::Seal>> LastSeal() override;
  absl::StatusOr<ports::Erased> Forget(const std::string& user_id, const std::string& by,
                                       const evidence::SealKey& key) override;
  absl::Status RecordCleared(model::DeviceId device, model::EventId last,
                             const std::string& by) override;

  absl::StatusOr<ports::Pruned> PreviewPrune(const ports::PruneLimits& limits) override;
  absl::StatusOr<Step> PruneSome(const ports::PruneLimits& limits, const std::string& by) override;
};

}  // namespace gatelog::postgres
