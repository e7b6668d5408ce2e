// Segments through their life: filled, closed in steps, cut off in between, opened again, erased,
// pruned, damaged; and that what is found stays what is stored.

#include "store/sqlite/event_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "store/sqlite/sqlite_store.h"
#include "store/sqlite/store_check.h"
#include "tests/support/disk_vfs.h"
#include "tests/support/memory_store.h"
#include "tests/support/older_store.h"
#include "tests/support/records.h"
#include "tests/support/temp_directory.h"

namespace gatelog::store {
namespace {

using ::testing::HasSubstr;

constexpr model::DeviceId kDoor = 541'000'001;
constexpr int kDoors = 5;

class EventIndexTest : public ::testing::Test {
 protected:
  std::string file() const { return directory_.path() + "/gatelog.db"; }

  void Open() {
    store_.reset();
    SqliteStore::Options options{.directory = directory_.path()};
    options.index = {.segment_events = 300,
                     .block_bytes = 60,
                     .short_list_bytes = 20,
                     .entries_per_commit_min = 100};
    options.vfs = vfs_;
    options.commit_result_for_test = [this](absl::Status committed) {
      return fail_ ? absl::UnavailableError("lost the answer") : committed;
    };
    auto opened = SqliteStore::Open(options);
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
    states_.clear();
    const auto states = store_->LoadLogStates();
    for (const ports::LogState& state : *states) {
      states_[state.log_device] = state;
    }
  }

  // Events of all doors, in one commit.
  void Commit(int events) {
    std::vector<ports::Batch> batches;
    for (int door = 0; door < kDoors; ++door) {
      ports::LogState& state = states_[kDoor + static_cast<model::DeviceId>(door)];
      state.log_device = kDoor + static_cast<model::DeviceId>(door);
      testing::BatchMaker maker(state);
      if (state.epoch == 0 || random_() % 50 == 0) maker.OpenEpoch(1 + random_() % 9, random_());
      for (int i = 0; i < events; ++i) maker.Add(SomeEvent(state.log_device));
      batches.push_back(maker.Make());
    }
    const auto results = store_->Commit(batches);
    ASSERT_TRUE(results.ok()) << results.status();
    for (const absl::Status& result : *results) ASSERT_TRUE(result.ok()) << result;
    for (const ports::Batch& batch : batches) states_[batch.log_device] = batch.after;
  }

  model::Event SomeEvent(model::DeviceId log_device) {
    model::Event event;
    // Hours that follow each other, and those of a clock that was never set.
    event.timestamp = static_cast<std::uint32_t>(
        random_() % 20 == 0 ? 946'684'800 + random_() % 9'000
                            : 1'700'000'000 + made_++ * 7 + random_() % 3'000);
    event.device = log_device + (random_() % 4 == 0 ? 100 : 0);
    event.code = random_() % 10 == 0 ? 0x1900 : 0x1300;
    event.sub_code = random_() % 3;
    if (random_() % 8 != 0) event.user_id = "user-" + std::to_string(random_() % 40);
    event.has_image = random_() % 5 == 0;
    return event;
  }

  std::vector<ports::StoredEvent> All() {
    std::vector<ports::StoredEvent> all;
    ports::EventQuery query{.limit = ports::kQueryLimitMax};
    while (true) {
      const auto page = store_->Read(query);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) return all;
      all.insert(all.end(), page->events.begin(), page->events.end());
      if (!page->more) return all;
      query.after_seq = page->seq_reached;
    }
  }

  ports::EventFilter RandomFilter() {
    ports::EventFilter filter;
    const auto door = [&] {
      return kDoor + static_cast<model::DeviceId>(random_() % (kDoors + 1));
    };
    if (random_() % 2 == 0) filter.users = {"user-" + std::to_string(random_() % 42)};
    if (random_() % 3 == 0) filter.codes = {{0x1900}};
    if (random_() % 4 == 0) filter.codes = {{0x1300, {1}}, {0x1900, {0, 2}}};
    if (random_() % 3 == 0) filter.log_devices = {door(), door()};
    if (random_() % 4 == 0) filter.devices = {door() + 100};
    if (random_() % 4 == 0) filter.from_s = 1'700'000'000 + static_cast<int>(random_() % 20'000);
    if (random_() % 4 == 0) filter.to_s = 1'700'000'000 + static_cast<int>(random_() % 20'000);
    if (random_() % 5 == 0) filter.has_image = true;
    if (random_() % 6 == 0) filter.first_id = static_cast<model::EventId>(random_() % 300);
    return filter;
  }

  // Reads and counts against a look at everything.
  void CompareWithAScan(int queries) {
    const std::vector<ports::StoredEvent> all = All();
    for (int i = 0; i < queries; ++i) {
      SCOPED_TRACE(i);
      ports::EventQuery query{.filter = RandomFilter(), .order = ports::Order::kNewestFirst};
      query.limit = static_cast<std::uint32_t>(1 + random_() % 60);
      std::vector<ports::StoredEvent> expected;
      for (auto event = all.rbegin(); event != all.rend(); ++event) {
        if (expected.size() == query.limit) break;
        if (testing::Matches(query.filter, *event)) expected.push_back(*event);
      }
      const auto page = store_->Read(query);
      ASSERT_TRUE(page.ok()) << page.status();
      ASSERT_EQ(page->events, expected);
      ports::CountQuery count{.by_code = true, .by_sub_code = i % 2 == 0};
      if (i % 3 == 0) count.filter = query.filter;
      if (i % 3 == 1) {
        count.filter.from_s = query.filter.from_s;
        count.filter.to_s = query.filter.to_s;
        count.filter.codes = query.filter.codes;
      }
      count.by_span_s = i % 5 == 0 ? 900 : i % 2 == 0 ? 3'600 : 0;
      const auto counted = store_->Count(count);
      ASSERT_TRUE(counted.ok()) << counted.status();
      ASSERT_EQ(*counted, testing::CountOf(count, all));
    }
  }

  std::int64_t Number(const std::string& sql) {
    auto database = Database::Open({.path = file(), .read_only = true});
    EXPECT_TRUE(database.ok());
    return *(*database)->QueryInteger(sql);
  }
  std::int64_t Closed() { return Number("SELECT count(*) FROM index_segment"); }

  absl::Status Check() {
    store_.reset();
    return CheckStoreFile(file(), nullptr).status();
  }

  testing::TempDirectory directory_;
  std::independent_bits_engine<std::mt19937, 32, std::uint32_t> random_{20'261};
  std::unique_ptr<SqliteStore> store_;
  std::map<model::DeviceId, ports::LogState> states_;
  std::uint32_t made_ = 0;
  bool fail_ = false;
  std::string vfs_;
  const evidence::SealKey key_ = evidence::SealKey::Make();
};

TEST_F(EventIndexTest, WhatIsStoredIsFoundInEveryStateOfASegment) {
  Open();
  for (int i = 0; i < 60; ++i) {
    SCOPED_TRACE(i);
    Commit(1 + static_cast<int>(random_() % 20));
    CompareWithAScan(4);
  }
  EXPECT_GE(Closed(), 7);
  EXPECT_TRUE(Check().ok()) << Check();
}

TEST_F(EventIndexTest, ASegmentIsClosedInStepsOfWhichAnyMayBeTheLast) {
  Open();
  int begun = 0;  // starts that found a segment half closed
  for (int life = 0; life < 40; ++life) {
    SCOPED_TRACE(life);
    for (int i = 0; i < life % 7; ++i) Commit(1 + static_cast<int>(random_() % 8));
    const auto closed_end =
        Number("SELECT coalesce(max(first_seq + events), 1) FROM index_segment");
    const bool half =
        Number("SELECT count(*) FROM posting WHERE segment >= " + std::to_string(closed_end)) > 0;
    begun += half ? 1 : 0;
    Open();
    CompareWithAScan(5);
  }
  EXPECT_GT(begun, 5);
  EXPECT_TRUE(Check().ok()) << Check();
}

TEST_F(EventIndexTest, AfterACommitOfUnknownOutcomeNothingIsMissing) {
  Open();
  for (int i = 0; i < 40; ++i) {
    SCOPED_TRACE(i);
    fail_ = random_() % 2 == 0;
    Commit(15);
  }
  fail_ = false;
  CompareWithAScan(40);
  EXPECT_TRUE(Check().ok()) << Check();
}

TEST_F(EventIndexTest, WhoFollowsAFilterBesideTheWriterMissesNothing) {
  Open();
  const std::vector<ports::EventFilter> filters = {{.users = {"user-3"}},
                                                   {.log_devices = {kDoor}, .codes = {{0x1900}}},
                                                   {.devices = {kDoor + 101}},
                                                   {.from_s = 1'700'000'000, .has_image = true}};
  std::vector<std::vector<ports::StoredEvent>> found(filters.size());
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  for (std::size_t i = 0; i < filters.size(); ++i) {
    readers.emplace_back([&, i] {
      ports::EventQuery query{.filter = filters[i], .limit = 20};
      for (bool last_round = false;;) {
        const auto page = store_->Read(query);
        ASSERT_TRUE(page.ok()) << page.status();
        found[i].insert(found[i].end(), page->events.begin(), page->events.end());
        ASSERT_TRUE(store_->Count({.by_code = true, .by_span_s = 3'600}).ok());
        query.after_seq = page->seq_reached;
        if (page->more) continue;
        if (last_round) return;
        last_round = done;
      }
    });
  }
  for (int i = 0; i < 100; ++i) {
    Commit(7);
    if (i == 50) {
      EXPECT_TRUE(store_->Forget("user-9", "a test", key_).ok());
    }
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  const std::vector<ports::StoredEvent> all = All();
  for (std::size_t i = 0; i < filters.size(); ++i) {
    std::vector<std::uint64_t> expected;
    for (const ports::StoredEvent& event : all) {
      if (testing::Matches(filters[i], event)) expected.push_back(event.seq);
    }
    std::vector<std::uint64_t> seqs;
    for (const ports::StoredEvent& event : found[i]) seqs.push_back(event.seq);
    EXPECT_EQ(seqs, expected) << i;
  }
}

TEST_F(EventIndexTest, AClosingThatACommitCouldNotGoOnWithBeginsAnew) {
  testing::DiskVfs vfs;
  vfs_ = vfs.name();
  Open();
  int failed = 0;
  for (int i = 0; i < 120; ++i) {
    SCOPED_TRACE(i);
    Commit(4);
    if (i % 3 != 0) continue;
    vfs.FailNow(testing::DiskVfs::Fault::kNoSpace);
    ports::LogState state = states_[kDoor];
    const ports::Batch batch = testing::BatchMaker(state).AddSome(40).Make();
    failed += store_->Commit(std::span(&batch, 1)).ok() ? 0 : 1;
    vfs.Heal();
    const auto stored = store_->LoadLogStates();
    ASSERT_TRUE(stored.ok());
    for (const ports::LogState& one : *stored) states_[one.log_device] = one;
  }
  EXPECT_GT(failed, 20);
  CompareWithAScan(40);
  EXPECT_GE(Closed(), 3);
  EXPECT_TRUE(Check().ok()) << Check();
}

TEST_F(EventIndexTest, ARefusedCommitLeavesNothingInTheLists) {
  Open();
  for (int i = 0; i < 30; ++i) {
    // Refused as a whole after some of its events were written: an epoch out of step.
    ports::LogState state = states_[kDoor];
    state.log_device = kDoor;
    if (state.epoch != 0) {
      ports::Batch stale = testing::BatchMaker(state).AddSome(30).Make();
      stale.expected_next += 1;
      const auto results = store_->Commit(std::span(&stale, 1));
      ASSERT_TRUE(results.ok());
      ASSERT_FALSE(results->at(0).ok());
    }
    Commit(17);
  }
  CompareWithAScan(40);
  EXPECT_TRUE(Check().ok()) << Check();
}

TEST_F(EventIndexTest, AForgottenPersonIsInNoList) {
  Open();
  for (int i = 0; i < 30; ++i) Commit(17);
  const std::int64_t person = Number("SELECT id FROM person WHERE user_id = 'user-7'");
  const auto erased = store_->Forget("user-7", "a test", key_);
  ASSERT_TRUE(erased.ok()) << erased.status();
  EXPECT_GT(erased->events, 20u);
  EXPECT_TRUE(store_->Read({.filter = {.users = {"user-7"}}})->events.empty());
  CompareWithAScan(40);
  for (int i = 0; i < 10; ++i) Commit(17);
  CompareWithAScan(40);
  EXPECT_TRUE(Check().ok()) << Check();
  auto database = Database::Open({.path = file(), .read_only = true});
  ASSERT_TRUE(database.ok());
  const auto closed = ReadClosedSegments(**database);
  ASSERT_TRUE(closed.ok());
  for (const ClosedSegment& segment : *closed) {
    EXPECT_TRUE(ReadList(**database, segment, ListKind::kPerson, person)->empty());
  }
}

TEST_F(EventIndexTest, ListsGoWithTheEventsThatRetentionTakes) {
  Open();
  for (int i = 0; i < 40; ++i) Commit(17);
  ASSERT_TRUE(store_->AppendSeal(key_).ok());
  for (int i = 0; i < 40; ++i) Commit(17);
  const std::int64_t before = Closed();
  ports::PruneLimits limits;
  limits.events_before = Timestamp::max();
  for (int step = 0;; ++step) {
    const auto pruned = store_->PruneSome(limits, "a test");
    ASSERT_TRUE(pruned.ok()) << pruned.status();
    if (!pruned->more) break;
    if (step % 3 == 0) CompareWithAScan(3);
  }
  EXPECT_EQ(store_->first_seq(), 40u * kDoors * 17 + 1);
  EXPECT_LT(Closed(), before - 5);
  EXPECT_EQ(Number("SELECT count(*) FROM posting WHERE segment NOT IN (SELECT first_seq FROM "
                   "index_segment) AND segment < (SELECT max(first_seq) FROM index_segment)"),
            0);
  CompareWithAScan(60);
  Open();
  CompareWithAScan(20);
  EXPECT_TRUE(Check().ok()) << Check();
}

TEST_F(EventIndexTest, AnOlderStoreIsPutIntoLists) {
  Open();
  for (int i = 0; i < 40; ++i) Commit(17);
  store_.reset();
  {
    auto database = Database::Open({.path = file()});
    ASSERT_TRUE(database.ok());
    const absl::Status back = (*database)->Execute(testing::BackToVersion3());
    ASSERT_TRUE(back.ok()) << back;
  }
  Open();
  EXPECT_EQ(Closed(), 40 * kDoors * 17 / 300);
  CompareWithAScan(60);
  EXPECT_EQ(Number("SELECT count(*) FROM sqlite_master WHERE type = 'index' AND tbl_name = "
                   "'event'"),
            0);
  EXPECT_TRUE(Check().ok()) << Check();
}

TEST_F(EventIndexTest, AnotherShapeGoesOnWhereTheFirstHasEnded) {
  Open();
  for (int i = 0; i < 20; ++i) Commit(17);
  store_.reset();
  SqliteStore::Options options{.directory = directory_.path()};
  options.index.segment_events = 77;
  store_ = *SqliteStore::Open(options);
  for (int i = 0; i < 5; ++i) Commit(17);
  CompareWithAScan(40);
  EXPECT_TRUE(Check().ok()) << Check();
}

// With segments as large as they are in use.
TEST_F(EventIndexTest, AReadEndsWhenItHasLookedAtMuch) {
  constexpr std::uint64_t kEvents = ports::kLookedAtMax + 100'000;
  store_ = *SqliteStore::Open({.directory = directory_.path()});
  ports::LogState state{.log_device = kDoor};
  while (store_->last_seq() < kEvents) {
    testing::BatchMaker maker(state);
    if (state.epoch == 0) maker.OpenEpoch(1, 1);
    for (int i = 0; i < 20'000; ++i) maker.Add(SomeEvent(kDoor));
    const ports::Batch batch = maker.Make();
    const auto results = store_->Commit(std::span(&batch, 1));
    ASSERT_TRUE(results.ok() && results->at(0).ok());
    state = batch.after;
  }
  ports::EventQuery query{.filter = {.entities = {7}}};  // no list tells, and there is none
  ports::EventPage page = *store_->Read(query);
  EXPECT_TRUE(page.events.empty());
  EXPECT_TRUE(page.more);
  EXPECT_EQ(page.seq_reached, ports::kLookedAtMax);
  query.after_seq = page.seq_reached;
  page = *store_->Read(query);
  EXPECT_FALSE(page.more);
  EXPECT_EQ(page.seq_reached, store_->last_seq());
  const std::uint64_t last = store_->last_seq();
  query = {.filter = {.entities = {7}}, .order = ports::Order::kNewestFirst};
  page = *store_->Read(query);
  EXPECT_TRUE(page.more);
  EXPECT_EQ(page.seq_reached, last + 1 - ports::kLookedAtMax);
  // A list tells that nothing need be looked at.
  page = *store_->Read({.filter = {.codes = {0x7777}}});
  EXPECT_FALSE(page.more);
  EXPECT_EQ(Closed(), 1);
  EXPECT_TRUE(Check().ok()) << Check();
}

TEST_F(EventIndexTest, ACheckFindsEveryListThatIsWrong) {
  Open();
  for (int i = 0; i < 30; ++i) Commit(17);
  ASSERT_TRUE(Check().ok()) << Check();
  const std::string copy = directory_.path() + "/copy.db";
  int tried = 0;
  const auto finds = [&](const std::string& sql) {
    SCOPED_TRACE(sql);
    std::filesystem::copy_file(file(), copy, std::filesystem::copy_options::overwrite_existing);
    {
      auto database = Database::Open({.path = copy});
      ASSERT_TRUE(database.ok());
      const absl::Status changed = (*database)->Execute(sql);
      ASSERT_TRUE(changed.ok()) << changed;
    }
    ++tried;
    EXPECT_EQ(CheckStoreFile(copy, nullptr).status().code(), absl::StatusCode::kDataLoss);
  };
  const std::int64_t rows = Number("SELECT max(id) FROM posting WHERE segment < 1201");
  for (int i = 0; i < 30; ++i) {
    const std::string row = " WHERE id = (SELECT id FROM posting WHERE id >= " +
                            std::to_string(1 + random_() % static_cast<std::uint64_t>(rows)) +
                            " LIMIT 1)";
    finds("DELETE FROM posting" + row);
    finds("UPDATE posting SET lists = CAST(substr(lists, 2) AS BLOB)" + row);
    finds("UPDATE posting SET lists = CAST(lists || x'02' AS BLOB)" + row);
    finds("UPDATE posting SET key = key + 1000000" + row);
  }
  finds(
      "DELETE FROM hour_count WHERE day = (SELECT max(day) FROM hour_count WHERE segment = 301) "
      "AND segment = 301");
  finds("UPDATE hour_count SET counts = CAST(x'00' || counts AS BLOB) WHERE segment = 301");
  finds("DELETE FROM index_segment WHERE first_seq = 301");
  finds("DELETE FROM index_segment WHERE first_seq = 1");
  finds("UPDATE index_segment SET last_hour = first_hour WHERE first_seq = 601");
  finds("UPDATE event SET person = 3 WHERE seq = 400 AND person <> 3");
  EXPECT_EQ(tried, 126);
}

}  // namespace
}  // namespace gatelog::store
