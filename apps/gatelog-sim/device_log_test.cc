#include "apps/gatelog-sim/device_log.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include "absl/strings/str_cat.h"
#include "apps/gatelog-sim/sim_test_support.h"

namespace gatelog::sim {
namespace {

constexpr std::uint32_t kDevice = 541000001;
constexpr DeviceLog::Limits kSmall{.records = 10, .images = 3};

class DeviceLogTest : public ::testing::Test {
 protected:
  void SetUp() override { Reopen(); }

  // As after a restart of the simulator.
  void Reopen() {
    database_.reset();
    auto database = LogDatabase::Open(folder_.path());
    ASSERT_TRUE(database.ok()) << database.status();
    database_ = *std::move(database);
  }

  DeviceLog NewLog(DeviceLog::Limits limits = kSmall) {
    DeviceLog log(*database_, kDevice, limits);
    EXPECT_TRUE(database_->InTransaction([&] { return log.Create(7, 1, ""); }).ok());
    return log;
  }

  void Append(DeviceLog& log, int count, bool images = false) {
    const absl::Status status = database_->InTransaction([&] {
      for (int i = 0; i < count; ++i) {
        const absl::Status appended =
            log.Append(absl::StrCat("record ", log.next_id()),
                       images ? absl::StrCat("image ", log.next_id()) : "");
        if (!appended.ok()) return appended;
      }
      return log.Seal();
    });
    ASSERT_TRUE(status.ok()) << status;
  }

  static std::vector<std::uint32_t> Ids(DeviceLog& log, std::uint32_t from = 0) {
    std::vector<std::uint32_t> ids;
    EXPECT_TRUE(log.VisitRecords(from,
                                 [&](std::uint32_t id, std::string_view payload) {
                                   EXPECT_EQ(payload, absl::StrCat("record ", id));
                                   ids.push_back(id);
                                   return true;
                                 })
                    .ok());
    return ids;
  }
  static std::vector<std::uint32_t> ImageIds(DeviceLog& log) {
    std::vector<std::uint32_t> ids;
    EXPECT_TRUE(log.VisitImages(0,
                                [&](std::uint32_t id, std::string_view) {
                                  ids.push_back(id);
                                  return true;
                                })
                    .ok());
    return ids;
  }

  TemporaryFolder folder_;
  std::unique_ptr<LogDatabase> database_;
};

TEST_F(DeviceLogTest, CountsFromOneAndReadsFromAnyId) {
  DeviceLog log = NewLog();
  EXPECT_EQ(log.status().first_id(), 0u);
  EXPECT_EQ(log.status().last_id(), 0u);
  Append(log, 4);
  EXPECT_EQ(log.status().first_id(), 1u);
  EXPECT_EQ(log.status().last_id(), 4u);
  EXPECT_EQ(Ids(log), (std::vector<std::uint32_t>{1, 2, 3, 4}));
  EXPECT_EQ(Ids(log, 3), (std::vector<std::uint32_t>{3, 4}));
  EXPECT_TRUE(Ids(log, 5).empty());
}

TEST_F(DeviceLogTest, AFullLogDropsTheOldest) {
  DeviceLog log = NewLog();
  Append(log, 9);
  Append(log, 4);
  EXPECT_EQ(log.status().first_id(), 4u);
  EXPECT_EQ(log.status().last_id(), 13u);
  EXPECT_EQ(Ids(log).size(), 10u);
  EXPECT_EQ(Ids(log).front(), 4u);
}

TEST_F(DeviceLogTest, ImagesHaveASmallerRing) {
  DeviceLog log = NewLog();
  Append(log, 2, true);
  Append(log, 2);
  Append(log, 2, true);
  EXPECT_EQ(ImageIds(log), (std::vector<std::uint32_t>{2, 5, 6}));
  EXPECT_EQ(log.images(), 3u);
  // No image outlives its record.
  Append(log, 9);
  EXPECT_EQ(log.status().first_id(), 6u);
  EXPECT_EQ(ImageIds(log), (std::vector<std::uint32_t>{6}));
  EXPECT_EQ(log.images(), 1u);
}

TEST_F(DeviceLogTest, ClearKeepsTheCounterAndResetDoesNot) {
  DeviceLog log = NewLog();
  Append(log, 5, true);
  ASSERT_TRUE(database_->InTransaction([&] { return log.Clear(); }).ok());
  EXPECT_EQ(log.status().first_id(), 0u);
  EXPECT_EQ(log.status().last_id(), 5u);
  EXPECT_EQ(log.status().generation(), 7u);
  EXPECT_TRUE(ImageIds(log).empty());
  Append(log, 1);
  EXPECT_EQ(Ids(log), (std::vector<std::uint32_t>{6}));
  ASSERT_TRUE(database_->InTransaction([&] { return log.Reset(8); }).ok());
  EXPECT_EQ(log.status().generation(), 8u);
  Append(log, 1);
  EXPECT_EQ(Ids(log), (std::vector<std::uint32_t>{1}));
}

TEST_F(DeviceLogTest, GoesOnAfterARestart) {
  {
    DeviceLog log = NewLog();
    Append(log, 13, true);
    log.set_clock_offset_ms(-5000);
    ASSERT_TRUE(database_->InTransaction([&] { return log.Seal(); }).ok());
  }
  Reopen();
  DeviceLog log(*database_, kDevice, kSmall);
  const auto there = log.Reload();
  ASSERT_TRUE(there.ok() && *there);
  EXPECT_EQ(log.status().first_id(), 4u);
  EXPECT_EQ(log.status().last_id(), 13u);
  EXPECT_EQ(log.status().generation(), 7u);
  EXPECT_EQ(log.clock_offset_ms(), -5000);
  EXPECT_EQ(log.images(), 3u);
  Append(log, 1);
  EXPECT_EQ(Ids(log).back(), 14u);
}

TEST_F(DeviceLogTest, AFailedTransactionLeavesNothing) {
  DeviceLog log = NewLog();
  Append(log, 2);
  EXPECT_FALSE(database_
                   ->InTransaction([&] {
                     EXPECT_TRUE(log.Append("record 3", "image 3").ok());
                     EXPECT_TRUE(log.Seal().ok());
                     return absl::InternalError("no");
                   })
                   .ok());
  ASSERT_TRUE(log.Reload().ok());
  EXPECT_EQ(log.status().last_id(), 2u);
  EXPECT_EQ(Ids(log), (std::vector<std::uint32_t>{1, 2}));
  Append(log, 1);
  EXPECT_EQ(Ids(log), (std::vector<std::uint32_t>{1, 2, 3}));
}

TEST_F(DeviceLogTest, OthersMayReadItMeanwhileButNotWriteIt) {
  DeviceLog log = NewLog();
  Append(log, 5);
  sqlite3* reader = nullptr;
  ASSERT_EQ(
      sqlite3_open_v2((folder_.path() / "sim.db").c_str(), &reader, SQLITE_OPEN_READONLY, nullptr),
      SQLITE_OK);
  int rows = 0;
  ASSERT_EQ(sqlite3_exec(
                reader, "SELECT id FROM record WHERE device=541000001",
                [](void* count, int, char**, char**) { return ++*static_cast<int*>(count), 0; },
                &rows, nullptr),
            SQLITE_OK);
  EXPECT_EQ(rows, 5);
  sqlite3_close(reader);
  const auto second = LogDatabase::Open(folder_.path());
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.status().message().find("another gatelog-sim"), absl::string_view::npos);
}

TEST(LogDatabaseTest, SaysWhenTheFolderCannotBeMade) {
  const auto database = LogDatabase::Open("/proc/gatelog-sim");
  ASSERT_FALSE(database.ok());
  EXPECT_NE(database.status().message().find("--data-dir"), absl::string_view::npos);
}

}  // namespace
}  // namespace gatelog::sim
