#include "store/postgres/event_query.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "store/postgres/connection.h"
#include "store/postgres/postgres_store.h"
#include "store/postgres/segments.h"
#include "tests/support/postgres_server.h"
#include "tests/support/records.h"

namespace gatelog::postgres {
namespace {

using testing::PostgresServer;

constexpr model::DeviceId kDoor = 541'000'001;
constexpr std::chrono::seconds kLimit{60};

// A read that knows of a partition which retention drops before the read comes to it.
TEST(EventQueryTest, APartitionThatWasDroppedMeanwhileIsToldAsAborted) {
  const std::string url = PostgresServer::Shared().NewDatabase();
  {
    auto store = PostgresStore::Open({.url = url, .segment_events = 10});
    ASSERT_TRUE(store.ok()) << store.status();
    const ports::Batch batch = testing::BatchMaker(ports::LogState{.log_device = kDoor})
                                   .OpenEpoch(1, 1)
                                   .AddSome(30)
                                   .Make();
    ASSERT_TRUE((*store)->Commit(std::span(&batch, 1)).ok());
    const auto limit = std::chrono::steady_clock::now() + kLimit;
    while ((*store)->segments_to_index() > 0) {
      ASSERT_LT(std::chrono::steady_clock::now(), limit);
      std::this_thread::yield();
    }
  }
  const auto session = Connection::Open({.url = url});
  ASSERT_TRUE(session.ok()) << session.status();
  auto known = ReadSegments(**session);
  ASSERT_TRUE(known.ok() && known->size() == 3) << known.status();
  Segments segments;
  segments.Reset(*known);
  const SeqRange visible{.first = 1, .last = 30};
  // By its own plan in each partition, and together with others, prepared.
  const std::vector<ports::EventQuery> queries = {
      {.limit = 100}, {.filter = {.users = {"user-3", "user-12", "user-22"}}, .limit = 100}};
  for (const ports::EventQuery& query : queries) {
    const auto page = ReadEvents(**session, segments, query, visible);
    ASSERT_TRUE(page.ok()) << page.status();
    ASSERT_GE(page->events.size(), 4u);
  }
  ASSERT_TRUE((*session)->Execute("DROP TABLE gatelog.event_11").ok());
  for (const ports::EventQuery& query : queries) {
    const absl::Status dropped = ReadEvents(**session, segments, query, visible).status();
    EXPECT_TRUE(absl::IsAborted(dropped)) << dropped;
  }
  // The session is as good as before, for whoever reads again without it.
  segments.Remove(known->at(1));
  for (const ports::EventQuery& query : queries) {
    const auto page = ReadEvents(**session, segments, query, visible);
    EXPECT_TRUE(page.ok()) << page.status();
  }
  EXPECT_FALSE((*session)->interrupted());
}

// Of an indexed segment only the slices are read that may have the times asked for.
TEST(EventQueryTest, ATimeSpanFindsWhatLiesWithinItWhereverItBegins) {
  constexpr std::uint32_t kEvents = 3'000;
  constexpr std::uint32_t kCode = 0x1300;
  constexpr std::uint32_t kStart = 1'700'000'000;
  const auto time_of = [](std::uint32_t i) { return kStart + i * 10 - i % 3 * 6; };
  const auto code_of = [](std::uint32_t i) { return i % 3 == 0 ? kCode : kCode + 1; };
  const std::string url = PostgresServer::Shared().NewDatabase();
  auto store = PostgresStore::Open({.url = url, .segment_events = 1'500});
  ASSERT_TRUE(store.ok()) << store.status();
  testing::BatchMaker maker(ports::LogState{.log_device = kDoor});
  maker.OpenEpoch(1, 1);
  for (std::uint32_t i = 0; i < kEvents; ++i) {
    model::Event event;
    event.timestamp = time_of(i);
    event.code = code_of(i);
    maker.Add(std::move(event));
  }
  const ports::Batch batch = maker.Make();
  ASSERT_TRUE((*store)->Commit(std::span(&batch, 1)).ok());
  const auto limit = std::chrono::steady_clock::now() + kLimit;
  while ((*store)->segments_to_index() > 0) {
    ASSERT_LT(std::chrono::steady_clock::now(), limit);
    std::this_thread::yield();
  }
  for (std::uint32_t from = kStart; from < kStart + 10 * kEvents; from += 97) {
    for (const std::uint32_t span : {1u, 300u, 2'560u, 9'000u}) {
      ports::EventQuery query{.filter = {.codes = {kCode}}, .limit = kEvents};
      query.filter.from_s = from;
      query.filter.to_s = from + span;
      std::vector<std::uint64_t> expected;
      for (std::uint32_t i = 0; i < kEvents; ++i) {
        const bool within = time_of(i) >= from && time_of(i) < from + span;
        if (within && code_of(i) == kCode) expected.push_back(i + 1);
      }
      const auto page = (*store)->Read(query);
      ASSERT_TRUE(page.ok()) << page.status();
      std::vector<std::uint64_t> found;
      for (const ports::StoredEvent& event : page->events) found.push_back(event.seq);
      EXPECT_EQ(found, expected) << from << " + " << span;
    }
  }
}

}  // namespace
}  // namespace gatelog::postgres
