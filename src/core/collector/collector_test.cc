#include "core/collector/collector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "tests/support/memory_store.h"
#include "tests/support/records.h"

namespace gatelog::core {
namespace {

using model::EventId;
using model::GapReason;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::SomeEvent;

constexpr model::DeviceId kDevice = 541'000'001;
constexpr Timestamp kNow{std::chrono::milliseconds(1'800'000'000'000)};
constexpr std::uint32_t kLogClearedCode = 0x4200;

// A device's log, as the test writes it.
struct Device {
  std::map<EventId, std::string> log;
  EventId last = 0;
  model::Generation generation = 7;

  // Records `first` to `last`. Another `life` has other records under the same IDs.
  void Write(EventId first, EventId end, std::uint32_t life = 0) {
    for (EventId id = first; id <= end; ++id) {
      model::Event event = SomeEvent(kDevice, id);
      event.timestamp += life;
      Put(id, testing::Encoded(event).payload);
    }
  }
  void WriteCleared(EventId id) {
    model::Event event = SomeEvent(kDevice, id);
    event.code = kLogClearedCode;
    Put(id, testing::Encoded(event).payload);
  }
  void Put(EventId id, std::string payload) {
    log[id] = std::move(payload);
    last = std::max(last, id);
  }
  void EraseBelow(EventId id) { log.erase(log.begin(), log.lower_bound(id)); }
  void EraseFrom(EventId id) {
    log.erase(log.lower_bound(id), log.end());
    last = id - 1;
  }

  model::LogStatus Status() const {
    return {log.empty() ? 0 : log.begin()->first, last, generation};
  }
  ports::LogPage Page(const Collector::ReadRequest& request) const {
    ports::LogPage page;
    for (auto record = log.lower_bound(request.from);
         record != log.end() && page.size() < request.max; ++record) {
      page.Append(record->first, record->second);
    }
    page.status = Status();
    return page;
  }
};

// A collector between a device and a store, whose requests are answered when the test says so.
class CollectorTest : public ::testing::Test {
 protected:
  void SetUp() override { Restart({}); }

  void Restart(Collector::Options options) {
    const auto states = store_.LoadLogStates();
    collector_ = std::make_unique<Collector>(
        kDevice, states->empty() ? ports::LogState{} : states->front(), options);
  }

  void Do(Collector::Output output) {
    if (output.commit) commits_.push_back(*std::move(output.commit));
    if (output.read) {
      ASSERT_FALSE(read_) << "one read at a time";
      read_ = output.read;
      reads_.push_back(output.read->from);
    }
    if (output.load) load_ = std::move(output.load);
    if (output.reload) reload_ = true;
    if (!output.drop_link.ok()) dropped_ = output.drop_link;
  }

  void AnswerRead() {
    const auto request = *std::exchange(read_, std::nullopt);
    Do(collector_->OnPage(device_.Page(request), kNow));
  }
  void AnswerLoad() {
    const Collector::LoadRequest request = *std::exchange(load_, std::nullopt);
    std::vector<model::Anchor> anchors;
    for (const ports::StoredEvent& stored : store_.events()) {
      for (const ports::RecordRange& range : request.ranges) {
        if (stored.epoch == range.epoch && stored.event.id >= range.first &&
            stored.event.id <= range.last) {
          anchors.push_back(model::AnchorOf(stored.event));
        }
      }
    }
    std::sort(anchors.begin(), anchors.end(),
              [](const auto& a, const auto& b) { return a.id < b.id; });
    Do(collector_->OnLoaded(anchors));
  }
  void AnswerCommit() {
    const ports::Batch batch = std::move(commits_.front());
    commits_.pop_front();
    const auto results = store_.Commit({{batch}});
    Do(collector_->OnCommitted(results.ok() ? results->front() : results.status()));
  }
  void AnswerReload() {
    reload_ = false;
    const auto states = store_.LoadLogStates();
    ASSERT_TRUE(states.ok());
    Do(collector_->OnReloaded(states->empty() ? ports::LogState{} : states->front()));
  }

  // Answers everything that is asked for, until nothing is.
  void Settle() {
    for (int steps = 0; read_ || load_ || !commits_.empty() || reload_; ++steps) {
      ASSERT_LT(steps, 10'000);
      if (read_) {
        AnswerRead();
      } else if (load_) {
        AnswerLoad();
      } else if (!commits_.empty()) {
        AnswerCommit();
      } else {
        AnswerReload();
      }
    }
  }
  void Connect() {
    Do(collector_->OnConnected(device_.Status()));
    Settle();
  }
  void Lose() {
    collector_->OnLinkLost();
    read_.reset();
  }
  void Reconnect() {
    Lose();
    Connect();
  }
  void Push(EventId id) {
    Do(collector_->OnPush(id));
    Settle();
  }

  // What is stored, as (epoch, ID) in commit order.
  using Stored = std::vector<std::pair<model::Epoch, EventId>>;
  Stored stored() const {
    Stored keys;
    for (const auto& event : store_.events()) keys.emplace_back(event.epoch, event.event.id);
    return keys;
  }
  using Gaps = std::vector<std::tuple<EventId, EventId, GapReason>>;
  Gaps gaps() const {
    Gaps gaps;
    for (const model::Gap& gap : store_.gaps()) gaps.emplace_back(gap.first, gap.last, gap.reason);
    return gaps;
  }

  Device device_;
  testing::MemoryStore store_;
  std::unique_ptr<Collector> collector_;
  std::optional<Collector::ReadRequest> read_;
  std::optional<Collector::LoadRequest> load_;
  std::deque<ports::Batch> commits_;
  bool reload_ = false;
  absl::Status dropped_;
  std::vector<EventId> reads_;  // where each read began
};

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
  device_.Write(1, 4);
  Do(collector_->OnConnected(device_.Status()));
  AnswerRead();
  AnswerRead();
  ASSERT_EQ(commits_.size(), 2u);
  EXPECT_FALSE(read_) << "the store has not answered";
  EXPECT_EQ(commits_[0].expected_epoch, 0u);
  EXPECT_EQ(commits_[1].expected_epoch, 1u);
  EXPECT_EQ(commits_[1].expected_next, 2u);
  AnswerCommit();
  ASSERT_TRUE(read_);
  EXPECT_EQ(read_->from, 3u);
  Settle();
  EXPECT_EQ(stored(), (Stored{{1, 1}, {1, 2}, {1, 3}, {1, 4}}));
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

TEST_F(CollectorTest, APushOfAStoredRecordReadsNothing) {
  device_.Write(1, 3);
  Connect();
  Push(2);
  EXPECT_THAT(reads_, ElementsAre(1));
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

TEST_F(CollectorTest, WithoutGenerationsALogOfWhichNothingIsKnownIsUnverified) {
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

TEST_F(CollectorTest, AnotherGenerationIsANewEpochFromItsOldestRecord) {
  device_.Write(1, 2);
  Connect();
  device_ = {.log = {}, .last = 0, .generation = 8};
  device_.Write(1, 3, 5);
  Reconnect();
  EXPECT_EQ(stored(), (Stored{{1, 1}, {1, 2}, {2, 1}, {2, 2}, {2, 3}}));
  EXPECT_THAT(gaps(), IsEmpty());
}

TEST_F(CollectorTest, AGenerationThatChangesWhileLinkedIsANewEpochToo) {
  device_.Write(1, 2);
  Connect();
  device_ = {.log = {}, .last = 0, .generation = 8};
  device_.Write(1, 1, 5);
  Do(collector_->OnStatus(device_.Status()));
  Settle();
  EXPECT_EQ(stored(), (Stored{{1, 1}, {1, 2}, {2, 1}}));
}

TEST_F(CollectorTest, ATerminalThatComesBackContinuesItsOwnRecords) {
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

TEST_F(CollectorTest, TerminalsWithoutGenerationsThatTakeTurnsAreRecognisedByTheirRecords) {
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

TEST_F(CollectorTest, ATerminalWhoseIdsLieBeyondTheStoredOnesIsRecognisedWhenItComesBack) {
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

TEST_F(CollectorTest, RecordsUnderIdsThatWereAGapAtTheEndBeginANewEpoch) {
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

TEST_F(CollectorTest, ARecordThatBecomesReadableIsNoNewEpoch) {
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

TEST_F(CollectorTest, ARecordInThePlaceOfAnUnreadableOneAtTheEndIsStored) {
  device_.generation = 0;
  device_.Write(1, 10);
  device_.Put(10, "\xff\xff");
  Connect();
  device_.Write(10, 10);
  Reconnect();
  EXPECT_EQ(stored().back(), (std::pair<model::Epoch, EventId>{2, 10}));
}

TEST_F(CollectorTest, AKeepAliveThatAPageOvertookBeginsNoEpoch) {
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

TEST_F(CollectorTest, ADeviceThatIsRolledBackIsWaitedForUntilARecordDiffers) {
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

TEST_F(CollectorTest, AShorterLogThatShowsTheSameRecordsAgainStoresNoneTwice) {
  device_.generation = 0;
  device_.Write(1, 5);
  Connect();
  device_.EraseFrom(4);
  Reconnect();
  device_.Write(4, 6);
  Push(6);
  EXPECT_EQ(stored(), (Stored{{1, 1}, {1, 2}, {1, 3}, {1, 4}, {1, 5}, {1, 6}}));
}

TEST_F(CollectorTest, RecordsThatDifferFromTheStoredOnesBeginANewEpochThere) {
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

TEST_F(CollectorTest, AnEmptyLogThatGoesOnCountingIsTheSameEpoch) {
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

TEST_F(CollectorTest, AnEmptyLogThatCountsAnewIsANewEpochAtItsFirstRecord) {
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

TEST_F(CollectorTest, TheSameLogReadAgainStoresNothing) {
  device_.generation = 0;
  device_.Write(1, 200);
  Connect();
  Restart({});
  Connect();
  EXPECT_EQ(stored().size(), 200u);
  EXPECT_TRUE(collector_->caught_up());
}

TEST_F(CollectorTest, ARefusedCommitIsRepeatedFromWhatTheStoreHas) {
  Restart({.page_records = 2});
  device_.Write(1, 6);
  store_.FailNextCommit(absl::ResourceExhaustedError("the disk is full"),
                        testing::Outcome::kNothingWritten);
  Do(collector_->OnConnected(device_.Status()));
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
