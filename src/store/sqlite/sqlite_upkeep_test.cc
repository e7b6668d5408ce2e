#include "store/sqlite/sqlite_upkeep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "store/sqlite/data_directory.h"
#include "store/sqlite/sqlite_registry.h"
#include "store/sqlite/store_check.h"
#include "store/sqlite/store_restore.h"
#include "tests/support/records.h"
#include "tests/support/temp_directory.h"

namespace gatelog::store {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr model::DeviceId kDoor = 541'000'001;
constexpr int kEvents = 2'000;

class SqliteUpkeepTest : public ::testing::Test {
 protected:
  std::string directory() const { return directory_.path(); }
  std::string file() const { return directory() + "/gatelog.db"; }
  std::string backup() const { return directory() + "/backup.db"; }

  std::unique_ptr<SqliteStore> Open(const std::string& directory) {
    auto store = SqliteStore::Open({.directory = directory});
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }

  static void Add(SqliteStore& store, int events) {
    const auto states = store.LoadLogStates();
    ASSERT_TRUE(states.ok());
    testing::BatchMaker maker(states->empty() ? ports::LogState{.log_device = kDoor}
                                              : states->at(0));
    if (states->empty()) maker.OpenEpoch(1, 7);
    const ports::Batch batch =
        maker.AddSome(events).AddGap(2, model::GapReason::kAbsent).AddSome(1).Make();
    const auto results = store.Commit(std::span(&batch, 1));
    ASSERT_TRUE(results.ok() && results->at(0).ok());
  }

  static void AddImage(SqliteStore& store) {
    const model::Image image = testing::ImageOf(testing::SomeEvent(kDoor, 3));
    const ports::ImageBatch batch{.log_device = kDoor,
                                  .epoch = 1,
                                  .expected_image_next = 1,
                                  .image_next = 4,
                                  .images = {image}};
    const auto results = store.CommitImages(std::span(&batch, 1));
    ASSERT_TRUE(results.ok() && results->at(0).ok());
  }

  // Writes a copy of the store to backup().
  void Backup(SqliteStore& store) {
    SqliteUpkeep upkeep(store);
    const auto copy = upkeep.Copy(nullptr);
    ASSERT_TRUE(copy.ok()) << copy.status();
    Save(**copy);
  }
  void Save(ports::StoreCopy& copy) const {
    std::ofstream out(backup(), std::ios::binary);
    std::uint64_t size = 0;
    while (true) {
      constexpr std::size_t kChunk = 10'000;  // no multiple of a page
      const auto chunk = copy.Read(kChunk);
      ASSERT_TRUE(chunk.ok()) << chunk.status();
      if (chunk->empty()) break;
      size += chunk->size();
      out << *chunk;
    }
    EXPECT_EQ(size, copy.size());
  }

  testing::TempDirectory directory_;
};

TEST_F(SqliteUpkeepTest, ACopyIsOfOneMomentAndCommitsGoOnMeanwhile) {
  const auto store = Open(directory());
  for (int i = 0; i < 40; ++i) Add(*store, kEvents);
  const std::uint64_t before = store->last_seq();
  SqliteUpkeep upkeep(*store);
  int told = 0;
  const auto copy = upkeep.Copy([&](std::uint64_t done, std::uint64_t bytes) {
    ++told;
    EXPECT_LE(done, bytes);
    Add(*store, 100);  // would wait for ever if the copy held it up
    return true;
  });
  ASSERT_TRUE(copy.ok()) << copy.status();
  EXPECT_GT(told, 0);
  EXPECT_GT(store->last_seq(), before);
  Save(**copy);
  const auto report = CheckStoreFile(backup(), nullptr);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->last_seq, before);
  EXPECT_EQ(report->events, before);
  EXPECT_EQ(report->missing, 80u);
  EXPECT_EQ(report->incarnation, store->incarnation());
}

TEST_F(SqliteUpkeepTest, NothingRemainsOfACopy) {
  const auto store = Open(directory());
  Add(*store, kEvents);
  std::ofstream(directory() + "/backup.tmp") << "of a gateway that was killed";
  SqliteUpkeep upkeep(*store);
  const absl::Status given_up =
      upkeep.Copy([](std::uint64_t, std::uint64_t) { return false; }).status();
  // A small store is copied in one step, before anybody can say no.
  EXPECT_TRUE(given_up.ok() || absl::IsCancelled(given_up)) << given_up;
  EXPECT_FALSE(std::filesystem::exists(directory() + "/backup.tmp"));
}

TEST_F(SqliteUpkeepTest, ACheckOfARunningStoreCountsAndCanBeGivenUp) {
  const auto store = Open(directory());
  Add(*store, kEvents);
  AddImage(*store);
  SqliteUpkeep upkeep(*store);
  std::vector<double> done;
  const auto report = upkeep.Check([&](std::string_view, double share) {
    done.push_back(share);
    return true;
  });
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->events, kEvents + 1u);
  EXPECT_EQ(report->gaps, 1u);
  EXPECT_EQ(report->missing, 2u);
  EXPECT_EQ(report->images, 1u);
  EXPECT_EQ(report->logs, 1u);
  EXPECT_TRUE(std::is_sorted(done.begin(), done.end()));
  EXPECT_TRUE(
      absl::IsCancelled(upkeep.Check([](std::string_view, double) { return false; }).status()));
  EXPECT_TRUE(absl::IsCancelled(upkeep
                                    .Check([&](std::string_view part, double) {
                                      if (part == "totals") upkeep.GiveUp();
                                      return part != "images and people";
                                    })
                                    .status()));
}

TEST_F(SqliteUpkeepTest, ACheckFindsWhatContradictsItself) {
  {
    const auto store = Open(directory());
    Add(*store, kEvents);
    AddImage(*store);
  }
  const std::pair<const char*, const char*> kFaults[] = {
      {"DELETE FROM event WHERE id = 1000", "IDs 1000 to 1000 are neither an event nor in a gap"},
      {"DELETE FROM gap", "neither an event nor in a gap"},
      {"UPDATE gap SET first = first - 1", "is there twice"},
      {"UPDATE log_state SET next = next + 1", "the next ID is"},
      {"UPDATE log_state SET events = events + 1", "counts 2002 events, and has 2001"},
      {"UPDATE log_state SET missing = 0", "counts 0 missing, and has 2"},
      {"UPDATE log_state SET epoch = 2", "stands in epoch 2"},
      {"UPDATE event SET seq = 100000 WHERE seq = 5", "are numbered from 1 to 100000"},
      {"UPDATE image SET timestamp = 1", "the image of event 3 has no event"},
      {"DELETE FROM person WHERE user_id = 'user-7'", "names a person who is not there"},
      {"UPDATE event SET payload = x'ff' WHERE seq = 9", "event 9"},
      {"UPDATE log_state SET anchors = x'00'", "anchors of log device"},
      {"INSERT INTO gap VALUES (7, 1, 1, 1, 1, 0, x'')", "an epoch that does not exist"},
  };
  for (const auto& [sql, words] : kFaults) {
    SCOPED_TRACE(sql);
    std::filesystem::copy_file(file(), backup(), std::filesystem::copy_options::overwrite_existing);
    {
      auto database = Database::Open({.path = backup()});
      ASSERT_TRUE(database.ok());
      const absl::Status changed = (*database)->Execute(sql);
      ASSERT_TRUE(changed.ok()) << changed;
    }
    const absl::Status found = CheckStoreFile(backup(), nullptr).status();
    EXPECT_EQ(found.code(), absl::StatusCode::kDataLoss) << found;
    EXPECT_THAT(std::string(found.message()), HasSubstr(words));
  }
}

TEST_F(SqliteUpkeepTest, ARestoredStoreIsANewIncarnationThatGoesOn) {
  model::Incarnation incarnation = 0;
  {
    const auto store = Open(directory());
    incarnation = store->incarnation();
    Add(*store, kEvents);
    AddImage(*store);
    Backup(*store);
    Add(*store, kEvents);
    EXPECT_EQ(RestoreStore(backup(), directory(), true, nullptr).status().code(),
              absl::StatusCode::kFailedPrecondition)
        << "in use";
  }
  EXPECT_EQ(RestoreStore(backup(), directory(), false, nullptr).status().code(),
            absl::StatusCode::kAlreadyExists);
  const auto restored = RestoreStore(backup(), directory(), true, nullptr);
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ(restored->report.events, kEvents + 1u);
  const auto old = CheckStoreFile(restored->replaced, nullptr);
  ASSERT_TRUE(old.ok()) << old.status();
  EXPECT_EQ(old->events, 2u * (kEvents + 1)) << "what was there is kept";

  const auto store = Open(directory());
  EXPECT_NE(store->incarnation(), incarnation);
  EXPECT_EQ(store->incarnation(), restored->report.incarnation);
  EXPECT_EQ(store->last_seq(), kEvents + 1u);
  Add(*store, 10);
  EXPECT_TRUE(store->ReadImage({kDoor, 1, 3}).ok());
}

TEST_F(SqliteUpkeepTest, AFailedRestoreChangesNothing) {
  {
    const auto store = Open(directory());
    Add(*store, kEvents);
  }
  const auto restore = [&](const std::string& content) {
    std::ofstream(backup(), std::ios::binary) << content;
    return RestoreStore(backup(), directory(), true, nullptr).status();
  };
  EXPECT_EQ(restore("").code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(restore(std::string(9000, 'x')).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(RestoreStore(directory() + "/none", directory(), true, nullptr).status().code(),
            absl::StatusCode::kNotFound);
  std::filesystem::remove(backup());
  ASSERT_TRUE((*Database::Open({.path = backup()}))->Execute("CREATE TABLE theirs (x)").ok());
  EXPECT_EQ(RestoreStore(backup(), directory(), true, nullptr).status().code(),
            absl::StatusCode::kFailedPrecondition);
  const auto store = Open(directory());
  EXPECT_EQ(store->last_seq(), kEvents + 1u);
  for (const auto& entry : std::filesystem::directory_iterator(directory())) {
    EXPECT_THAT(entry.path().string(), ::testing::Not(HasSubstr("restoring")));
  }
}

// The gateway would go on with its database and leave the restored store unread.
TEST_F(SqliteUpkeepTest, NothingIsRestoredWhereTheStoreIsElsewhere) {
  Backup(*Open(directory()));
  const std::string target = directory() + "/target";
  std::filesystem::create_directory(target);
  ASSERT_TRUE(NoteStoreElsewhere(target).ok());
  ASSERT_TRUE(NoteStoreElsewhere(target).ok()) << "at each start";
  const absl::Status refused = RestoreStore(backup(), target, true, nullptr).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("keeps its store in PostgreSQL"));
  EXPECT_FALSE(std::filesystem::exists(target + "/gatelog.db"));
  ASSERT_TRUE(NoteStoreHere(target).ok());
  ASSERT_TRUE(NoteStoreHere(target).ok());
  const auto restored = RestoreStore(backup(), target, true, nullptr);
  EXPECT_TRUE(restored.ok()) << restored.status();
}

TEST_F(SqliteUpkeepTest, TheDevicesComeWithTheBackup) {
  {
    const auto store = Open(directory());
    auto registry = SqliteRegistry::Open(*store);
    ASSERT_TRUE(registry.ok() && (*registry)->Save({.id = kDoor}).ok());
    Backup(*store);
  }
  const std::string elsewhere = directory() + "/elsewhere";
  ASSERT_TRUE(RestoreStore(backup(), elsewhere, false, nullptr).ok());
  const auto store = Open(elsewhere);
  auto registry = SqliteRegistry::Open(*store);
  ASSERT_TRUE(registry.ok());
  EXPECT_THAT(*(*registry)->Load(), SizeIs(1));
}

}  // namespace
}  // namespace gatelog::store
