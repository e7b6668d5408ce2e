#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <random>

#include "core/access/log_access.h"
#include "tests/support/fake_terminals.h"
#include "tests/support/memory_store.h"
#include "tests/support/records.h"
#include "tests/support/virtual_time.h"

namespace gatelog::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::FakeTerminals;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr model::DeviceId kDevice = 541'000'001;
constexpr std::uint64_t kStepsMax = 1'000'000;

// The same question to the store, where it may answer, and to the device.
class MatchingReadTest : public ::testing::Test {
 protected:
  struct Answer {
    std::vector<std::string> records;
    std::optional<absl::Status> status;
  };

  MatchingReadTest() {
    terminals_.Add(kDevice);
    fleet_.AddAsync({{.id = kDevice, .address = FakeTerminals::AddressOf(kDevice)}},
                    [](const absl::Status&) {});
    Pass(seconds(1));
  }

  void Pass(milliseconds time) { ASSERT_TRUE(time_.RunUntil(time_.now() + time, kStepsMax)); }

  FakeTerminals::Terminal& terminal() { return terminals_.at(kDevice); }

  void Record(int count) {
    for (int i = 0; i < count; ++i) {
      terminals_.Record(kDevice, testing::SomeEvent(kDevice, terminal().last + 1));
    }
    LetItBeStored();
  }

  // A keep-alive, after which everything is stored that can be.
  void LetItBeStored() {
    Pass(seconds(1));
    terminals_.KeepAlive(kDevice, time_.Now());
    Pass(seconds(60));
  }

  Answer Ask(model::EventId from, std::uint32_t max, const std::vector<RecordFilter>& filters,
             std::stop_token stop = {}) {
    Answer answer;
    access_.ReadMatching(
        kDevice, from, max, filters, std::move(stop),
        [&answer](std::vector<std::string>& records) {
          answer.records.insert(answer.records.end(), records.begin(), records.end());
          return true;
        },
        [&answer](const absl::Status& status) { answer.status = status; });
    Pass(seconds(1));
    return answer;
  }

  // What the device holds and passes.
  std::vector<std::string> Expected(model::EventId from, std::uint32_t max,
                                    const std::vector<RecordFilter>& filters) {
    std::vector<std::string> records;
    for (const auto& [id, payload] : terminal().log) {
      const auto event = model::ParseEvent(payload);
      if (id < from || !event.ok() || !MatchesAny(filters, *event)) continue;
      if (max == 0 || records.size() < max) records.push_back(payload);
    }
    return records;
  }

  // Some questions, each answered rightly; how many of them by the store.
  std::uint64_t AskAll() {
    const std::uint64_t before = access_.answered_from_store();
    const auto& log = terminal().log;
    const model::EventId first = log.empty() ? 1 : log.begin()->first;
    const model::EventId last = terminal().last;
    const std::uint32_t time = 1'700'000'000 + (first + last) / 2 * 7;
    const std::vector<RecordFilter> singles = {{},
                                               {.user_id = "user-3"},
                                               {.user_id = "nobody"},
                                               {.code = 0x1300},
                                               {.code = 0x9999},
                                               {.start_time = time},
                                               {.end_time = time},
                                               {.start_time = time, .end_time = time + 100},
                                               {.tna_key = 1},
                                               {.user_id = "user-3", .code = 0x1000}};
    std::vector<std::vector<RecordFilter>> questions;
    for (const RecordFilter& filter : singles) questions.push_back({filter});
    for (std::size_t i = 1; i < singles.size(); ++i) {
      questions.push_back({singles[i], singles[i - 1], singles[3]});
    }
    for (const auto& filters : questions) {
      for (const model::EventId from : {0u, first, (first + last) / 2, last, last + 1}) {
        for (const std::uint32_t max : {0u, 1u, 7u}) {
          const Answer answer = Ask(from, max, filters);
          EXPECT_TRUE(answer.status && answer.status->ok());
          EXPECT_EQ(answer.records, Expected(from, max, filters)) << from << " " << max;
        }
      }
    }
    return access_.answered_from_store() - before;
  }

  testing::VirtualTime time_;
  testing::VirtualExecutor loop_{time_, [] { return milliseconds(0); }};
  testing::VirtualExecutor writer_{time_, [] { return milliseconds(1); }};
  testing::MemoryStore store_;
  FakeTerminals terminals_{loop_};
  LiveHub live_;
  StatusHub status_;
  Ingest ingest_{store_, writer_, loop_, {}};
  Fleet fleet_{
      {loop_, writer_, time_, {{"terminal", &terminals_}}, store_, ingest_, live_, status_}, {}};
  EventReader reader_{store_, writer_, time_};
  LogAccess access_{loop_, fleet_, reader_, {.timeout = seconds(20)}};
};

TEST_F(MatchingReadTest, AWholeLogComesFromTheStore) {
  Record(300);
  EXPECT_GT(AskAll(), 0u);
  const std::uint64_t before = access_.answered_from_store();
  EXPECT_THAT(Ask(0, 0, {{}}).records, SizeIs(300));
  EXPECT_EQ(access_.answered_from_store(), before + 1);
}

TEST_F(MatchingReadTest, OnlyOneRecordIsAskedOfTheDevice) {
  Record(300);
  terminal().largest_read = 0;
  Ask(0, 0, {{.code = 0x1300}});
  EXPECT_LE(terminal().largest_read, 2u);
}

// The push was lost, and no keep-alive has told.
TEST_F(MatchingReadTest, ARecordThatNobodyToldOfIsNotMissed) {
  Record(20);
  model::Event event = testing::SomeEvent(kDevice, 21);
  terminal().last = event.id;
  terminal().log[event.id] = testing::Encoded(event).payload;
  EXPECT_GT(AskAll(), 0u);
  EXPECT_THAT(Ask(0, 0, {{}}).records, SizeIs(21));
}

TEST_F(MatchingReadTest, AfterAClearTheNewLogAloneIsGiven) {
  Record(50);
  access_.ClearLog(kDevice, [](const absl::Status& status) { EXPECT_TRUE(status.ok()); });
  Pass(seconds(60));
  AskAll();  // an empty log
  Record(20);
  LetItBeStored();
  EXPECT_GT(AskAll(), 0u);
  EXPECT_THAT(Ask(0, 0, {{}}).records, SizeIs(20));
}

TEST_F(MatchingReadTest, WhatTheRingOverwroteIsNotGiven) {
  Record(100);
  terminal().log.erase(terminal().log.begin(), terminal().log.find(41));
  EXPECT_GT(AskAll(), 0u);
  EXPECT_THAT(Ask(0, 0, {{}}).records, SizeIs(60));
}

// The counter began anew: the old records of the same IDs are another epoch's. With a generation
// that says so, and without.
TEST_F(MatchingReadTest, AfterAResetTheNewLogAloneIsGiven) {
  for (const model::Generation generation : {2u, 0u}) {
    Record(50);
    terminals_.Lose(kDevice);
    terminal().log.clear();
    terminal().last = 0;
    terminal().generation = generation;
    std::mt19937 random(generation);
    for (int i = 0; i < 60; ++i) {
      const auto other = 1'000 + static_cast<model::EventId>(random() % 1'000);
      terminals_.Record(kDevice, testing::SomeEvent(kDevice, other));
    }
    Pass(seconds(60));
    LetItBeStored();
    EXPECT_GT(AskAll(), 0u);
    EXPECT_THAT(Ask(0, 0, {{}}).records, SizeIs(60));
  }
  EXPECT_EQ(store_.LoadLogStates()->front().epoch, 3u);
}

// It happens while the link is there, and nothing has told of it yet.
TEST_F(MatchingReadTest, AResetThatIsNotKnownYetIsSeen) {
  Record(50);
  terminal().log.clear();
  terminal().generation = 2;
  for (model::EventId id = 1; id <= 60; ++id) {
    const model::Event event = testing::SomeEvent(kDevice, 1'000 + id);
    terminal().log[id] = testing::Encoded([&] {
                           model::Event other = event;
                           other.id = id;
                           return other;
                         }())
                             .payload;
  }
  terminal().last = 60;
  EXPECT_EQ(AskAll(), 0u);
}

TEST_F(MatchingReadTest, UnreadableRecordsAreLeftOutEitherWay) {
  for (const int readable : {10, 0, 5}) {
    Record(readable);
    for (int i = 0; i < 3; ++i) terminal().log[++terminal().last] = "\xFF\xFF no event";
  }
  Record(1);
  LetItBeStored();
  ASSERT_THAT(store_.gaps(), ::testing::Not(IsEmpty()));
  EXPECT_GT(AskAll(), 0u);
  // Also as the log's first and last records.
  terminal().log.erase(terminal().log.begin(), terminal().log.find(11));
  terminal().log[++terminal().last] = "\xFF\xFF no event";
  LetItBeStored();
  EXPECT_GT(AskAll(), 0u);
}

// A record that the device did not have when it was read may be there again.
TEST_F(MatchingReadTest, ALogWithAGapIsTheDevicesToGive) {
  terminal().last = 0;
  for (int i = 0; i < 30; ++i) {
    model::Event event = testing::SomeEvent(kDevice, ++terminal().last);
    if (i != 10) terminal().log[event.id] = testing::Encoded(event).payload;
  }
  LetItBeStored();
  ASSERT_THAT(store_.gaps(), SizeIs(1));
  const std::uint64_t before = access_.answered_from_store();
  terminal().log[11] = testing::Encoded(testing::SomeEvent(kDevice, 11)).payload;
  EXPECT_THAT(Ask(0, 0, {{}}).records, SizeIs(30));
  EXPECT_EQ(access_.answered_from_store(), before);
  // Once the ring has gone over it, the store has the rest whole.
  terminal().log.erase(terminal().log.begin(), terminal().log.find(12));
  EXPECT_GT(AskAll(), 0u);
}

TEST_F(MatchingReadTest, WhatWasPrunedIsTheDevicesToGive) {
  Record(100);
  store_.PruneBefore(31);
  const std::uint64_t before = access_.answered_from_store();
  EXPECT_THAT(Ask(0, 0, {{}}).records, SizeIs(100));
  EXPECT_EQ(access_.answered_from_store(), before);
  terminal().log.erase(terminal().log.begin(), terminal().log.find(31));
  EXPECT_GT(AskAll(), 0u);
}

TEST_F(MatchingReadTest, WhereTheStoreFailsTheDeviceAnswers) {
  Record(30);
  store_.FailAll(absl::UnavailableError("the disk is gone"));
  EXPECT_THAT(Ask(0, 0, {{}}).records, SizeIs(30));
}

TEST_F(MatchingReadTest, ADeviceThatIsNotThereIsNotAnsweredFor) {
  Record(10);
  terminal().reachable = false;
  terminals_.Lose(kDevice);
  Pass(seconds(1));
  const Answer answer = Ask(0, 0, {{}});
  ASSERT_TRUE(answer.status);
  EXPECT_EQ(answer.status->code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(answer.records, IsEmpty());
}

TEST_F(MatchingReadTest, EndsWhenItIsStopped) {
  Record(10);
  std::stop_source source;
  source.request_stop();
  const Answer answer = Ask(0, 0, {{}}, source.get_token());
  ASSERT_TRUE(answer.status);
  EXPECT_THAT(answer.records, IsEmpty());
}

}  // namespace
}  // namespace gatelog::core
