#include "apps/gatelog-sim/setting_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include "apps/gatelog-sim/device_log.h"
#include "apps/gatelog-sim/sim_test_support.h"
#include "gsdk/time.pb.h"

namespace gatelog::sim {
namespace {

using ::testing::ElementsAre;
using Area = SettingStore::Area;

constexpr std::uint32_t kDevice = 541000001;
constexpr std::uint32_t kOther = 541000002;

class SettingStoreTest : public ::testing::Test {
 protected:
  void Reopen() {
    database_.reset();
    auto database = LogDatabase::Open(folder_.path());
    ASSERT_TRUE(database.ok()) << database.status();
    database_ = *std::move(database);
  }
  SettingStore& store() { return database_->settings(); }
  std::string Value(std::uint32_t device, const char* name) {
    const auto value = store().Find(device, name);
    EXPECT_TRUE(value.ok()) << value.status();
    return value.ok() ? value->value_or("none") : "";
  }
  std::vector<std::string> Users(std::uint32_t device) {
    std::vector<std::string> users;
    EXPECT_TRUE(store()
                    .VisitUsers(device,
                                [&](std::string_view id, std::string_view value) {
                                  users.push_back(std::string(id) + "=" + std::string(value));
                                  return true;
                                })
                    .ok());
    return users;
  }

  TemporaryFolder folder_;
  std::unique_ptr<LogDatabase> database_;
};

TEST_F(SettingStoreTest, SettingsAreThoseOfADeviceAndSurviveARestart) {
  Reopen();
  EXPECT_EQ(Value(kDevice, "a"), "none");
  ASSERT_TRUE(store().Save(kDevice, Area::kConfig, "a", "one").ok());
  ASSERT_TRUE(store().Save(kDevice, Area::kConfig, "a", "two").ok());
  ASSERT_TRUE(store().Save(kDevice, Area::kConfig, "empty", "").ok());
  const std::string bytes("\0\xFF", 2);
  ASSERT_TRUE(store().Save(kOther, Area::kConfig, "a", bytes).ok());
  Reopen();
  EXPECT_EQ(Value(kDevice, "a"), "two");
  EXPECT_EQ(Value(kDevice, "empty"), "");
  EXPECT_EQ(Value(kOther, "a"), bytes);
}

TEST_F(SettingStoreTest, AResetTakesItsAreaOfOneDevice) {
  Reopen();
  for (const std::uint32_t device : {kDevice, kOther}) {
    ASSERT_TRUE(store().Save(device, Area::kConfig, "c", "1").ok());
    ASSERT_TRUE(store().Save(device, Area::kDatabase, "d", "1").ok());
    ASSERT_TRUE(store().Save(device, Area::kNetwork, "n", "1").ok());
    ASSERT_TRUE(store().SaveUser(device, "1", "x").ok());
  }
  ASSERT_TRUE(store().Wipe(kDevice, Area::kDatabase).ok());
  EXPECT_EQ(Value(kDevice, "d"), "none");
  EXPECT_EQ(Value(kDevice, "c"), "1");
  EXPECT_EQ(Value(kDevice, "n"), "1");
  ASSERT_TRUE(store().WipeAll(kDevice).ok());
  EXPECT_EQ(Value(kDevice, "c"), "none");
  EXPECT_EQ(Value(kDevice, "n"), "none");
  EXPECT_THAT(Users(kDevice), ElementsAre());
  EXPECT_EQ(Value(kOther, "d"), "1");
  EXPECT_THAT(Users(kOther), ElementsAre("1=x"));
}

TEST_F(SettingStoreTest, UsersAreRowsOfTheirOwn) {
  Reopen();
  ASSERT_TRUE(store().SaveUser(kDevice, "20", "b").ok());
  ASSERT_TRUE(store().SaveUser(kDevice, "10", "a").ok());
  ASSERT_TRUE(store().SaveUser(kDevice, "10", "c").ok());
  EXPECT_THAT(Users(kDevice), ElementsAre("10=c", "20=b"));
  EXPECT_EQ(*store().CountUsers(kDevice), 2u);
  EXPECT_EQ(**store().FindUser(kDevice, "20"), "b");
  EXPECT_FALSE(store().FindUser(kDevice, "30")->has_value());
  EXPECT_EQ(*store().DeleteUser(kDevice, "10"), 1u);
  EXPECT_EQ(*store().DeleteUser(kDevice, "10"), 0u);
  EXPECT_EQ(*store().WipeUsers(kDevice), 1u);
  EXPECT_EQ(*store().CountUsers(kDevice), 0u);
}

TEST_F(SettingStoreTest, AFailedTransactionChangesNothing) {
  Reopen();
  ASSERT_TRUE(store().Save(kDevice, Area::kConfig, "a", "one").ok());
  const absl::Status status = database_->InTransaction([&]() -> absl::Status {
    EXPECT_TRUE(store().Save(kDevice, Area::kConfig, "a", "two").ok());
    EXPECT_TRUE(store().SaveUser(kDevice, "1", "x").ok());
    return absl::CancelledError("no");
  });
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(Value(kDevice, "a"), "one");
  EXPECT_THAT(Users(kDevice), ElementsAre());
}

TEST_F(SettingStoreTest, WhatCannotBeDecodedIsSaid) {
  Reopen();
  ASSERT_TRUE(store().Save(kDevice, Area::kConfig, "zone", "\xFF").ok());
  EXPECT_EQ(ReadSetting<gsdk::time::TimeConfig>(store(), kDevice, "zone").status().code(),
            absl::StatusCode::kDataLoss);
  gsdk::time::TimeConfig fallback;
  fallback.set_timezone(7);
  EXPECT_EQ(ReadSetting(store(), kDevice, "none", fallback)->timezone(), 7);
}

// A folder of the version before: the same tables without these two, and user_version 1.
TEST_F(SettingStoreTest, AFileOfTheVersionBeforeIsBroughtUp) {
  sqlite3* file = nullptr;
  ASSERT_EQ(sqlite3_open((folder_.path() / "sim.db").c_str(), &file), SQLITE_OK);
  ASSERT_EQ(
      sqlite3_exec(
          file,
          "PRAGMA journal_mode=WAL;"
          "CREATE TABLE device(device INTEGER PRIMARY KEY, generation INTEGER NOT NULL,"
          "  first_id INTEGER NOT NULL, next_id INTEGER NOT NULL, images INTEGER NOT NULL,"
          "  clock_offset_ms INTEGER NOT NULL, image_filters BLOB NOT NULL);"
          "CREATE TABLE record(device INTEGER NOT NULL, id INTEGER NOT NULL, payload BLOB NOT NULL,"
          "  PRIMARY KEY(device, id)) WITHOUT ROWID;"
          "CREATE TABLE image(device INTEGER NOT NULL, id INTEGER NOT NULL, payload BLOB NOT NULL,"
          "  UNIQUE(device, id));"
          "INSERT INTO device VALUES(541000001, 7, 1, 3, 0, 0, x'');"
          "INSERT INTO record VALUES(541000001, 1, x'01'), (541000001, 2, x'02');"
          "PRAGMA user_version=1;",
          nullptr, nullptr, nullptr),
      SQLITE_OK);
  sqlite3_close(file);
  Reopen();
  DeviceLog log(*database_, kDevice, {});
  ASSERT_TRUE(*log.Reload());
  EXPECT_EQ(log.status().generation(), 7u);
  EXPECT_EQ(log.status().last_id(), 2u);
  EXPECT_EQ(Value(kDevice, "a"), "none");
  ASSERT_TRUE(store().Save(kDevice, Area::kConfig, "a", "one").ok());
  Reopen();
  EXPECT_EQ(Value(kDevice, "a"), "one");
}

TEST_F(SettingStoreTest, AFileOfALaterVersionIsLeftAlone) {
  Reopen();
  database_.reset();
  sqlite3* file = nullptr;
  ASSERT_EQ(sqlite3_open((folder_.path() / "sim.db").c_str(), &file), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(file, "PRAGMA user_version=3", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(file);
  EXPECT_EQ(LogDatabase::Open(folder_.path()).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace gatelog::sim
