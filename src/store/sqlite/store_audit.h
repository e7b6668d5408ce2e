#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "evidence/chain.h"
#include "evidence/digest.h"
#include "evidence/seal.h"

namespace gatelog::store {

// What a store is held against.
struct AuditOptions {
  std::string path;  // of the database: a store's, or a backup of one
  // The public keys that seals may be signed with. None: those that the seals name themselves, so
  // that nothing is said about who signed.
  std::vector<evidence::Digest> keys = {};
  // Heads that were kept elsewhere.
  std::vector<evidence::HeadLine> heads = {};
  // Called now and then with how many blocks of how many are checked. False: stop.
  std::function<bool(std::uint64_t, std::uint64_t)> progress = {};
};

// What a store turned out to hold.
struct AuditReport {
  std::uint64_t blocks = 0;
  std::uint64_t events = 0;   // still there, erased ones with them
  std::uint64_t entries = 0;  // of the chain, other than events
  std::uint64_t seals = 0;
  std::uint64_t erased_events = 0;
  std::uint64_t erased_images = 0;
  std::uint64_t pruned_events = 0;
  std::uint64_t heads_compared = 0;
  evidence::ChainHead head;
  std::int64_t head_time_ms = 0;
  std::optional<evidence::Seal> last_seal = {};
  std::uint64_t unsealed_blocks = 0;
  std::uint64_t unsealed_events = 0;
  std::vector<evidence::Digest> keys = {};  // that signed, in order
};

// Recomputes everything that the chain says, and compares it with every row that it speaks of.
// kDataLoss: the message names the first thing that is not as it was committed. kCancelled: stopped
// by `progress`. Others: the file cannot be read. Blocking.
//
// A gateway may be writing meanwhile: the file is read in pieces, each of one moment, so that the
// write-ahead log can be emptied between them.
absl::StatusOr<AuditReport> AuditStore(const AuditOptions& options);

}  // namespace gatelog::store
