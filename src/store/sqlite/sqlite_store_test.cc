#include "store/sqlite/sqlite_store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/sqlite_registry.h"
#include "tests/support/disk_vfs.h"
#include "tests/support/older_store.h"
#include "tests/support/records.h"
#include "tests/support/temp_directory.h"

namespace gatelog::store {
namespace {

using testing::BatchMaker;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using testing::TempDirectory;

constexpr model::DeviceId kDoor = 541'000'001;

class SqliteStoreTest : public ::testing::Test {
 protected:
  std::string file() const { return directory_.path() + "/gatelog.db"; }
  SqliteStore::Options OptionsFor(const std::string& directory) { return {.directory = directory}; }

  std::unique_ptr<SqliteStore> Open() { return Open(OptionsFor(directory_.path())); }
  std::unique_ptr<SqliteStore> Open(SqliteStore::Options options) {
    auto store = SqliteStore::Open(std::move(options));
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }
  absl::Status OpenError(const std::string& directory) {
    return SqliteStore::Open(OptionsFor(directory)).status();
  }

  static ports::LogState StateOf(SqliteStore& store) {
    const auto states = store.LoadLogStates();
    EXPECT_TRUE(states.ok()) << states.status();
    return states.ok() && !states->empty() ? states->at(0) : ports::LogState{.log_device = kDoor};
  }
  static ports::Batch NextBatch(SqliteStore& store, int events) {
    const ports::LogState state = StateOf(store);
    BatchMaker maker(state);
    if (state.epoch == 0) maker.OpenEpoch(1, 1);
    return maker.AddSome(events).Make();
  }
  static absl::Status Commit(SqliteStore& store, const ports::Batch& batch) {
    const auto results = store.Commit(std::span(&batch, 1));
    return results.ok() ? results->at(0) : results.status();
  }
  static std::size_t CountEvents(SqliteStore& store) {
    std::size_t count = 0;
    ports::EventQuery query{.limit = ports::kQueryLimitMax};
    while (true) {
      const auto page = store.Read(query);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) return count;
      for (const ports::StoredEvent& event : page->events) EXPECT_EQ(event.seq, ++count);
      if (!page->more) return count;
      query.after_seq = page->seq_reached;
    }
  }

  TempDirectory directory_;
};

TEST_F(SqliteStoreTest, MakesTheDirectoryButNotItsParent) {
  EXPECT_NE(Open(OptionsFor(directory_.path() + "/new")), nullptr);
  const absl::Status missing = OpenError(directory_.path() + "/a/b");
  EXPECT_EQ(missing.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(missing.message()), HasSubstr("the directory above it does not exist"));
}

TEST_F(SqliteStoreTest, RefusesAFileInPlaceOfTheDirectory) {
  const std::string path = directory_.path() + "/file";
  std::ofstream(path) << "x";
  EXPECT_EQ(OpenError(path).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(SqliteStoreTest, SecondOpeningIsRefusedByName) {
  auto store = Open();
  const absl::Status second = OpenError(directory_.path());
  EXPECT_EQ(second.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(std::string(second.message()),
            absl::StrCat("The data directory ", directory_.path(),
                         " is in use by another gatelogd (process ", getpid(), ")."));
  store.reset();
  EXPECT_NE(Open(), nullptr) << "the lock goes with the store";
}

// Runs `child` in a process of its own; its exit code.
template <typename Child>
int ExitCodeOf(Child child) {
  const pid_t pid = fork();
  if (pid == 0) _exit(child());
  int status = 0;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(SqliteStoreTest, AnotherProcessIsRefused) {
  const auto store = Open();
  EXPECT_EQ(ExitCodeOf([&] {
              const absl::Status status = OpenError(directory_.path());
              return absl::IsFailedPrecondition(status) &&
                             absl::StrContains(status.message(),
                                               absl::StrCat("process ", getppid()))
                         ? 0
                         : 1;
            }),
            0);
}

TEST_F(SqliteStoreTest, UnwritableDirectoryIsOneClearSentence) {
  const std::string path = directory_.path() + "/readonly";
  ASSERT_EQ(mkdir(path.c_str(), 0555), 0);
  ASSERT_EQ(chmod(directory_.path().c_str(), 0755), 0);
  constexpr uid_t kNobody = 65534;  // root may write anywhere
  EXPECT_EQ(ExitCodeOf([&] {
              if (getuid() == 0 && seteuid(kNobody) != 0) return 2;
              const absl::Status status = OpenError(path);
              return status.code() == absl::StatusCode::kPermissionDenied &&
                             absl::StrContains(status.message(), path)
                         ? 0
                         : 1;
            }),
            0);
}

TEST_F(SqliteStoreTest, FileThatIsNoDatabaseIsDataLoss) {
  std::ofstream(file()) << std::string(8192, 'x');
  const absl::Status status = OpenError(directory_.path());
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr(file()));
}

TEST_F(SqliteStoreTest, DamagedPageIsDataLossWhenRead) {
  {
    auto store = Open();
    ASSERT_TRUE(Commit(*store, NextBatch(*store, 5000)).ok());
  }
  {
    // All but the first pages, which hold the schema.
    constexpr int kPage = 4096;
    constexpr int kFirstDamaged = 24;
    std::fstream stream(file(), std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(kFirstDamaged * kPage);
    const auto size = std::filesystem::file_size(file());
    stream << std::string(size - kFirstDamaged * kPage, '\x55');
  }
  auto store = SqliteStore::Open(OptionsFor(directory_.path()));
  absl::Status status = store.status();
  for (std::uint64_t seq = 0; store.ok() && status.ok() && seq < 5000; seq += 100) {
    status = (*store)->Read({.after_seq = seq, .limit = 100}).status();
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
}

TEST_F(SqliteStoreTest, NewerSchemaAndForeignDatabasesAreRefused) {
  Open().reset();
  auto database = Database::Open({.path = file()});
  ASSERT_TRUE(database.ok());
  ASSERT_TRUE(
      (*database)->Execute(absl::StrCat("PRAGMA user_version = ", kSchemaVersion + 1)).ok());
  const absl::Status newer = OpenError(directory_.path());
  EXPECT_EQ(newer.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(newer.message()), HasSubstr("newer gatelog"));

  ASSERT_TRUE((*database)->Execute("PRAGMA application_id = 7").ok());
  const absl::Status foreign = OpenError(directory_.path());
  EXPECT_EQ(foreign.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(foreign.message()), HasSubstr("another program"));
}

// Version 1 kept no trace of images that were looked for and not found.
TEST_F(SqliteStoreTest, AnOlderStoreLearnsWhichImagesAreAbsent) {
  {
    auto store = Open();
    const ports::Batch batch = NextBatch(*store, 12);  // 3, 6, 9 and 12 say they have an image
    ASSERT_TRUE(Commit(*store, batch).ok());
    const ports::ImageBatch images{.log_device = kDoor,
                                   .epoch = 1,
                                   .expected_image_next = 1,
                                   .image_next = 8,
                                   .images = {testing::ImageOf(batch.events[2])}};
    ASSERT_TRUE(store->CommitImages(std::span(&images, 1)).ok());
  }
  {
    auto database = Database::Open({.path = file()});
    ASSERT_TRUE(database.ok());
    ASSERT_TRUE((*database)->Execute(testing::BackToVersion1()).ok());
  }
  auto store = Open();
  const ports::LogTotals totals = store->ReadTotals()->at(0);
  EXPECT_EQ(totals.images_wanted, 4u);
  EXPECT_EQ(totals.images, 1u);
  EXPECT_EQ(totals.images_absent, 1u);
  const auto why = [&](model::EventId id) {
    return std::string(store->ReadImage({kDoor, 1, id}).status().message());
  };
  EXPECT_EQ(why(6), model::ImageAbsentSentence({kDoor, 1, 6}, model::ImageAbsenceReason::kAbsent));
  EXPECT_EQ(why(9), model::ImageAwaitedSentence({kDoor, 1, 9}));
}

TEST_F(SqliteStoreTest, OtherProgramsReadTheViewsMeanwhile) {
  auto store = Open();
  ports::Batch batch = NextBatch(*store, 40);
  batch.live_from = 31;
  ASSERT_TRUE(Commit(*store, batch).ok());
  auto reader = Database::Open({.path = file(), .read_only = true});
  ASSERT_TRUE(reader.ok());
  const auto count = [&](const char* sql) { return *(*reader)->QueryInteger(sql); };
  EXPECT_EQ(
      count("SELECT count(*) FROM events WHERE user_id = 'user-7' AND time_utc LIKE '2023-11-%'"),
      1);
  EXPECT_EQ(count("SELECT count(*) FROM events WHERE phase = 'live'"), 10);
  EXPECT_EQ(count("SELECT count(*) FROM events WHERE has_image = 1"), 13);
  EXPECT_EQ(count("SELECT events FROM logs"), 40);
  EXPECT_EQ(count("SELECT next FROM epochs"), 41);
  EXPECT_EQ(count("SELECT count(*) FROM gaps"), 0);
  EXPECT_EQ(count("SELECT e.next - e.first = (SELECT count(*) FROM events) + "
                  "(SELECT coalesce(sum(records), 0) FROM gaps) FROM epochs AS e"),
            1);
  ASSERT_TRUE((*reader)->Execute("BEGIN").ok());
  EXPECT_EQ(count("SELECT count(*) FROM events"), 40);
  EXPECT_TRUE(Commit(*store, NextBatch(*store, 10)).ok()) << "a reader does not hold commits up";
}

TEST_F(SqliteStoreTest, SyncsBeforeItAcknowledges) {
  testing::DiskVfs vfs;
  SqliteStore::Options options = OptionsFor(directory_.path());
  options.vfs = vfs.name();
  auto store = Open(options);
  for (int i = 0; i < 5; ++i) {
    const int before = vfs.wal_syncs();
    ASSERT_TRUE(Commit(*store, NextBatch(*store, 3)).ok());
    EXPECT_GT(vfs.wal_syncs(), before);
  }
  const ports::ImageBatch images{
      .log_device = kDoor, .epoch = 1, .expected_image_next = 1, .image_next = 4};
  const int before = vfs.wal_syncs();
  ASSERT_TRUE(store->CommitImages(std::span(&images, 1)).ok());
  EXPECT_GT(vfs.wal_syncs(), before);
  auto registry = SqliteRegistry::Open(*store);
  ASSERT_TRUE(registry.ok()) << registry.status();
  ASSERT_TRUE((*registry)->Save({.id = kDoor}).ok());
  EXPECT_GT(vfs.wal_syncs(), before + 1);
}

TEST_F(SqliteStoreTest, FailedSyncEndsAcknowledgementUntilOpenedAnew) {
  testing::DiskVfs vfs;
  SqliteStore::Options options = OptionsFor(directory_.path());
  options.vfs = vfs.name();
  auto store = Open(options);
  ASSERT_TRUE(Commit(*store, NextBatch(*store, 10)).ok());

  vfs.FailNow(testing::DiskVfs::Fault::kIoError);
  const ports::Batch batch = NextBatch(*store, 10);
  EXPECT_EQ(Commit(*store, batch).code(), absl::StatusCode::kUnavailable);
  vfs.Heal();
  EXPECT_EQ(Commit(*store, batch).code(), absl::StatusCode::kUnavailable)
      << "tried as if nothing was";
  EXPECT_EQ(store->last_seq(), 10u);
  EXPECT_EQ(CountEvents(*store), 10u) << "not acknowledged, so not shown";

  store.reset();
  store = Open(options);
  const std::size_t stored = CountEvents(*store);
  EXPECT_EQ(StateOf(*store).next, stored + 1) << "events and state went together";
  ASSERT_TRUE(Commit(*store, NextBatch(*store, 10)).ok());
  EXPECT_EQ(CountEvents(*store), stored + 10);
}

TEST_F(SqliteStoreTest, AFailureOfTheRegistryCountsAndTheNextStartGoesOn) {
  testing::DiskVfs vfs;
  SqliteStore::Options options = OptionsFor(directory_.path());
  options.vfs = vfs.name();
  auto store = Open(options);
  ASSERT_TRUE(Commit(*store, NextBatch(*store, 10)).ok());
  {
    auto registry = SqliteRegistry::Open(*store);
    ASSERT_TRUE(registry.ok());
    vfs.FailNow(testing::DiskVfs::Fault::kIoError);
    EXPECT_EQ((*registry)->Save({.id = kDoor}).code(), absl::StatusCode::kUnavailable);
    vfs.Heal();
    EXPECT_EQ(store->Commit({}).status().code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ((*registry)->Save({.id = kDoor}).code(), absl::StatusCode::kUnavailable);
  }
  store.reset();
  store = Open(options);
  ASSERT_NE(store, nullptr);
  EXPECT_EQ(CountEvents(*store), 10u);
  EXPECT_TRUE(Commit(*store, NextBatch(*store, 10)).ok());
}

TEST_F(SqliteStoreTest, AFailedCheckpointIsNoticedByTheNextCommit) {
  testing::DiskVfs vfs;
  SqliteStore::Options options = OptionsFor(directory_.path());
  options.vfs = vfs.name();
  options.checkpoint_pages = 1;
  auto store = Open(options);
  ASSERT_TRUE(Commit(*store, NextBatch(*store, 10)).ok());
  const std::uint64_t before = vfs.calls();
  ASSERT_TRUE(Commit(*store, NextBatch(*store, 10)).ok());
  // The last call of a commit and its checkpoint is the sync of the main file.
  const std::uint64_t calls = vfs.calls() - before;
  vfs.FailAfter(calls - 1, testing::DiskVfs::Fault::kIoError, testing::DiskVfs::Lasting::kOnce);
  EXPECT_TRUE(Commit(*store, NextBatch(*store, 10)).ok()) << "the commit itself is on the disk";
  ASSERT_TRUE(vfs.has_failed());
  EXPECT_EQ(Commit(*store, NextBatch(*store, 10)).code(), absl::StatusCode::kUnavailable);
  store.reset();
  store = Open(options);
  ASSERT_NE(store, nullptr);
  EXPECT_EQ(CountEvents(*store), 30u);
}

TEST_F(SqliteStoreTest, FullDiskIsRetriedWhenThereIsSpace) {
  testing::DiskVfs vfs;
  SqliteStore::Options options = OptionsFor(directory_.path());
  options.vfs = vfs.name();
  auto store = Open(options);
  ASSERT_TRUE(Commit(*store, NextBatch(*store, 10)).ok());

  vfs.FailNow(testing::DiskVfs::Fault::kNoSpace);
  const ports::Batch batch = NextBatch(*store, 500);
  const absl::Status full = Commit(*store, batch);
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(full.message()), HasSubstr("No space is left"));
  EXPECT_EQ(CountEvents(*store), 10u);
  vfs.Heal();
  EXPECT_TRUE(Commit(*store, batch).ok());
  EXPECT_EQ(CountEvents(*store), 510u);
  const auto page = store->Read({.filter = {.users = {"user-11"}}});
  ASSERT_TRUE(page.ok());
  EXPECT_GT(page->events.size(), 15u) << "people named in the failed commit are known now";
}

TEST_F(SqliteStoreTest, CommitOfUnknownOutcomeIsReadBack) {
  bool fail = false;
  SqliteStore::Options options = OptionsFor(directory_.path());
  options.commit_result_for_test = [&](absl::Status committed) {
    return fail ? absl::UnavailableError("lost the answer") : committed;
  };
  auto store = Open(options);
  ASSERT_TRUE(Commit(*store, NextBatch(*store, 10)).ok());
  fail = true;
  const ports::Batch good = NextBatch(*store, 7);
  ports::Batch stale = good;
  stale.expected_next = 3;
  stale.events.clear();
  stale.after.next = 3;
  const auto results = store->Commit(std::vector{stale, good});
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_EQ(results->at(0).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(results->at(1).ok());
  EXPECT_EQ(store->last_seq(), 17u);
  const ports::ImageBatch images{
      .log_device = kDoor, .epoch = 1, .expected_image_next = 1, .image_next = 4};
  EXPECT_TRUE(store->CommitImages(std::span(&images, 1)).ok());
  fail = false;
  EXPECT_TRUE(Commit(*store, NextBatch(*store, 3)).ok());
  EXPECT_EQ(CountEvents(*store), 20u);
  EXPECT_EQ(StateOf(*store).image_next, 4u);
}

TEST_F(SqliteStoreTest, RegistryAndCommitsShareTheFile) {
  auto store = Open();
  auto registry = SqliteRegistry::Open(*store);
  ASSERT_TRUE(registry.ok()) << registry.status();
  std::thread saver([&] {
    for (model::DeviceId id = 1; id <= 100; ++id) {
      const absl::Status saved = (*registry)->Save({.id = id});
      ASSERT_TRUE(saved.ok()) << saved;
    }
  });
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(Commit(*store, NextBatch(*store, 100)).ok());
  saver.join();
  EXPECT_THAT(*(*registry)->Load(), SizeIs(100));
}

// Commits until it is killed; says after each commit, in one byte, that it was acknowledged.
[[noreturn]] void CommitForever(const SqliteStore::Options& options, int acknowledgements) {
  auto store = SqliteStore::Open(options);
  if (!store.ok()) _exit(1);
  ports::LogState state{.log_device = kDoor};
  const auto states = (*store)->LoadLogStates();
  if (states.ok() && !states->empty()) state = states->at(0);
  while (true) {
    BatchMaker maker(state);
    if (state.epoch == 0) maker.OpenEpoch(1, 1);
    const ports::Batch batch = maker.AddSome(50).AddGap(2, model::GapReason::kAbsent).Make();
    const auto results = (*store)->Commit(std::span(&batch, 1));
    if (!results.ok() || !results->at(0).ok()) _exit(2);
    state = batch.after;
    if (write(acknowledgements, "a", 1) != 1) _exit(3);
  }
}

TEST_F(SqliteStoreTest, KilledAtAnyMomentItKeepsWhatItAcknowledged) {
  constexpr int kKills = 20;
  std::size_t acknowledged = 0;  // commits, in all lives
  SqliteStore::Options options = OptionsFor(directory_.path());
  options.checkpoint_pages = 64;  // so that some kills hit a checkpoint
  for (int kill_number = 0; kill_number < kKills; ++kill_number) {
    SCOPED_TRACE(kill_number);
    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    const pid_t child = fork();
    if (child == 0) CommitForever(options, pipe_ends[1]);
    close(pipe_ends[1]);
    // Each life ends during another commit, and somewhere else in it.
    char byte = 0;
    for (int i = 0; i < 3 + kill_number; ++i) {
      ASSERT_EQ(read(pipe_ends[0], &byte, 1), 1) << "the child could not commit";
      ++acknowledged;
    }
    std::this_thread::yield();
    ASSERT_EQ(kill(child, SIGKILL), 0);
    ASSERT_EQ(waitpid(child, nullptr, 0), child);
    while (read(pipe_ends[0], &byte, 1) == 1) ++acknowledged;
    close(pipe_ends[0]);

    auto store = Open(options);
    ASSERT_NE(store, nullptr);
    const std::size_t events = CountEvents(*store);
    const std::size_t commits = events / 50;
    EXPECT_EQ(events % 50, 0u) << "half a commit";
    EXPECT_GE(commits, acknowledged);
    EXPECT_LE(commits, acknowledged + 1) << "only the last commit's answer can be missing";
    EXPECT_EQ(StateOf(*store).next, commits * 52 + 1);
    EXPECT_EQ(store->last_seq(), events);
    const ports::LogTotals totals = store->ReadTotals()->at(0);
    EXPECT_EQ(totals.events, events);
    EXPECT_EQ(totals.gaps, commits);
    EXPECT_EQ(totals.missing, commits * 2);
    acknowledged = commits;
  }
}

TEST_F(SqliteStoreTest, ADamagedRecordIsNamedAndNotPassedOn) {
  const auto store = Open();
  ASSERT_TRUE(Commit(*store, NextBatch(*store, 20)).ok());
  {
    auto database = Database::Open({.path = file()});
    ASSERT_TRUE(database.ok()) << database.status();
    ASSERT_TRUE((*database)->Execute("UPDATE event SET payload = x'0aff' WHERE seq = 9").ok());
  }
  for (const bool payload_alone : {false, true}) {
    const absl::Status read = store->Read({.limit = 100, .payload_alone = payload_alone}).status();
    EXPECT_EQ(read.code(), absl::StatusCode::kDataLoss) << read;
    EXPECT_NE(read.message().find("(event 9: "), absl::string_view::npos) << read;
    EXPECT_EQ(store->Read({.limit = 8, .payload_alone = payload_alone})->events.size(), 8u);
  }
}

}  // namespace
}  // namespace gatelog::store
