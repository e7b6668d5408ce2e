#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/collector_fixture.h"

namespace gatelog::core {
namespace {

using model::EventId;
using model::GapReason;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::SomeEvent;

TEST_F(CollectorTest, FirstContactStoresTheWholeLogAsBacklog) {
  device_.Write(1, 3);
  Connect();
  EXPECT_EQ(stored(), (Stored{{1, 1}, {1, 2}, {1, 3}}));
  EXPECT_THAT(gaps(), IsEmpty());
  EXPECT_EQ(store_.events().back().phase, ports::Phase::kBacklog);
  EXPECT_EQ(collector_->state().next, 4u);
  EXPECT_TRUE(collector_->caught_up());
}

TEST_F(CollectorTest, WhatWasOverwrittenBeforeTheFirstContactIsAGap) {
  device_.Write(1, 5);
  device_.EraseBelow(4);
  Connect();
  EXPECT_EQ(stored(), (Stored{{1, 4}, {1, 5}}));
  EXPECT_EQ(gaps(), (Gaps{{1, 3, GapReason::kOverwritten}}));
}

TEST_F(CollectorTest, WhatHappensWhileLinkedIsLive) {
  device_.Write(1, 1);
  Connect();
  device_.Write(2, 2);
  Push(2);
  EXPECT_EQ(store_.events().back().phase, ports::Phase::kLive);
}

TEST_F(CollectorTest, ALongLogIsReadPageByPage) {
  Restart({.page_records = 2});
  device_.Write(1, 5);
  Connect();
  EXPECT_THAT(reads_, ElementsAre(1, 3, 5));
  EXPECT_EQ(stored().size(), 5u);
}

TEST_F(CollectorTest, TwoBatchesAreUnderWayAtMost) {
  Restart({.page_records = 1});
  device_.Write(1, 1);
  Connect();
  device_.Write(2, 5);
  Do(collector_->OnPush(5));
  AnswerRead();
  AnswerRead();
  ASSERT_EQ(commits_.size(), 2u);
  EXPECT_FALSE(read_) << "the store has not answered";
  EXPECT_EQ(commits_[0].expected_next, 2u);
  EXPECT_EQ(commits_[1].expected_next, 3u);
  AnswerCommit();
  ASSERT_TRUE(read_);
  EXPECT_EQ(read_->from, 4u);
  Settle();
  EXPECT_EQ(stored(), (Stored{{1, 1}, {1, 2}, {1, 3}, {1, 4}, {1, 5}}));
}

TEST_F(CollectorTest, ABatchThatOpensAnEpochIsUnderWayAlone) {
  Restart({.page_records = 1});
  device_.Write(1, 2);
  Do(collector_->OnConnected(device_.Status()));
  AnswerRead();
  ASSERT_EQ(commits_.size(), 1u);
  EXPECT_EQ(commits_[0].expected_epoch, 0u);
  EXPECT_FALSE(read_);
  AnswerCommit();
  EXPECT_TRUE(read_);
  Settle();
  EXPECT_EQ(stored(), (Stored{{1, 1}, {1, 2}}));
}

TEST_F(CollectorTest, APushHasTheRecordRead) {
  device_.Write(1, 3);
  Connect();
  device_.Write(4, 5);
  Push(5);
  EXPECT_THAT(reads_, ElementsAre(1, 4));
  EXPECT_EQ(collector_->state().next, 6u);
}

TEST_F(CollectorTest, AForgedPushChangesNothing) {
  device_.Write(1, 3);
  Connect();
  Push(1'000'000);
  EXPECT_EQ(stored().size(), 3u);
  EXPECT_THAT(gaps(), IsEmpty());
  EXPECT_TRUE(collector_->caught_up());
  EXPECT_EQ(collector_->lag(), 0u);
}

TEST_F(CollectorTest, APushThatComesTwiceReadsNothing) {
  device_.Write(1, 3);
  Connect();
  Push(3);
  EXPECT_THAT(reads_, ElementsAre(1));
}

TEST_F(CollectorTest, AnOldPushThatComesAgainChangesNothing) {
  device_.Write(1, 3);
  Connect();
  Push(2);
  EXPECT_EQ(stored().size(), 3u);
  EXPECT_TRUE(collector_->caught_up());
}

TEST_F(CollectorTest, ARecordWhosePushWasLostIsFoundByTheNextStatus) {
  device_.Write(1, 3);
  Connect();
  device_.Write(4, 4);
  Do(collector_->OnStatus(device_.Status()));
  Settle();
  EXPECT_EQ(collector_->state().next, 5u);
}

TEST_F(CollectorTest, AHoleIsAskedForTwiceThenAGap) {
  device_.Write(1, 2);
  device_.Write(5, 6);
  Connect();
  EXPECT_THAT(reads_, ElementsAre(1, 3));
  EXPECT_EQ(stored(), (Stored{{1, 1}, {1, 2}, {1, 5}, {1, 6}}));
  EXPECT_EQ(gaps(), (Gaps{{3, 4, GapReason::kAbsent}}));
}

TEST_F(CollectorTest, AHoleThatIsFilledWhenAskedForAgainIsNoGap) {
  device_.Write(1, 2);
  device_.Write(5, 6);
  Do(collector_->OnConnected(device_.Status()));
  AnswerRead();
  device_.Write(3, 4);
  Settle();
  EXPECT_EQ(stored().size(), 6u);
  EXPECT_THAT(gaps(), IsEmpty());
}

TEST_F(CollectorTest, WhatTheDeviceOverwroteMeanwhileIsAGap) {
  device_.Write(1, 3);
  Connect();
  Lose();
  device_.Write(4, 8);
  device_.EraseBelow(6);
  Connect();
  EXPECT_EQ(stored(), (Stored{{1, 1}, {1, 2}, {1, 3}, {1, 6}, {1, 7}, {1, 8}}));
  EXPECT_EQ(gaps(), (Gaps{{4, 5, GapReason::kOverwritten}}));
}

TEST_F(CollectorTest, WhatSomebodyClearedIsAGapThatSaysSo) {
  device_.Write(1, 3);
  Connect();
  Lose();
  device_.EraseBelow(4);
  device_.WriteCleared(6);
  Connect();
  EXPECT_EQ(stored().back(), (std::pair<model::Epoch, EventId>{1, 6}));
  EXPECT_EQ(gaps(), (Gaps{{4, 5, GapReason::kCleared}}));
}

TEST_F(CollectorTest, AnUnreadableRecordIsKeptRawAndStopsNothing) {
  device_.Write(1, 4);
  device_.Put(2, "\xff\xff");
  device_.Put(3, SomeEvent(kDevice, 9).payload);  // another record's bytes
  Connect();
  EXPECT_EQ(stored(), (Stored{{1, 1}, {1, 4}}));
  EXPECT_EQ(gaps(), (Gaps{{2, 2, GapReason::kUnreadable}, {3, 3, GapReason::kUnreadable}}));
  ASSERT_FALSE(store_.gaps().empty());
  EXPECT_EQ(store_.gaps().front().raw, "\xff\xff");
}

TEST_F(CollectorTest, TheLastIdOfAllIsNeitherStoredNorDoesItStopTheRest) {
  device_.Write(1, 3);
  device_.Put(UINT32_MAX, device_.log[3]);
  Connect();
  Reconnect();
  EXPECT_EQ(stored(), (Stored{{1, 1}, {1, 2}, {1, 3}}));
  EXPECT_EQ(gaps(), (Gaps{{4, UINT32_MAX - 1, GapReason::kAbsent}}));
  EXPECT_EQ(collector_->state().next, UINT32_MAX);
}

TEST_F(CollectorTest, ALogThatWasEmptiedWhileItWasReadIsAGapThatSaysSo) {
  device_.Write(1, 3);
  Do(collector_->OnConnected(device_.Status()));
  device_.log.clear();
  Settle();
  EXPECT_EQ(gaps(), (Gaps{{1, 3, GapReason::kCleared}}));
}

TEST_F(CollectorTest, WithoutGenerationsTheNewestStoredRecordsAreReadAgainAndNotStoredAgain) {
  Restart({.page_records = 10});
  device_.generation = 0;
  device_.Write(1, 25);
  Connect();
  device_.Write(26, 26);
  Push(26);
  EXPECT_THAT(reads_, ElementsAre(1, 3, 13, 18));
  EXPECT_EQ(stored().size(), 26u);
}

TEST_F(CollectorTest, WhatWasOverwrittenBeforeItWasClearedIsNotCalledCleared) {
  device_.Write(1, 10);
  Do(collector_->OnConnected(device_.Status()));
  device_.EraseBelow(4);
  AnswerRead();
  device_.log.clear();
  Settle();
  EXPECT_EQ(gaps(), (Gaps{{1, 3, GapReason::kOverwritten}, {4, 10, GapReason::kCleared}}));
}

TEST_F(CollectorTest, ARefusedCommitIsRepeatedFromWhatTheStoreHas) {
  Restart({.page_records = 2});
  device_.Write(1, 2);
  Connect();
  device_.Write(3, 6);
  store_.FailNextCommit(absl::ResourceExhaustedError("the disk is full"),
                        testing::Outcome::kNothingWritten);
  Do(collector_->OnPush(6));
  AnswerRead();
  AnswerRead();
  AnswerCommit();
  EXPECT_FALSE(reload_) << "a batch is still under way";
  AnswerCommit();
  EXPECT_TRUE(reload_);
  EXPECT_FALSE(collector_->caught_up());
  Settle();
  EXPECT_EQ(stored(), (Stored{{1, 1}, {1, 2}, {1, 3}, {1, 4}, {1, 5}, {1, 6}}));
  EXPECT_THAT(gaps(), IsEmpty());
}

TEST_F(CollectorTest, ACommitThatWasWrittenThoughItFailedIsNotRepeated) {
  Restart({.page_records = 2});
  device_.Write(1, 4);
  store_.FailNextCommit(absl::UnavailableError("nobody knows"), testing::Outcome::kWritten);
  Connect();
  EXPECT_EQ(stored(), (Stored{{1, 1}, {1, 2}, {1, 3}, {1, 4}}));
}

TEST_F(CollectorTest, ACommitThatEndsAfterTheLinkWasLostCounts) {
  device_.Write(1, 2);
  Do(collector_->OnConnected(device_.Status()));
  AnswerRead();
  Lose();
  AnswerCommit();
  EXPECT_EQ(collector_->state().next, 3u);
  Connect();
  EXPECT_EQ(stored().size(), 2u);
}

TEST_F(CollectorTest, AFailedReadIsRepeatedAtTheNextStatus) {
  device_.Write(1, 2);
  Do(collector_->OnConnected(device_.Status()));
  read_.reset();
  collector_->OnReadFailed();
  EXPECT_FALSE(collector_->caught_up());
  Do(collector_->OnStatus(device_.Status()));
  Settle();
  EXPECT_EQ(stored().size(), 2u);
}

TEST_F(CollectorTest, APageOutOfOrderEndsTheLinkAndStoresNothing) {
  device_.Write(1, 3);
  Do(collector_->OnConnected(device_.Status()));
  ports::LogPage page;
  page.Append(2, device_.log.at(2));
  page.Append(1, device_.log.at(1));
  page.status = device_.Status();
  Do(collector_->OnPage(page, kNow));
  EXPECT_EQ(dropped_.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(commits_, IsEmpty());
}

TEST_F(CollectorTest, APageThatBeginsBeforeWhatWasAskedForEndsTheLink) {
  device_.Write(1, 3);
  Connect();
  device_.Write(4, 4);
  Do(collector_->OnPush(4));
  ASSERT_TRUE(read_);
  Do(collector_->OnPage(device_.Page({3, 10}), kNow));
  EXPECT_EQ(dropped_.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(commits_, IsEmpty());
}

TEST_F(CollectorTest, LagIsWhatIsKnownToBeThereAndNotYetStored) {
  Restart({.page_records = 2});
  device_.Write(1, 5);
  Do(collector_->OnConnected(device_.Status()));
  EXPECT_EQ(collector_->lag(), 5u);
  EXPECT_FALSE(collector_->caught_up());
  AnswerRead();
  EXPECT_EQ(collector_->lag(), 5u) << "read is not stored";
  AnswerCommit();
  EXPECT_EQ(collector_->lag(), 3u);
  Settle();
  EXPECT_EQ(collector_->lag(), 0u);
  EXPECT_TRUE(collector_->caught_up());
  Lose();
  EXPECT_FALSE(collector_->caught_up());
}

}  // namespace
}  // namespace gatelog::core
