#include "store/postgres/postgres_store.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "store/postgres/event_count.h"
#include "store/postgres/image_table.h"
#include "store/postgres/log_table.h"
#include "store/postgres/prune_preview.h"
#include "store/postgres/pruned_records.h"
#include "store/postgres/schema.h"
#include "store/postgres/session.h"

namespace gatelog::postgres {
namespace {

constexpr std::chrono::milliseconds kResolvePoll{50};

// What the server shows the writing session as: where it runs, and a number by which it is known
// among all that this program ever opened. PostgreSQL cuts names at 63 bytes.
std::string NewWriterId() {
  std::array<char, 24> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) host[0] = '?';
  std::random_device random;
  return absl::StrFormat("gatelogd %s process %d %08x", host.data(), getpid(), random());
}

bool AnyOk(const std::vector<absl::Status>& results) {
  for (const absl::Status& result : results) {
    if (result.ok()) return true;
  }
  return false;
}

}  // namespace

PostgresStore::PostgresStore(Options options)
    : options_(std::move(options)),
      writer_id_(NewWriterId()),
      readers_(options_.url, options_.readers) {}

PostgresStore::~PostgresStore() { indexer_.reset(); }

absl::StatusOr<std::unique_ptr<PostgresStore>> PostgresStore::Open(Options options) {
  if (options.readers < 1 || options.readers > kReadersMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("A store has 1 to ", kReadersMax, " readers, not ", options.readers, "."));
  }
  std::unique_ptr<PostgresStore> store(new PostgresStore(std::move(options)));
  GATELOG_RETURN_IF_ERROR(store->EnsureWriter());
  GATELOG_RETURN_IF_ERROR(OfferReaderRole(*store->session_));
  store->indexer_.emplace(store->options_.url, store->segments_, store->last_seq_);
  return store;
}

absl::Status PostgresStore::LoadSegments(Connection& connection, std::uint64_t& last_seq) {
  GATELOG_ASSIGN_OR_RETURN(std::vector<Segment> segments, ReadSegments(connection));
  GATELOG_ASSIGN_OR_RETURN(const PrunedThrough through, ReadPrunedThrough(connection));
  // Where everything is gone, the next event follows what is.
  last_seq = through.first_seq - 1;
  const std::size_t without_tail = segments.size() - std::min(segments.size(), kTailsMax);
  for (std::size_t i = without_tail; i < segments.size(); ++i) {
    if (segments[i].indexed) continue;
    GATELOG_ASSIGN_OR_RETURN(segments[i].tail,
                             LoadTail(connection, segments[i], options_.tail_payload_bytes));
  }
  if (!segments.empty()) {
    GATELOG_ASSIGN_OR_RETURN(const std::int64_t newest,
                             connection.QueryInteger(absl::StrCat(
                                 "SELECT coalesce(max(seq), ", segments.back().first - 1, ") FROM ",
                                 PartitionOf(segments.back()))));
    last_seq = std::max(last_seq, static_cast<std::uint64_t>(newest));
  }
  segments_.Reset(std::move(segments));
  return absl::OkStatus();
}

absl::Status PostgresStore::EnsureWriter() {
  if (session_ != nullptr && session_->alive()) return absl::OkStatus();
  pruner_.reset();
  writer_.reset();
  session_.reset();
  GATELOG_ASSIGN_OR_RETURN(std::unique_ptr<Connection> session,
                           OpenWriterSession(options_.url, writer_id_));
  GATELOG_RETURN_IF_ERROR(MigrateSchema(*session, clock()));
  GATELOG_ASSIGN_OR_RETURN(const model::Incarnation incarnation, ReadIncarnation(*session));
  if (incarnation_ != 0 && incarnation != incarnation_) {
    return absl::FailedPreconditionError(
        absl::StrCat("The ", session->name(),
                     " has another store than when the gateway was started; start it again."));
  }
  std::uint64_t last_seq = 0;
  GATELOG_RETURN_IF_ERROR(LoadSegments(*session, last_seq));
  writer_.emplace(*session, segments_, anchors_, options_.segment_events,
                  options_.tail_payload_bytes);
  pruner_.emplace(*session, segments_, anchors_, *writer_, clock(), options_.segment_age);
  absl::Status loaded = writer_->Load(last_seq);
  if (loaded.ok()) loaded = pruner_->Load();
  if (!loaded.ok()) {
    pruner_.reset();
    writer_.reset();
    return loaded;
  }
  session_ = std::move(session);
  incarnation_ = incarnation;
  AfterCommit();
  return absl::OkStatus();
}

void PostgresStore::AfterCommit() {
  last_seq_.store(writer_->last_seq(), std::memory_order_release);
  first_seq_.store(pruner_->first_seq(), std::memory_order_release);
  if (indexer_ && segments_.NextToIndex(last_seq())) indexer_->Wake();
}

absl::Status PostgresStore::TryWork(const std::function<absl::StatusOr<bool>()>& work,
                                    std::string& number) {
  Transaction transaction(*session_);
  GATELOG_ASSIGN_OR_RETURN(const std::string of_transaction, transaction.BeginNumbered());
  GATELOG_ASSIGN_OR_RETURN(const bool anything, work());
  if (!anything) {
    writer_->OnRolledBack();
    return absl::OkStatus();
  }
  if (options_.before_commit_for_test) options_.before_commit_for_test(*session_);
  number = of_transaction;
  GATELOG_RETURN_IF_ERROR(session_->SendCommit());
  if (options_.commit_sent_for_test) options_.commit_sent_for_test(*session_);
  transaction.Forget();
  GATELOG_RETURN_IF_ERROR(session_->AwaitCommit());
  writer_->OnCommitted();
  return absl::OkStatus();
}

absl::Status PostgresStore::Resolve(const std::string& number, const absl::Status& error) {
  const auto deadline = std::chrono::steady_clock::now() + kResolveWait;
  absl::Status reached = EnsureWriter();
  while (absl::IsUnavailable(reached) && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(kResolvePoll);
    reached = EnsureWriter();
  }
  if (!reached.ok()) {
    return {reached.code(),
            absl::StrCat(reached.message(),
                         " What was being committed when it went away may have been written; the "
                         "gateway looks when it is back.")};
  }
  // The old session is over, or this one would not have the lock: the answer is final.
  GATELOG_ASSIGN_OR_RETURN(
      const Result status,
      session_->Query("SELECT pg_xact_status(($1::text)::xid8)", Params().AddBytes(number)));
  if (status.rows() == 1 && status.Bytes(0, 0) == "committed") return absl::OkStatus();
  return error;
}

absl::Status PostgresStore::CommitWork(const std::function<absl::StatusOr<bool>()>& work) {
  constexpr int kTries = 2;
  absl::Status error;
  for (int tried = 0; tried < kTries; ++tried) {
    GATELOG_RETURN_IF_ERROR(EnsureWriter());
    std::string number;
    error = TryWork(work, number);
    if (error.ok()) {
      refused_ = false;
      AfterCommit();
      return absl::OkStatus();
    }
    refused_ = true;
    writer_->OnRolledBack();
    const bool lost = !session_->alive();
    if (lost && !number.empty()) return Resolve(number, error);
    // A session that was over before anything was sent, or a store that is not as it was known.
    if (absl::IsAborted(error)) {
      GATELOG_RETURN_IF_ERROR(writer_->Load(writer_->last_seq()));
    } else if (!lost) {
      return error;
    }
  }
  return error;
}

absl::StatusOr<std::vector<absl::Status>> PostgresStore::Commit(
    std::span<const ports::Batch> batches) {
  if (batches.empty()) {
    GATELOG_RETURN_IF_ERROR(TryServer());
    return std::vector<absl::Status>();
  }
  std::vector<absl::Status> results;
  GATELOG_RETURN_IF_ERROR(CommitWork([&] { return writer_->Write(batches, results); }));
  return results;
}

absl::StatusOr<std::vector<absl::Status>> PostgresStore::CommitImages(
    std::span<const ports::ImageBatch> batches) {
  if (batches.empty()) return std::vector<absl::Status>();
  std::vector<absl::Status> results;
  const auto work = [&]() -> absl::StatusOr<bool> {
    results.assign(batches.size(), absl::OkStatus());
    for (std::size_t i = 0; i < batches.size(); ++i) {
      GATELOG_RETURN_IF_ERROR(WriteImageBatch(*session_, segments_, {visible(), clock().Now()},
                                              batches[i], results[i]));
    }
    return AnyOk(results);
  };
  GATELOG_RETURN_IF_ERROR(CommitWork(work));
  return results;
}

absl::Status PostgresStore::TryServer() {
  GATELOG_RETURN_IF_ERROR(EnsureWriter());
  if (refused_) {
    return CommitWork([&]() -> absl::StatusOr<bool> {
      GATELOG_RETURN_IF_ERROR(
          session_->Execute("UPDATE gatelog.meta SET value = value WHERE key = 'created_ms'"));
      return true;
    });
  }
  // What was sent to a server that has been restarted since says so.
  if (session_->Execute("SELECT 1").ok()) return absl::OkStatus();
  return EnsureWriter();
}

absl::StatusOr<std::vector<ports::LogState>> PostgresStore::LoadLogStates() {
  return readers_.Run<std::vector<ports::LogState>>(
      [&](Connection& connection) { return ReadLogStates(connection, anchors_); });
}

template <typename T>
absl::StatusOr<T> PostgresStore::ReadVisible(
    const std::function<absl::StatusOr<T>(Connection&, SeqRange)>& read) {
  // Each time one more partition must have been dropped just before it was read.
  constexpr int kTries = 20;
  for (int tried = 1;; ++tried) {
    // Taken before the read begins, so that the read sees at least this much, and shows no more.
    const SeqRange range = visible();
    absl::StatusOr<T> result = readers_.Run<T>(
        std::function([&](Connection& connection) { return read(connection, range); }));
    if (tried == kTries || !absl::IsAborted(result.status())) return result;
  }
}

absl::StatusOr<ports::EventPage> PostgresStore::Read(const ports::EventQuery& query) {
  return ReadVisible<ports::EventPage>([&](Connection& connection, SeqRange range) {
    return ReadEvents(connection, segments_, query, range);
  });
}

absl::StatusOr<std::vector<model::Anchor>> PostgresStore::ReadAnchors(
    model::DeviceId log_device, std::span<const ports::RecordRange> ranges) {
  using Found = std::vector<model::Anchor>;
  Found anchors;
  for (const ports::RecordRange& range : ranges) {
    GATELOG_ASSIGN_OR_RETURN(
        const Found found,
        ReadVisible<Found>([&](Connection& connection, SeqRange shown) -> absl::StatusOr<Found> {
          // A record is in its table until it is among the pruned ones, so that who looks there
          // last misses none.
          GATELOG_ASSIGN_OR_RETURN(
              Found stored, ReadStoredAnchors(connection, segments_, log_device, range, shown));
          GATELOG_ASSIGN_OR_RETURN(Found all, ReadPrunedRecords(connection, log_device, range));
          for (const model::Anchor& anchor : stored) {
            // They come in order, the pruned ones first.
            if (all.empty() || all.back().id < anchor.id) all.push_back(anchor);
          }
          return all;
        }));
    anchors.insert(anchors.end(), found.begin(), found.end());
  }
  return anchors;
}

absl::StatusOr<std::vector<ports::EventCount>> PostgresStore::Count(
    const ports::CountQuery& query) {
  using Counts = std::vector<ports::EventCount>;
  return ReadVisible<Counts>([&](Connection& connection, SeqRange range) {
    return CountEvents(connection, segments_, query, range);
  });
}

absl::StatusOr<std::vector<model::Gap>> PostgresStore::ReadGaps(
    std::span<const model::DeviceId> log_devices, const model::RecordKey& after,
    std::uint32_t limit) {
  return readers_.Run<std::vector<model::Gap>>(
      [&](Connection& connection) -> absl::StatusOr<std::vector<model::Gap>> {
        Params params;
        params.Add(after.log_device).Add(after.epoch).Add(after.id).Add(limit);
        std::string wanted;
        if (!log_devices.empty()) {
          params.AddOids(log_devices);
          wanted = " AND log_device = ANY($5::oid[])";
        }
        GATELOG_ASSIGN_OR_RETURN(
            const Result rows,
            connection.Query(
                absl::StrCat("SELECT log_device, epoch, first, last, reason, found_ms, raw FROM "
                             "gatelog.gap WHERE (log_device, epoch, first) > ($1::oid, $2::bigint, "
                             "$3::bigint)",
                             wanted, " ORDER BY log_device, epoch, first LIMIT $4::bigint"),
                params));
        std::vector<model::Gap> gaps;
        for (int row = 0; row < rows.rows(); ++row) {
          gaps.push_back({.log_device = static_cast<model::DeviceId>(rows.Integer(row, 0)),
                          .epoch = static_cast<model::Epoch>(rows.Integer(row, 1)),
                          .first = static_cast<model::EventId>(rows.Integer(row, 2)),
                          .last = static_cast<model::EventId>(rows.Integer(row, 3)),
                          .reason = static_cast<model::GapReason>(rows.Integer(row, 4)),
                          .found = Timestamp(std::chrono::milliseconds(rows.Integer(row, 5))),
                          .raw = std::string(rows.Bytes(row, 6))});
        }
        return gaps;
      });
}

absl::StatusOr<std::pair<model::RecordKey, model::Image>> PostgresStore::ReadImage(
    const model::RecordKey& key) {
  return ReadVisible<std::pair<model::RecordKey, model::Image>>(
      [&](Connection& connection, SeqRange range) {
        return FindImage(connection, segments_, range, key);
      });
}

absl::StatusOr<std::vector<ports::LogTotals>> PostgresStore::ReadTotals() {
  return readers_.Run<std::vector<ports::LogTotals>>(ReadLogTotals);
}

absl::StatusOr<ports::Pruned> PostgresStore::PreviewPrune(const ports::PruneLimits& limits) {
  return ReadVisible<ports::Pruned>(
      [&](Connection& connection, SeqRange) { return postgres::PreviewPrune(connection, limits); });
}

absl::Status PostgresStore::PruneWork(const std::function<absl::StatusOr<bool>()>& step) {
  bool written = false;
  GATELOG_RETURN_IF_ERROR(CommitWork([&]() -> absl::StatusOr<bool> {
    GATELOG_ASSIGN_OR_RETURN(written, step());
    return written;
  }));
  if (written) pruner_->OnCommitted();
  AfterCommit();
  return absl::OkStatus();
}

absl::StatusOr<ports::RetentionStore::Step> PostgresStore::PruneSome(
    const ports::PruneLimits& limits, const std::string&) {
  Step step;
  GATELOG_RETURN_IF_ERROR(PruneWork([&] { return pruner_->Do(limits, step); }));
  return step;
}

absl::Status PostgresStore::CloseSegment() {
  return PruneWork([&] { return pruner_->CloseNow(); });
}

const Clock& PostgresStore::clock() const {
  static const SystemClock system_clock;
  return options_.clock == nullptr ? system_clock : *options_.clock;
}

std::size_t PostgresStore::segments_to_index() const {
  std::size_t count = 0;
  for (const Segment& segment : segments_.All()) {
    if (!segment.indexed && segment.end <= last_seq() + 1) ++count;
  }
  return count;
}

}  // namespace gatelog::postgres
