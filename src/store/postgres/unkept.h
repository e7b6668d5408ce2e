#pragma once

#include <optional>
#include <string>

#include "ports/evidence_store.h"

namespace gatelog::postgres {

// What a store in PostgreSQL does not keep: seals and erasures. Each call that asks for it ends
// with kUnimplemented and a sentence that says what to use; what the gateway does by itself finds
// nothing to do. Any thread.
class Unkept final : public ports::EvidenceStore {
 public:
  evidence::ChainHead chain_head() const override { return {}; }
  absl::StatusOr<std::optional<evidence::Seal>> AppendSeal(const evidence::SealKey& key) override;
  absl::StatusOr<std::optional<evidence::Seal>> LastSeal() override;
  absl::StatusOr<ports::Erased> Forget(const std::string& user_id, const std::string& by,
                                       const evidence::SealKey& key) override;
  absl::Status RecordCleared(model::DeviceId device, model::EventId last,
                             const std::string& by) override;
};

}  // namespace gatelog::postgres
