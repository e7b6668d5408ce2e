// Retention on a store with everything that the chain knows: what is gone is known, and everything
// that is left verifies, at every step.

#include <gmock/gmock.h>

#include <optional>

#include "absl/strings/str_cat.h"
#include "store/sqlite/segments.h"
#include "store/sqlite/store_restore.h"
#include "tests/evidence/pruned_store.h"

namespace gatelog::store {
namespace {

using std::chrono::days;
using ::testing::HasSubstr;

TEST_F(PruningTest, WhatIsOldGoesAndTheRestVerifies) {
  Fill();
  Seal();
  clock_.Move(days(10));
  const Timestamp between = clock_.Now();
  AddLater();
  const std::uint64_t last = store_->last_seq();
  const std::vector<ports::LogState> states = *store_->LoadLogStates();
  const auto totals = *store_->ReadTotals();
  const auto preview = store_->PreviewPrune(EventsBefore(between));
  ASSERT_TRUE(preview.ok()) << preview.status();
  EXPECT_EQ(store_->first_seq(), 1u) << "a preview changes nothing";

  const ports::Pruned pruned = Prune(EventsBefore(between));
  EXPECT_EQ(pruned.events, last - 9);
  EXPECT_GT(pruned.images, 0u);
  EXPECT_EQ(preview->segments, pruned.segments);
  EXPECT_EQ(preview->events, pruned.events);
  EXPECT_EQ(preview->images, pruned.images);
  EXPECT_EQ(preview->bytes, pruned.bytes);
  EXPECT_LT(*preview->newest, between);
  EXPECT_EQ(store_->first_seq(), last - 8);
  EXPECT_EQ(store_->last_seq(), last);
  EXPECT_EQ(Rows("event"), 9);
  EXPECT_EQ(Rows("image"), 0);
  EXPECT_EQ(*store_->LoadLogStates(), states) << "next and the anchors stay";
  EXPECT_EQ(store_->ReadTotals()->front().events, totals.front().events);
  ExpectSound("afterwards");
  EXPECT_EQ(Audit()->pruned_events, last - 9);
  EXPECT_EQ(Prune(EventsBefore(between)).events, 0u) << "once";

  Open();
  EXPECT_EQ(store_->first_seq(), last - 8);
  AddLater();
  ExpectSound("after more came");
}

TEST_F(PruningTest, AProcessMayEndBetweenAnyTwoSteps) {
  Fill();
  Commit({Next(kDoor).AddSome(700).Make()});
  for (int i = 0; i < 4; ++i) Commit({Next(kDoor).AddSome(250).Make()});
  Seal();
  clock_.Move(days(10));
  const Timestamp between = clock_.Now();
  AddLater();
  int steps = 0;
  constexpr int kStepsMax = 20;
  for (bool more = true; more && steps < kStepsMax; ++steps) {
    more = Step(EventsBefore(between)).more;
    ExpectSound(absl::StrCat("after step ", steps));
    Open();
    ExpectSound(absl::StrCat("after step ", steps, " and a restart"));
  }
  EXPECT_GT(steps, 4);
  EXPECT_LT(steps, kStepsMax);
  EXPECT_EQ(Rows("event"), 9);
  EXPECT_EQ(Rows("person"), Rows("(SELECT DISTINCT person FROM event WHERE person NOT NULL)"))
      << "whom nothing tells of any more, is gone";
}

TEST_F(PruningTest, WhatIsLeftOverIsWholeBlocksAndNeverShown) {
  // 600 alone are more than a step otherwise takes; then 250 twice fit, and 10 are left.
  for (const int events : {600, 250, 250, 10}) Commit({Next(kDoor).AddSome(events).Make()});
  Seal();
  clock_.Move(days(10));
  const Timestamp between = clock_.Now();
  AddLater();
  Step(EventsBefore(between));
  EXPECT_EQ(store_->first_seq(), 1'111u);
  EXPECT_EQ(Rows("event"), 1'119);
  EXPECT_EQ(store_->Read({})->events.front().seq, 1'111u);
  EXPECT_EQ(store_->Read({.filter = {.log_devices = {kDoor}}})->events.size(), 5u);
  EXPECT_EQ(store_->Read({.order = ports::Order::kNewestFirst})->events.size(), 9u);
  for (const int left : {519, 19, 9}) {
    ExpectSound("while rows are left");
    EXPECT_TRUE(Step(EventsBefore(between)).more);
    EXPECT_EQ(Rows("event"), left);
  }
  ExpectSound("afterwards");
}

// A store with kEvents events in two blocks that are pruned, and 9 that are not.
class LeftRowsTest : public PruningTest {
 protected:
  static constexpr int kEvents = 1'000;
  void SetUp() override {
    Commit({Next(kDoor).AddSome(kEvents - 300).Make()});
    Commit({Next(kDoor).AddSome(300).Make()});
    Seal();
    clock_.Move(days(10));
    before_ = clock_.Now();
    AddLater();
    Step(EventsBefore(*before_));  // the entry alone
  }
  std::string Found() { return std::string(Audit().status().message()); }
  absl::Status Checked() { return CheckStoreFile(file(), nullptr).status(); }
  void Execute(const std::string& sql) {
    const auto database = *Database::Open({.path = file()});
    ASSERT_TRUE(database->Execute(sql).ok());
  }
  // As forged as it can be without knowing what was there.
  void AddEvents(int first, int last) {
    Execute(absl::StrCat(
        "WITH RECURSIVE n(seq) AS (SELECT ", first, " UNION ALL SELECT seq + 1 FROM n WHERE seq < ",
        last,
        ") INSERT INTO event SELECT n.seq, log_device, epoch, n.seq, timestamp, device, "
        "code, sub_code, NULL, entity, tna_key, flags, temperature, arrival_ms, phase, "
        "payload, mark FROM n, (SELECT * FROM event WHERE log_device = 541000001 ORDER BY seq DESC "
        "LIMIT 1)"));
  }
  std::optional<Timestamp> before_;
};

TEST_F(LeftRowsTest, NoneCanBeChanged) {
  Close();
  Execute("UPDATE event SET arrival_ms = 1 WHERE seq = 900");
  EXPECT_THAT(Found(), HasSubstr("event seq 900"));
  Execute("DELETE FROM event WHERE seq = 900");
  EXPECT_THAT(Found(), HasSubstr("block 3 were pruned, which go together"));
}

TEST_F(LeftRowsTest, NoneCanBeAdded) {
  Prune(EventsBefore(*before_));
  Close();
  EXPECT_TRUE(Checked().ok()) << Checked();
  AddEvents(kEvents, kEvents);
  EXPECT_THAT(Found(), HasSubstr("event seq 1000: it is there, though the 300 events of block 3"));
  EXPECT_THAT(std::string(Checked().message()), HasSubstr("block 3 from seq 1000"));
  AddEvents(kEvents - 298, kEvents - 1);
  EXPECT_THAT(Found(), HasSubstr("event seq 702: it is there, though the 300 events of block 3"));
  AddEvents(kEvents - 299, kEvents - 299);
  EXPECT_THAT(Found(), HasSubstr("event seq 701")) << "all of the block, and false";
}

TEST_F(LeftRowsTest, APartOfABlockThatAnOlderVersionLeftGoesFirst) {
  Close();
  Execute("DELETE FROM event WHERE seq <= 400");
  EXPECT_THAT(Found(), HasSubstr("start the gateway once"));
  EXPECT_THAT(std::string(Checked().message()), HasSubstr("start the gateway once"));
  Open();
  EXPECT_TRUE(Step({}).more);
  EXPECT_EQ(Rows("event"), 309);
  ExpectSound("after the first step");
}

TEST_F(LeftRowsTest, NoneAreRestored) {
  Close();
  Execute("DELETE FROM event WHERE seq <= 500; PRAGMA wal_checkpoint(TRUNCATE)");
  const testing::TempDirectory other;
  const auto restored = RestoreStore(file(), other.path(), false, nullptr);
  ASSERT_TRUE(restored.ok()) << restored.status();
  const std::string path = other.path() + "/gatelog.db";
  EXPECT_TRUE(Audit(path).ok()) << Audit(path).status();
  const auto database = *Database::Open({.path = path, .read_only = true});
  EXPECT_EQ(*database->QueryInteger("SELECT count(*) FROM event"), 9);
}

TEST_F(PruningTest, OnlyWhatIsSealedAndOldGoes) {
  Commit({Next(kDoor).AddSome(10).Make()});
  EXPECT_EQ(Prune(EventsBefore(clock_.Now() + days(1))).segments, 0u) << "not sealed";
  Seal();
  EXPECT_EQ(Prune(EventsBefore(clock_.Now() - days(1))).segments, 0u) << "not old";
  Commit({Next(kDoor).AddSome(10).Make()});
  clock_.Move(days(2));
  Commit({Next(kDoor).AddSome(10).Make()});
  Seal();
  EXPECT_EQ(Prune(EventsBefore(clock_.Now() - days(1))).events, 10u) << "up to the first seal";
  EXPECT_EQ(Prune({}).segments, 0u) << "kept for ever";
  ExpectSound("afterwards");
}

TEST_F(PruningTest, AllMayGoAndMoreMayCome) {
  Commit({Next(kDoor).AddGap(2, model::GapReason::kAbsent).AddSome(10).Make()});
  Seal();
  EXPECT_EQ(Prune(EventsBefore(clock_.Now() + days(1))).events, 10u);
  EXPECT_EQ(store_->first_seq(), 11u);
  EXPECT_EQ(store_->last_seq(), 10u);
  EXPECT_EQ(store_->ReadGaps({}, {}, 10)->size(), 1u) << "what is pruned is no gap";
  ExpectSound("empty");
  Open();
  ExpectSound("empty, opened again");
  EXPECT_EQ(State(kDoor).next, 13u);
  AddLater();
  EXPECT_EQ(store_->Read({})->events.front().seq, 11u);
  ExpectSound("later");
}

TEST_F(PruningTest, ImagesMayGoAloneAndAreNotAwaited) {
  Commit({Next(kDoor).AddSome(30).Make()});
  const model::RecordKey key{kDoor, 1, 3};
  const ports::ImageBatch batch{.log_device = kDoor,
                                .epoch = 1,
                                .expected_image_next = 1,
                                .image_next = 31,
                                .images = {testing::ImageOf(testing::SomeEvent(kDoor, key.id)),
                                           testing::ImageOf(testing::SomeEvent(kDoor, 6))}};
  ASSERT_TRUE(store_->CommitImages(std::span(&batch, 1))->at(0).ok());
  Seal();
  ASSERT_EQ(Rows("image"), 2);
  ASSERT_TRUE(store_->ReadImage(key).ok());
  const auto pruned = Prune({.images_before = clock_.Now() + days(1)});
  EXPECT_EQ(pruned.events, 0u);
  EXPECT_GT(pruned.images, 0u);
  EXPECT_EQ(Rows("image"), 0);
  EXPECT_EQ(store_->first_seq(), 1u);
  EXPECT_THAT(std::string(store_->ReadImage(key).status().message()), HasSubstr("pruned"));
  ExpectSound("images");
  Seal();
  EXPECT_EQ(Prune(EventsBefore(clock_.Now() + days(1))).images, 0u) << "those are gone";
  ExpectSound("events too");
}

TEST_F(PruningTest, AnImageThatCameLaterOutlivesItsEvent) {
  Commit({Next(kDoor).AddSome(9).Make()});
  Seal();
  clock_.Move(days(10));
  const Timestamp between = clock_.Now();
  CommitImages(kDoor, 9);
  AddLater();
  EXPECT_EQ(Prune(EventsBefore(between)).images, 0u);
  EXPECT_EQ(Rows("image"), 3);
  ExpectSound("the images stay");
  clock_.Move(days(10));
  EXPECT_EQ(Prune(EventsBefore(clock_.Now())).images, 3u);
  ExpectSound("they went with the next segment");
}

TEST_F(PruningTest, AnErasedImageMakesNoRoomForAnotherOne) {
  Commit({Next(kDoor).AddSome(30).Make()});
  CommitImages(kDoor, 3);
  Seal();
  clock_.Move(days(10));
  const Timestamp between = clock_.Now();
  CommitImages(kDoor, 30);
  Seal();
  EXPECT_GT(Forget("user-7").images, 0u);
  EXPECT_GT(Prune({.images_before = between}).images, 0u);
  ExpectSound("pruned");
  Close();
  const auto database = *Database::Open({.path = file()});
  ASSERT_TRUE(database
                  ->Execute("INSERT INTO image SELECT log_device, epoch, 29, timestamp, code, "
                            "payload, NULL FROM image LIMIT 1")
                  .ok());
  EXPECT_THAT(std::string(Audit().status().message()), HasSubstr("images"));
}

TEST_F(PruningTest, ForgettingAndPruningGoTogether) {
  Fill();
  Commit({Next(kDoor).AddSome(700).Make()});
  Seal();
  clock_.Move(days(10));
  const Timestamp between = clock_.Now();
  AddLater();
  Step(EventsBefore(between));
  Step(EventsBefore(between));
  Forget("user-5");
  ExpectSound("forgotten while rows are left");
  Prune(EventsBefore(between));
  ExpectSound("pruned");
}

TEST_F(PruningTest, WhatIsPutBackIsFound) {
  Commit({Next(kDoor).AddSome(3).Make()});
  Seal();
  clock_.Move(days(10));
  const Timestamp first = clock_.Now();
  AddLater();
  Prune(EventsBefore(first));
  clock_.Move(days(10));
  AddLater();
  Prune(EventsBefore(clock_.Now() - days(1)));
  Close();
  const auto database = *Database::Open({.path = file()});
  ASSERT_TRUE(database
                  ->Execute("INSERT INTO event SELECT 2, log_device, epoch, 2, timestamp, device, "
                            "code, sub_code, person, entity, tna_key, flags, temperature, "
                            "arrival_ms, phase, payload, mark FROM event LIMIT 1")
                  .ok());
  EXPECT_THAT(std::string(Audit().status().message()), HasSubstr("were pruned"));
}

TEST_F(PruningTest, ManyEventsGoInSegments) {
  for (int i = 0; i < 12; ++i) {
    Commit({Next(kDoor).AddSome(1'000).Make()});
    Seal();
  }
  const ports::PruneLimits limits = EventsBefore(clock_.Now() + days(1));
  EXPECT_EQ(store_->PreviewPrune(limits)->segments, 2u);
  EXPECT_EQ(Step(limits).pruned.events, kSegmentEvents);
  const ports::Pruned rest = Prune(limits);
  EXPECT_EQ(rest.events, 2'000u);
  EXPECT_EQ(Rows("event"), 0);
  ExpectSound("afterwards");
}

}  // namespace
}  // namespace gatelog::store
