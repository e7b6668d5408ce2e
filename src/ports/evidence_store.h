#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "evidence/chain.h"
#include "evidence/seal.h"
#include "evidence/seal_key.h"
#include "model/identity.h"

namespace gatelog::ports {

// What an erasure took out.
struct Erased {
  std::uint64_t events = 0;
  std::uint64_t images = 0;
  // False: other programs were reading; old pages leave the write-ahead log when they are done.
  bool files_clean = true;
};

// The evidence side of an event store: every commit of EventStore writes one block of the chain,
// and this seals it, and changes what may be changed of the past: with an entry that says so.
//
// Threads: the one that commits. All calls block. Errors: those of EventStore.
class EvidenceStore {
 public:
  virtual ~EvidenceStore() = default;

  // The newest block that is committed.
  virtual evidence::ChainHead chain_head() const = 0;

  // Signs the head, and the state of every epoch that changed since the last seal, and stores that.
  // Nothing if no block came since.
  virtual absl::StatusOr<std::optional<evidence::Seal>> AppendSeal(
      const evidence::SealKey& key) = 0;
  virtual absl::StatusOr<std::optional<evidence::Seal>> LastSeal() = 0;

  // Takes everything out that tells of the user, and seals the entry that says how much that was,
  // in one transaction; `by` is who asked. kNotFound: no event of this user is stored.
  virtual absl::StatusOr<Erased> Forget(const std::string& user_id, const std::string& by,
                                        const evidence::SealKey& key) = 0;

  // The gateway has cleared a device's log, whose newest record was `last`.
  virtual absl::Status RecordCleared(model::DeviceId device, model::EventId last,
                                     const std::string& by) = 0;
};

}  // namespace gatelog::ports
