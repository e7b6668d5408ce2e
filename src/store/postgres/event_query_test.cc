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

}  // namespace
}  // namespace gatelog::postgres
