// What is left of events that tell of nobody any more cannot be changed unseen, and stores from
// before there were periods of salts.

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/store_restore.h"
#include "tests/evidence/people_store.h"
#include "tests/support/older_store.h"

namespace gatelog::store {
namespace {

using std::chrono::days;
using testing::BatchMaker;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class PeopleTamperingTest : public PeopleTest {
 protected:
  void Prepare() {
    Commit({Next(kDoor).AddSome(40).Make()});
    Commit({Next(kDoor).AddSome(40).Make()});
    Seal();
    clock_.Move(days(10));
    before_ = clock_.Now();
    AddLater();
    Close();
    std::filesystem::copy_file(file(), saved());
    Open();
    Prune(PeopleBefore(before_));
    Seal();
    Close();
  }
  std::string saved() const { return directory_.path() + "/before.db"; }
  std::string Finding(const std::string& sql) {
    const std::string copy = directory_.path() + "/tampered.db";
    std::filesystem::copy_file(file(), copy, std::filesystem::copy_options::overwrite_existing);
    {
      const auto database = *Database::Open({.path = copy});
      const absl::Status done =
          database->Execute(absl::StrCat("ATTACH '", saved(), "' AS old; ", sql));
      EXPECT_TRUE(done.ok()) << done;
    }
    return std::string(Audit(copy).status().message());
  }

  Timestamp before_;
};

TEST_F(PeopleTamperingTest, WhatIsPutBackOrTakenTooIsFound) {
  Prepare();
  ASSERT_TRUE(Audit().ok()) << Audit().status();
  const std::string put_back =
      "REPLACE INTO person SELECT * FROM old.person WHERE id = (SELECT person FROM old.event WHERE "
      "seq = 41); REPLACE INTO event SELECT * FROM old.event WHERE seq = 41; ";
  EXPECT_THAT(Finding(put_back), HasSubstr("event seq 41"));
  EXPECT_THAT(
      Finding(put_back + "DELETE FROM erased WHERE seq = 41"),
      HasSubstr("event seq 41, device 541000001 epoch 1 ID 41: it tells of a person, though "
                "that was pruned"));
  EXPECT_THAT(Finding("DELETE FROM erased WHERE seq = 41"), HasSubstr("event seq 41"));
  EXPECT_THAT(Finding("UPDATE erased SET commitment = zeroblob(32) WHERE seq = 41"),
              HasSubstr("event seq 41"));
  EXPECT_THAT(Finding("UPDATE erased SET block = block - 1 WHERE seq = 41"),
              HasSubstr("event seq 41 is erased, and no entry says so"));
  EXPECT_THAT(Finding("INSERT INTO erased SELECT 85, block, commitment FROM erased WHERE seq = 41"),
              HasSubstr("event seq 85"));
  EXPECT_THAT(Finding("UPDATE person SET period = period + 1 WHERE id = (SELECT min(person) FROM "
                      "event)"),
              HasSubstr("the period of the person's salt is not what was committed"));
}

// Of an erasure by retention whose oldest events were pruned since, not all rows are there.
TEST_F(PeopleTamperingTest, WhatIsLeftOfAHalfPrunedErasureCannotBeChanged) {
  Commit({Next(kDoor).AddSome(40).Make()});
  Seal();
  clock_.Move(days(10));
  const Timestamp first = clock_.Now();
  Commit({Next(kDoor).AddSome(40).Make()});
  Seal();
  clock_.Move(days(10));
  before_ = clock_.Now();
  AddLater();
  Close();
  std::filesystem::copy_file(file(), saved());
  Open();
  Prune(PeopleBefore(before_));
  EXPECT_EQ(Rows("(SELECT DISTINCT block FROM erased)"), 1);
  Prune(EventsBefore(first));
  ASSERT_TRUE(Audit().ok()) << Audit().status();
  Close();
  const std::string put_back =
      "REPLACE INTO person SELECT * FROM old.person WHERE id = (SELECT person FROM old.event WHERE "
      "seq = 41); REPLACE INTO event SELECT * FROM old.event WHERE seq = 41; ";
  EXPECT_THAT(Finding(put_back + "DELETE FROM erased WHERE seq = 41"), HasSubstr("event seq 41"));
  EXPECT_THAT(Finding("DELETE FROM erased WHERE seq = 41"), HasSubstr("event seq 41"));
  EXPECT_THAT(Finding("INSERT INTO erased SELECT 85, block, commitment FROM erased WHERE seq = 41"),
              HasSubstr("event seq 85"));
  EXPECT_THAT(Finding("INSERT INTO erased SELECT 30, block, commitment FROM erased WHERE seq = 41"),
              HasSubstr("event seq 30"));
}

TEST_F(PeopleTest, AStoreOfVersion3KeepsEverythingAndGetsPeriods) {
  for (int batch = 0; batch < 3; ++batch) {
    BatchMaker maker = Next(kDoor);
    for (int i = 0; i < 700; ++i) {
      maker.Add(i % 5 == 0 ? Nobody(0) : Of(absl::StrCat("user-", i % 40)));
    }
    Commit({maker.Make()});
    Seal();
  }
  Commit({Next(kGate).AddGap(2, model::GapReason::kUnreadable).Add(Of("user-2")).Make()});
  CommitImages(kGate, 3);
  Forget("user-13");
  const std::vector<ports::StoredEvent> before = ReadAll();
  const std::vector<ports::LogState> states = *store_->LoadLogStates();
  const evidence::ChainHead head = store_->chain_head();
  Close();
  {
    const auto database = *Database::Open({.path = file()});
    ASSERT_TRUE(database->Execute(testing::BackToVersion3()).ok());
  }
  EXPECT_EQ(Audit().status().code(), absl::StatusCode::kFailedPrecondition)
      << "says which program brings it up to date";
  {
    const testing::TempDirectory elsewhere;
    const auto restored = RestoreStore(file(), elsewhere.path() + "/restored", false, nullptr);
    ASSERT_TRUE(restored.ok()) << restored.status();
    EXPECT_EQ(restored->report.version, kSchemaVersion);
    EXPECT_EQ(restored->report.events, before.size());
    const auto report = Audit(elsewhere.path() + "/restored/gatelog.db");
    EXPECT_TRUE(report.ok()) << report.status();
  }
  Open();
  EXPECT_EQ(ReadAll(), before);
  EXPECT_EQ(*store_->LoadLogStates(), states);
  EXPECT_EQ(store_->chain_head(), head) << "nothing is chained anew";
  EXPECT_THAT(Column("SELECT DISTINCT period FROM person"), ElementsAre("0"));
  EXPECT_THAT(Column("SELECT count(*) FROM events WHERE user_id = 'user-2'"), ElementsAre("55"));
  ExpectSound("migrated");

  Commit({Next(kDoor).Add(Of("user-2")).Make()});
  EXPECT_THAT(Column(absl::StrCat("SELECT count(*) FROM person WHERE user_id = 'user-2' AND period "
                                  "IN (0, ",
                                  PeriodOf(kFirstPeriod), ")")),
              ElementsAre("2"));
  EXPECT_THAT(ReadAll({.users = {"user-2"}}), SizeIs(56));
  ExpectSound("in use");
  Seal();
  clock_.Move(days(10));
  EXPECT_GT(Prune(PeopleBefore(clock_.Now())).people, 1'600u);
  EXPECT_EQ(Rows("person"), 0);
  ExpectSound("pruned");
}

}  // namespace
}  // namespace gatelog::store
