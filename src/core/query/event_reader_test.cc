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
  testing::VirtualExecutor readers_{time_, [] { return milliseconds(0); }};
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
