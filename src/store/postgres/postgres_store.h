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
#include "ports/retention_store.h"
#include "store/postgres/connection.h"
#include "store/postgres/event_query.h"
#include "store/postgres/event_writer.h"
#include "store/postgres/indexer.h"
#include "store/postgres/pruner.h"
#include "store/postgres/reader_pool.h"
#include "store/postgres/segments.h"

namespace gatelog::postgres {

// The event store in the schema gatelog of a PostgreSQL database, that other programs may read
// while it is in use; docs/formats/store.md describes it. Threads and errors: as the port says, but
// that a server which was away is used again as soon as it is back.
//
// While the server is away, commits fail and change nothing. When it goes away in the middle of a
// COMMIT the store looks, for at most kResolveWait, what became of it; if the server stays away
// longer the caller learns that nobody knows yet, and the fence tells it later.
class PostgresStore final : public ports::EventStore, public ports::RetentionStore {
 public:
  static constexpr std::uint64_t kSegmentEvents = 524'288;
  // How old the first event of the open segment may be; then PruneSome closes it, so that sites
  // with few events can prune: about fifty segments a year, where they are not full before. One
  // with more than a quarter of kSegmentEvents is not closed before it is full.
  static constexpr std::chrono::milliseconds kSegmentAge = std::chrono::days(7);
  static constexpr std::chrono::milliseconds kResolveWait{2'000};

  struct Options {
    std::string url = {};
    int readers = 4;  // sessions for reads, 1 to kReadersMax
    std::uint64_t segment_events = kSegmentEvents;
    std::chrono::milliseconds segment_age = kSegmentAge;
    std::size_t tail_payload_bytes = Tail::kPayloadBytesMax;
    const Clock* clock = nullptr;  // outlives the store; null: the system's
    // Called with the writer's session before COMMIT is sent, and between that and its answer.
    std::function<void(Connection&)> before_commit_for_test = {};
    std::function<void(Connection&)> commit_sent_for_test = {};
  };
  static constexpr int kReadersMax = 64;

  // Makes the schema if it is missing. kFailedPrecondition: in use by another gateway, made by a
  // newer one or by another program, or the server does not sync. kPermissionDenied, kUnavailable:
  // the message says what to do.
  static absl::StatusOr<std::unique_ptr<PostgresStore>> Open(Options options);
  ~PostgresStore() override;

  const std::string& url() const { return options_.url; }

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

  // As RetentionStore; segments are partitions, closed when they are full or old, and ready to go
  // once they have their indexes. Images go one by one, by their own time.
  absl::StatusOr<ports::Pruned> PreviewPrune(const ports::PruneLimits& limits) override;
  absl::StatusOr<Step> PruneSome(const ports::PruneLimits& limits, const std::string& by) override;

  // Closes the open segment, whatever its age. The committing thread. kUnavailable: another program
  // reads the table.
  absl::Status CloseSegment();

  // How many closed segments wait for their indexes. Any thread.
  std::size_t segments_to_index() const;

 private:
  explicit PostgresStore(Options options);

  // A session that writes, with all that the store knows read anew if it is a new one.
  absl::Status EnsureWriter();
  absl::Status LoadSegments(Connection& connection, std::uint64_t& last_seq);
  // One transaction. `work` writes into it and says whether there is anything to commit.
  absl::Status CommitWork(const std::function<absl::StatusOr<bool>()>& work);
  absl::Status TryWork(const std::function<absl::StatusOr<bool>()>& work, std::string& number);
  // What became of the transaction in whose COMMIT the session was lost.
  absl::Status Resolve(const std::string& number, const absl::Status& error);
  void AfterCommit();
  // What a commit of no batches asks.
  absl::Status TryServer();
  // One step of the pruner, and what follows from it.
  absl::Status PruneWork(const std::function<absl::StatusOr<bool>()>& step);
  SeqRange visible() const { return {first_seq(), last_seq()}; }
  // What `read` returns for what is visible; read again if that was pruned meanwhile.
  template <typename T>
  absl::StatusOr<T> ReadVisible(
      const std::function<absl::StatusOr<T>(Connection&, SeqRange)>& read);
  const Clock& clock() const;

  const Options options_;
  const std::string writer_id_;
  model::Incarnation incarnation_ = 0;
  std::atomic<std::uint64_t> last_seq_ = 0;
  std::atomic<std::uint64_t> first_seq_ = 1;
  Segments segments_;
  AnchorCache anchors_;

  // The committing thread's.
  std::unique_ptr<Connection> session_;
  std::optional<EventWriter> writer_;
  std::optional<Pruner> pruner_;
  bool refused_ = false;  // the last commit failed

  ReaderPool readers_;
  std::optional<Indexer> indexer_;
};

}  // namespace gatelog::postgres
