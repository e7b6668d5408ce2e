#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "evidence/chain.h"
#include "evidence/entry.h"
#include "model/identity.h"
#include "store/sqlite/sqlite_database.h"

namespace gatelog::store {

// The newest block in the file.
absl::StatusOr<evidence::ChainHead> ReadChainHead(Database& database);

// The salt of what tells of nobody.
absl::StatusOr<std::string> ReadStoreSalt(Database& database);

// Events, and entries, that a start looks through for the epochs that have changed since the last
// seal. Where more are not sealed, every epoch counts as changed.
inline constexpr std::int64_t kUnsealedLookedAtMax = 16'384;

// Adds one block to the chain in each transaction of a connection: Begin, everything that is
// written, Finish, and after the commit OnCommitted. One thread at a time; does not outlive the
// database.
class ChainWriter {
 public:
  ChainWriter(Database& database, const Clock& clock) : database_(database), clock_(clock) {}

  // Reads where the chain stands, and which epochs may have changed since the last seal. Once,
  // before anything else.
  absl::Status Load();

  void Begin(std::uint64_t first_seq);
  // The event's mark, which its row keeps.
  std::int32_t AddEvent(const evidence::EventPlace& place, std::string_view payload,
                        std::string_view salt);
  absl::Status AddEntry(const evidence::Entry& entry);
  // Writes the block. Afterwards `written` is what the chain will be when the transaction commits.
  absl::Status Finish();
  const evidence::ChainHead& written() const { return written_; }
  void OnCommitted() { head_ = written_; }

  const evidence::ChainHead& head() const { return head_; }
  // The number of the block under way.
  std::uint64_t block() const { return builder_.number(); }
  const std::string& store_salt() const { return store_salt_; }
  evidence::Leaves& leaves() { return builder_.leaves(); }
  const Clock& clock() const { return clock_; }

  // Epochs that may have changed since the last seal; more than have is no harm.
  using Epochs = std::set<std::pair<model::DeviceId, model::Epoch>>;
  void Touch(model::DeviceId log_device, model::Epoch epoch) {
    unsealed_.emplace(log_device, epoch);
  }
  const Epochs& unsealed() const { return unsealed_; }
  void OnSealed() { unsealed_.clear(); }

 private:
  absl::Status LoadUnsealed();
  absl::Status LoadUnsealedEpochs(Statement rows);
  absl::Status LoadUnsealedEntries(std::int64_t sealed);

  Database& database_;
  const Clock& clock_;
  std::string store_salt_;
  evidence::ChainHead head_;
  evidence::ChainHead written_;
  evidence::BlockBuilder builder_;
  Epochs unsealed_;
};

}  // namespace gatelog::store
