#include "core/query/event_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "tests/support/memory_store.h"
#include "tests/support/records.h"
#include "tests/support/virtual_time.h"

namespace gatelog::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr model::DeviceId kDevice = 541'000'001;
constexpr std::uint64_t kStepsMax = 10'000;

class EventReaderTest : public ::testing::Test {
 protected:
  // One more batch of `count` events, committed and told of.
  void Commit(int count) {
    CommitUntold(count);
    reader_.OnCommitted(store_.last_seq());
    Run();
  }

  void CommitUntold(int count) {
    auto states = store_.LoadLogStates();
    testing::BatchMaker batch(states->empty() ? ports::LogState{.log_device = kDevice}
                                              : states->front());
    if (states->empty()) batch.OpenEpoch(1, 7);
    const auto results = store_.Commit({{batch.AddSome(count).Make()}});
    ASSERT_TRUE(results.ok() && results->front().ok());
  }

  void Run() { ASSERT_TRUE(time_.RunUntil(time_.now(), kStepsMax)); }
  void Pass(milliseconds time) { ASSERT_TRUE(time_.RunUntil(time_.now() + time, kStepsMax)); }

  std::shared_ptr<EventReader::Following> Follow(std::uint64_t after_seq,
                                                 ports::EventFilter filter = {},
                                                 std::uint32_t batch_max = 100) {
    return reader_.Follow({store_.incarnation(), after_seq}, std::move(filter), batch_max);
  }

  void AskNext(EventReader::Following& following) {
    answer_.reset();
    following.Next([this](absl::StatusOr<FollowBatch> batch) { answer_ = std::move(batch); });
    Run();
  }

  // The seqs of the answer that has come.
  std::vector<std::uint64_t> Seqs() const {
    std::vector<std::uint64_t> seqs;
    if (!answer_ || !answer_->ok()) return {0};
    for (const ports::StoredEvent& event : (*answer_)->events) seqs.push_back(event.seq);
    return seqs;
  }

  testing::VirtualTime time_;
  milliseconds slow_{0};  // that a reader waits before each task
  testing::VirtualExecutor readers_{time_, [this] { return slow_; }};
  testing::MemoryStore store_{0xABCD};
  EventReader reader_{store_, readers_, time_};
  std::optional<absl::StatusOr<FollowBatch>> answer_;
};

TEST_F(EventReaderTest, AFollowerGetsEveryEventOnceAndInCommitOrder) {
  Commit(3);
  const auto following = Follow(0, {}, 2);
  AskNext(*following);
  EXPECT_THAT(Seqs(), ElementsAre(1, 2));
  AskNext(*following);
  EXPECT_THAT(Seqs(), ElementsAre(3));
  AskNext(*following);
  EXPECT_FALSE(answer_) << "nothing is new";
  Commit(2);
  EXPECT_THAT(Seqs(), ElementsAre(4, 5));
  EXPECT_EQ((*answer_)->cursor, (model::Cursor{0xABCD, 5}));
}

TEST_F(EventReaderTest, AFollowerGoesOnFromTheMiddle) {
  Commit(5);
  const auto following = Follow(3);
  AskNext(*following);
  EXPECT_THAT(Seqs(), ElementsAre(4, 5));
}

TEST_F(EventReaderTest, ACommitThatNobodyToldOfIsFoundWhenTheNextBatchIsAskedFor) {
  const auto following = Follow(0);
  CommitUntold(1);
  AskNext(*following);
  EXPECT_THAT(Seqs(), ElementsAre(1));
}

TEST_F(EventReaderTest, ACursorOfAnotherStoreIsRefusedNamingTheFirstValidOne) {
  Commit(1);
  const auto following = reader_.Follow({0xBEEF, 0}, {}, 100);
  AskNext(*following);
  ASSERT_TRUE(answer_);
  EXPECT_EQ(answer_->status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(std::string(answer_->status().message()),
              HasSubstr(model::FormatCursor(reader_.Beginning())));
}

TEST_F(EventReaderTest, ACursorBeyondTheNewestEventIsRefused) {
  Commit(1);
  const auto following = Follow(2);
  AskNext(*following);
  ASSERT_TRUE(answer_);
  EXPECT_EQ(answer_->status().code(), absl::StatusCode::kOutOfRange);
}

TEST_F(EventReaderTest, ACursorBeforeWhatIsLeftIsRefusedNamingTheFirstValidOne) {
  Commit(5);
  store_.PruneBefore(4);
  const auto following = Follow(2);
  AskNext(*following);
  ASSERT_TRUE(answer_);
  EXPECT_EQ(answer_->status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(reader_.Beginning(), (model::Cursor{0xABCD, 3}));
  EXPECT_THAT(std::string(answer_->status().message()),
              HasSubstr(model::FormatCursor(reader_.Beginning())));
}

TEST_F(EventReaderTest, TheBeginningIsBeforeTheFirstEventThatIsLeft) {
  Commit(5);
  store_.PruneBefore(4);
  const auto following = reader_.Follow(reader_.Beginning(), {}, 100);
  AskNext(*following);
  EXPECT_THAT(Seqs(), ElementsAre(4, 5));
}

TEST_F(EventReaderTest, ACursorThatOnlyTheBeginningNamesIsValidInAnEmptyStore) {
  const auto following = reader_.Follow(reader_.Beginning(), {}, 100);
  AskNext(*following);
  EXPECT_FALSE(answer_);
  Commit(1);
  EXPECT_THAT(Seqs(), ElementsAre(1));
}

TEST_F(EventReaderTest, AFilteredFollowerGetsOnlyWhatMatches) {
  Commit(10);
  const auto following = Follow(0, {.first_id = 4, .last_id = 5});
  AskNext(*following);
  EXPECT_THAT(Seqs(), ElementsAre(4, 5));
}

TEST_F(EventReaderTest, TheCursorOfAFilteredFollowerMovesThoughNothingMatches) {
  const auto following = Follow(0, {.codes = {0xFFFF}});
  AskNext(*following);
  Commit(10);
  EXPECT_FALSE(answer_);
  Pass(kFollowIdle);
  reader_.Tick();
  ASSERT_TRUE(answer_);
  EXPECT_THAT((*answer_)->events, IsEmpty());
  EXPECT_EQ((*answer_)->cursor, (model::Cursor{0xABCD, 10}));
}

TEST_F(EventReaderTest, AnIdleFollowerIsToldItsCursorAfterAWhileAndNotBefore) {
  Commit(2);
  const auto following = Follow(2);
  AskNext(*following);
  Pass(kFollowIdle - milliseconds(1));
  reader_.Tick();
  EXPECT_FALSE(answer_);
  Pass(milliseconds(1));
  reader_.Tick();
  ASSERT_TRUE(answer_);
  EXPECT_EQ((*answer_)->cursor, (model::Cursor{0xABCD, 2}));
}

TEST_F(EventReaderTest, AFollowerThatWasIdleForLongReadsOncePerCommit) {
  const auto following = Follow(0, {.codes = {0xFFFF}});
  for (int i = 0; i < 100; ++i) {
    AskNext(*following);
    Pass(kFollowIdle);
    reader_.Tick();
    ASSERT_TRUE(answer_);
  }
  AskNext(*following);
  CommitUntold(1);
  const std::uint64_t before = store_.calls().reads;
  reader_.OnCommitted(store_.last_seq());
  Run();
  EXPECT_EQ(store_.calls().reads - before, 1u);
}

// The store looks at so many events at a time only.
TEST_F(EventReaderTest, AFilteredFollowerGetsWhatLiesBehindManyOthers) {
  Commit(100);
  store_.LookAtMost(7);
  const auto following = Follow(0, {.first_id = 90, .last_id = 93});
  std::vector<std::uint64_t> all;
  for (int i = 0; i < 20 && all.size() < 4; ++i) {
    AskNext(*following);
    ASSERT_TRUE(answer_);
    for (const std::uint64_t seq : Seqs()) all.push_back(seq);
  }
  EXPECT_THAT(all, ElementsAre(90, 91, 92, 93));
}

// Reads that find nothing may take long together; the cursor is told all the same.
TEST_F(EventReaderTest, AFilteredFollowerIsToldItsCursorWhileItReads) {
  Commit(100);
  store_.LookAtMost(1);
  slow_ = seconds(1);
  const auto following = Follow(0, {.codes = {0xFFFF}});
  AskNext(*following);
  Pass(kFollowIdle + seconds(2));
  ASSERT_TRUE(answer_);
  EXPECT_THAT((*answer_)->events, IsEmpty());
  EXPECT_GT((*answer_)->cursor.seq, 0u);
  EXPECT_LT((*answer_)->cursor.seq, 100u);
}

TEST_F(EventReaderTest, AFollowingThatIsStoppedReadsNoMore) {
  Commit(10);
  const auto following = Follow(0);
  following->Stop();
  AskNext(*following);
  ASSERT_TRUE(answer_);
  EXPECT_EQ(answer_->status().code(), absl::StatusCode::kCancelled);
}

TEST_F(EventReaderTest, APageIsFilledOverSeveralReads) {
  Commit(100);
  store_.LookAtMost(7);
  ports::EventQuery query{.filter = {.first_id = 40, .last_id = 60}, .limit = 10};
  auto page = reader_.ReadPage(query);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->events.size(), 10u);
  EXPECT_EQ(page->events.front().seq, 40u);
  EXPECT_TRUE(page->more);
  EXPECT_EQ(page->seq_reached, 49u);
  query.after_seq = page->seq_reached;
  query.limit = 1000;
  page = reader_.ReadPage(query);
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ(page->events.size(), 11u);
  EXPECT_FALSE(page->more);
  query = {.filter = query.filter, .order = ports::Order::kNewestFirst, .limit = 5};
  page = reader_.ReadPage(query);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->events.size(), 5u);
  EXPECT_EQ(page->events.back().seq, 56u);
  EXPECT_TRUE(page->more);
}

// A store whose reads take time, on the clock that does not run by itself.
class SlowStore final : public testing::MemoryStore {
 public:
  SlowStore(testing::VirtualTime& time, milliseconds read) : time_(time), read_(read) {}
  absl::StatusOr<ports::EventPage> Read(const ports::EventQuery& query) override {
    EXPECT_TRUE(time_.RunUntil(time_.now() + read_, kStepsMax));
    return MemoryStore::Read(query);
  }

 private:
  testing::VirtualTime& time_;
  const milliseconds read_;
};

TEST(EventReaderPageTest, APageThatTakesLongIsGivenAsFarAsItIs) {
  testing::VirtualTime time;
  testing::VirtualExecutor readers(time, [] { return milliseconds(0); });
  SlowStore store(time, milliseconds(300));
  testing::BatchMaker batch(ports::LogState{.log_device = kDevice});
  ASSERT_TRUE(store.Commit({{batch.OpenEpoch(1, 7).AddSome(100).Make()}}).ok());
  store.LookAtMost(5);
  EventReader reader(store, readers, time);
  const auto page = reader.ReadPage({.filter = {.codes = {0xFFFF}}, .limit = 10});
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_TRUE(page->more);
  EXPECT_EQ(page->seq_reached, 35u);  // seven reads until two seconds have passed
}

TEST_F(EventReaderTest, NoReplyComesAfterTheFollowingIsDropped) {
  auto following = Follow(0);
  AskNext(*following);
  following.reset();
  Commit(1);
  reader_.Tick();
  EXPECT_FALSE(answer_);
}

TEST_F(EventReaderTest, AReadThatFailsIsTold) {
  Commit(1);
  store_.FailAll(absl::UnavailableError("the disk is gone"));
  const auto following = Follow(0);
  AskNext(*following);
  ASSERT_TRUE(answer_);
  EXPECT_EQ(answer_->status(), absl::UnavailableError("the disk is gone"));
}

}  // namespace
}  // namespace gatelog::core
