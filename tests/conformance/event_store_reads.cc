#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <random>
#include <stop_token>
#include <thread>

#include "tests/conformance/event_store_conformance.h"
#include "tests/support/memory_store.h"

namespace gatelog::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr model::DeviceId kFirstLog = 541'000'001;
constexpr int kLogs = 6;

using Random = std::mt19937;

// 0 to below - 1.
std::uint32_t Pick(Random& random, std::uint32_t below) {
  return static_cast<std::uint32_t>(random() % below);
}

template <typename T>
std::vector<T> SomeOf(const std::vector<T>& all, Random& random) {
  std::vector<T> some;
  const auto count = Pick(random, 3) + 1;
  for (std::size_t i = 0; i < count; ++i) some.push_back(all[random() % all.size()]);
  return some;
}

model::Event RandomEvent(model::DeviceId log_device, Random& random) {
  model::Event event;
  event.timestamp = 1'700'000'000 + Pick(random, 1000);
  event.device = log_device + (Pick(random, 3) == 0 ? 1000 : 0);
  event.code = 0x1000 + Pick(random, 5);
  event.sub_code = Pick(random, 3);
  if (Pick(random, 4) != 0) event.user_id = std::string("u\"',]") + std::to_string(Pick(random, 8));
  event.entity_id = Pick(random, 3);
  event.tna_key = Pick(random, 4);
  event.has_image = Pick(random, 3) == 0;
  event.changed_on_device = Pick(random, 3) == 0;
  if (Pick(random, 3) == 0) event.temperature = 3600 + Pick(random, 100);
  if (Pick(random, 3) == 0)
    event.payload = std::string("\x62\x02\x05", 3) + static_cast<char>(Pick(random, 4));
  return event;
}

Timestamp RandomArrival(Random& random) {
  return Timestamp(std::chrono::milliseconds(1'700'000'000'000 + Pick(random, 1000)));
}

ports::EventFilter RandomFilter(Random& random) {
  ports::EventFilter filter;
  const std::vector<model::DeviceId> logs = {kFirstLog, kFirstLog + 1, kFirstLog + 2,
                                             kFirstLog + 99};
  if (Pick(random, 2) == 0) filter.log_devices = SomeOf(logs, random);
  if (Pick(random, 5) == 0)
    filter.devices = SomeOf<model::DeviceId>({kFirstLog, kFirstLog + 1001, 7}, random);
  if (Pick(random, 4) == 0) {
    filter.users = SomeOf<std::string>({"u\"',]1", "u\"',]2", "", "nobody", "' OR 1=1 --"}, random);
  }
  if (Pick(random, 4) == 0)
    filter.codes = SomeOf<ports::CodeChoice>(
        {0x1000, 0x1001, {0x1002, {1}}, {0x1001, {0, 2}}, {0x1004, {9, 256, 1 << 24}}, 0x9999},
        random);
  if (Pick(random, 4) == 0) filter.epoch = 1 + Pick(random, 3);
  if (Pick(random, 4) == 0) filter.first_id = Pick(random, 100);
  if (Pick(random, 4) == 0) filter.last_id = Pick(random, 100);
  if (Pick(random, 5) == 0) filter.from_s = 1'700'000'000 + static_cast<int>(Pick(random, 1000));
  if (Pick(random, 5) == 0) filter.to_s = 1'700'000'000 + static_cast<int>(Pick(random, 1000));
  const std::string five("\x05", 1);
  if (Pick(random, 8) == 0)
    filter.cards = SomeOf<std::string>({five + '\x01', five + '\0', five, "", "'"}, random);
  if (Pick(random, 8) == 0) filter.entities = SomeOf<std::uint32_t>({0, 1, 7}, random);
  if (Pick(random, 8) == 0) filter.tna_keys = SomeOf<std::uint32_t>({0, 1, 2, 16}, random);
  if (Pick(random, 8) == 0)
    filter.phase = Pick(random, 2) == 0 ? ports::Phase::kLive : ports::Phase::kBacklog;
  if (Pick(random, 8) == 0) filter.arrival_from = RandomArrival(random);
  if (Pick(random, 8) == 0) filter.arrival_to = RandomArrival(random);
  if (Pick(random, 8) == 0) filter.temperature_from = 3600 + Pick(random, 100);
  if (Pick(random, 8) == 0) filter.temperature_to = 3600 + Pick(random, 100);
  filter.has_image = Pick(random, 5) == 0;
  filter.changed_on_device = Pick(random, 8) == 0;
  return filter;
}

}  // namespace

void EventStoreReads::FillAtRandom(std::mt19937& random, int commits) {
  for (int i = 0; i < commits; ++i) {
    std::vector<ports::Batch> batches;
    for (int log = 0; log < kLogs; ++log) {
      const model::DeviceId log_device = kFirstLog + static_cast<model::DeviceId>(log);
      if (Pick(random, 2) == 0) continue;
      BatchMaker maker = Next(log_device);
      if (State(log_device).epoch == 0 || Pick(random, 12) == 0)
        maker.OpenEpoch(1 + Pick(random, 4), random());
      for (auto count = Pick(random, 12); count > 0; --count)
        maker.Add(RandomEvent(log_device, random));
      if (Pick(random, 4) == 0) maker.AddGap(1 + Pick(random, 5), model::GapReason::kAbsent);
      maker.LiveFrom(maker.next() - Pick(random, 12));
      batches.push_back(maker.Make());
      batches.back().arrival = RandomArrival(random);
    }
    for (const absl::Status& result : Commit(batches)) ASSERT_TRUE(result.ok()) << result;
  }
}

namespace {

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EventStoreReads);

TEST_P(EventStoreReads, LimitsOutsideTheRangeAreRefused) {
  EXPECT_EQ(store().Read({.limit = 0}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(store().Read({.limit = ports::kQueryLimitMax + 1}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(store().Read({.limit = ports::kQueryLimitMax}).ok());
}

TEST_P(EventStoreReads, SaysHowFarItLooked) {
  ASSERT_TRUE(Commit(First(kFirstLog).AddSome(10).Make()).ok());
  const auto read = [&](ports::EventQuery query) { return *store().Read(query); };

  ports::EventPage page = read({.limit = 4});
  EXPECT_THAT(page.events, SizeIs(4));
  EXPECT_TRUE(page.more);
  EXPECT_EQ(page.seq_reached, 4u);
  page = read({.after_seq = 8, .limit = 4});
  EXPECT_THAT(page.events, SizeIs(2));
  EXPECT_FALSE(page.more);
  EXPECT_EQ(page.seq_reached, 10u);
  page = read({.filter = {.codes = {0x7777}}, .limit = 4});
  EXPECT_THAT(page.events, IsEmpty());
  EXPECT_FALSE(page.more);
  EXPECT_EQ(page.seq_reached, 10u) << "nothing matched, but everything was looked at";
  page = read({.filter = {.users = {"never seen"}}, .limit = 4});
  EXPECT_EQ(page.seq_reached, 10u);
  page = read({.before_seq = 7, .limit = 100});
  EXPECT_THAT(page.events, SizeIs(6));
  EXPECT_EQ(page.seq_reached, 6u);
  page = read({.after_seq = 10});
  EXPECT_EQ(page.seq_reached, 10u);
  page = read({.after_seq = 500});
  EXPECT_THAT(page.events, IsEmpty());
  EXPECT_EQ(page.seq_reached, 500u) << "never goes back";

  page = read({.order = ports::Order::kNewestFirst, .limit = 4});
  EXPECT_EQ(page.events.front().seq, 10u);
  EXPECT_TRUE(page.more);
  EXPECT_EQ(page.seq_reached, 7u);
  page = read({.order = ports::Order::kNewestFirst, .after_seq = 2, .before_seq = 5});
  EXPECT_THAT(page.events, SizeIs(2));
  EXPECT_FALSE(page.more);
  EXPECT_EQ(page.seq_reached, 3u);
}

TEST_P(EventStoreReads, FiltersAsABruteForceScanDoes) {
  Random random(20'240'607);
  FillAtRandom(random, 60);
  const std::vector<ports::StoredEvent> all = ReadAll();
  ASSERT_GT(all.size(), 500u);
  for (int i = 0; i < 400; ++i) {
    SCOPED_TRACE(i);
    ports::EventQuery query{.filter = RandomFilter(random)};
    query.order = Pick(random, 2) == 0 ? ports::Order::kOldestFirst : ports::Order::kNewestFirst;
    query.limit = 1 + Pick(random, 200);
    if (Pick(random, 2) == 0) query.after_seq = random() % all.size();
    if (Pick(random, 2) == 0) query.before_seq = random() % all.size();

    std::vector<ports::StoredEvent> expected;
    for (const ports::StoredEvent& event : all) {
      const bool inside =
          event.seq > query.after_seq && (query.before_seq == 0 || event.seq < query.before_seq);
      if (inside && Matches(query.filter, event)) expected.push_back(event);
    }
    if (query.order == ports::Order::kNewestFirst) std::reverse(expected.begin(), expected.end());
    const bool more = expected.size() >= query.limit;
    if (more) expected.resize(query.limit);
    const absl::StatusOr<ports::EventPage> page = store().Read(query);
    ASSERT_TRUE(page.ok()) << page.status();
    ASSERT_EQ(page->events, expected);
    ASSERT_EQ(page->more, more);

    query.payload_alone = true;
    absl::StatusOr<ports::EventPage> payloads = store().Read(query);
    ASSERT_TRUE(payloads.ok()) << payloads.status();
    ASSERT_EQ(payloads->seq_reached, page->seq_reached);
    for (ports::StoredEvent& event : payloads->events) {
      event.event = *model::ParseEvent(event.event.payload);
    }
    ASSERT_EQ(payloads->events, expected);
  }
}

TEST_P(EventStoreReads, CountsAsABruteForceScanDoes) {
  Random random(7'319);
  FillAtRandom(random, 40);
  const std::vector<ports::StoredEvent> all = ReadAll();
  for (int i = 0; i < 300; ++i) {
    SCOPED_TRACE(i);
    ports::CountQuery query;
    if (Pick(random, 3) != 0) query.filter = RandomFilter(random);
    query.by_code = Pick(random, 2) == 0;
    query.by_sub_code = Pick(random, 3) == 0;
    query.by_device = Pick(random, 3) == 0;
    query.by_user = Pick(random, 3) == 0;
    query.by_entity = Pick(random, 3) == 0;
    query.by_span_s = std::array{0u, 900u, 3'600u, 86'400u}.at(Pick(random, 4));
    const auto counted = store().Count(query);
    ASSERT_TRUE(counted.ok()) << counted.status();
    ASSERT_EQ(*counted, CountOf(query, all));
  }
}

TEST_P(EventStoreReads, CountsNothingInAnEmptyStore) {
  EXPECT_THAT(*store().Count({}), IsEmpty());
  EXPECT_THAT(*store().Count({.by_code = true, .by_span_s = 3'600}), IsEmpty());
}

TEST_P(EventStoreReads, CountsByNoOtherSpans) {
  for (const std::uint32_t span : {1u, 899u, 7'000u, 86'401u, 172'800u}) {
    EXPECT_EQ(store().Count({.by_span_s = span}).status().code(),
              absl::StatusCode::kInvalidArgument)
        << span;
  }
}

TEST_P(EventStoreReads, CountsAtMostSoManyRows) {
  BatchMaker maker = First(kFirstLog);
  for (std::size_t i = 0; i <= ports::kCountRowsMax; ++i) {
    model::Event event;
    event.timestamp = 1'700'000'000;
    event.user_id = std::to_string(i);
    maker.Add(std::move(event));
  }
  ASSERT_TRUE(Commit(maker.Make()).ok());
  EXPECT_EQ(store().Count({.by_user = true}).status().code(), absl::StatusCode::kResourceExhausted);
  ports::CountQuery fewer{.by_user = true};
  fewer.filter.last_id = ports::kCountRowsMax;
  EXPECT_THAT(*store().Count(fewer), SizeIs(ports::kCountRowsMax));
}

TEST_P(EventStoreReads, EndsWhenItIsAskedTo) {
  ASSERT_TRUE(Commit(First(kFirstLog).AddSome(10).Make()).ok());
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(store().Read({.stop = stop.get_token()}).status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(store().Count({.stop = stop.get_token()}).status().code(),
            absl::StatusCode::kCancelled);
  EXPECT_TRUE(store().Read({}).ok()) << "the next read is not concerned";
}

TEST_P(EventStoreReads, WithoutRetentionTheFirstEventIsTheFirst) {
  EXPECT_EQ(store().first_seq(), 1u);
  ASSERT_TRUE(Commit(First(kFirstLog).AddSome(3).Make()).ok());
  EXPECT_EQ(store().first_seq(), 1u);
  EXPECT_EQ(store().Read({})->events.front().seq, store().first_seq());
}

TEST_P(EventStoreReads, PagesHaveNoSeamWhileCommitsGoOn) {
  Random random(99);
  FillAtRandom(random, 30);
  for (int i = 0; i < 25; ++i) {
    SCOPED_TRACE(i);
    ports::EventQuery query{.filter = RandomFilter(random), .limit = 1 + Pick(random, 30)};
    if (i % 3 == 0) query.filter.log_devices = {kFirstLog};
    query.order = i % 2 == 0 ? ports::Order::kOldestFirst : ports::Order::kNewestFirst;
    const bool newest_first = query.order == ports::Order::kNewestFirst;
    const std::uint64_t last_at_start = store().last_seq();
    if (newest_first) query.before_seq = last_at_start + 1;

    std::vector<ports::StoredEvent> paged;
    while (true) {
      const absl::StatusOr<ports::EventPage> page = store().Read(query);
      ASSERT_TRUE(page.ok()) << page.status();
      paged.insert(paged.end(), page->events.begin(), page->events.end());
      if (!page->more) break;
      (newest_first ? query.before_seq : query.after_seq) = page->seq_reached;
      if (paged.size() < 100) FillAtRandom(random, 1);
    }
    std::vector<ports::StoredEvent> expected;
    for (ports::StoredEvent& event : ReadAll()) {
      if (newest_first && event.seq > last_at_start) continue;
      if (Matches(query.filter, event)) expected.push_back(std::move(event));
    }
    if (newest_first) std::reverse(expected.begin(), expected.end());
    ASSERT_EQ(paged, expected);
  }
}

TEST_P(EventStoreReads, FindsOneRecordByItsKey) {
  Random random(5);
  FillAtRandom(random, 20);
  for (const ports::StoredEvent& event : ReadAll()) {
    ASSERT_THAT(ReadAll({.log_devices = {event.log_device},
                         .epoch = event.epoch,
                         .first_id = event.event.id,
                         .last_id = event.event.id}),
                ElementsAre(event));
  }
}

TEST_P(EventStoreReads, TakesALargeBatch) {
  constexpr int kEvents = 50'000;
  ASSERT_TRUE(Commit(First(kFirstLog).AddSome(kEvents).Make()).ok());
  EXPECT_EQ(store().last_seq(), static_cast<std::uint64_t>(kEvents));
  const std::vector<ports::StoredEvent> all =
      ReadAll({.log_devices = {kFirstLog}}, ports::kQueryLimitMax);
  ASSERT_THAT(all, SizeIs(kEvents));
  for (std::size_t i = 0; i < all.size(); ++i) {
    ASSERT_EQ(all[i].seq, i + 1);
    ASSERT_EQ(all[i].event, SomeEvent(kFirstLog, static_cast<model::EventId>(i + 1)));
  }
}

// Readers must see a prefix of the commits: never a seq above last_seq, never a hole below what
// they see.
TEST_P(EventStoreReads, ReadersBesideTheWriterSeeAPrefix) {
  constexpr int kReaders = 4;
  constexpr int kCommits = 300;
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  for (int r = 0; r < kReaders; ++r) {
    readers.emplace_back([this, &done, r] {
      std::uint64_t cursor = 0;
      bool last_round = false;
      while (true) {
        const std::uint64_t before = store().last_seq();
        ports::EventQuery query{.after_seq = cursor, .limit = 64 + static_cast<std::uint32_t>(r)};
        const absl::StatusOr<ports::EventPage> page = store().Read(query);
        ASSERT_TRUE(page.ok()) << page.status();
        for (const ports::StoredEvent& event : page->events) ASSERT_EQ(event.seq, ++cursor);
        ASSERT_LE(cursor, store().last_seq());
        ASSERT_EQ(page->seq_reached, cursor);
        if (!page->more) {
          ASSERT_GE(cursor, before) << "looked less far than what was visible before";
          if (last_round) return;
          last_round = done;
        }
      }
    });
  }
  ports::LogState state{.log_device = kFirstLog};
  for (int i = 0; i < kCommits; ++i) {
    BatchMaker maker(state);
    if (i == 0) maker.OpenEpoch(1, 1);
    const ports::Batch batch = maker.AddSome(1 + i % 40).Make();
    ASSERT_TRUE(Commit(batch).ok());
    EXPECT_EQ(store().last_seq(), batch.after.next - 1);
    state = batch.after;
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace gatelog::testing
