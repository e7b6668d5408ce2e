#include "store/sqlite/sqlite_store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "store/sqlite/event_count.h"
#include "store/sqlite/event_query.h"
#include "store/sqlite/image_tables.h"
#include "store/sqlite/json_list.h"
#include "store/sqlite/log_state_table.h"
#include "store/sqlite/opening.h"
#include "store/sqlite/person_table.h"
#include "store/sqlite/pruned_records.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/seal_table.h"
#include "store/sqlite/write_ahead_log.h"

namespace gatelog::store {
namespace {

constexpr std::string_view kNewestSeq =
    "SELECT first_seq + events - 1 FROM block ORDER BY number DESC LIMIT 1";

// How long a seal waits for readers, in which commits wait too; the next seal tries again.
constexpr int kEmptyLogWait_ms = 50;

bool IsIoError(const Database& database) { return (database.last_error() & 0xFF) == SQLITE_IOERR; }

bool AnyOk(const std::vector<absl::Status>& results) {
  for (const absl::Status& result : results) {
    if (result.ok()) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteStore>> SqliteStore::Open(Options options) {
  if (options.readers < 1 || options.readers > kReadersMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("A store has 1 to ", kReadersMax, " readers, not ", options.readers, "."));
  }
  GATELOG_ASSIGN_OR_RETURN(std::unique_ptr<DataDirectory> directory,
                           DataDirectory::Lock(options.directory));
  GATELOG_RETURN_IF_ERROR(PrepareDatabaseFile(*directory));
  GATELOG_RETURN_IF_ERROR(MakeWriteAheadLogDurable(directory->database_path(), options.vfs));
  std::unique_ptr<SqliteStore> store(new SqliteStore(std::move(options), std::move(directory)));
  GATELOG_RETURN_IF_ERROR(store->OpenWriter());
  GATELOG_RETURN_IF_ERROR(MigrateSchema(*store->database_, store->clock(), store->options_.index));
  GATELOG_RETURN_IF_ERROR(CheckAfterCrash(*store->directory_, *store->database_));
  GATELOG_RETURN_IF_ERROR(store->LoadChain());
  GATELOG_ASSIGN_OR_RETURN(store->incarnation_, ReadIncarnation(*store->database_));
  GATELOG_ASSIGN_OR_RETURN(const std::int64_t newest, store->database_->QueryInteger(kNewestSeq));
  store->last_seq_ = static_cast<std::uint64_t>(newest);
  GATELOG_RETURN_IF_ERROR(store->index_.Load(*store->database_, store->last_seq()));
  GATELOG_RETURN_IF_ERROR(store->OpenReaders());
  // The log of this life exists now; it must also after a power cut.
  GATELOG_RETURN_IF_ERROR(
      MakeWriteAheadLogDurable(store->directory_->database_path(), store->options_.vfs));
  GATELOG_RETURN_IF_ERROR(store->directory_->MarkOpen());
  store->opened_ = true;
  return store;
}

SqliteStore::SqliteStore(Options options, std::unique_ptr<DataDirectory> directory)
    : options_(std::move(options)), directory_(std::move(directory)), index_(options_.index) {}

SqliteStore::~SqliteStore() {
  // A store that did not open, or whose disk failed, is left as it is for the next start to look
  // at.
  const bool sound = opened_ && disk_.status().ok() && directory_->MarkClosed().ok();
  if (!sound && database_ != nullptr) database_->KeepLogWhenClosed();
  // The last connection to close brings the write-ahead log into the main file, so it must be one
  // that can write.
  readers_.reset();
}

Database::Options SqliteStore::ConnectionOptions(bool read_only, std::int64_t cache_kib) const {
  return {.path = directory_->database_path(),
          .read_only = read_only,
          .cache_kib = cache_kib,
          .busy_ms_max = options_.busy_ms_max,
          .vfs = options_.vfs};
}

absl::Status SqliteStore::OpenWriter() {
  GATELOG_ASSIGN_OR_RETURN(database_,
                           Database::Open(ConnectionOptions(false, options_.writer_cache_kib)));
  // With a write-ahead log, FULL syncs it in every commit, before readers see anything of it (G3).
  GATELOG_RETURN_IF_ERROR(database_->Execute(
      absl::StrCat("PRAGMA journal_mode = WAL; PRAGMA secure_delete = ON; PRAGMA synchronous = ",
                   options_.synchronous_for_test,
                   // CheckpointIfDue does it: SQLite would not tell that a checkpoint has failed.
                   "; PRAGMA wal_autocheckpoint = 0")));
  database_->CountLogPages();
  GATELOG_ASSIGN_OR_RETURN(const std::int64_t synchronous,
                           database_->QueryInteger("PRAGMA synchronous"));
  constexpr std::int64_t kFull = 2;
  if (synchronous != kFull && options_.synchronous_for_test == kSynchronous) {
    return absl::InternalError(
        absl::StrCat(database_->path(), " cannot be used with synced commits."));
  }
  chain_.emplace(*database_, clock());
  writer_.emplace(*database_, *chain_, index_);
  pruner_.emplace(*database_, index_);
  return absl::OkStatus();
}

absl::Status SqliteStore::LoadChain() {
  GATELOG_RETURN_IF_ERROR(chain_->Load());
  GATELOG_RETURN_IF_ERROR(writer_->Load());
  GATELOG_RETURN_IF_ERROR(pruner_->Load());
  first_seq_.store(pruner_->first_seq(), std::memory_order_release);
  chain_head_ = chain_->head();
  return absl::OkStatus();
}

const Clock& SqliteStore::clock() const {
  static const SystemClock system_clock;
  return options_.clock == nullptr ? system_clock : *options_.clock;
}

absl::Status SqliteStore::OpenReaders() {
  std::vector<std::unique_ptr<Database>> connections;
  for (int i = 0; i < options_.readers; ++i) {
    GATELOG_ASSIGN_OR_RETURN(std::unique_ptr<Database> connection,
                             Database::Open(ConnectionOptions(true, options_.reader_cache_kib)));
    connections.push_back(std::move(connection));
  }
  readers_.emplace(std::move(connections));
  return absl::OkStatus();
}

absl::Status SqliteStore::CommitTransaction(Transaction& transaction) {
  const absl::Status committed = transaction.Commit();
  return options_.commit_result_for_test ? options_.commit_result_for_test(committed) : committed;
}

absl::Status SqliteStore::AfterFailure(const absl::Status& error, bool committing,
                                       const std::function<absl::StatusOr<bool>()>& took_effect) {
  refused_ = true;
  if (database_->disk_failed()) {
    // Reading back what the commit did would show what the system has cached, not what is synced.
    disk_.Fail(error);
    DropWriter();
    return disk_.status();
  }
  const bool unknown = committing && (IsIoError(*database_) || absl::IsUnavailable(error));
  if (!unknown) {
    writer_->OnRolledBack();
    return error;
  }
  // A new connection knows nothing but what is in the files.
  DropWriter();
  absl::Status opened = OpenWriter();
  if (opened.ok()) opened = LoadChain();
  const absl::StatusOr<bool> effect = opened.ok() ? took_effect() : opened;
  if (effect.ok() && *effect) return absl::OkStatus();
  if (!effect.ok() || !absl::IsResourceExhausted(error)) disk_.Fail(error);
  return error;
}

void SqliteStore::DropWriter() {
  pruner_.reset();
  writer_.reset();
  chain_.reset();
  database_->KeepLogWhenClosed();
  database_.reset();
}

absl::Status SqliteStore::TryDisk() {
  GATELOG_RETURN_IF_ERROR(disk_.status());
  if (!refused_) return absl::OkStatus();
  const auto write = [&]() -> absl::Status {
    GATELOG_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*database_));
    GATELOG_RETURN_IF_ERROR(
        database_->Execute("UPDATE meta SET value = value WHERE key = 'created_ms'"));
    return transaction.Commit();
  };
  if (absl::Status error = write(); !error.ok()) {
    return AfterFailure(error, false, nullptr);
  }
  refused_ = false;
  return absl::OkStatus();
}

void SqliteStore::CheckpointIfDue() {
  if (database_->log_pages() < options_.checkpoint_pages) return;
  const absl::Status done = database_->Checkpoint();
  if (!done.ok() && database_->disk_failed()) disk_.Fail(done);
}

absl::Status SqliteStore::CommitBlock(const std::function<absl::StatusOr<bool>()>& work,
                                      const evidence::SealKey* key) {
  GATELOG_RETURN_IF_ERROR(disk_.status());
  std::optional<evidence::ChainHead> expected;
  const auto write = [&]() -> absl::Status {
    GATELOG_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*database_));
    chain_->Begin(last_seq_.load(std::memory_order_relaxed) + 1);
    GATELOG_ASSIGN_OR_RETURN(const bool anything, work());
    if (!anything) return absl::OkStatus();
    GATELOG_RETURN_IF_ERROR(chain_->Finish());
    if (key != nullptr) {
      GATELOG_RETURN_IF_ERROR(WriteSeal(*database_, *chain_, chain_->written(), *key).status());
    }
    expected = chain_->written();
    return CommitTransaction(transaction);
  };
  const absl::Status error = write();
  if (!error.ok()) {
    const absl::Status failed =
        AfterFailure(error, expected.has_value(), [&] { return chain_head_ == *expected; });
    if (!failed.ok()) {
      index_.OnRolledBack(last_seq_.load(std::memory_order_relaxed));
      return failed;
    }
  } else if (expected) {
    chain_->OnCommitted();
    chain_head_ = *expected;
    if (key != nullptr) chain_->OnSealed();
  }
  if (expected) {
    writer_->OnCommitted();
    index_.OnCommitted();
  } else {
    index_.OnRolledBack(last_seq_.load(std::memory_order_relaxed));
  }
  refused_ = false;
  CheckpointIfDue();
  return absl::OkStatus();
}

absl::Status SqliteStore::CommitRows(const std::function<absl::Status()>& work) {
  GATELOG_RETURN_IF_ERROR(disk_.status());
  bool committing = false;
  const auto write = [&]() -> absl::Status {
    GATELOG_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*database_));
    GATELOG_RETURN_IF_ERROR(work());
    committing = true;
    return CommitTransaction(transaction);
  };
  if (const absl::Status error = write(); !error.ok()) {
    const absl::Status failed = AfterFailure(error, committing, [] { return true; });
    if (!failed.ok()) {
      index_.OnRolledBack(last_seq_.load(std::memory_order_relaxed));
      return failed;
    }
  }
  index_.OnCommitted();
  refused_ = false;
  CheckpointIfDue();
  return absl::OkStatus();
}

template <typename Batch, typename Write, typename Finish>
absl::StatusOr<std::vector<absl::Status>> SqliteStore::CommitTogether(
    std::span<const Batch> batches, Write write_one, Finish finish) {
  GATELOG_RETURN_IF_ERROR(disk_.status());
  if (batches.empty()) {
    GATELOG_RETURN_IF_ERROR(TryDisk());
    return std::vector<absl::Status>();
  }
  std::vector<absl::Status> results(batches.size());
  const absl::Status committed = CommitBlock([&]() -> absl::StatusOr<bool> {
    for (std::size_t i = 0; i < batches.size(); ++i) {
      GATELOG_RETURN_IF_ERROR(write_one(batches[i], results[i]));
    }
    if (!AnyOk(results)) return false;
    GATELOG_RETURN_IF_ERROR(finish());
    return true;
  });
  GATELOG_RETURN_IF_ERROR(committed);
  return results;
}

absl::StatusOr<std::vector<absl::Status>> SqliteStore::Commit(
    std::span<const ports::Batch> batches) {
  const std::uint64_t before = last_seq_.load(std::memory_order_relaxed);
  std::uint64_t seq = before;
  GATELOG_ASSIGN_OR_RETURN(std::vector<absl::Status> results,
                           CommitTogether(
                               batches,
                               [&](const ports::Batch& batch, absl::Status& result) {
                                 return writer_->Write(batch, seq, result);
                               },
                               [&] { return index_.CloseSome(*database_, seq - before); }));
  last_seq_.store(seq, std::memory_order_release);
  return results;
}

absl::StatusOr<std::vector<absl::Status>> SqliteStore::CommitImages(
    std::span<const ports::ImageBatch> batches) {
  return CommitTogether(
      batches,
      [&](const ports::ImageBatch& batch, absl::Status& result) {
        return writer_->WriteImages(batch, result);
      },
      [] { return absl::OkStatus(); });
}

absl::Status SqliteStore::RecordCleared(model::DeviceId device, model::EventId last,
                                        const std::string& by) {
  return CommitBlock([&]() -> absl::StatusOr<bool> {
    GATELOG_RETURN_IF_ERROR(chain_->AddEntry(
        evidence::ClearedEntry{.device = device,
                               .last = last,
                               .cleared_ms = clock().Now().time_since_epoch().count(),
                               .by = by}));
    return true;
  });
}

absl::StatusOr<std::optional<evidence::Seal>> SqliteStore::AppendSeal(
    const evidence::SealKey& key) {
  GATELOG_RETURN_IF_ERROR(disk_.status());
  if (log_to_be_emptied_) EmptyLogAfterErasure(kEmptyLogWait_ms);
  std::optional<evidence::Seal> seal;
  bool committing = false;
  const auto write = [&]() -> absl::Status {
    GATELOG_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*database_));
    GATELOG_ASSIGN_OR_RETURN(seal, WriteSeal(*database_, *chain_, chain_head_, key));
    if (!seal) return absl::OkStatus();
    committing = true;
    return CommitTransaction(transaction);
  };
  const auto took_effect = [&]() -> absl::StatusOr<bool> {
    GATELOG_ASSIGN_OR_RETURN(const std::optional<evidence::Seal> last, ReadLastSeal(*database_));
    return last == seal;
  };
  if (const absl::Status error = write(); !error.ok()) {
    GATELOG_RETURN_IF_ERROR(AfterFailure(error, committing, took_effect));
  }
  if (seal) chain_->OnSealed();
  return seal;
}

absl::StatusOr<std::optional<evidence::Seal>> SqliteStore::LastSeal() {
  ReaderPool::Lease database(*readers_);
  return ReadLastSeal(*database);
}

absl::StatusOr<ports::Erased> SqliteStore::Forget(const std::string& user_id, const std::string& by,
                                                  const evidence::SealKey& key) {
  if (user_id.empty()) return absl::InvalidArgumentError("Name the user who is to be forgotten.");
  ports::Erased erased;
  const auto erase = [&]() -> absl::StatusOr<bool> {
    GATELOG_ASSIGN_OR_RETURN(erased, writer_->Erase(user_id, by));
    return true;
  };
  GATELOG_RETURN_IF_ERROR(CommitBlock(erase, &key));
  log_to_be_emptied_ = true;
  EmptyLogAfterErasure(options_.busy_ms_max);
  erased.files_clean = !log_to_be_emptied_;
  return erased;
}

absl::StatusOr<ports::Pruned> SqliteStore::PreviewPrune(const ports::PruneLimits& limits) {
  ReaderPool::Lease database(*readers_);
  return store::PreviewPrune(*database, limits);
}

absl::Status SqliteStore::BeginPrune(const Pruner::Plan& plan, const std::string& by) {
  const auto write = [&]() -> absl::StatusOr<bool> {
    GATELOG_RETURN_IF_ERROR(pruner_->WriteEntries(plan, by, *chain_));
    return true;
  };
  GATELOG_RETURN_IF_ERROR(CommitBlock(write));
  pruner_->OnCommitted(plan);
  first_seq_.store(pruner_->first_seq(), std::memory_order_release);
  return absl::OkStatus();
}

absl::Status SqliteStore::PrunePeople(const Pruner::Plan& plan, const std::string& by,
                                      ports::Pruned& pruned) {
  ErasedPeople erased;
  const auto erase = [&]() -> absl::StatusOr<bool> {
    GATELOG_ASSIGN_OR_RETURN(erased,
                             writer_->ErasePeople(plan.people_from, plan.segment.next_seq, by));
    // Where there was nothing to take, the segment's end is enough to know.
    if (erased.events == 0 && erased.next_seq < plan.segment.next_seq) return false;
    GATELOG_RETURN_IF_ERROR(pruner_->WritePeopleEntry(plan, erased.next_seq, by, *chain_));
    return true;
  };
  GATELOG_RETURN_IF_ERROR(CommitBlock(erase));
  pruner_->OnErased(plan, erased, pruned);
  if (erased.events > 0) log_to_be_emptied_ = true;
  return absl::OkStatus();
}

absl::Status SqliteStore::CleanPeopleIndex() {
  const absl::Status cleaned = CommitRows([&]() -> absl::Status {
    GATELOG_ASSIGN_OR_RETURN(const bool few, HasFewPeople(*database_));
    return few ? IndexPeopleAnew(*database_) : absl::OkStatus();
  });
  GATELOG_RETURN_IF_ERROR(cleaned);
  pruner_->OnIndexCleaned();
  log_to_be_emptied_ = true;
  return absl::OkStatus();
}

absl::StatusOr<ports::RetentionStore::Step> SqliteStore::PruneSome(const ports::PruneLimits& limits,
                                                                   const std::string& by) {
  GATELOG_RETURN_IF_ERROR(disk_.status());
  Step step;
  if (pruner_->rows_left()) {
    step.more = true;
    const absl::Status committed = CommitRows([&]() -> absl::Status {
      GATELOG_ASSIGN_OR_RETURN(const Pruner::Deleted deleted, pruner_->DeleteSome());
      writer_->OnPeopleGone(deleted.people);
      step.pruned.bytes = deleted.bytes;
      return absl::OkStatus();
    });
    if (committed.ok()) return step;
    if (pruner_) GATELOG_RETURN_IF_ERROR(pruner_->Load());  // nothing was deleted
    return committed;
  }
  GATELOG_ASSIGN_OR_RETURN(const std::optional<Pruner::Plan> plan, pruner_->Next(limits));
  if (!plan && !pruner_->people_gone()) return step;
  step.more = true;
  if (!plan) {
    GATELOG_RETURN_IF_ERROR(CleanPeopleIndex());
  } else if (plan->what == evidence::Pruned::kPeople && !plan->nothing) {
    GATELOG_RETURN_IF_ERROR(PrunePeople(*plan, by, step.pruned));
  } else if (!plan->nothing) {
    GATELOG_RETURN_IF_ERROR(BeginPrune(*plan, by));
    AddTo(*plan, step.pruned);
  }
  return step;
}

void SqliteStore::EmptyLogAfterErasure(int wait_ms_max) {
  // What goes wrong here concerns the old pages alone; the next seal tries again.
  const absl::StatusOr<bool> emptied = database_->EmptyLog(wait_ms_max);
  if (emptied.ok() && *emptied) log_to_be_emptied_ = false;
  if (!emptied.ok() && database_->disk_failed()) disk_.Fail(emptied.status());
}

absl::StatusOr<std::vector<ports::LogState>> SqliteStore::LoadLogStates() {
  ReaderPool::Lease database(*readers_);
  return ReadLogStates(*database);
}

SqliteStore::View SqliteStore::CurrentView() const {
  // Taken in this order and before the read begins, so that the read finds at least this much, and
  // shows no more.
  const SeqRange visible{first_seq(), last_seq()};
  return {visible, index_.view()};
}

absl::StatusOr<ports::EventPage> SqliteStore::Read(const ports::EventQuery& query) {
  const View view = CurrentView();
  ReaderPool::Lease database(*readers_);
  GATELOG_ASSIGN_OR_RETURN(const Snapshot snapshot, Snapshot::Begin(*database));
  return ReadEvents({*database, *view.index, view.visible}, query);
}

absl::StatusOr<std::vector<ports::EventCount>> SqliteStore::Count(const ports::CountQuery& query) {
  const View view = CurrentView();
  ReaderPool::Lease database(*readers_);
  GATELOG_ASSIGN_OR_RETURN(const Snapshot snapshot, Snapshot::Begin(*database));
  return CountEvents({*database, *view.index, view.visible}, query);
}

absl::StatusOr<std::vector<model::Anchor>> SqliteStore::ReadAnchors(
    model::DeviceId log_device, std::span<const ports::RecordRange> ranges) {
  const View view = CurrentView();
  ReaderPool::Lease database(*readers_);
  // A record moves from one table to the other in one transaction.
  GATELOG_ASSIGN_OR_RETURN(const Snapshot snapshot, Snapshot::Begin(*database));
  return store::ReadAnchors({*database, *view.index, view.visible}, log_device, ranges);
}

absl::StatusOr<std::vector<model::Gap>> SqliteStore::ReadGaps(
    std::span<const model::DeviceId> log_devices, const model::RecordKey& after,
    std::uint32_t limit) {
  ReaderPool::Lease database(*readers_);
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      (*database).Prepare(
          log_devices.empty()
              ? "SELECT log_device, epoch, first, last, reason, found_ms, raw FROM gap "
                "WHERE (log_device, epoch, first) > (?1, ?2, ?3) ORDER BY log_device, epoch, first "
                "LIMIT ?4"
              : "SELECT log_device, epoch, first, last, reason, found_ms, raw FROM gap "
                "WHERE (log_device, epoch, first) > (?1, ?2, ?3) "
                "AND log_device IN (SELECT value FROM json_each(?5)) ORDER BY log_device, epoch, "
                "first LIMIT ?4"));
  select.Bind(1, after.log_device);
  select.Bind(2, after.epoch);
  select.Bind(3, after.id);
  select.Bind(4, limit);
  if (!log_devices.empty()) select.BindCopy(5, JsonList(log_devices));
  std::vector<model::Gap> gaps;
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return gaps;
    gaps.push_back({.log_device = static_cast<model::DeviceId>(select.Integer(0)),
                    .epoch = static_cast<model::Epoch>(select.Integer(1)),
                    .first = static_cast<model::EventId>(select.Integer(2)),
                    .last = static_cast<model::EventId>(select.Integer(3)),
                    .reason = static_cast<model::GapReason>(select.Integer(4)),
                    .found = Timestamp(std::chrono::milliseconds(select.Integer(5))),
                    .raw = std::string(select.Bytes(6))});
  }
}

absl::StatusOr<std::pair<model::RecordKey, model::Image>> SqliteStore::ReadImage(
    const model::RecordKey& key) {
  const View view = CurrentView();
  ReaderPool::Lease database(*readers_);
  GATELOG_ASSIGN_OR_RETURN(const Snapshot snapshot, Snapshot::Begin(*database));
  return FindImage({*database, *view.index, view.visible.last}, key);
}

absl::StatusOr<std::vector<ports::LogTotals>> SqliteStore::ReadTotals() {
  ReaderPool::Lease database(*readers_);
  return ReadLogTotals(*database);
}

}  // namespace gatelog::store
