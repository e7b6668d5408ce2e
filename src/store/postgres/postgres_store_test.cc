// What only a store in PostgreSQL can go through; the rest is in tests/conformance.

#include "store/postgres/postgres_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <map>
#include <random>
#include <thread>

#include "absl/strings/str_cat.h"
#include "store/postgres/log_table.h"
#include "store/postgres/person_table.h"
#include "store/postgres/postgres_registry.h"
#include "store/postgres/schema.h"
#include "tests/support/postgres_server.h"
#include "tests/support/records.h"

namespace gatelog::postgres {
namespace {

using testing::BatchMaker;
using ::testing::HasSubstr;
using testing::PostgresServer;
using ::testing::SizeIs;

constexpr model::DeviceId kDoor = 541'000'001;
constexpr std::chrono::seconds kLimit{60};

class PostgresStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<PostgresStore> Open(PostgresStore::Options options = {}) {
    options.url = url_;
    auto store = PostgresStore::Open(std::move(options));
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }
  absl::Status OpenStatus(const std::string& url) {
    return PostgresStore::Open({.url = url}).status();
  }

  static absl::Status Commit(PostgresStore& store, const ports::Batch& batch) {
    const auto results = store.Commit(std::span(&batch, 1));
    return results.ok() ? results->at(0) : results.status();
  }
  static ports::LogState State(PostgresStore& store) {
    const auto states = store.LoadLogStates();
    EXPECT_TRUE(states.ok()) << states.status();
    if (!states.ok() || states->empty()) return {.log_device = kDoor};
    return states->at(0);
  }
  static BatchMaker Next(PostgresStore& store) {
    const ports::LogState state = State(store);
    BatchMaker maker(state);
    if (state.epoch == 0) maker.OpenEpoch(1, 1);
    return maker;
  }
  // Every ID from 1 on, once, in order of seq.
  static void ExpectWhole(PostgresStore& store, std::size_t events) {
    ports::EventQuery query{.limit = ports::kQueryLimitMax};
    std::uint64_t seq = 0;
    while (true) {
      const auto page = store.Read(query);
      ASSERT_TRUE(page.ok()) << page.status();
      for (const ports::StoredEvent& event : page->events) {
        ASSERT_EQ(event.seq, ++seq);
        ASSERT_EQ(event.event, testing::SomeEvent(kDoor, static_cast<model::EventId>(seq)));
      }
      if (!page->more) break;
      query.after_seq = page->seq_reached;
    }
    EXPECT_EQ(seq, events);
    EXPECT_EQ(store.last_seq(), events);
  }

  static void AwaitIndexes(PostgresStore& store) {
    const auto limit = std::chrono::steady_clock::now() + kLimit;
    while (store.segments_to_index() > 0) {
      ASSERT_LT(std::chrono::steady_clock::now(), limit);
      std::this_thread::yield();
    }
  }
  static std::uint64_t CountedByHour(PostgresStore& store) {
    const auto rows = store.Count({.by_code = true, .by_span_s = 3'600});
    EXPECT_TRUE(rows.ok()) << rows.status();
    std::uint64_t counted = 0;
    for (const ports::EventCount& row : *rows) counted += row.events;
    return counted;
  }
  std::int64_t Number(const std::string& sql) {
    const auto session = Connection::Open({.url = url_});
    EXPECT_TRUE(session.ok()) << session.status();
    return (*session)->QueryInteger(sql).value_or(-1);
  }

  PostgresServer& server_ = PostgresServer::Shared();
  std::string url_ = server_.NewDatabase();
};

TEST_F(PostgresStoreTest, ASecondGatewayIsRefusedAndToldWhoIsThere) {
  const auto first = Open();
  const absl::Status refused = OpenStatus(url_);
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(refused.message(), HasSubstr("Another gateway uses"));
  EXPECT_THAT(refused.message(), HasSubstr(absl::StrCat("process ", getpid())));
  EXPECT_TRUE(Commit(*first, Next(*first).AddSome(3).Make()).ok());
}

TEST_F(PostgresStoreTest, TheStoreIsFreeWhenItsGatewayIsGone) {
  Open().reset();
  EXPECT_NE(Open(), nullptr);
}

TEST_F(PostgresStoreTest, CommitsAreSyncedWhateverTheRoleSays) {
  server_.Execute(url_,
                  "DO $$ BEGIN CREATE ROLE hasty LOGIN SUPERUSER; EXCEPTION WHEN duplicate_object "
                  "THEN NULL; END $$; ALTER ROLE hasty SET synchronous_commit = off; ALTER ROLE "
                  "hasty SET default_transaction_read_only = on; ALTER ROLE hasty SET search_path "
                  "= nowhere; ALTER ROLE hasty SET statement_timeout = 1");
  const std::string database =
      url_.substr(0, url_.find('?')).substr(url_.rfind('/', url_.find('?')) + 1);
  std::string setting;
  PostgresStore::Options options;
  options.before_commit_for_test = [&](Connection& session) {
    setting = session.QueryText("SHOW synchronous_commit").value_or("?");
  };
  options.url = server_.UrlOf(database, "hasty");
  auto store = PostgresStore::Open(std::move(options));
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_TRUE(Commit(**store, Next(**store).AddSome(3).Make()).ok());
  EXPECT_EQ(setting, "on");
}

TEST_F(PostgresStoreTest, OnlyUtf8DatabasesAreTaken) {
  const std::string url = server_.NewDatabase("ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0");
  const absl::Status refused = OpenStatus(url);
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(refused.message(), HasSubstr("UTF8"));
}

TEST_F(PostgresStoreTest, AnotherProgramsSchemaIsLeftAlone) {
  server_.Execute(url_, "CREATE SCHEMA gatelog; CREATE TABLE gatelog.theirs (n int)");
  const absl::Status refused = OpenStatus(url_);
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(refused.message(), HasSubstr("another program's"));
}

TEST_F(PostgresStoreTest, ANewerStoreIsLeftAlone) {
  Open().reset();
  server_.Execute(url_, "UPDATE gatelog.meta SET value = 99 WHERE key = 'schema_version'");
  EXPECT_THAT(OpenStatus(url_).message(), HasSubstr("newer gatelog"));
}

TEST_F(PostgresStoreTest, AServerThatIsNotThereIsNamed) {
  const absl::Status refused = OpenStatus("postgresql:///x?host=/nowhere");
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(refused.message(), HasSubstr("database x"));
}

TEST_F(PostgresStoreTest, NastyIdsStayThemselves) {
  const std::vector<std::string> nasty = {std::string("nul\0inside", 10),
                                          std::string(1, '\0'),
                                          "' OR 1=1 --",
                                          "\\x00",
                                          "{a,b}",
                                          "ü\n\t",
                                          std::string(3'500, 'x')};
  const auto store = Open();
  BatchMaker maker = Next(*store);
  for (const std::string& user : nasty) {
    model::Event event;
    event.timestamp = 1'700'000'000;
    event.user_id = user;
    maker.Add(std::move(event));
  }
  ASSERT_TRUE(Commit(*store, maker.Make()).ok());
  for (const std::string& user : nasty) {
    const auto page = store->Read({.filter = {.users = {user}}});
    ASSERT_TRUE(page.ok()) << page.status();
    ASSERT_THAT(page->events, SizeIs(1));
    EXPECT_EQ(page->events[0].event.user_id, user);
  }
  EXPECT_THAT(*store->Count({.by_user = true}), SizeIs(nasty.size()));
  // Also through the view, which must not fail for one of them.
  server_.Execute(url_, "SELECT count(user_id) / (count(user_id) / 7) FROM gatelog.events");
}

TEST_F(PostgresStoreTest, ReadersHaveTheViewsAndNothingElse) {
  const auto store = Open();
  ASSERT_TRUE(Commit(*store, Next(*store).AddSome(30).Make()).ok());
  server_.Execute(url_,
                  "SET ROLE gatelog_reader; SELECT * FROM gatelog.events; SELECT * FROM "
                  "gatelog.gaps; SELECT * FROM gatelog.epochs; SELECT * FROM gatelog.logs; SELECT "
                  "* FROM gatelog.image_absences");
  const auto session = Connection::Open({.url = url_});
  ASSERT_TRUE((*session)->Execute("SET ROLE gatelog_reader").ok());
  EXPECT_EQ((*session)->Execute("SELECT key FROM gatelog.device").code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ((*session)->Execute("DELETE FROM gatelog.gaps").code(),
            absl::StatusCode::kPermissionDenied);
}

TEST_F(PostgresStoreTest, SomebodyElsesWriteIsNoticedByTheFence) {
  const auto store = Open();
  ASSERT_TRUE(Commit(*store, Next(*store).AddSome(5).Make()).ok());
  const ports::Batch next = Next(*store).AddSome(5).Make();
  server_.Execute(url_, "UPDATE gatelog.log_state SET next = 100");
  EXPECT_EQ(Commit(*store, next).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store->last_seq(), 5u);
  server_.Execute(url_, "UPDATE gatelog.log_state SET next = 6");
  EXPECT_TRUE(Commit(*store, next).ok());
}

TEST_F(PostgresStoreTest, ACommitWhoseAnswerIsLostIsFoundToBeThere) {
  bool cut = false;
  PostgresStore::Options options;
  options.commit_sent_for_test = [&](Connection& session) {
    if (std::exchange(cut, false)) shutdown(session.socket(), SHUT_RDWR);
  };
  const auto store = Open(std::move(options));
  ASSERT_TRUE(Commit(*store, Next(*store).AddSome(5).Make()).ok());
  cut = true;
  const ports::Batch batch = Next(*store).AddSome(5).Make();
  ASSERT_TRUE(Commit(*store, batch).ok()) << "the server had it";
  EXPECT_FALSE(cut);
  ExpectWhole(*store, 10);
  EXPECT_EQ(Commit(*store, batch).code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(Commit(*store, Next(*store).AddSome(5).Make()).ok());
  ExpectWhole(*store, 15);
}

TEST_F(PostgresStoreTest, ACommitThatDidNotReachTheServerIsNotTakenAsDone) {
  bool end = false;
  PostgresStore::Options options;
  options.before_commit_for_test = [&](Connection& session) {
    if (!std::exchange(end, false)) return;
    server_.Execute(
        url_, absl::StrCat("SELECT pg_terminate_backend(", session.backend_pid(), ", 10000)"));
  };
  const auto store = Open(std::move(options));
  ASSERT_TRUE(Commit(*store, Next(*store).AddSome(5).Make()).ok());
  end = true;
  const ports::Batch batch = Next(*store).AddSome(5).Make();
  EXPECT_EQ(Commit(*store, batch).code(), absl::StatusCode::kUnavailable);
  ExpectWhole(*store, 5);
  EXPECT_TRUE(Commit(*store, batch).ok());
  ExpectWhole(*store, 10);
}

TEST_F(PostgresStoreTest, ImagesWhoseAnswerIsLostAreFoundToBeThere) {
  bool cut = false;
  PostgresStore::Options options;
  options.commit_sent_for_test = [&](Connection& session) {
    if (std::exchange(cut, false)) shutdown(session.socket(), SHUT_RDWR);
  };
  const auto store = Open(std::move(options));
  const ports::Batch batch = Next(*store).AddSome(5).Make();
  ASSERT_TRUE(Commit(*store, batch).ok());
  cut = true;
  const ports::ImageBatch images{.log_device = kDoor,
                                 .epoch = 1,
                                 .expected_image_next = 1,
                                 .image_next = 4,
                                 .images = {testing::ImageOf(batch.events[2])}};
  const auto results = store->CommitImages(std::span(&images, 1));
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_TRUE(store->ReadImage({kDoor, 1, 3}).ok());
}

TEST_F(PostgresStoreTest, ReadsGoOnAfterTheirSessionsWereEnded) {
  const auto store = Open();
  ASSERT_TRUE(Commit(*store, Next(*store).AddSome(5).Make()).ok());
  ExpectWhole(*store, 5);
  server_.Execute(url_,
                  "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE "
                  "datname = current_database() AND pid <> pg_backend_pid()");
  ExpectWhole(*store, 5);
  EXPECT_TRUE(store->Commit({}).ok());
  ASSERT_TRUE(Commit(*store, Next(*store).AddSome(5).Make()).ok());
  ExpectWhole(*store, 10);
}

TEST_F(PostgresStoreTest, ALongReadIsEnded) {
  const auto store = Open();
  BatchMaker maker = Next(*store);
  ASSERT_TRUE(Commit(*store, maker.AddSome(20'000).Make()).ok());
  // Whoever reads the people waits for this one.
  const auto blocker = Connection::Open({.url = url_});
  ASSERT_TRUE(
      (*blocker)->Execute("BEGIN; LOCK TABLE gatelog.person IN ACCESS EXCLUSIVE MODE").ok());
  std::stop_source stop;
  std::thread reader([&] {
    const auto page = store->Read({.filter = {.users = {"user-1"}}, .stop = stop.get_token()});
    EXPECT_EQ(page.status().code(), absl::StatusCode::kCancelled);
  });
  const std::string waits =
      "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = "
      "'gatelog reader' AND datname = current_database()";
  const auto observer = Connection::Open({.url = url_});
  const auto limit = std::chrono::steady_clock::now() + kLimit;
  while ((*observer)->QueryInteger(waits).value_or(0) == 0) {
    ASSERT_LT(std::chrono::steady_clock::now(), limit);
    std::this_thread::yield();
  }
  stop.request_stop();
  reader.join();
}

TEST_F(PostgresStoreTest, AnchorsAreFoundAgainFromTheRecords) {
  auto store = Open();
  ports::LogState state{.log_device = kDoor};
  for (int i = 0; i < 40; ++i) {
    BatchMaker maker(state);
    if (i == 0) maker.OpenEpoch(1, 1);
    ports::Batch batch = maker.AddSome(1 + i % 7).AddGap(1, model::GapReason::kUnreadable).Make();
    // As a collector does.
    batch.after.anchors = AnchorsAfter(state.anchors, batch);
    ASSERT_TRUE(Commit(*store, batch).ok());
    state = batch.after;
    ASSERT_EQ(State(*store).anchors, state.anchors);
    if (i % 4 != 3) continue;  // the first commit of a life writes them
    store.reset();
    store = Open();
    ASSERT_EQ(State(*store).anchors, state.anchors) << "after commit " << i;
  }
}

TEST_F(PostgresStoreTest, FullSegmentsAreIndexedAndReadAsBefore) {
  const auto store = Open({.url = url_, .segment_events = 500});
  for (int i = 0; i < 13; ++i) ASSERT_TRUE(Commit(*store, Next(*store).AddSome(123).Make()).ok());
  AwaitIndexes(*store);
  ExpectWhole(*store, 13 * 123);
  EXPECT_EQ(CountedByHour(*store), 13u * 123);
}

TEST_F(PostgresStoreTest, WhatWasCutShortAtTheCloseIsDoneByTheNextLife) {
  auto store = Open({.segment_events = 500});
  for (int i = 0; i < 13; ++i) ASSERT_TRUE(Commit(*store, Next(*store).AddSome(123).Make()).ok());
  AwaitIndexes(*store);
  store.reset();
  // As if the process had been killed in the middle of one, and before the next.
  server_.Execute(url_,
                  "UPDATE gatelog.segment SET indexed = false, timestamp_min = NULL WHERE "
                  "first_seq > 500; DELETE FROM gatelog.count_hour WHERE segment > 500; DROP INDEX "
                  "gatelog.event_501_code, gatelog.event_1001_seq, gatelog.event_1001_record, "
                  "gatelog.event_1001_person, gatelog.event_1001_code, gatelog.event_1001_device, "
                  "gatelog.event_1001_time, gatelog.event_1001_card");
  store = Open({.segment_events = 500});
  ExpectWhole(*store, 13 * 123);
  AwaitIndexes(*store);
  ExpectWhole(*store, 13 * 123);
  EXPECT_EQ(CountedByHour(*store), 13u * 123);
  EXPECT_EQ(Number("SELECT count(*) FROM pg_indexes WHERE schemaname = 'gatelog' AND tablename IN "
                   "('event_1', 'event_501', 'event_1001')"),
            3 * 7);
  EXPECT_EQ(Number("SELECT count(*) FROM pg_indexes WHERE tablename = 'event_1501'"), 0);
}

TEST_F(PostgresStoreTest, PayloadsBeyondWhatMemoryMayHoldAreReadFromTheTable) {
  PostgresStore::Options options{.segment_events = 500, .tail_payload_bytes = 0};
  auto store = Open(options);
  ASSERT_TRUE(Commit(*store, Next(*store).AddSome(450).Make()).ok());
  for (int life = 0; life < 2; ++life) {
    ExpectWhole(*store, 450);
    const auto page = store->Read({.filter = {.log_devices = {kDoor}},
                                   .order = ports::Order::kNewestFirst,
                                   .before_seq = 100,
                                   .limit = 7});
    ASSERT_TRUE(page.ok()) << page.status();
    ASSERT_THAT(page->events, SizeIs(7));
    EXPECT_EQ(page->events[0].seq, 99u);
    EXPECT_EQ(page->events[6].seq, 93u);
    const auto by_card = store->Read({.filter = {.cards = {"nobody's"}}});
    ASSERT_TRUE(by_card.ok()) << by_card.status();
    EXPECT_THAT(by_card->events, SizeIs(0));
    store.reset();
    store = Open(options);
  }
}

TEST_F(PostgresStoreTest, AStoreOfVersion1IsBroughtUp) {
  auto store = Open({.segment_events = 500});
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(Commit(*store, Next(*store).AddSome(123).Make()).ok());
  AwaitIndexes(*store);
  store.reset();
  // As version 1 made what is different.
  server_.Execute(
      url_,
      "ALTER TABLE gatelog.event_501 ADD PRIMARY KEY (seq), ADD UNIQUE (log_device, "
      "epoch, id); ALTER TABLE gatelog.person ALTER id ADD GENERATED ALWAYS AS "
      "IDENTITY; ALTER TABLE gatelog.image DROP COLUMN seq, DROP COLUMN arrival_ms; "
      "DROP INDEX gatelog.image_person, gatelog.count_hour_segment; ALTER TABLE gatelog.segment "
      "DROP slice_min, DROP slice_max; DROP TABLE "
      "gatelog.pruned, gatelog.pruned_record; DELETE FROM gatelog.meta WHERE key IN "
      "('first_seq', 'people_seq', 'people_sweep'); ALTER TABLE gatelog.device DROP tls, DROP "
      "calls_in; DROP TABLE gatelog.accepted, gatelog.device_trust; UPDATE "
      "gatelog.meta SET value = 1 "
      "WHERE key = 'schema_version'");
  store = Open({.segment_events = 500});
  EXPECT_EQ(Number("SELECT value FROM gatelog.meta WHERE key = 'schema_version'"), kSchemaVersion);
  EXPECT_EQ(Number("SELECT count(*) FROM pg_indexes WHERE tablename = 'event_501'"), 0);
  EXPECT_EQ(Number("SELECT count(*) FROM gatelog.segment AS s WHERE indexed AND timestamp_min = "
                   "(SELECT min(t) FROM unnest(s.slice_min) AS t) AND timestamp_max = (SELECT "
                   "max(t) FROM unnest(s.slice_max) AS t) AND cardinality(s.slice_min) = 2"),
            Number("SELECT count(*) FROM gatelog.segment WHERE indexed"));
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(Commit(*store, Next(*store).AddSome(123).Make()).ok());
  model::Event event;
  event.timestamp = 1'700'000'000;
  event.user_id = "met after it";
  ASSERT_TRUE(Commit(*store, Next(*store).Add(std::move(event)).Make()).ok());
  EXPECT_THAT(store->Read({.filter = {.users = {"met after it"}}})->events, SizeIs(1));
  EXPECT_EQ(CountedByHour(*store), 12u * 123 + 1);
}

// More people than the writer remembers.
TEST_F(PostgresStoreTest, PeopleKeepTheirNumbers) {
  Open().reset();
  const auto session = Connection::Open({.url = url_});
  ASSERT_TRUE(session.ok()) << session.status();
  constexpr std::size_t kCached = 3;
  std::map<std::string, std::int32_t> numbers;
  for (int life = 0; life < 2; ++life) {
    PersonTable people(**session, kCached);
    ASSERT_TRUE(people.Load().ok());
    for (int i = 0; i < 12; ++i) {
      std::vector<std::string> wanted;
      for (const int user : {i, i * 5 % 12}) {
        if (people.NumberOf(std::to_string(user)) == 0) wanted.push_back(std::to_string(user));
      }
      Transaction transaction(**session);
      ASSERT_TRUE(transaction.Begin().ok());
      ASSERT_TRUE(people.Learn(wanted).ok());
      if (life == 0 && i == 7) {
        people.OnRolledBack();
        continue;
      }
      for (const std::string& user : wanted) {
        const auto [known, added] = numbers.emplace(user, people.NumberOf(user));
        EXPECT_EQ(known->second, people.NumberOf(user)) << user;
      }
      ASSERT_TRUE(transaction.Commit().ok());
      people.OnCommitted();
    }
  }
  EXPECT_THAT(numbers, SizeIs(12));
  EXPECT_EQ(Number("SELECT count(DISTINCT user_id) * 100 + count(*) FROM gatelog.person"),
            12 * 100 + 12);
}

// Its server is its own: it is killed.
TEST(PostgresCrashTest, NothingAcknowledgedIsLostAndNothingDoubledWhenTheServerIsKilled) {
  PostgresServer server;
  const std::string url = server.NewDatabase();
  auto opened = PostgresStore::Open({.url = url, .segment_events = 2'000});
  ASSERT_TRUE(opened.ok()) << opened.status();
  PostgresStore& store = **opened;
  constexpr int kKills = 5;
  std::atomic<int> kills = 0;
  std::atomic<std::uint64_t> acknowledged = 0;
  std::atomic<int> refused = 0;
  std::thread writer([&] {
    ports::LogState state{.log_device = kDoor};
    while (kills < kKills || refused > 0) {
      BatchMaker maker(state);
      if (state.epoch == 0) maker.OpenEpoch(1, 1);
      const ports::Batch batch = maker.AddSome(97).Make();
      const auto results = store.Commit(std::span(&batch, 1));
      if (results.ok() && results->at(0).ok()) {
        state = batch.after;
        acknowledged = state.next - 1;
        refused = 0;
        continue;
      }
      ++refused;
      // As a collector does: where does the log stand?
      const auto states = store.LoadLogStates();
      if (states.ok() && !states->empty()) state = states->at(0);
    }
  });
  std::mt19937 random(7);
  for (; kills < kKills; ++kills) {
    const std::uint64_t before = acknowledged;
    const std::uint64_t after = before + 97 * (3 + random() % 30);
    const auto limit = std::chrono::steady_clock::now() + kLimit;
    while (acknowledged < after && std::chrono::steady_clock::now() < limit) {
      std::this_thread::yield();
    }
    EXPECT_GE(acknowledged, after) << "commits do not go on";
    server.Crash();
    server.Start();
  }
  refused = 1;  // one more commit must succeed
  writer.join();
  const auto states = store.LoadLogStates();
  ASSERT_TRUE(states.ok()) << states.status();
  EXPECT_GE(states->at(0).next - 1, acknowledged);
  std::uint64_t seq = 0;
  ports::EventQuery query{.limit = ports::kQueryLimitMax};
  while (true) {
    const auto page = store.Read(query);
    ASSERT_TRUE(page.ok()) << page.status();
    for (const ports::StoredEvent& event : page->events) {
      ASSERT_EQ(event.seq, ++seq);
      ASSERT_EQ(event.event.id, seq);
    }
    if (!page->more) break;
    query.after_seq = page->seq_reached;
  }
  EXPECT_EQ(seq, states->at(0).next - 1);
  EXPECT_EQ(seq, store.last_seq());
}

}  // namespace
}  // namespace gatelog::postgres
