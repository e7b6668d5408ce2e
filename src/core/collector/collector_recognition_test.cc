#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/collector_fixture.h"

namespace gatelog::core {
namespace {

using model::EventId;
using model::GapReason;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

using CollectorRecognitionTest = CollectorTest;

TEST_F(CollectorRecognitionTest, APushBelowTheLastOneFindsACounterThatBeganAnew) {
  device_.Write(1, 300);
  Connect();
  device_ = {.log = {}, .last = 0, .generation = 8};
  device_.Write(1, 2, 5);
  Push(1);
  EXPECT_EQ(stored().back(), (std::pair<model::Epoch, EventId>{2, 2}));
  Push(2);
  Push(2);
  EXPECT_THAT(reads_, ElementsAre(1, 1, 1)) << "looked once, then read";
}

TEST_F(CollectorRecognitionTest, WithoutGenerationsALogOfWhichNothingIsKnownIsUnverified) {
  device_.generation = 0;
  device_.Write(1, 3);
  Connect();
  Lose();
  device_.Write(4, 8);
  device_.EraseBelow(6);
  Connect();
  EXPECT_EQ(gaps(), (Gaps{{4, 5, GapReason::kUnverified}}));
  EXPECT_EQ(collector_->state().epoch, 1u);
}

TEST_F(CollectorRecognitionTest, AnotherGenerationIsANewEpochFromItsOldestRecord) {
  device_.Write(1, 2);
  Connect();
  device_ = {.log = {}, .last = 0, .generation = 8};
  device_.Write(1, 3, 5);
  Reconnect();
  EXPECT_EQ(stored(), (Stored{{1, 1}, {1, 2}, {2, 1}, {2, 2}, {2, 3}}));
  EXPECT_THAT(gaps(), IsEmpty());
}

TEST_F(CollectorRecognitionTest, AGenerationThatChangesWhileLinkedIsANewEpochToo) {
  device_.Write(1, 2);
  Connect();
  device_ = {.log = {}, .last = 0, .generation = 8};
  device_.Write(1, 1, 5);
  Do(collector_->OnStatus(device_.Status()));
  Settle();
  EXPECT_EQ(stored(), (Stored{{1, 1}, {1, 2}, {2, 1}}));
}

TEST_F(CollectorRecognitionTest, ATerminalThatComesBackContinuesItsOwnRecords) {
  device_.Write(1, 3);
  Connect();
  const Device first = device_;
  device_ = {.log = {}, .last = 0, .generation = 8};
  device_.Write(1, 2, 5);
  Reconnect();
  device_ = first;
  device_.Write(4, 5);
  Reconnect();
  EXPECT_EQ(stored(), (Stored{{1, 1}, {1, 2}, {1, 3}, {2, 1}, {2, 2}, {3, 4}, {3, 5}}));
  EXPECT_THAT(gaps(), IsEmpty());
}

TEST_F(CollectorRecognitionTest,
       TerminalsWithoutGenerationsThatTakeTurnsAreRecognisedByTheirRecords) {
  device_.generation = 0;
  device_.Write(1, 200);
  Connect();
  const Device first = device_;
  device_ = {.log = {}, .last = 0, .generation = 0};
  device_.Write(1, 150, 5);
  Reconnect();
  const Device second = device_;
  device_ = first;
  device_.Write(201, 210);
  Reconnect();
  device_ = second;
  device_.Write(151, 155, 5);
  Reconnect();
  EXPECT_EQ(stored().size(), 210u + 155u);
  EXPECT_EQ(stored().back(), (std::pair<model::Epoch, EventId>{4, 155}));
  EXPECT_EQ(collector_->state().epoch_first, 151u);
  EXPECT_THAT(gaps(), IsEmpty());
}

TEST_F(CollectorRecognitionTest,
       ATerminalWhoseIdsLieBeyondTheStoredOnesIsRecognisedWhenItComesBack) {
  device_.generation = 0;
  device_.Write(1, 50);
  Connect();
  const Device first = device_;
  device_ = {.log = {}, .last = 0, .generation = 0};
  device_.Write(200, 300, 5);
  Reconnect();
  EXPECT_EQ(gaps(), (Gaps{{51, 199, GapReason::kUnverified}}));
  const Device second = device_;
  device_ = first;
  device_.Write(51, 60);
  Reconnect();
  device_ = second;
  device_.Write(301, 310, 5);
  Reconnect();
  EXPECT_EQ(stored().size(), 60u + 111u);
  EXPECT_EQ(collector_->state().epoch_first, 301u);
}

TEST_F(CollectorRecognitionTest, RecordsUnderIdsThatWereAGapAtTheEndBeginANewEpoch) {
  device_.generation = 0;
  device_.Write(1, 100);
  device_.last = 120;
  Connect();
  EXPECT_EQ(gaps(), (Gaps{{101, 120, GapReason::kAbsent}}));
  Reconnect();
  EXPECT_EQ(collector_->state().epoch, 1u) << "the same log";
  device_.Write(101, 130);
  Reconnect();
  EXPECT_EQ(collector_->state().epoch_first, 101u);
  EXPECT_EQ(stored().size(), 130u);
}

TEST_F(CollectorRecognitionTest, ARecordThatBecomesReadableIsNoNewEpoch) {
  device_.generation = 0;
  device_.Write(1, 10);
  const std::string readable = device_.log[5];
  device_.Put(5, "\xff\xff");
  Connect();
  device_.Put(5, readable);
  device_.Write(11, 11);
  Reconnect();
  EXPECT_EQ(collector_->state().epoch, 1u);
  EXPECT_EQ(stored().size(), 10u);
}

TEST_F(CollectorRecognitionTest, ARecordInThePlaceOfAnUnreadableOneAtTheEndIsStored) {
  device_.generation = 0;
  device_.Write(1, 10);
  device_.Put(10, "\xff\xff");
  Connect();
  device_.Write(10, 10);
  Reconnect();
  EXPECT_EQ(stored().back(), (std::pair<model::Epoch, EventId>{2, 10}));
}

TEST_F(CollectorRecognitionTest, AKeepAliveThatAPageOvertookBeginsNoEpoch) {
  device_.generation = 0;
  device_.Write(1, 50);
  Connect();
  const model::LogStatus old = device_.Status();
  device_.Write(51, 200);
  device_.EraseBelow(120);
  Push(200);
  device_.Write(201, 300);
  device_.EraseBelow(280);
  Do(collector_->OnStatus(old));
  Settle();
  EXPECT_EQ(collector_->state().epoch, 1u);
  EXPECT_EQ(collector_->state().next, 301u);
}

TEST_F(CollectorRecognitionTest,
       WithoutGenerationsACounterThatBeginsAnewUnderTheLinkIsSeenByTheRecords) {
  device_.generation = 0;
  device_.Write(1, 10);
  Connect();
  device_ = {.log = {}, .last = 0, .generation = 0};
  device_.Write(1, 15, 5);
  Push(15);
  EXPECT_EQ(stored().size(), 10u + 15u);
  EXPECT_EQ(stored().back(), (std::pair<model::Epoch, EventId>{2, 15}));
  EXPECT_EQ(collector_->state().epoch_first, 1u);
}

// The newest stored records are overwritten, so they are not read again with those that follow.
TEST_F(CollectorRecognitionTest, ACounterThatBeginsAnewInsideAnUnverifiedGapIsSeen) {
  device_.generation = 0;
  device_.Write(1, 16);
  Connect();
  Lose();
  device_ = {.log = {}, .last = 0, .generation = 0};
  device_.Write(10'155, 10'283);
  Do(collector_->OnConnected(device_.Status()));
  while (read_ && read_->from != 17) AnswerRead();  // until what follows the stored ones is read
  ASSERT_TRUE(read_);
  device_ = {.log = {}, .last = 0, .generation = 0};
  device_.Write(1, 17, 5);
  Settle();
  EXPECT_EQ(stored().size(), 16u + 17u);
  EXPECT_EQ(stored().back(), (std::pair<model::Epoch, EventId>{2, 17}));
  EXPECT_EQ(collector_->state().epoch_first, 1u);
}

TEST_F(CollectorRecognitionTest,
       ACounterThatBeginsAnewIsSeenThoughTheNewestStoredRecordIsUnreadable) {
  device_.generation = 0;
  device_.Write(1, 9);
  device_.Put(10, "\xff\xff");
  Connect();
  device_ = {.log = {}, .last = 0, .generation = 0};
  device_.Write(1, 15, 5);
  Push(15);
  EXPECT_EQ(stored().size(), 9u + 15u);
}

TEST_F(CollectorRecognitionTest, ACounterThatBeganAnewIsSeenByRecordsThatStandInAGap) {
  device_.generation = 0;
  device_.Write(1, 100);
  device_.last = 150;
  Connect();
  device_ = {.log = {}, .last = 0, .generation = 0};
  device_.Write(1, 160, 5);
  device_.EraseBelow(120);
  Push(160);
  EXPECT_EQ(stored().size(), 100u + 41u);
  EXPECT_EQ(collector_->state().epoch, 2u);
}

TEST_F(CollectorRecognitionTest, ALogThatLostItsNewestRecordAndGoesOnBeyondItBeginsANewEpoch) {
  device_.Write(1, 5);
  Connect();
  device_.EraseFrom(5);
  device_.Write(8, 9);
  Reconnect();
  EXPECT_EQ(collector_->state().epoch_first, 5u);
  EXPECT_EQ(gaps(), (Gaps{{5, 7, GapReason::kAbsent}}));
  EXPECT_EQ(stored().size(), 7u);
}

TEST_F(CollectorRecognitionTest, ADeviceThatGivesFewerRecordsThanItHasIsAskedForTheRest) {
  device_.generation = 0;
  device_.Write(1, 200);
  Connect();
  Lose();
  device_.EraseFrom(150);
  device_.Write(150, 230, 5);
  gives_at_most_ = 5;
  Connect();
  EXPECT_EQ(collector_->state().epoch_first, 150u);
  EXPECT_EQ(stored().size(), 200u + 81u);
}

TEST_F(CollectorRecognitionTest, APushDuringTheSearchIsNotForgotten) {
  device_.generation = 0;
  device_.Write(1, 5);
  Connect();
  Lose();
  device_.EraseFrom(3);
  Do(collector_->OnConnected(device_.Status()));
  AnswerRead();
  device_.Write(3, 3, 5);
  Do(collector_->OnPush(3));
  Settle();
  EXPECT_EQ(stored().back(), (std::pair<model::Epoch, EventId>{2, 3}));
}

TEST_F(CollectorRecognitionTest, ACounterThatBeginsAnewDuringTheSearchIsSeenByItsPush) {
  device_.Write(1, 200);
  Connect();
  Lose();
  device_.EraseFrom(101);
  Do(collector_->OnConnected(device_.Status()));
  AnswerRead();
  AnswerLoad();
  AnswerRead();
  ASSERT_TRUE(load_);
  device_ = {.log = {}, .last = 0, .generation = 8};
  device_.Write(1, 1, 5);
  Do(collector_->OnPush(1));
  Settle();
  EXPECT_EQ(stored().back(), (std::pair<model::Epoch, EventId>{2, 1}));
}

TEST_F(CollectorRecognitionTest, ADeviceThatIsRolledBackIsWaitedForUntilARecordDiffers) {
  device_.generation = 0;
  device_.Write(1, 5);
  Connect();
  device_.EraseFrom(4);
  Reconnect();
  EXPECT_EQ(collector_->state().epoch, 1u);
  EXPECT_TRUE(collector_->caught_up());
  device_.Write(4, 4, 5);
  Push(4);
  EXPECT_EQ(stored(), (Stored{{1, 1}, {1, 2}, {1, 3}, {1, 4}, {1, 5}, {2, 4}}));
  EXPECT_EQ(collector_->state().epoch_first, 4u);
}

TEST_F(CollectorRecognitionTest, AShorterLogThatShowsTheSameRecordsAgainStoresNoneTwice) {
  device_.generation = 0;
  device_.Write(1, 5);
  Connect();
  device_.EraseFrom(4);
  Reconnect();
  device_.Write(4, 6);
  Push(6);
  EXPECT_EQ(stored(), (Stored{{1, 1}, {1, 2}, {1, 3}, {1, 4}, {1, 5}, {1, 6}}));
}

TEST_F(CollectorRecognitionTest, RecordsThatDifferFromTheStoredOnesBeginANewEpochThere) {
  device_.generation = 0;
  device_.Write(1, 300);
  Connect();
  device_.EraseFrom(120);
  device_.Write(120, 400, 5);
  Reconnect();
  EXPECT_EQ(collector_->state().epoch, 2u);
  EXPECT_EQ(collector_->state().epoch_first, 120u);
  EXPECT_EQ(stored().size(), 300u + 281u);
}

TEST_F(CollectorRecognitionTest, AnEmptyLogThatGoesOnCountingIsTheSameEpoch) {
  device_.generation = 0;
  device_.Write(1, 3);
  Connect();
  device_.log.clear();
  Reconnect();
  EXPECT_TRUE(collector_->caught_up());
  EXPECT_EQ(collector_->lag(), 0u);
  device_.Write(4, 4);
  Push(4);
  EXPECT_EQ(stored(), (Stored{{1, 1}, {1, 2}, {1, 3}, {1, 4}}));
  EXPECT_THAT(gaps(), IsEmpty());
}

TEST_F(CollectorRecognitionTest, AnEmptyLogThatCountsAnewIsANewEpochAtItsFirstRecord) {
  device_.generation = 0;
  device_.Write(1, 3);
  Connect();
  device_ = {.log = {}, .last = 0, .generation = 0};
  Reconnect();
  EXPECT_EQ(collector_->state().epoch, 1u);
  device_.Write(1, 1, 5);
  Push(1);
  EXPECT_EQ(stored(), (Stored{{1, 1}, {1, 2}, {1, 3}, {2, 1}}));
}

TEST_F(CollectorRecognitionTest, TheSameLogReadAgainStoresNothing) {
  device_.generation = 0;
  device_.Write(1, 200);
  Connect();
  Restart({});
  Connect();
  EXPECT_EQ(stored().size(), 200u);
  EXPECT_TRUE(collector_->caught_up());
}

// What generation the device has at first; 0: none, ever.
class GenerationsTest : public CollectorTest,
                        public ::testing::WithParamInterface<model::Generation> {
 protected:
  // Another log, empty so far.
  Device Another() const {
    return {.log = {}, .last = 0, .generation = GetParam() == 0 ? 0 : device_.generation + 1};
  }
};

// A log that somebody clears twice: each time its one record is the one that says so.
TEST_P(GenerationsTest, APushOfAnotherRecordUnderTheSameIdFindsACounterThatBeganAnew) {
  device_.generation = GetParam();
  device_.Write(1, 1);
  Connect();
  Push(1);
  EXPECT_EQ(reads_.size(), 1u) << "a push that comes twice";
  device_ = Another();
  device_.Write(1, 1, 5);
  Push(1);
  EXPECT_EQ(stored(), (Stored{{1, 1}, {2, 1}}));
  EXPECT_THAT(gaps(), IsEmpty());
}

TEST_P(GenerationsTest, WhatWasPrunedIsRecognisedAndNotStoredAgain) {
  device_.generation = GetParam();
  device_.Write(1, 300);
  Connect();
  const Device first = device_;
  device_ = Another();
  device_.Write(1, 150, 5);
  Reconnect();
  store_.PruneBefore(store_.last_seq() + 1);
  device_ = first;
  device_.Write(301, 310);
  Reconnect();
  EXPECT_EQ(stored().size(), 300u + 150u + 10u) << "another terminal was there meanwhile";
  store_.PruneBefore(store_.last_seq() + 1);
  device_.EraseFrom(201);
  device_.Write(201, 210, 9);
  Reconnect();
  EXPECT_EQ(stored().size(), 460u + 10u) << "it lost its newest records and went on";
  EXPECT_EQ(stored().back(), (std::pair<model::Epoch, EventId>{4, 210}));
  EXPECT_EQ(collector_->state().epoch_first, 201u);
  EXPECT_THAT(gaps(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Generations, GenerationsTest, ::testing::Values(0, 7));

}  // namespace
}  // namespace gatelog::core
