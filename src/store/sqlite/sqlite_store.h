#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "ports/event_store.h"
#include "ports/evidence_store.h"
#include "ports/retention_store.h"
#include "store/sqlite/chain_writer.h"
#include "store/sqlite/data_directory.h"
#include "store/sqlite/disk_health.h"
#include "store/sqlite/event_index.h"
#include "store/sqlite/event_scan.h"
#include "store/sqlite/event_writer.h"
#include "store/sqlite/pruner.h"
#include "store/sqlite/reader_pool.h"
#include "store/sqlite/sqlite_database.h"

namespace gatelog::store {

// The event store in one SQLite file, DIR/gatelog.db, that other programs may read while it is in
// use; docs/formats/store.md describes it. Threads and errors: as the port says.
//
// A commit that fails for want of space changes nothing and may be tried again. After a write or
// sync that failed, also one of a checkpoint or of the registry, nobody knows what the disk holds,
// so nothing is committed any more until the store is opened anew.
class SqliteStore final : public ports::EventStore,
                          public ports::EvidenceStore,
                          public ports::RetentionStore {
 public:
  static constexpr char kSynchronous[] = "FULL";

  struct Options {
    std::string directory = {};
    int readers = 4;                             // connections for reads, 1 to kReadersMax
    std::int64_t writer_cache_kib = 128 * 1024;  // of pages that commits change
    std::int64_t reader_cache_kib = 16 * 1024;   // of each reader
    int checkpoint_pages = 16'384;  // in the write-ahead log before they go to the main file
    int busy_ms_max = 10'000;  // how long to wait for another program that keeps the file locked
    std::string vfs = {};      // of SQLite; empty: its default
    IndexShape index = {};     // of events that are stored from now on
    const Clock* clock = nullptr;  // outlives the store; null: the system's
    // What COMMIT is taken to have returned.
    std::function<absl::Status(absl::Status)> commit_result_for_test = {};
    // Anything else loses commits that were acknowledged, which a test must notice.
    std::string synchronous_for_test = kSynchronous;
  };
  static constexpr int kReadersMax = 64;

  // Makes the directory and the database if they are missing. kFailedPrecondition: in use by
  // another process, made by a newer gatelog or by another program, or the parent directory is
  // missing. kPermissionDenied, kDataLoss, kUnavailable: the message says what to do.
  static absl::StatusOr<std::unique_ptr<SqliteStore>> Open(Options options);
  ~SqliteStore() override;

  const std::string& directory() const { return options_.directory; }

  model::Incarnation incarnation() const override { return incarnation_; }
  std::uint64_t last_seq() const override { return last_seq_.load(std::memory_order_acquire); }
  std::uint64_t first_seq() const override { return first_seq_.load(std::memory_order_acquire); }
  absl::StatusOr<std::vector<ports::LogState>> LoadLogStates() override;
  absl::StatusOr<std::vector<absl::Status>> Commit(std::span<const ports::Batch> batches) override;
  absl::StatusOr<std::vector<absl::Status>> CommitImages(
      std::span<const ports::ImageBatch> batches) override;
  absl::StatusOr<ports::EventPage> Read(const ports::EventQuery& query) override;
  absl::StatusOr<std::vector<ports::EventCount>> Count(const ports::CountQuery& query) override;
  absl::StatusOr<std::vector<model::Anchor>> ReadAnchors(
      model::DeviceId log_device, std::span<const ports::RecordRange> ranges) override;
  absl::StatusOr<std::vector<model::Gap>> ReadGaps(std::span<const model::DeviceId> log_devices,
                                                   const model::RecordKey& after,
                                                   std::uint32_t limit) override;
  absl::StatusOr<std::pair<model::RecordKey, model::Image>> ReadImage(
      const model::RecordKey& key) override;
  absl::StatusOr<std::vector<ports::LogTotals>> ReadTotals() override;

  evidence::ChainHead chain_head() const override { return chain_head_; }
  absl::StatusOr<std::optional<evidence::Seal>> AppendSeal(const evidence::SealKey& key) override;
  absl::StatusOr<std::optional<evidence::Seal>> LastSeal() override;
  absl::StatusOr<ports::Erased> Forget(const std::string& user_id, const std::string& by,
                                       const evidence::SealKey& key) override;
  absl::Status RecordCleared(model::DeviceId device, model::EventId last,
                             const std::string& by) override;

  absl::StatusOr<ports::Pruned> PreviewPrune(const ports::PruneLimits& limits) override;
  absl::StatusOr<Step> PruneSome(const ports::PruneLimits& limits, const std::string& by) override;

 private:
  friend class SqliteRegistry;
  friend class SqliteUpkeep;

  SqliteStore(Options options, std::unique_ptr<DataDirectory> directory);

  // In the order in which Open calls them.
  absl::Status OpenWriter();
  absl::Status LoadChain();
  absl::Status OpenReaders();

  const Clock& clock() const;
  Database::Options ConnectionOptions(bool read_only, std::int64_t cache_kib) const;
  // One transaction and one block of the chain. `work` writes into both; it says whether there is
  // anything to commit. With a key the block is sealed in the same transaction.
  absl::Status CommitBlock(const std::function<absl::StatusOr<bool>()>& work,
                           const evidence::SealKey* key = nullptr);
  // One transaction without a block: it changes nothing that the chain speaks of, and may be done
  // twice.
  absl::Status CommitRows(const std::function<absl::Status()>& work);
  // What a read on a connection may show.
  struct View {
    SeqRange visible;
    std::shared_ptr<const IndexView> index;
  };
  View CurrentView() const;
  absl::Status BeginPrune(const Pruner::Plan& plan, const std::string& by);
  absl::Status PrunePeople(const Pruner::Plan& plan, const std::string& by, ports::Pruned& pruned);
  // What the index of people still has of those who are gone, if that is soon done.
  absl::Status CleanPeopleIndex();
  // Forgets the connection, and what was made over it.
  void DropWriter();
  // Writes all batches in one transaction, each by write_one(batch, result). OK: the results say
  // which of them took effect.
  // `finish` runs before the commit, if there is one.
  template <typename Batch, typename Write, typename Finish>
  absl::StatusOr<std::vector<absl::Status>> CommitTogether(std::span<const Batch> batches,
                                                           Write write_one, Finish finish);
  absl::Status CommitTransaction(Transaction& transaction);
  void EmptyLogAfterErasure(int wait_ms_max);
  // What a commit of no batches asks: whether the next one can succeed. Writes only after a
  // failure.
  absl::Status TryDisk();
  // Brings the write-ahead log into the main file if it has grown long; the commit before it stands
  // whatever becomes of this.
  void CheckpointIfDue();
  // Ends a transaction that failed. Returns OK if the transaction turns out to have taken effect.
  absl::Status AfterFailure(const absl::Status& error, bool committing,
                            const std::function<absl::StatusOr<bool>()>& took_effect);

  const Options options_;
  const std::unique_ptr<DataDirectory> directory_;
  bool opened_ = false;  // Open came to its end
  model::Incarnation incarnation_ = 0;
  std::atomic<std::uint64_t> last_seq_ = 0;
  std::atomic<std::uint64_t> first_seq_ = 1;

  EventIndex index_;  // the committing thread's, but for its view

  // The committing thread's.
  std::unique_ptr<Database> database_;
  std::optional<ChainWriter> chain_;
  std::optional<EventWriter> writer_;
  std::optional<Pruner> pruner_;
  evidence::ChainHead chain_head_;
  // An erasure's old pages may be in the write-ahead log; so may those of one in an earlier life.
  bool log_to_be_emptied_ = true;
  bool refused_ = false;  // the last commit failed
  DiskHealth disk_;       // any thread's

  std::optional<ReaderPool> readers_;
};

}  // namespace gatelog::store
