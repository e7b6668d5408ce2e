// What only retention in PostgreSQL can go through; the rest is in tests/conformance.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "store/postgres/connection.h"
#include "store/postgres/erased_anchors.h"
#include "store/postgres/log_table.h"
#include "store/postgres/postgres_store.h"
#include "store/postgres/postgres_upkeep.h"
#include "store/postgres/schema.h"
#include "store/postgres/store_check.h"
#include "tests/support/moved_clock.h"
#include "tests/support/postgres_server.h"
#include "tests/support/records.h"

namespace gatelog::postgres {
namespace {

using testing::BatchMaker;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::PostgresServer;
using ::testing::SizeIs;

constexpr model::DeviceId kDoor = 541'000'001;
constexpr model::DeviceId kGate = 541'000'007;
constexpr std::chrono::seconds kLimit{60};
constexpr std::chrono::days kForEver{36'500};

class PostgresRetentionTest : public ::testing::Test {
 protected:
  void Open(PostgresStore::Options options = {.segment_events = 50, .segment_age = kForEver}) {
    store_.reset();
    options.url = url_;
    options.clock = &clock_;
    auto opened = PostgresStore::Open(std::move(options));
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
  }
  ports::LogState State(model::DeviceId log_device) {
    const auto states = store_->LoadLogStates();
    EXPECT_TRUE(states.ok()) << states.status();
    for (const ports::LogState& state : *states) {
      if (state.log_device == log_device) return state;
    }
    return {.log_device = log_device};
  }
  BatchMaker Next(model::DeviceId log_device) {
    const ports::LogState state = State(log_device);
    BatchMaker maker(state);
    if (state.epoch == 0) maker.OpenEpoch(1, 1);
    maker.Arrived(clock_.Now());
    return maker;
  }
  // As a collector makes it.
  ports::Batch Anchored(const BatchMaker& maker) {
    ports::Batch batch = maker.Make();
    batch.after.anchors = AnchorsAfter(State(batch.log_device).anchors, batch);
    return batch;
  }
  void Commit(const ports::Batch& batch) {
    const auto results = store_->Commit(std::span(&batch, 1));
    ASSERT_TRUE(results.ok()) << results.status();
    ASSERT_TRUE(results->at(0).ok()) << results->at(0);
  }
  void CommitImages(model::DeviceId log_device, model::EventId through) {
    ports::ImageBatch batch{.log_device = log_device,
                            .epoch = State(log_device).epoch,
                            .expected_image_next = State(log_device).image_next,
                            .image_next = through + 1};
    for (model::EventId id = batch.expected_image_next; id <= through; ++id) {
      const model::Event event = testing::SomeEvent(log_device, id);
      if (!event.has_image) continue;
      if (id % 2 == 0) {
        batch.images.push_back(testing::ImageOf(event));
      } else {
        batch.absences.push_back({id, model::ImageAbsenceReason::kAbsent});
      }
    }
    const auto results = store_->CommitImages(std::span(&batch, 1));
    ASSERT_TRUE(results.ok()) << results.status();
    ASSERT_TRUE(results->at(0).ok()) << results->at(0);
  }
  // Two logs, gaps, a second epoch, images; several segments, the last of them open.
  void Fill() {
    Commit(Next(kDoor).AddSome(60).AddGap(7, model::GapReason::kOverwritten).AddSome(20).Make());
    Commit(Next(kGate).AddGap(3, model::GapReason::kAbsent).AddSome(40).Make());
    CommitImages(kDoor, 60);
    Commit(Next(kDoor).OpenEpoch(11, 2).AddSome(45).Make());
    CommitImages(kGate, 30);
    Commit(Next(kGate).AddSome(5).Make());
    AwaitIndexes();
  }
  void AwaitIndexes() {
    const auto limit = std::chrono::steady_clock::now() + kLimit;
    while (store_->segments_to_index() > 0) {
      ASSERT_LT(std::chrono::steady_clock::now(), limit);
      std::this_thread::yield();
    }
  }
  void Close() {
    const absl::Status closed = store_->CloseSegment();
    ASSERT_TRUE(closed.ok()) << closed;
    AwaitIndexes();
  }
  ports::PruneLimits All() {
    return {.events_before = clock_.Now(),
            .images_before = clock_.Now(),
            .people_before = clock_.Now()};
  }
  // All steps; `look` after each of them. What went.
  ports::Pruned Prune(
      const ports::PruneLimits& limits, const std::function<void()>& look = [] {}) {
    ports::Pruned sum;
    for (int step = 0; step < 1'000; ++step) {
      const auto done = store_->PruneSome(limits, "a test");
      EXPECT_TRUE(done.ok()) << done.status();
      look();
      if (!done.ok()) return sum;
      sum.segments += done->pruned.segments;
      sum.events += done->pruned.events;
      sum.images += done->pruned.images;
      sum.people += done->pruned.people;
      if (!done->more) return sum;
    }
    ADD_FAILURE() << "it has no end";
    return sum;
  }
  void ExpectSound() {
    const auto report = PostgresUpkeep(*store_).Check(nullptr);
    EXPECT_TRUE(report.ok()) << report.status();
  }
  std::vector<ports::StoredEvent> ReadAll(const ports::EventFilter& filter = {}) {
    const auto page = store_->Read({.filter = filter, .limit = ports::kQueryLimitMax});
    EXPECT_TRUE(page.ok()) << page.status();
    return page.ok() ? page->events : std::vector<ports::StoredEvent>();
  }
  std::int64_t Number(const std::string& sql) {
    const auto session = Connection::Open({.url = url_});
    EXPECT_TRUE(session.ok()) << session.status();
    return (*session)->QueryInteger(sql).value_or(-1);
  }

  std::string url_ = PostgresServer::Shared().NewDatabase();
  testing::MovedClock clock_;
  std::unique_ptr<PostgresStore> store_;
};

TEST_F(PostgresRetentionTest, AnOldSegmentIsClosedAndGoes) {
  Open({.segment_events = 500, .segment_age = std::chrono::days(7)});
  Commit(Next(kDoor).AddSome(10).Make());
  clock_.Move(std::chrono::days(6));
  Commit(Next(kDoor).AddSome(10).Make());
  Prune({});
  EXPECT_EQ(Number("SELECT end_seq FROM gatelog.segment"), 501) << "not old yet";
  clock_.Move(std::chrono::days(1));
  Prune({});
  EXPECT_EQ(Number("SELECT end_seq FROM gatelog.segment"), 21);
  Prune({});
  AwaitIndexes();
  EXPECT_THAT(ReadAll(), SizeIs(20));
  Commit(Next(kDoor).AddSome(10).Make());
  EXPECT_EQ(Number("SELECT count(*) FROM gatelog.segment"), 2);
  EXPECT_EQ(Number("SELECT count(*) FROM gatelog.event_21"), 10);
  EXPECT_EQ(Prune({.events_before = clock_.Now() - std::chrono::hours(1)}).events, 20u);
  EXPECT_EQ(store_->first_seq(), 21u);
  EXPECT_THAT(ReadAll(), SizeIs(10));
  EXPECT_EQ(Number("SELECT count(*) FROM pg_class WHERE relname = 'event_1'"), 0);
  ExpectSound();
  Open({.segment_events = 500});
  EXPECT_EQ(store_->first_seq(), 21u);
  EXPECT_EQ(store_->last_seq(), 30u);
}

// While one is closed nobody reads or commits, and that takes the longer, the more it has.
TEST_F(PostgresRetentionTest, OnlySmallSegmentsAreClosedBeforeTheyAreFull) {
  const auto end_of_last = [&] { return Number("SELECT max(end_seq) FROM gatelog.segment"); };
  Open({.segment_events = 400, .segment_age = std::chrono::days(7)});
  Commit(Next(kDoor).AddSome(101).Make());
  clock_.Move(std::chrono::days(8));
  Prune({});
  EXPECT_EQ(end_of_last(), 401) << "more than a quarter";
  Commit(Next(kDoor).AddSome(300).Make());
  EXPECT_EQ(end_of_last(), 801);
  Commit(Next(kDoor).AddSome(79).Make());
  clock_.Move(std::chrono::days(1));
  Prune({});
  EXPECT_EQ(end_of_last(), 801) << "at that pace it is full in a week";
  clock_.Move(std::chrono::days(1));
  Prune({});
  EXPECT_EQ(end_of_last(), 481) << "it would be too large in a week, and not full";
  ExpectSound();
}

TEST_F(PostgresRetentionTest, EverySegmentMayGoAndTheNumbersGoOn) {
  Open();
  Fill();
  Close();
  const std::uint64_t last = store_->last_seq();
  clock_.Move(std::chrono::days(1));
  Prune(All());
  EXPECT_EQ(Number("SELECT count(*) FROM gatelog.segment"), 0);
  EXPECT_EQ(Number("SELECT count(*) FROM gatelog.person"), 0) << "nothing tells of anybody";
  EXPECT_EQ(Number("SELECT count(*) FROM gatelog.image"), 0);
  EXPECT_EQ(Number("SELECT count(*) FROM gatelog.image_absence"), 0);
  EXPECT_EQ(Number("SELECT count(*) FROM gatelog.count_hour"), 0);
  ExpectSound();
  Open();
  EXPECT_EQ(store_->last_seq(), last);
  EXPECT_EQ(store_->first_seq(), last + 1);
  Commit(Next(kDoor).AddSome(3).Make());
  EXPECT_EQ(ReadAll().at(0).seq, last + 1);
  EXPECT_THAT(ReadAll({.users = {ReadAll().at(0).event.user_id}}), SizeIs(1));
  ExpectSound();
}

TEST_F(PostgresRetentionTest, AfterEachStepTheStoreIsSoundAndRecordsAreRecognised) {
  Open();
  Fill();
  const std::vector<ports::RecordRange> ranges = {{1, 1, 1'000}, {2, 5, 50}};
  const auto before = store_->ReadAnchors(kDoor, ranges);
  ASSERT_TRUE(before.ok()) << before.status();
  ASSERT_THAT(*before, SizeIs(80 + 40));
  const ports::LogState gate = State(kGate);
  clock_.Move(std::chrono::days(1));
  int steps = 0;
  const auto look = [&] {
    ExpectSound();
    if (++steps % 3 == 0) Open();
    const auto after = store_->ReadAnchors(kDoor, ranges);
    ASSERT_TRUE(after.ok()) << after.status();
    ASSERT_EQ(after->size(), before->size());
    for (std::size_t i = 0; i < after->size(); ++i) {
      EXPECT_EQ(after->at(i).id, before->at(i).id);
      EXPECT_TRUE(model::SameRecord(after->at(i), before->at(i)));
    }
    for (std::uint64_t seq = store_->first_seq(); const ports::StoredEvent& event : ReadAll()) {
      ASSERT_EQ(event.seq, seq++);
    }
  };
  Prune({.people_before = clock_.Now()}, look);
  Prune(All(), look);
  EXPECT_GT(steps, 15);
  EXPECT_EQ(store_->first_seq(), 151u);
  EXPECT_EQ(State(kGate).next, gate.next);
  EXPECT_EQ(State(kGate).anchors.size(), gate.anchors.size());
}

// The first time that anything is pruned: nothing is counted as pruned yet when events are hidden.
TEST_F(PostgresRetentionTest, WhileEventsAreHiddenForTheFirstTimeTheStoreIsSound) {
  Open();
  Fill();
  clock_.Move(std::chrono::days(1));
  ASSERT_GT(Number("SELECT min(images_absent) FROM gatelog.log_state"), 0);
  int hidden = 0;
  Prune({.events_before = clock_.Now()}, [&] {
    ExpectSound();
    if (store_->first_seq() > 1 && Number("SELECT count(*) FROM gatelog.pruned") == 0) ++hidden;
  });
  EXPECT_EQ(hidden, 3) << "segments, of which each was hidden and nothing more";
}

TEST_F(PostgresRetentionTest, WhatRetentionLeftIsChecked) {
  Open();
  Fill();
  Prune({.people_before = clock_.Now() + std::chrono::days(1)});
  // The first segment alone is old.
  PostgresServer::Shared().Execute(
      url_, "UPDATE gatelog.segment SET arrival_max = 5 WHERE first_seq = 1");
  Open();
  EXPECT_EQ(Prune({.events_before = Timestamp(std::chrono::milliseconds(6))}).events, 50u);
  ExpectSound();
  const auto connection = Connection::Open({.url = url_});
  ASSERT_TRUE(connection.ok()) << connection.status();
  struct Change {
    const char* sql;
    const char* named;
  };
  for (const Change& change : {
           Change{"DELETE FROM event WHERE seq = 51", "numbered from 52"},
           Change{"UPDATE meta SET value = 60 WHERE key = 'first_seq'", "in the middle"},
           Change{"UPDATE pruned SET events = events + 1", "are counted as pruned"},
           Change{"UPDATE pruned SET below = below + 1 WHERE below > 0", "are counted as pruned"},
           Change{"UPDATE pruned SET images = images + 1", "images, and has"},
           Change{"UPDATE pruned SET images_wanted = 0", "images_wanted, and has"},
           Change{"DELETE FROM pruned", "is due"},
           Change{"UPDATE pruned_record SET last = last + 1", "not as they were pruned"},
           Change{"UPDATE pruned_record SET records = records || '\\x00'",
                  "not as they were pruned"},
           Change{"UPDATE event SET flags = 4, payload = payload || '\\x22026162' WHERE seq = 60",
                  "tells of a person"},
       }) {
    Transaction changed(**connection);
    ASSERT_TRUE(changed.Begin().ok());
    ASSERT_TRUE((*connection)->Execute("SET LOCAL search_path = gatelog").ok());
    const absl::Status made = (*connection)->Execute(change.sql);
    ASSERT_TRUE(made.ok()) << change.sql << ": " << made;
    const auto report = CheckStore(**connection, nullptr, {});
    EXPECT_EQ(report.status().code(), absl::StatusCode::kDataLoss) << change.sql;
    EXPECT_THAT(report.status().message(), HasSubstr(change.named)) << change.sql;
  }
  EXPECT_TRUE(CheckStore(**connection, nullptr, {}).ok()) << "all of that was rolled back";
}

// A transaction of another program that has read the events, and goes on.
TEST_F(PostgresRetentionTest, WhileAnotherProgramReadsTheTableNobodyWaitsAndItGoesLater) {
  Open();
  Fill();
  clock_.Move(std::chrono::days(1));
  const auto reader = Connection::Open({.url = url_});
  ASSERT_TRUE((*reader)->Execute("BEGIN; SELECT count(*) FROM gatelog.events").ok());
  EXPECT_EQ(Prune(All(), [&] { Commit(Next(kGate).AddSome(1).Make()); }).events, 150u);
  EXPECT_EQ(store_->first_seq(), 151u);
  EXPECT_EQ(ReadAll().at(0).seq, 151u);
  EXPECT_EQ(Number("SELECT count(*) FROM pg_class WHERE relname = 'event_1'"), 1);
  EXPECT_EQ(Number("SELECT min(seq) FROM gatelog.events"), 151) << "the view does not show it";
  EXPECT_TRUE(absl::IsUnavailable(store_->CloseSegment()));
  Open();  // also by the next life
  Prune({});
  EXPECT_EQ(Number("SELECT count(*) FROM pg_class WHERE relname = 'event_1'"), 1);
  ASSERT_TRUE((*reader)->Execute("COMMIT").ok());
  Prune({});
  EXPECT_EQ(Number("SELECT count(*) FROM pg_class WHERE relname IN ('event_1', 'event_51')"), 0);
  ExpectSound();
}

TEST_F(PostgresRetentionTest, AStepWhoseAnswerIsLostIsFoundToBeThere) {
  bool cutting = false;
  int cuts = 0;
  PostgresStore::Options options{.segment_events = 50, .segment_age = kForEver};
  options.commit_sent_for_test = [&](Connection& session) {
    if (!cutting) return;
    ++cuts;
    shutdown(session.socket(), SHUT_RDWR);
  };
  Open(std::move(options));
  Fill();
  clock_.Move(std::chrono::days(1));
  cutting = true;
  EXPECT_TRUE(store_->CloseSegment().ok());
  cutting = false;
  AwaitIndexes();
  cutting = true;
  const ports::Pruned pruned = Prune(All());
  cutting = false;
  EXPECT_GT(cuts, 10);
  EXPECT_EQ(pruned.events, 170u);
  EXPECT_THAT(ReadAll(), IsEmpty());
  Commit(Next(kDoor).AddSome(3).Make());
  ExpectSound();
}

TEST_F(PostgresRetentionTest, ReadersOnOtherThreadsAreNotDisturbed) {
  Open();
  for (int i = 0; i < 20; ++i) Commit(Next(i % 2 == 0 ? kDoor : kGate).AddSome(50).Make());
  AwaitIndexes();
  clock_.Move(std::chrono::days(1));
  std::atomic<bool> done = false;
  std::atomic<int> rounds = 0;
  const auto read = [&] {
    while (!done) {
      const auto page = store_->Read({.limit = ports::kQueryLimitMax});
      EXPECT_TRUE(page.ok()) << page.status();
      const auto hours = store_->Count({.by_code = true, .by_span_s = 3'600});
      EXPECT_TRUE(hours.ok()) << hours.status();
      std::uint64_t counted = 0;
      for (const ports::EventCount& row : *hours) counted += row.events;
      EXPECT_EQ(counted % 50, 0u) << "whole segments";
      const std::vector<ports::RecordRange> ranges = {{1, 1, 500}};
      const auto anchors = store_->ReadAnchors(kDoor, ranges);
      EXPECT_TRUE(anchors.ok() && anchors->size() == 500) << anchors.status();
      EXPECT_TRUE(store_->Count({.by_user = true}).ok());
      ++rounds;
    }
  };
  std::thread first(read);
  std::thread second(read);
  const auto limit = std::chrono::steady_clock::now() + kLimit;
  while (rounds < 4 && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
  Prune(All());
  done = true;
  first.join();
  second.join();
  EXPECT_EQ(store_->first_seq(), 1'001u);
  ExpectSound();
}

TEST_F(PostgresRetentionTest, PeopleOfWhomNothingTellsGoAndMayComeAgain) {
  Open({.segment_events = 4, .segment_age = kForEver});
  const auto event_of = [](const char* user) {
    model::Event event;
    event.timestamp = 1'700'000'000;
    event.user_id = user;
    return event;
  };
  // The second segment is young; "seldom" is told of in the first alone.
  Commit(Next(kDoor)
             .Add(event_of("seldom"))
             .Add(event_of("often"))
             .Add(event_of("late"))
             .Add(event_of("often"))
             .Make());
  clock_.Move(std::chrono::days(10));
  const Timestamp limit = clock_.Now() - std::chrono::days(5);
  Commit(Next(kDoor)
             .Add(event_of("often"))
             .Add(event_of(""))
             .Add(event_of(""))
             .Add(event_of(""))
             .Make());
  Commit(Next(kDoor).Add(event_of("late")).Make());  // in the open segment
  AwaitIndexes();
  EXPECT_EQ(Prune({.people_before = limit}).people, 4u);
  EXPECT_EQ(Number("SELECT count(*) FROM gatelog.person"), 2);
  EXPECT_EQ(Number("SELECT count(*) FROM gatelog.person WHERE user_id = 'seldom'"), 0);
  EXPECT_THAT(ReadAll({.users = {"often"}}), SizeIs(1));
  EXPECT_THAT(ReadAll({.users = {"seldom"}}), IsEmpty());
  EXPECT_THAT(ReadAll({.users = {""}}), SizeIs(3));  // of whom those erased were is not known
  Commit(Next(kDoor).Add(event_of("seldom")).Make());
  EXPECT_THAT(ReadAll({.users = {"seldom"}}), SizeIs(1));
  EXPECT_EQ(ReadAll({.users = {"seldom"}})[0].event.user_id, "seldom");
  ExpectSound();
  EXPECT_EQ(Prune({.events_before = limit}).events, 4u);
  EXPECT_THAT(ReadAll({.users = {"late"}}), SizeIs(1));
  ExpectSound();
}

// Of whom nothing tells, that is looked for in every partition.
TEST_F(PostgresRetentionTest, TheMorePartitionsTheFewerPeopleAreLookedForInAStep) {
  Open({.segment_events = 2, .segment_age = kForEver});
  Commit(Next(kDoor).AddSome(200).Make());
  AwaitIndexes();
  PostgresServer::Shared().Execute(url_,
                                   "INSERT INTO gatelog.person SELECT n, convert_to('nobody-' || "
                                   "n, 'UTF8') FROM generate_series(1001, 1600) AS n; "
                                   "UPDATE gatelog.meta SET value = 1 WHERE key = 'people_sweep'");
  Open({.segment_events = 2, .segment_age = kForEver});
  constexpr char kPeople[] = "SELECT count(*) FROM gatelog.person";
  const std::int64_t told = Number(kPeople) - 600;
  std::int64_t left = told + 600;
  Prune({}, [&] {
    const std::int64_t now = Number(kPeople);
    EXPECT_LE(left - now, 20'000 / 100);
    left = now;
  });
  EXPECT_EQ(left, told);
  ExpectSound();
}

TEST_F(PostgresRetentionTest, AnchorsThatACollectorGivesBackTellOfNobody) {
  Open();
  for (int i = 0; i < 5; ++i) Commit(Anchored(Next(kDoor).AddSome(10)));
  const ports::LogState remembered = State(kDoor);  // as its collector has it
  AwaitIndexes();
  clock_.Move(std::chrono::days(1));
  EXPECT_GT(Prune({.people_before = clock_.Now()}).people, 40u);
  BatchMaker more(remembered);
  more.AddSome(3).Arrived(clock_.Now());
  ports::Batch batch = more.Make();
  batch.after.anchors = AnchorsAfter(remembered.anchors, batch);
  Commit(batch);
  for (int life = 0; life < 2; ++life) {
    const ports::LogState state = State(kDoor);
    ASSERT_EQ(state.anchors.size(), batch.after.anchors.size());
    for (std::size_t i = 0; i < state.anchors.size(); ++i) {
      const model::Anchor& anchor = state.anchors[i];
      EXPECT_TRUE(model::SameRecord(anchor, batch.after.anchors[i]));
      const model::Event event = testing::SomeEvent(kDoor, anchor.id);
      const bool told = !event.user_id.empty() || event.temperature != 0;
      EXPECT_EQ(model::IsWithoutPerson(anchor), told && anchor.id <= 50) << anchor.id;
    }
    Open();
  }
  // A device that lost its newest records shows the older ones again, and begins anew above them.
  BatchMaker anew(State(kDoor));
  anew.OpenEpoch(46, 2).AddSome(2).Arrived(clock_.Now());
  batch = anew.Make();
  batch.after.anchors.clear();
  for (model::EventId id = 40; id < 48; ++id) {
    batch.after.anchors.push_back(model::AnchorOf(testing::SomeEvent(kDoor, id)));
  }
  Commit(batch);
  for (const model::Anchor& anchor : State(kDoor).anchors) {
    EXPECT_TRUE(anchor.id >= 46 || model::IsWithoutPerson(anchor)) << anchor.id;
  }
  // The same once more, and what it shows is of the first epoch again, not of the newest.
  BatchMaker again(State(kDoor));
  again.OpenEpoch(51, 3).AddSome(1).Arrived(clock_.Now());
  batch = again.Make();
  batch.after.anchors.clear();
  for (model::EventId id = 40; id < 50; ++id) {
    batch.after.anchors.push_back(model::AnchorOf(testing::SomeEvent(kDoor, id)));
  }
  Commit(batch);
  int old = 0;
  for (const model::Anchor& anchor : State(kDoor).anchors) {
    old += anchor.id < 51;
    EXPECT_TRUE(anchor.id >= 51 || model::IsWithoutPerson(anchor)) << anchor.id;
  }
  EXPECT_EQ(old, 10);
}

// With a large log, without the epoch, all that the index has of the log would be walked.
TEST_F(PostgresRetentionTest, WhatIsShownAgainIsFoundByItsEpoch) {
  Open();
  Fill();
  Prune({.people_before = clock_.Now() + std::chrono::days(1)});
  const auto session = Connection::Open({.url = url_});
  ASSERT_TRUE(session.ok()) << session.status();
  // The tables here are so small that reading much of one would be cheapest.
  ASSERT_TRUE(
      (*session)
          ->Execute(absl::StrCat("ANALYZE; SET enable_seqscan = off; SET enable_bitmapscan = "
                                 "off; PREPARE shown (oid[], oid[]) AS ",
                                 kShownAgainQuery))
          .ok());
  const auto plan = (*session)->Query(absl::StrCat("EXPLAIN EXECUTE shown (ARRAY[", kDoor, ", ",
                                                   kDoor, "]::oid[], ARRAY[7, 8]::oid[])"));
  ASSERT_TRUE(plan.ok()) << plan.status();
  int probes = 0;
  for (int row = 0; row < plan->rows(); ++row) {
    const std::string line(plan->Bytes(row, 0));
    if (line.find("Index Cond") == line.npos || line.find(".id)") == line.npos) continue;
    ++probes;
    EXPECT_THAT(line, HasSubstr("epoch = ")) << "in each partition";
  }
  EXPECT_GT(probes, 0);
}

// As version 2 made a store, and what it may have had in it.
TEST_F(PostgresRetentionTest, AStoreOfVersion2IsBroughtUp) {
  const auto session = Connection::Open({.url = url_});
  ASSERT_TRUE(session.ok()) << session.status();
  ASSERT_TRUE(MigrateSchema(**session, clock_, 2).ok());
  constexpr std::int64_t kArrival = 1'700'000'000'000;
  std::string sql =
      "CREATE TABLE gatelog.event_1 (LIKE gatelog.event); ALTER TABLE gatelog.event ATTACH "
      "PARTITION gatelog.event_1 FOR VALUES FROM (1) TO (101); INSERT INTO gatelog.segment "
      "(first_seq, end_seq) VALUES (1, 101); INSERT INTO gatelog.person VALUES (1, 'user-3'); ";
  for (model::EventId id = 1; id <= 6; ++id) {
    model::Event event = testing::SomeEvent(kDoor, id);
    event.user_id = "user-3";
    event = testing::Encoded(std::move(event));
    absl::StrAppend(
        &sql, "INSERT INTO gatelog.event VALUES (", id, ", ", kArrival + id, ", ", event.timestamp,
        ", ", kDoor, ", 1, ", id, ", ", event.device, ", ", event.entity_id, ", ",
        event.temperature, ", ", event.code, ", 1, ", event.sub_code, ", ", event.tna_key, ", ",
        (event.has_image ? 1 : 0) + (event.changed_on_device ? 2 : 0), ", 1, '', '\\x",
        absl::BytesToHexString(absl::string_view(event.payload.data(), event.payload.size())),
        "'); ");
  }
  const model::Event third = testing::SomeEvent(kDoor, 3);
  absl::StrAppend(
      &sql, "INSERT INTO gatelog.log_state VALUES (", kDoor,
      ", 1, 1, 1, 7, 7, 6, 2, 1, 1, 0, 0, 0); INSERT INTO gatelog.log_anchor VALUES (", kDoor,
      ", 1, 1, ''); INSERT INTO gatelog.epoch VALUES (", kDoor, ", 1, 1, NULL, 1, ", kArrival,
      "); INSERT INTO gatelog.image VALUES (", kDoor, ", 1, 3, ", third.timestamp, ", ", third.code,
      ", 1, 'an image'); INSERT INTO gatelog.image_absence VALUES (", kDoor, ", 1, 6, 1, 0)");
  PostgresServer::Shared().Execute(url_, sql);
  Open({.segment_events = 100, .segment_age = std::chrono::days(7)});
  EXPECT_EQ(Number("SELECT value FROM gatelog.meta WHERE key = 'schema_version'"), kSchemaVersion);
  EXPECT_EQ(Number("SELECT arrival_ms FROM gatelog.image"), kArrival + 3);
  EXPECT_EQ(Number("SELECT seq FROM gatelog.image"), 3);
  EXPECT_EQ(store_->first_seq(), 1u);
  EXPECT_THAT(ReadAll({.users = {"user-3"}}), SizeIs(6));
  ExpectSound();
  Prune({});
  AwaitIndexes();
  EXPECT_EQ(Prune({.images_before = clock_.Now()}).images, 1u);
  ExpectSound();
  EXPECT_EQ(Prune(All()).events, 6u);
  EXPECT_EQ(store_->first_seq(), 7u);
  EXPECT_THAT(State(kDoor).anchors, SizeIs(6));
  Open();
  EXPECT_THAT(State(kDoor).anchors, SizeIs(6)) << "of which the store had none written";
  Commit(Next(kDoor).AddSome(3).Make());
  ExpectSound();
}

}  // namespace
}  // namespace gatelog::postgres
