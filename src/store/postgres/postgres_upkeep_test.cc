#include "store/postgres/postgres_upkeep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "store/postgres/connection.h"
#include "store/postgres/postgres_store.h"
#include "store/postgres/store_check.h"
#include "tests/support/postgres_server.h"
#include "tests/support/records.h"
#include "tests/support/store_batches.h"

namespace gatelog::postgres {
namespace {

using ::testing::HasSubstr;
using testing::PostgresServer;

constexpr model::DeviceId kDoor = 541'000'001;
constexpr model::DeviceId kGate = 541'000'007;
constexpr std::chrono::seconds kLimit{60};

// A store with something of everything, whose first segments are closed.
class PostgresUpkeepTest : public ::testing::Test {
 protected:
  PostgresUpkeepTest() {
    auto opened = PostgresStore::Open({.url = url_, .segment_events = 50});
    EXPECT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
    Commit(Next(kDoor).AddSome(60).AddGap(7, model::GapReason::kOverwritten).AddSome(20).Make());
    Commit(Next(kGate).AddGap(3, model::GapReason::kAbsent).AddSome(40).Make());
    CommitImages(kDoor, 30);
    Commit(Next(kDoor).OpenEpoch(11, 2).AddSome(9).Make());
    Commit(Next(kGate).AddSome(5).Make());
  }

  ports::LogState State(model::DeviceId log_device) {
    return testing::StateOf(*store_, log_device);
  }
  testing::BatchMaker Next(model::DeviceId log_device) {
    return testing::NextBatch(*store_, log_device);
  }
  void Commit(const ports::Batch& batch) { testing::CommitAll(*store_, std::span(&batch, 1)); }
  void CommitImages(model::DeviceId log_device, model::EventId through) {
    ports::ImageBatch batch{.log_device = log_device,
                            .epoch = State(log_device).epoch,
                            .expected_image_next = State(log_device).image_next,
                            .image_next = through + 1};
    for (model::EventId id = batch.expected_image_next; id <= through; ++id) {
      const model::Event event = testing::SomeEvent(log_device, id);
      if (event.has_image) batch.images.push_back(testing::ImageOf(event));
    }
    const auto results = store_->CommitImages(std::span(&batch, 1));
    ASSERT_TRUE(results.ok()) << results.status();
    ASSERT_TRUE(results->at(0).ok()) << results->at(0);
  }
  void WaitUntilIndexed() {
    const auto limit = std::chrono::steady_clock::now() + kLimit;
    while (store_->segments_to_index() > 0) {
      ASSERT_LT(std::chrono::steady_clock::now(), limit);
      std::this_thread::yield();
    }
  }

  std::string url_ = PostgresServer::Shared().NewDatabase();
  std::unique_ptr<PostgresStore> store_;
};

TEST_F(PostgresUpkeepTest, ASoundStoreIsCounted) {
  WaitUntilIndexed();
  std::vector<double> progress;
  const auto report = PostgresUpkeep(*store_).Check([&](std::string_view, double done) {
    progress.push_back(done);
    return true;
  });
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->incarnation, store_->incarnation());
  EXPECT_EQ(report->first_seq, 1u);
  EXPECT_EQ(report->last_seq, 134u);
  EXPECT_EQ(report->events, 134u);
  EXPECT_EQ(report->logs, 2u);
  EXPECT_EQ(report->epochs, 3u);
  EXPECT_EQ(report->gaps, 2u);
  EXPECT_EQ(report->missing, 10u);
  EXPECT_EQ(report->images, 10u);
  EXPECT_GT(report->bytes, 0u);
  EXPECT_TRUE(std::is_sorted(progress.begin(), progress.end()));
  EXPECT_GT(progress.size(), 4u);
}

TEST_F(PostgresUpkeepTest, AnEmptyStoreIsSound) {
  const std::string url = PostgresServer::Shared().NewDatabase();
  const auto empty = PostgresStore::Open({.url = url});
  ASSERT_TRUE(empty.ok()) << empty.status();
  const auto report = PostgresUpkeep(**empty).Check(nullptr);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->events, 0u);
}

TEST_F(PostgresUpkeepTest, EachContradictionIsFoundAndNamed) {
  WaitUntilIndexed();
  const auto connection = Connection::Open({.url = url_});
  ASSERT_TRUE(connection.ok()) << connection.status();
  struct Change {
    const char* sql;
    const char* named;
  };
  for (const Change& change : {
           Change{"DELETE FROM event WHERE seq = 1", "numbered from 2"},
           Change{"DELETE FROM event WHERE seq = 70", "133 events are numbered from 1 to 134"},
           Change{"DELETE FROM event WHERE seq = 134", "record"},
           Change{"UPDATE event SET id = 200 WHERE seq = 60", "is where 60 is due"},
           Change{"UPDATE event SET epoch = 2 WHERE seq = 1", "record"},
           Change{"UPDATE event SET payload = '\\x08' WHERE seq = 5", "the event with seq 5"},
           Change{"UPDATE event SET timestamp = timestamp + 1 WHERE seq = 9", "its timestamp"},
           Change{"UPDATE event SET device = 7 WHERE seq = 9", "its device"},
           Change{"UPDATE event SET code = code + 1 WHERE seq = 9", "its code"},
           Change{"UPDATE event SET sub_code = sub_code + 1 WHERE seq = 9", "its sub_code"},
           Change{"UPDATE event SET entity = 99 WHERE seq = 9", "its entity"},
           Change{"UPDATE event SET tna_key = tna_key + 1 WHERE seq = 9", "its tna_key"},
           Change{"UPDATE event SET temperature = 1 WHERE seq = 9", "its temperature"},
           Change{"UPDATE event SET flags = flags # 1 WHERE seq = 9", "its flags"},
           Change{"UPDATE event SET person = NULL WHERE seq = 1", "its person"},
           Change{"UPDATE person SET user_id = 'else' WHERE id = 1", "its person"},
           Change{"DELETE FROM gap WHERE log_device = 541000001", "record 68 is where 61 is due"},
           Change{"UPDATE gap SET last = last + 1 WHERE log_device = 541000001",
                  "record 68 is where 69 is due"},
           Change{"INSERT INTO gap SELECT log_device, epoch, 9, 9, 1, 0, '' FROM gap LIMIT 1",
                  "is due"},
           Change{"UPDATE gap SET epoch = 9 WHERE log_device = 541000001", "does not exist"},
           Change{"UPDATE epoch SET first = first - 1 WHERE epoch = 2", "epoch 2"},
           Change{"DELETE FROM epoch WHERE epoch = 2", "do not bear that out"},
           Change{"UPDATE epoch SET next = next - 1 WHERE epoch = 1 AND log_device = 541000001",
                  "the next record is 87, but what is stored ends before 88"},
           Change{"UPDATE log_state SET next = next + 1", "the next record is"},
           Change{"UPDATE log_state SET epoch = epoch + 1", "do not bear that out"},
           Change{"UPDATE log_state SET events = events + 1", "events, and has"},
           Change{"UPDATE log_state SET images_wanted = 0", "images_wanted, and has"},
           Change{"UPDATE log_state SET gaps = 9", "gaps, and has"},
           Change{"UPDATE log_state SET missing = 9", "missing, and has"},
           Change{"UPDATE log_state SET images_absent = 1000", "images_absent, and has"},
           Change{"DELETE FROM image WHERE id = 30", "images, and has"},
           Change{"UPDATE image SET timestamp = timestamp + 1 WHERE id = 30", "has no event"},
           Change{"UPDATE count_hour SET events = events + 1", "are counted"},
           Change{"DELETE FROM count_hour WHERE code = 4096", "are counted"},
           Change{"UPDATE segment SET slice_max[1] = 0 WHERE indexed", "their segment says"},
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

TEST_F(PostgresUpkeepTest, ACheckIsGivenUp) {
  PostgresUpkeep upkeep(*store_);
  EXPECT_TRUE(
      absl::IsCancelled(upkeep.Check([](std::string_view, double) { return false; }).status()));
  const auto give_up = [&](std::string_view, double) {
    upkeep.GiveUp();
    return true;
  };
  EXPECT_TRUE(absl::IsCancelled(upkeep.Check(give_up).status()));
  EXPECT_TRUE(upkeep.Check(nullptr).ok());
}

}  // namespace
}  // namespace gatelog::postgres
