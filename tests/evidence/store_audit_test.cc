#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "store/sqlite/chain_writer.h"
#include "store/sqlite/store_check.h"
#include "store/sqlite/store_restore.h"
#include "tests/evidence/sealed_store.h"
#include "tests/support/older_store.h"

namespace gatelog::store {
namespace {

using testing::BatchMaker;
using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(StoreAuditTest, ANewStoreVerifies) {
  const auto report = Audit();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->blocks, 1u);
  EXPECT_EQ(report->entries, 1u);
  EXPECT_EQ(report->events, 0u);
  EXPECT_EQ(report->unsealed_blocks, 1u);
}

TEST_F(StoreAuditTest, AStoreInUseVerifiesAndIsCounted) {
  Fill();
  const auto report = Audit();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->events, store_->last_seq());
  EXPECT_EQ(report->seals, 4u);
  EXPECT_EQ(report->heads_compared, 3u);
  EXPECT_GT(report->erased_events, 1u);
  EXPECT_GT(report->erased_images, 0u);
  EXPECT_EQ(report->unsealed_blocks, 1u);
  EXPECT_EQ(report->unsealed_events, 2u);
  EXPECT_EQ(report->head, store_->chain_head());
  Open();
  EXPECT_TRUE(Audit().ok()) << Audit().status();
  Seal();
  EXPECT_EQ(Audit()->unsealed_events, 0u);
  EXPECT_EQ(*store_->AppendSeal(key_), std::nullopt) << "nothing was committed since";
}

TEST_F(StoreAuditTest, SealsGoOnAfterARestart) {
  Commit({Next(kDoor).AddSome(5).Make()});
  Seal();
  Commit({Next(kDoor).AddSome(5).Make(), Next(kGate).AddSome(2).Make()});
  Open();  // what was not sealed is known again
  Seal();
  const auto report = Audit();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->seals, 2u);
}

// Where much was not sealed a start does not look through all of it: then each epoch may have
// changed. What a seal says of one that has not is no less true.
TEST_F(StoreAuditTest, AStartLooksAtSoManyUnsealedEventsAndEntriesOnly) {
  const auto sealed_epochs = [&] {
    Open();
    const auto number = static_cast<std::int64_t>(Seal().number);
    const auto database = Database::Open({.path = file(), .read_only = true});
    return *(*database)->QueryInteger(
        absl::StrCat("SELECT count(*) FROM seal_manifest WHERE seal = ", number));
  };
  Commit({Next(kDoor).AddSome(5).Make(), Next(kGate).AddSome(5).Make()});
  EXPECT_EQ(sealed_epochs(), 2);
  Commit({Next(kDoor).AddSome(kUnsealedLookedAtMax).Make()});
  EXPECT_EQ(sealed_epochs(), 1);
  Commit({Next(kDoor).AddSome(kUnsealedLookedAtMax + 1).Make()});
  EXPECT_EQ(sealed_epochs(), 2);
  BatchMaker gaps = Next(kDoor);
  for (int i = 0; i <= kUnsealedLookedAtMax; ++i) {
    gaps.AddGap(1, model::GapReason::kAbsent).AddSome(i % 2);
  }
  Commit({gaps.Make()});
  EXPECT_EQ(sealed_epochs(), 2);
  const auto report = Audit();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->seals, 4u);
}

TEST_F(StoreAuditTest, AnotherKeyIsNamed) {
  Fill();
  AuditOptions options = Options(file());
  options.keys = {evidence::SealKey::Make().public_key()};
  const absl::Status found = AuditStore(options).status();
  EXPECT_EQ(found.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(found.message()), HasSubstr("seal 1 was signed with another key"));
}

// The bytes of every file of the store.
std::string BytesOf(const std::string& directory) {
  std::string all;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    std::ifstream stream(entry.path(), std::ios::binary);
    all += std::string(std::istreambuf_iterator<char>(stream), {});
  }
  return all;
}

TEST_F(StoreAuditTest, AForgottenUserLeavesNoTraceAndEverythingVerifies) {
  // So many people that their index has several pages, which were split.
  for (int batch = 0; batch < 20; ++batch) {
    BatchMaker maker = Next(kDoor);
    for (int i = 0; i < 50; ++i) {
      model::Event event = testing::SomeEvent(kDoor, maker.next());
      event.user_id = absl::StrCat("somebody-", (batch * 50 + i) * 7'919 % 1'000);
      if (i % 10 == 0) event.user_id = "the-one-who-leaves";
      maker.Add(event);
    }
    Commit({maker.Make()});
  }
  CommitImages(kDoor, 1'000);
  ASSERT_THAT(BytesOf(directory_.path()), HasSubstr("the-one-who-leaves"));
  const std::vector<model::Anchor> anchors = State(kDoor).anchors;

  const ports::Erased erased = Forget("the-one-who-leaves");
  EXPECT_EQ(erased.events, 100u);
  EXPECT_GT(erased.images, 0u);
  EXPECT_TRUE(erased.files_clean);
  EXPECT_THAT(BytesOf(directory_.path()), Not(HasSubstr("the-one-who-leaves")));
  EXPECT_TRUE(Audit().ok()) << Audit().status();
  EXPECT_EQ(Audit()->unsealed_blocks, 0u) << "an erasure is sealed at once";
  EXPECT_EQ(store_->Forget("the-one-who-leaves", "", key_).status().code(),
            absl::StatusCode::kNotFound);

  const auto page = store_->Read({.limit = 1'000});
  ASSERT_TRUE(page.ok());
  for (const ports::StoredEvent& stored : page->events) {
    EXPECT_EQ(stored.erased, (stored.event.id - 1) % 10 == 0);
    EXPECT_EQ(stored.event.user_id.empty(), stored.erased);
    if (stored.erased) {
      EXPECT_EQ(stored.event.temperature, 0u);
    }
  }
  // The device still knows the records by their anchors, and none tells who it was.
  const std::vector<model::Anchor> after = State(kDoor).anchors;
  ASSERT_EQ(after.size(), anchors.size());
  for (std::size_t i = 0; i < after.size(); ++i) {
    EXPECT_TRUE(model::SameRecord(after[i], anchors[i]));
    EXPECT_EQ(model::IsWithoutPerson(after[i]), (after[i].id - 1) % 10 == 0);
  }
}

TEST_F(StoreAuditTest, ACollectorCannotBringTheFingerprintBack) {
  BatchMaker maker = Next(kDoor);
  maker.AddSome(40);
  const ports::Batch first = maker.Make();
  Commit({first});
  Forget("user-7");
  // As a collector does that has been running all the time: its anchors still know the user.
  Commit({BatchMaker(first.after).AddSome(5).Make()});
  Open();
  Commit({BatchMaker(State(kDoor)).AddSome(1).Make()});
  int without = 0;
  for (const model::Anchor& anchor : State(kDoor).anchors) {
    if (anchor.id <= 40 && anchor.id % 23 == 7 && anchor.id % 10 != 0) {
      EXPECT_TRUE(model::IsWithoutPerson(anchor)) << anchor.id;
      ++without;
    }
  }
  EXPECT_GT(without, 0);
  // One who comes again is somebody new.
  BatchMaker again = Next(kDoor);
  model::Event event = testing::SomeEvent(kDoor, again.next());
  event.user_id = "user-7";
  again.Add(event);
  Commit({again.Make()});
  const auto page = store_->Read({.filter = {.users = {"user-7"}}});
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->events.size(), 1u);
  EXPECT_TRUE(Audit().ok()) << Audit().status();
}

TEST_F(StoreAuditTest, AnImageThatComesAfterTheErasureIsNotKept) {
  Commit({Next(kDoor).AddSome(30).Make()});
  Forget("user-7");
  CommitImages(kDoor, 28);  // looks at 7 among others
  EXPECT_EQ(store_->ReadImage({kDoor, 1, 7}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(store_->ReadImage({kDoor, 1, 4}).ok());
  EXPECT_TRUE(Audit().ok()) << Audit().status();
}

// As version 1 and 2 of the tables knew a record: one FNV-1a over everything, 63 bits.
std::string OldAnchor(const model::Event& event) {
  std::string bytes;
  for (const std::uint32_t number :
       {event.timestamp, event.code, event.sub_code, event.entity_id}) {
    for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<char>(number >> shift));
  }
  bytes += event.user_id;
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  hash &= ~(std::uint64_t{1} << 63);
  std::string anchor;
  for (int i = 0; i < 4; ++i) anchor.push_back(static_cast<char>(event.id >> (8 * i)));
  for (int i = 0; i < 8; ++i) anchor.push_back(static_cast<char>(hash >> (8 * i)));
  return anchor;
}

TEST_F(StoreAuditTest, AnOlderStoreIsPutUnderTheChain) {
  constexpr int kEvents = 10'000;  // more than two blocks of old events
  const ports::Batch batch =
      Next(kDoor).AddGap(2, model::GapReason::kOverwritten).AddSome(kEvents).Make();
  Commit({batch});
  CommitImages(kDoor, 100);
  Commit({Next(kDoor).OpenEpoch(5, 3).AddGap(1, model::GapReason::kUnreadable).Make()});
  Commit({Next(kGate).AddSome(3).Make()});
  const std::vector<model::Anchor> anchors = State(kGate).anchors;
  Close();
  std::string old_anchors;
  for (model::EventId id = 1; id <= 3; ++id) {
    old_anchors += OldAnchor(testing::SomeEvent(kGate, id));
  }
  {
    auto database = Database::Open({.path = file()});
    ASSERT_TRUE(database.ok());
    ASSERT_TRUE((*database)->Execute(testing::BackToVersion1()).ok());
    ASSERT_TRUE(
        (*database)
            ->Execute(absl::StrCat("UPDATE log_state SET anchors = x'", evidence::Hex(old_anchors),
                                   "' WHERE log_device = ", kGate))
            .ok());
  }
  EXPECT_EQ(Audit().status().code(), absl::StatusCode::kFailedPrecondition)
      << "says which program brings it up to date";
  Open();
  auto report = Audit();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->events, static_cast<std::uint64_t>(kEvents + 3));
  EXPECT_EQ(report->blocks, 4u);
  EXPECT_EQ(State(kGate).anchors, anchors) << "a device would look like a stranger";
  Seal();
  EXPECT_TRUE(Audit().ok()) << Audit().status();

  // As if the first start had been cut short after the first block of events.
  Close();
  {
    auto database = Database::Open({.path = file()});
    ASSERT_TRUE((*database)
                    ->Execute("DELETE FROM block WHERE number > 2; DELETE FROM seal; DELETE FROM "
                              "seal_manifest; UPDATE event SET mark = 0 WHERE seq > 4096")
                    .ok());
  }
  Open();
  report = Audit();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->blocks, 4u);
  Commit({Next(kDoor).AddSome(5).Make()});
  EXPECT_TRUE(Audit().ok()) << Audit().status();
}

TEST_F(StoreAuditTest, WhatIsDefinedOtherwiseIsNamed) {
  Fill();
  Close();
  const struct {
    const char* sql;
    const char* named;
  } changes[] = {
      {"CREATE TRIGGER quiet AFTER INSERT ON event BEGIN DELETE FROM event WHERE seq = new.seq; "
       "END",
       "the trigger quiet is no part of a store"},
      {"CREATE TABLE notes (text TEXT PRIMARY KEY)", "the table notes is no part of a store"},
      {"ALTER TABLE gap ADD COLUMN note TEXT",
       "the table gap is not defined as gatelog defines it"},
      {"CREATE INDEX other ON event (id)", "the index other is no part of a store"},
      {"DROP INDEX image_person", "the index image_person is missing"},
      {"DROP VIEW gaps", "the view gaps is missing"},
      {"DROP VIEW logs; CREATE TABLE logs (log_device INTEGER)",
       "the table logs is not defined as gatelog defines it"},
      {"PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = sql || ' WHERE e.seq <> 7' "
       "WHERE name = 'events'",
       "the view events is not defined as gatelog defines it"},
      {"PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = replace(sql, 'live', 'li  ve') "
       "WHERE name = 'events'",
       "the view events is not defined as gatelog defines it"}};
  for (const auto& [sql, named] : changes) {
    const std::string copy = directory_.path() + "/copy.db";
    std::filesystem::copy_file(file(), copy, std::filesystem::copy_options::overwrite_existing);
    {
      const auto database = *Database::Open({.path = copy});
      ASSERT_TRUE(database->Execute("PRAGMA journal_mode = DELETE").ok());
      ASSERT_TRUE(database->Execute(sql).ok()) << sql;
    }
    const absl::Status found = Audit(copy).status();
    EXPECT_EQ(found.code(), absl::StatusCode::kDataLoss) << sql;
    EXPECT_EQ(std::string(found.message()), named);
    EXPECT_THAT(std::string(CheckStoreFile(copy, nullptr).status().message()), HasSubstr(named));
    const testing::TempDirectory other;
    const absl::Status restored = RestoreStore(copy, other.path(), false, nullptr).status();
    EXPECT_THAT(std::string(restored.message()), HasSubstr(named));
  }
}

// What is added behind the gateway's back is not taken up as if it had been there before the chain.
TEST_F(StoreAuditTest, AnEventThatSomebodyAddedIsNotChainedLater) {
  Commit({Next(kDoor).AddSome(5).Make()});
  Close();
  {
    auto database = Database::Open({.path = file()});
    ASSERT_TRUE(
        (*database)
            ->Execute("INSERT INTO event SELECT 6, log_device, epoch, 6, timestamp, device, "
                      "code, sub_code, person, entity, tna_key, flags, temperature, "
                      "arrival_ms, phase, payload, mark FROM event WHERE seq = 5")
            .ok());
  }
  Open();
  const absl::Status found = Audit().status();
  EXPECT_EQ(std::string(found.message()), "event seq 6 is in no block");
}

}  // namespace
}  // namespace gatelog::store
