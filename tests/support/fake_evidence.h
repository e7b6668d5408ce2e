#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "evidence/seal.h"
#include "evidence/seal_key.h"
#include "ports/evidence_store.h"

namespace gatelog::testing {

// An evidence store that seals whatever blocks it is told of, and knows one user, 4711. One thread
// at a time.
class FakeEvidence final : public ports::EvidenceStore {
 public:
  evidence::ChainHead chain_head() const override { return {blocks, {}}; }
  absl::StatusOr<std::optional<evidence::Seal>> AppendSeal(const evidence::SealKey& key) override {
    if (!failure.ok()) return failure;
    if (last && last->block == blocks) return std::nullopt;
    evidence::Seal seal{.number = last ? last->number + 1 : 1, .block = blocks};
    key.Sign(seal);
    last = seal;
    return last;
  }
  absl::StatusOr<std::optional<evidence::Seal>> LastSeal() override { return last; }
  absl::StatusOr<ports::Erased> Forget(const std::string& user_id, const std::string&,
                                       const evidence::SealKey& key) override {
    if (user_id != "4711") return absl::NotFoundError("nobody");
    ++blocks;
    AppendSeal(key).IgnoreError();
    return ports::Erased{.events = 3};
  }
  absl::Status RecordCleared(model::DeviceId, model::EventId, const std::string&) override {
    ++blocks;
    return absl::OkStatus();
  }

  std::uint64_t blocks = 0;
  std::optional<evidence::Seal> last;
  absl::Status failure;
};

}  // namespace gatelog::testing
