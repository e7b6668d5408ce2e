#include "tests/conformance/event_store_conformance.h"

#include <gmock/gmock.h>

#include "absl/status/status.h"

namespace gatelog::testing {

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EventStoreConformance);

std::vector<absl::Status> EventStoreConformance::Commit(std::span<const ports::Batch> batches) {
  absl::StatusOr<std::vector<absl::Status>> results = store().Commit(batches);
  EXPECT_TRUE(results.ok()) << results.status();
  if (!results.ok()) return std::vector<absl::Status>(batches.size(), results.status());
  EXPECT_EQ(results->size(), batches.size());
  return *std::move(results);
}

absl::Status EventStoreConformance::CommitImages(const ports::ImageBatch& batch) {
  absl::StatusOr<std::vector<absl::Status>> results = store().CommitImages(std::span(&batch, 1));
  EXPECT_TRUE(results.ok()) << results.status();
  return results.ok() ? results->at(0) : results.status();
}

std::vector<ports::StoredEvent> EventStoreConformance::ReadAll(const ports::EventFilter& filter,
                                                               std::uint32_t limit) {
  std::vector<ports::StoredEvent> all;
  ports::EventQuery query{.filter = filter, .limit = limit};
  while (true) {
    const absl::StatusOr<ports::EventPage> page = store().Read(query);
    EXPECT_TRUE(page.ok()) << page.status();
    if (!page.ok()) return all;
    all.insert(all.end(), page->events.begin(), page->events.end());
    if (!page->more) return all;
    query.after_seq = page->seq_reached;
  }
}

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr model::DeviceId kDoor = 541'000'001;
constexpr model::DeviceId kGate = 541'000'007;

TEST_P(EventStoreConformance, NewStoreIsEmpty) {
  EXPECT_NE(store().incarnation(), 0u);
  EXPECT_EQ(store().last_seq(), 0u);
  EXPECT_THAT(*store().LoadLogStates(), IsEmpty());
  EXPECT_THAT(ReadAll(), IsEmpty());
  EXPECT_THAT(*store().ReadTotals(), IsEmpty());
  EXPECT_THAT(*store().ReadGaps({}, {}, 10), IsEmpty());
  EXPECT_THAT(*registry().Load(), IsEmpty());
}

TEST_P(EventStoreConformance, NothingToCommitIsNoError) {
  EXPECT_THAT(Commit(std::span<const ports::Batch>()), IsEmpty());
  EXPECT_EQ(store().last_seq(), 0u);
}

TEST_P(EventStoreConformance, StoresEveryFieldOfAnEvent) {
  const ports::Batch batch = First(kDoor).AddSome(40).LiveFrom(31).Make();
  ASSERT_TRUE(Commit(batch).ok());
  EXPECT_EQ(store().last_seq(), 40u);

  const std::vector<ports::StoredEvent> stored = ReadAll();
  ASSERT_THAT(stored, SizeIs(40));
  for (std::size_t i = 0; i < stored.size(); ++i) {
    const ports::StoredEvent expected{
        .seq = i + 1,
        .log_device = kDoor,
        .epoch = 1,
        .arrival = batch.arrival,
        .phase = i + 1 < 31 ? ports::Phase::kBacklog : ports::Phase::kLive,
        .event = batch.events[i],
    };
    EXPECT_EQ(stored[i], expected) << "event " << i + 1;
  }
}

TEST_P(EventStoreConformance, KeepsTheStateOfEachLog) {
  const ports::Batch door = First(kDoor).AddSome(100).AddGap(5, model::GapReason::kAbsent).Make();
  const ports::Batch gate =
      BatchMaker({.log_device = kGate}).OpenEpoch(900, 0xFFFF'FFFF'FFFF'FFF0).AddSome(3).Make();
  for (const absl::Status& result : Commit(std::vector{gate, door}))
    EXPECT_TRUE(result.ok()) << result;

  ports::LogState expected = door.after;
  expected.image_next = 1;
  EXPECT_EQ(State(kDoor), expected);
  EXPECT_THAT(State(kDoor).anchors, SizeIs(model::kAnchorCount));
  expected = gate.after;
  expected.image_next = 900;
  EXPECT_EQ(State(kGate), expected);
  EXPECT_EQ(State(kGate).generation, 0xFFFF'FFFF'FFFF'FFF0);
}

TEST_P(EventStoreConformance, FenceRefusesAnotherNext) {
  const ports::Batch first = First(kDoor).AddSome(10).Make();
  ASSERT_TRUE(Commit(first).ok());
  const ports::LogState state = State(kDoor);
  const std::vector<ports::StoredEvent> stored = ReadAll();

  EXPECT_EQ(Commit(first).code(), absl::StatusCode::kFailedPrecondition) << "sent twice";
  ports::LogState behind = state;
  behind.next = 9;
  EXPECT_EQ(Commit(BatchMaker(behind).AddSome(5).Make()).code(),
            absl::StatusCode::kFailedPrecondition);
  ports::LogState ahead = state;
  ahead.next = 12;
  EXPECT_EQ(Commit(BatchMaker(ahead).AddSome(5).Make()).code(),
            absl::StatusCode::kFailedPrecondition);

  EXPECT_EQ(State(kDoor), state);
  EXPECT_EQ(ReadAll(), stored);
  EXPECT_EQ(store().last_seq(), 10u);
}

TEST_P(EventStoreConformance, FenceRefusesAnotherEpoch) {
  ASSERT_TRUE(Commit(First(kDoor).AddSome(10).Make()).ok());
  ASSERT_TRUE(Commit(Next(kDoor).OpenEpoch(1, 2).AddSome(10).Make()).ok());
  ports::LogState old = State(kDoor);
  old.epoch = 1;
  EXPECT_EQ(Commit(BatchMaker(old).AddSome(1).Make()).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store().last_seq(), 20u);
}

TEST_P(EventStoreConformance, FenceOfAnUnknownLogIsZero) {
  const ports::LogState wrong_next{.log_device = kDoor, .next = 1};
  EXPECT_EQ(Commit(BatchMaker(wrong_next).OpenEpoch(1, 1).AddSome(1).Make()).code(),
            absl::StatusCode::kFailedPrecondition);
  const ports::LogState wrong_epoch{.log_device = kDoor, .epoch = 3, .next = 1};
  EXPECT_EQ(Commit(BatchMaker(wrong_epoch).AddSome(1).Make()).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(State(kDoor), ports::LogState{.log_device = kDoor});
}

TEST_P(EventStoreConformance, BatchesOfOneLogFollowEachOtherInOneCommit) {
  const ports::Batch first = First(kDoor).AddSome(5).Make();
  const ports::Batch second = BatchMaker(first.after).AddSome(5).Make();
  const ports::Batch third = BatchMaker(second.after).OpenEpoch(1, 2).AddSome(5).Make();
  const ports::Batch stale = BatchMaker(first.after).AddSome(7).Make();
  const std::vector<absl::Status> results = Commit(std::vector{first, second, stale, third});
  EXPECT_TRUE(results[0].ok() && results[1].ok() && results[3].ok());
  EXPECT_EQ(results[2].code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(State(kDoor).epoch, 2u);
  EXPECT_EQ(State(kDoor).next, 6u);
  EXPECT_THAT(ReadAll(), SizeIs(15));
}

TEST_P(EventStoreConformance, OneBadBatchLeavesTheOthersAlone) {
  const ports::Batch good = First(kDoor).AddSome(5).Make();
  ports::Batch bad = First(kGate).AddSome(5).AddGap(2, model::GapReason::kCleared).Make();
  std::swap(bad.events[1], bad.events[3]);
  const ports::Batch other = First(kGate + 1).AddSome(5).Make();
  const std::vector<absl::Status> results = Commit(std::vector{good, bad, other});
  EXPECT_TRUE(results[0].ok());
  EXPECT_EQ(results[1].code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(results[2].ok());

  EXPECT_EQ(State(kGate), ports::LogState{.log_device = kGate});
  EXPECT_THAT(*store().ReadGaps({}, {}, 10), IsEmpty());
  const std::vector<ports::StoredEvent> stored = ReadAll();
  ASSERT_THAT(stored, SizeIs(10));
  for (std::size_t i = 0; i < stored.size(); ++i) EXPECT_EQ(stored[i].seq, i + 1);
  EXPECT_EQ(stored[5].log_device, kGate + 1);
}

TEST_P(EventStoreConformance, AllBatchesBadChangesNothing) {
  const ports::Batch stale =
      BatchMaker({.log_device = kDoor, .epoch = 1, .next = 5}).AddSome(1).Make();
  EXPECT_EQ(Commit(stale).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store().last_seq(), 0u);
  EXPECT_THAT(*store().LoadLogStates(), IsEmpty());
  EXPECT_TRUE(Commit(First(kDoor).AddSome(1).Make()).ok());
}

TEST_P(EventStoreConformance, RefusesBatchesThatBreakARule) {
  ASSERT_TRUE(Commit(First(kDoor).AddSome(10).Make()).ok());
  const ports::Batch good =
      Next(kDoor).AddSome(4).AddGap(3, model::GapReason::kAbsent).AddSome(4).Make();
  const std::vector<ports::StoredEvent> stored = ReadAll();
  const auto refused = [&](const char* what, auto change) {
    ports::Batch batch = good;
    change(batch);
    EXPECT_EQ(Commit(batch).code(), absl::StatusCode::kInvalidArgument) << what;
  };
  refused("an epoch is skipped", [](ports::Batch& b) { b.after.epoch += 2; });
  refused("an epoch goes back", [](ports::Batch& b) { b.after.epoch -= 1; });
  refused("next goes back", [](ports::Batch& b) {
    b = {b.log_device, 1, 11, b.after}, b.after.next = 10;
  });
  refused("the state of another log", [](ports::Batch& b) { b.after.log_device += 1; });
  refused("too many anchors",
          [](ports::Batch& b) { b.after.anchors.resize(model::kAnchorCount + 1); });
  refused("events out of order", [](ports::Batch& b) { std::swap(b.events[0], b.events[1]); });
  refused("an event twice", [](ports::Batch& b) { b.events[1] = b.events[0]; });
  refused("an event below next", [](ports::Batch& b) { b.events[0].id = 10; });
  refused("an event at the new next", [](ports::Batch& b) { b.events.back().id = b.after.next; });
  refused("an event inside a gap", [](ports::Batch& b) { b.events[4].id = b.gaps[0].last; });
  refused("a gap below next", [](ports::Batch& b) {
    b.gaps.push_back(b.gaps[0]), b.gaps[1].first = b.gaps[1].last = 3;
  });
  refused("a gap beyond the new next", [](ports::Batch& b) { b.gaps[0].last = b.after.next; });
  refused("a gap upside down", [](ports::Batch& b) { std::swap(b.gaps[0].first, b.gaps[0].last); });
  refused("two gaps over one ID", [](ports::Batch& b) { b.gaps.push_back(b.gaps[0]); });
  refused("a gap of another epoch", [](ports::Batch& b) { b.gaps[0].epoch += 1; });
  refused("a gap of another log", [](ports::Batch& b) { b.gaps[0].log_device += 1; });
  refused("an ID that is nowhere", [](ports::Batch& b) { b.events.pop_back(); });
  refused("an ID that is nowhere, in the middle",
          [](ports::Batch& b) { b.events.erase(b.events.begin() + 5); });

  EXPECT_EQ(ReadAll(), stored);
  EXPECT_TRUE(Commit(good).ok()) << "the refused ones left something behind";
}

TEST_P(EventStoreConformance, AnEpochOpensWithItsGapsAndRestartsTheImages) {
  ASSERT_TRUE(Commit(First(kDoor).AddSome(10).Make()).ok());
  ASSERT_TRUE(
      CommitImages({.log_device = kDoor, .epoch = 1, .expected_image_next = 1, .image_next = 11})
          .ok());
  EXPECT_EQ(State(kDoor).image_next, 11u);

  const ports::Batch reset =
      Next(kDoor).OpenEpoch(4, 99).AddGap(2, model::GapReason::kOverwritten).AddSome(3).Make();
  ASSERT_TRUE(Commit(reset).ok());
  ports::LogState expected = reset.after;
  expected.image_next = 4;
  EXPECT_EQ(State(kDoor), expected);
  EXPECT_EQ(*store().ReadGaps({}, {}, 10), reset.gaps);

  // The same IDs again, under the new epoch.
  const std::vector<ports::StoredEvent> stored = ReadAll({.epoch = 2});
  ASSERT_THAT(stored, SizeIs(3));
  EXPECT_EQ(stored[0].event, reset.events[0]);
  EXPECT_THAT(ReadAll({.first_id = 6, .last_id = 8}), SizeIs(6));
}

TEST_P(EventStoreConformance, RemembersTheEpochsThatAreOver) {
  ASSERT_TRUE(Commit(First(kDoor).AddSome(10).Make()).ok());
  ASSERT_TRUE(Commit(First(kGate).AddSome(1).Make()).ok());
  const ports::Batch second = Next(kDoor).OpenEpoch(5, 77).AddSome(3).Make();
  const ports::Batch third = BatchMaker(second.after).OpenEpoch(2, 1).AddSome(1).Make();
  for (const absl::Status& result : Commit(std::vector{second, third})) {
    ASSERT_TRUE(result.ok()) << result;
  }
  const std::vector<ports::PastEpoch> past = {
      {.epoch = 1, .first = 1, .next = 11, .generation = 1},
      {.epoch = 2, .first = 5, .next = 8, .generation = 77}};
  EXPECT_EQ(State(kDoor).past, past);
  EXPECT_EQ(State(kDoor).epoch, 3u);
  EXPECT_THAT(State(kGate).past, IsEmpty());
}

TEST_P(EventStoreConformance, ABatchMayMoveTheStateAlone) {
  ASSERT_TRUE(Commit(First(kDoor).Make()).ok());
  EXPECT_EQ(State(kDoor).epoch, 1u);
  EXPECT_EQ(store().last_seq(), 0u);
  ASSERT_TRUE(Commit(Next(kDoor).AddGap(7, model::GapReason::kUnverified).Make()).ok());
  EXPECT_EQ(State(kDoor).next, 8u);
  EXPECT_EQ(store().last_seq(), 0u);
}

TEST_P(EventStoreConformance, GapsComeInOrderAndInPages) {
  ASSERT_TRUE(
      Commit(First(kGate).AddGap(3, model::GapReason::kOverwritten).AddSome(1).Make()).ok());
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(Commit((i == 0 ? First(kDoor) : Next(kDoor))
                           .AddGap(1, model::GapReason::kUnreadable)
                           .AddSome(2)
                           .AddGap(4, model::GapReason::kAbsent)
                           .Make())
                    .ok());
  }
  ASSERT_TRUE(
      Commit(Next(kDoor).OpenEpoch(1, 2).AddGap(9, model::GapReason::kCleared).Make()).ok());

  const std::vector<model::Gap> all = *store().ReadGaps({}, {}, 100);
  ASSERT_THAT(all, SizeIs(12));
  EXPECT_EQ(all[0].raw, std::string("\0raw", 4));
  EXPECT_EQ(all[0].reason, model::GapReason::kUnreadable);
  EXPECT_EQ(all[10].epoch, 2u);
  EXPECT_EQ(all[11].log_device, kGate);
  EXPECT_EQ(all[11].first, 1u);
  EXPECT_EQ(all[11].last, 3u);

  std::vector<model::Gap> paged;
  model::RecordKey after;
  while (true) {
    const std::vector<model::Gap> page = *store().ReadGaps({}, after, 5);
    paged.insert(paged.end(), page.begin(), page.end());
    if (page.size() < 5) break;
    after = {page.back().log_device, page.back().epoch, page.back().first};
  }
  EXPECT_EQ(paged, all);
  EXPECT_THAT(*store().ReadGaps(std::vector{kGate}, {}, 100), ElementsAre(all[11]));
  EXPECT_THAT(*store().ReadGaps(std::vector{kGate, kDoor}, {}, 100), SizeIs(12));
  EXPECT_THAT(*store().ReadGaps(std::vector{kGate + 1}, {}, 100), IsEmpty());
}

TEST_P(EventStoreConformance, KeepsImagesOfEventsThatAreStored) {
  const ports::Batch batch = First(kDoor).AddSome(9).Make();
  ASSERT_TRUE(Commit(batch).ok());
  model::Image other_time = ImageOf(batch.events[1]);
  other_time.timestamp += 1;
  model::Image other_code = ImageOf(batch.events[2]);
  other_code.code += 1;
  model::Image no_event = ImageOf(batch.events[3]);
  no_event.id = 77;
  ASSERT_TRUE(CommitImages({.log_device = kDoor,
                            .epoch = 1,
                            .expected_image_next = 1,
                            .image_next = 8,
                            .images = {ImageOf(batch.events[0]), other_time, other_code, no_event,
                                       ImageOf(batch.events[5])}})
                  .ok());
  EXPECT_EQ(State(kDoor).image_next, 8u);
  EXPECT_EQ(store().ReadTotals()->at(0).images, 2u);

  const auto image = store().ReadImage({kDoor, 1, 1});
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->first, (model::RecordKey{kDoor, 1, 1}));
  EXPECT_EQ(image->second, ImageOf(batch.events[0]));
  for (const model::EventId id : {2u, 3u, 4u, 77u}) {
    EXPECT_EQ(store().ReadImage({kDoor, 1, id}).status().code(), absl::StatusCode::kNotFound) << id;
  }
  EXPECT_EQ(store().ReadImage({kGate, 1, 1}).status().code(), absl::StatusCode::kNotFound);
}

TEST_P(EventStoreConformance, ImagesHaveAFenceOfTheirOwn) {
  const ports::Batch batch = First(kDoor).AddSome(9).Make();
  ASSERT_TRUE(Commit(batch).ok());
  const ports::ImageBatch good{.log_device = kDoor,
                               .epoch = 1,
                               .expected_image_next = 1,
                               .image_next = 5,
                               .images = {ImageOf(batch.events[0])}};
  ports::ImageBatch bad = good;
  bad.expected_image_next = 2;
  EXPECT_EQ(CommitImages(bad).code(), absl::StatusCode::kFailedPrecondition);
  bad = good;
  bad.epoch = 2;
  EXPECT_EQ(CommitImages(bad).code(), absl::StatusCode::kFailedPrecondition);
  bad = good;
  bad.log_device = kGate;
  EXPECT_EQ(CommitImages(bad).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store().ReadImage({kDoor, 1, 1}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(State(kDoor).image_next, 1u);

  ASSERT_TRUE(CommitImages(good).ok());
  EXPECT_EQ(CommitImages(good).code(), absl::StatusCode::kFailedPrecondition) << "sent twice";
  EXPECT_EQ(store().ReadTotals()->at(0).images, 1u);
  EXPECT_EQ(State(kDoor).next, 10u) << "images do not move the events' mark";
}

TEST_P(EventStoreConformance, ImageOfTheLatestEpochIsFoundWithoutNamingIt) {
  const ports::Batch first = First(kDoor).AddSome(4).Make();
  ASSERT_TRUE(Commit(first).ok());
  ASSERT_TRUE(CommitImages({.log_device = kDoor,
                            .epoch = 1,
                            .expected_image_next = 1,
                            .image_next = 5,
                            .images = {ImageOf(first.events[0]), ImageOf(first.events[1])}})
                  .ok());
  ports::Batch second = Next(kDoor).OpenEpoch(1, 2).AddSome(4).Make();
  ASSERT_TRUE(Commit(second).ok());
  model::Image newer = ImageOf(second.events[0]);
  newer.payload = "newer";
  ASSERT_TRUE(CommitImages({.log_device = kDoor,
                            .epoch = 2,
                            .expected_image_next = 1,
                            .image_next = 5,
                            .images = {newer}})
                  .ok());
  EXPECT_EQ(store().ReadImage({kDoor, 0, 1})->second.payload, "newer");
  EXPECT_EQ(store().ReadImage({kDoor, 0, 1})->first.epoch, 2u);
  EXPECT_EQ(store().ReadImage({kDoor, 0, 2})->first.epoch, 1u);
  EXPECT_EQ(store().ReadImage({kDoor, 1, 1})->second, ImageOf(first.events[0]));
}

TEST_P(EventStoreConformance, TellsByWhatStoredRecordsAreRecognised) {
  const ports::Batch door = First(kDoor).AddSome(5).AddGap(2, model::GapReason::kAbsent).Make();
  ASSERT_TRUE(Commit(door).ok());
  const ports::Batch gate = First(kGate).AddSome(5).Make();
  ASSERT_TRUE(Commit(gate).ok());
  const ports::Batch later = Next(kDoor).OpenEpoch(3, 2).AddSome(3).Make();
  ASSERT_TRUE(Commit(later).ok());
  const auto read = [&](std::vector<ports::RecordRange> ranges) {
    const auto anchors = store().ReadAnchors(kDoor, ranges);
    EXPECT_TRUE(anchors.ok()) << anchors.status();
    return anchors.value_or(std::vector<model::Anchor>());
  };
  EXPECT_THAT(read({}), IsEmpty());
  EXPECT_THAT(read({{.epoch = 1, .first = 6, .last = 9}}), IsEmpty());
  EXPECT_THAT(read({{.epoch = 3, .first = 1, .last = 9}}), IsEmpty());
  EXPECT_THAT(read({{.epoch = 2, .first = 1, .last = 4}, {.epoch = 1, .first = 4, .last = 9}}),
              ElementsAre(AnchorOf(later.events[0]), AnchorOf(later.events[1]),
                          AnchorOf(door.events[3]), AnchorOf(door.events[4])));
}

TEST_P(EventStoreConformance, TotalsCountEverything) {
  ASSERT_TRUE(
      Commit(First(kDoor).AddSome(10).AddGap(1000, model::GapReason::kOverwritten).Make()).ok());
  ASSERT_TRUE(Commit(Next(kDoor).AddGap(4, model::GapReason::kAbsent).AddSome(2).Make()).ok());
  ASSERT_TRUE(Commit(Next(kDoor).OpenEpoch(1, 2).AddSome(3).Make()).ok());
  ASSERT_TRUE(Commit(First(kGate).AddSome(1).Make()).ok());
  const std::vector<ports::LogTotals> totals = *store().ReadTotals();
  ASSERT_THAT(totals, SizeIs(2));
  const ports::LogTotals& door = totals[0].log_device == kDoor ? totals[0] : totals[1];
  EXPECT_EQ(door.log_device, kDoor);
  EXPECT_EQ(door.events, 15u);
  EXPECT_EQ(door.gaps, 2u);
  EXPECT_EQ(door.missing, 1004u);
  EXPECT_EQ(door.images, 0u);
  EXPECT_EQ(door.epochs, 2u);
}

TEST_P(EventStoreConformance, EverythingSurvivesARestart) {
  if (!under_test().durable()) GTEST_SKIP() << "keeps nothing";
  const ports::Batch batch =
      First(kDoor).AddSome(100).AddGap(2, model::GapReason::kUnreadable).Make();
  ASSERT_TRUE(Commit(batch).ok());
  ASSERT_TRUE(CommitImages({.log_device = kDoor,
                            .epoch = 1,
                            .expected_image_next = 1,
                            .image_next = 50,
                            .images = {ImageOf(batch.events[3])}})
                  .ok());
  const model::Incarnation incarnation = store().incarnation();
  const ports::LogState state = State(kDoor);
  const std::vector<ports::StoredEvent> stored = ReadAll();

  under_test().Reopen();
  EXPECT_EQ(store().incarnation(), incarnation);
  EXPECT_EQ(store().last_seq(), 100u);
  EXPECT_EQ(State(kDoor), state);
  EXPECT_EQ(ReadAll(), stored);
  EXPECT_EQ(*store().ReadGaps({}, {}, 10), batch.gaps);
  EXPECT_EQ(store().ReadImage({kDoor, 1, 4})->second, ImageOf(batch.events[3]));
  EXPECT_EQ(store().ReadTotals()->at(0).images, 1u);

  ASSERT_TRUE(Commit(Next(kDoor).AddSome(5).Make()).ok());
  EXPECT_EQ(ReadAll().back().seq, 105u);
}

TEST_P(EventStoreConformance, RegistryKeepsReplacesAndForgets) {
  const ports::Registration door{.id = kDoor,
                                 .address = {.family = "terminal",
                                             .host = "127.0.0.1",
                                             .port = 51211,
                                             .key = std::string("\0k\xFF", 3)},
                                 .collected = false,
                                 .monitored = true};
  ports::Registration gate{
      .id = kGate, .address = {.family = "uhppote", .host = "h'); --", .port = 65535, .key = ""}};
  ASSERT_TRUE(registry().Save(gate).ok());
  ASSERT_TRUE(registry().Save(door).ok());
  EXPECT_THAT(*registry().Load(), ::testing::UnorderedElementsAre(door, gate));

  gate.address.host = "10.0.0.9";
  gate.monitored = true;
  ASSERT_TRUE(registry().Save(gate).ok());
  if (under_test().durable()) under_test().Reopen();
  EXPECT_THAT(*registry().Load(), ::testing::UnorderedElementsAre(door, gate));

  ASSERT_TRUE(registry().Remove(kDoor).ok());
  EXPECT_TRUE(registry().Remove(kDoor).ok()) << "an unknown device is no error";
  if (under_test().durable()) under_test().Reopen();
  EXPECT_THAT(*registry().Load(), ElementsAre(gate));
}

TEST_P(EventStoreConformance, RegistryKeepsHowADeviceIsReached) {
  const ports::Registration calling{
      .id = kDoor, .address = {.host = "127.0.0.7", .port = 0, .key = ""}, .calls_in = true};
  const ports::Registration secured{.id = kGate,
                                    .address = {.host = "10.0.0.9", .key = "", .tls = true}};
  ASSERT_TRUE(registry().Save(calling).ok());
  ASSERT_TRUE(registry().Save(secured).ok());
  if (under_test().durable()) under_test().Reopen();
  EXPECT_THAT(*registry().Load(), ::testing::UnorderedElementsAre(calling, secured));
}

TEST_P(EventStoreConformance, RegistryKeepsTheAcceptFilter) {
  EXPECT_EQ(*registry().LoadAcceptFilter(), ports::AcceptFilter()) << "nobody, at first";
  const ports::AcceptFilter some{.devices = {kDoor, kGate, 0xFFFF'FFFF}};
  ASSERT_TRUE(registry().SaveAcceptFilter(some).ok());
  if (under_test().durable()) under_test().Reopen();
  EXPECT_EQ(*registry().LoadAcceptFilter(), some);

  const ports::AcceptFilter all{.all = true, .devices = {kGate}};
  ASSERT_TRUE(registry().SaveAcceptFilter(all).ok());
  if (under_test().durable()) under_test().Reopen();
  EXPECT_EQ(*registry().LoadAcceptFilter(), all);

  ASSERT_TRUE(registry().SaveAcceptFilter({}).ok());
  EXPECT_EQ(*registry().LoadAcceptFilter(), ports::AcceptFilter());
}

TEST_P(EventStoreConformance, RegistryKeepsWhatDevicesProveThemselvesBy) {
  const ports::DeviceTrust door{.id = kDoor, .key = std::string("\0k\xFF", 3), .certificate = ""};
  ports::DeviceTrust gate{.id = kGate, .key = "", .certificate = std::string(32, '\x80')};
  ASSERT_TRUE(registry().SaveTrust(door).ok());
  ASSERT_TRUE(registry().SaveTrust(gate).ok());
  gate.key = "sixteen bytes ok";
  ASSERT_TRUE(registry().SaveTrust(gate).ok());
  if (under_test().durable()) under_test().Reopen();
  EXPECT_THAT(*registry().LoadTrust(), ::testing::UnorderedElementsAre(door, gate));

  ASSERT_TRUE(registry().SaveTrust({.id = kDoor}).ok());
  EXPECT_TRUE(registry().SaveTrust({.id = kDoor}).ok()) << "nothing is known of it already";
  EXPECT_THAT(*registry().LoadTrust(), ElementsAre(gate));
}

}  // namespace
}  // namespace gatelog::testing
