// What ports/retention_store.h promises, sentence by sentence.

#include "tests/conformance/retention_store_conformance.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "model/personal_part.h"
#include "tests/support/prune_all.h"

namespace gatelog::testing {
namespace {

constexpr model::DeviceId kDoor = 541'000'001;
constexpr model::DeviceId kGate = 541'000'007;

using ::testing::IsEmpty;
using ::testing::SizeIs;

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(RetentionStoreConformance);

}  // namespace

absl::Status RetentionStoreConformance::Commit(ports::Batch batch) {
  batch.arrival = under_test().Now();
  return EventStoreConformance::Commit(batch);
}

Timestamp RetentionStoreConformance::Pass(int days) {
  under_test().PassTime(std::chrono::days(days));
  return under_test().Now() - std::chrono::days(days) / 2;
}

void RetentionStoreConformance::Fill() {
  ASSERT_TRUE(Commit(First(kDoor).AddSome(300).AddGap(5, model::GapReason::kAbsent).Make()).ok());
  ASSERT_TRUE(
      Commit(First(kGate).AddGap(2, model::GapReason::kUnreadable).AddSome(90).Make()).ok());
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(Commit(Next(kDoor).AddSome(150).Make()).ok());
  ports::ImageBatch images{
      .log_device = kDoor, .epoch = 1, .expected_image_next = 1, .image_next = 301};
  for (model::EventId id = 3; id < 300; id += 3) {
    images.images.push_back(ImageOf(SomeEvent(kDoor, id)));
  }
  ASSERT_TRUE(CommitImages(images).ok());
  Seal();
}

void RetentionStoreConformance::FillMore() {
  ASSERT_TRUE(Commit(Next(kDoor).AddSome(40).Make()).ok());
  ASSERT_TRUE(Commit(Next(kGate).AddSome(20).Make()).ok());
  Seal();
}

ports::RetentionStore::Step RetentionStoreConformance::Step(const ports::PruneLimits& limits) {
  const auto step = retention().PruneSome(limits, "a test");
  EXPECT_TRUE(step.ok()) << step.status();
  return step.ok() ? *step : ports::RetentionStore::Step{};
}

ports::Pruned RetentionStoreConformance::Prune(const ports::PruneLimits& limits, bool reopen) {
  return PruneAll([&] { return Step(limits); },
                  [&] {
                    if (reopen) under_test().Reopen();
                  });
}

ports::Pruned RetentionStoreConformance::PreviewAndPrune(const ports::PruneLimits& limits,
                                                         bool reopen) {
  const Kept before = Keep();
  const std::vector<ports::StoredEvent> events = ReadAll();
  const auto preview = retention().PreviewPrune(limits);
  EXPECT_TRUE(preview.ok()) << preview.status();
  EXPECT_EQ(ReadAll(), events) << "a preview changes nothing";
  const ports::Pruned pruned = Prune(limits, reopen);
  ExpectKept(before);
  if (!preview.ok()) return pruned;
  EXPECT_EQ(preview->events, pruned.events);
  EXPECT_EQ(preview->images, pruned.images);
  EXPECT_EQ(preview->people, pruned.people);
  EXPECT_EQ(preview->bytes, pruned.bytes);
  // A segment that is opened anew half done is one more.
  if (!reopen) {
    EXPECT_EQ(preview->segments, pruned.segments);
  }
  const auto again = retention().PreviewPrune(limits);
  EXPECT_TRUE(again.ok() && again->segments == 0) << "all of it is gone";
  return pruned;
}

RetentionStoreConformance::Kept RetentionStoreConformance::Keep() {
  Kept kept{.states = *store().LoadLogStates(),
            .totals = *store().ReadTotals(),
            .gaps = *store().ReadGaps({}, {}, 10'000),
            .last_seq = store().last_seq()};
  for (ports::LogState& state : kept.states) state.anchors.clear();
  return kept;
}

void RetentionStoreConformance::ExpectKept(const Kept& before) {
  const Kept after = Keep();
  EXPECT_EQ(after.states, before.states) << "next and the epochs";
  EXPECT_EQ(after.gaps, before.gaps) << "what is pruned is no gap";
  EXPECT_EQ(after.last_seq, before.last_seq);
  ASSERT_EQ(after.totals.size(), before.totals.size());
  for (std::size_t i = 0; i < after.totals.size(); ++i) {
    EXPECT_EQ(after.totals[i].events, before.totals[i].events);
    EXPECT_EQ(after.totals[i].images, before.totals[i].images);
    EXPECT_EQ(after.totals[i].images_wanted, before.totals[i].images_wanted);
    EXPECT_EQ(after.totals[i].gaps, before.totals[i].gaps);
    EXPECT_EQ(after.totals[i].missing, before.totals[i].missing);
  }
}

std::vector<std::uint64_t> RetentionStoreConformance::Seqs(const ports::EventFilter& filter) {
  std::vector<std::uint64_t> seqs;
  for (const ports::StoredEvent& event : ReadAll(filter)) seqs.push_back(event.seq);
  return seqs;
}

TEST_P(RetentionStoreConformance, OldEventsGoWithTheirImages) {
  for (const bool reopen : {false, true}) {
    SCOPED_TRACE(reopen);
    if (reopen && !under_test().durable()) return;
    if (!reopen) Fill();
    if (reopen) FillMore();
    const std::uint64_t last = store().last_seq();
    const Timestamp between = Pass(10);
    FillMore();
    const ports::Pruned pruned = PreviewAndPrune({.events_before = between}, reopen);
    EXPECT_GT(pruned.events, 50u);
    EXPECT_EQ(pruned.images, reopen ? 0u : 99u);
    EXPECT_EQ(store().first_seq(), last + 1);
    EXPECT_THAT(ReadAll(), SizeIs(60));
    EXPECT_EQ(Seqs().front(), last + 1);
    EXPECT_EQ(store().ReadImage({kDoor, 1, 3}).status().code(), absl::StatusCode::kNotFound);
  }
}

TEST_P(RetentionStoreConformance, OldImagesGoAlone) {
  Fill();
  const Timestamp between = Pass(10);
  ASSERT_TRUE(store().ReadImage({kDoor, 1, 3}).ok());
  const std::vector<ports::StoredEvent> events = ReadAll();
  const ports::Pruned pruned = PreviewAndPrune({.images_before = between}, under_test().durable());
  EXPECT_EQ(pruned.images, 99u);
  EXPECT_EQ(pruned.events, 0u);
  EXPECT_GT(pruned.bytes, 99u * 10);
  EXPECT_EQ(store().ReadImage({kDoor, 1, 3}).status().message(),
            model::ImagePrunedSentence({kDoor, 1, 3}));
  EXPECT_EQ(ReadAll(), events);
}

TEST_P(RetentionStoreConformance, OldEventsTellOfNobodyAndStay) {
  for (const bool reopen : {false, true}) {
    SCOPED_TRACE(reopen);
    if (reopen && !under_test().durable()) return;
    if (!reopen) Fill();
    if (reopen) FillMore();
    const std::uint64_t last = store().last_seq();
    const Timestamp between = Pass(10);
    FillMore();
    const std::vector<ports::StoredEvent> before = ReadAll();
    const ports::Pruned pruned = PreviewAndPrune({.people_before = between}, reopen);
    EXPECT_GT(pruned.people, 50u);
    EXPECT_EQ(pruned.events, 0u);
    EXPECT_EQ(store().first_seq(), 1u);
    const std::vector<ports::StoredEvent> after = ReadAll();
    ASSERT_EQ(after.size(), before.size());
    model::SplitEvent split;
    for (std::size_t i = 0; i < after.size(); ++i) {
      ports::StoredEvent expected = before[i];
      if (expected.seq <= last) {
        model::SplitPersonalPart(expected.event.payload, split);
        expected.erased = expected.erased || !split.personal_part.empty();
        expected.event.payload = split.public_part;
        expected.event.user_id.clear();
        expected.event.temperature = 0;
      }
      EXPECT_EQ(after[i], expected);
    }
    for (const std::uint64_t seq : Seqs({.users = {"user-3"}})) EXPECT_GT(seq, last);
    std::vector<std::uint64_t> of_nobody;
    for (const ports::StoredEvent& event : after) {
      if (event.event.user_id.empty() && !event.erased) of_nobody.push_back(event.seq);
    }
    EXPECT_EQ(Seqs({.users = {""}}), of_nobody);
    EXPECT_EQ(store().ReadImage({kDoor, 1, 3}).status().code(), absl::StatusCode::kNotFound);
  }
}

TEST_P(RetentionStoreConformance, TheDevicesAreStillRecognised) {
  Fill();
  const std::vector<ports::LogState> before = *store().LoadLogStates();
  const Timestamp between = Pass(10);
  Prune({.people_before = between});
  Prune({.events_before = between});
  const std::vector<ports::LogState> after = *store().LoadLogStates();
  ASSERT_EQ(after.size(), before.size());
  for (std::size_t log = 0; log < after.size(); ++log) {
    ASSERT_EQ(after[log].anchors.size(), before[log].anchors.size());
    for (std::size_t i = 0; i < after[log].anchors.size(); ++i) {
      const model::Anchor& anchor = after[log].anchors[i];
      EXPECT_TRUE(model::SameRecord(anchor, before[log].anchors[i]));
      const model::Event event = SomeEvent(after[log].log_device, anchor.id);
      const bool told = !event.user_id.empty() || event.temperature != 0;
      EXPECT_EQ(model::IsWithoutPerson(anchor), told) << anchor.id;
    }
  }
  ASSERT_TRUE(Commit(Next(kDoor).AddSome(3).Make()).ok()) << "the log goes on where it was";
}

TEST_P(RetentionStoreConformance, OnlyWhatIsSealedAndOldGoes) {
  ASSERT_TRUE(Commit(First(kDoor).AddSome(20).Make()).ok());
  Timestamp between = Pass(10);
  const auto all = [&](Timestamp before) {
    return ports::PruneLimits{
        .events_before = before, .images_before = before, .people_before = before};
  };
  EXPECT_EQ(PreviewAndPrune(all(between)).segments, 0u) << "not sealed";
  Seal();
  ASSERT_TRUE(Commit(Next(kDoor).AddSome(20).Make()).ok());
  EXPECT_EQ(PreviewAndPrune(all(between - std::chrono::days(10))).segments, 0u) << "not old";
  EXPECT_EQ(PreviewAndPrune({}).segments, 0u) << "kept for ever";
  EXPECT_EQ(PreviewAndPrune({.people_before = between}).people, 19u);
  EXPECT_EQ(PreviewAndPrune(all(between)).events, 20u);
  EXPECT_EQ(Seqs().front(), 21u);
}

TEST_P(RetentionStoreConformance, EachKindHasItsOwnLimit) {
  Fill();
  const Timestamp first = Pass(10);
  FillMore();
  const Timestamp second = Pass(10);
  FillMore();
  const std::uint64_t last = store().last_seq();
  const ports::Pruned pruned =
      PreviewAndPrune({.events_before = first, .images_before = second, .people_before = second});
  EXPECT_EQ(pruned.events, last - 120);
  EXPECT_LE(pruned.people, 60u);
  EXPECT_GT(pruned.people, 50u);
  EXPECT_EQ(store().first_seq(), last - 119);
  for (const ports::StoredEvent& event : ReadAll()) {
    EXPECT_EQ(event.event.user_id.empty(), event.seq <= last - 60 || event.event.id % 10 == 0);
  }
}

TEST_P(RetentionStoreConformance, EverythingMayGoAndMoreMayCome) {
  Fill();
  const Timestamp between = Pass(10);
  const ports::PruneLimits all{
      .events_before = between, .images_before = between, .people_before = between};
  PreviewAndPrune(all, under_test().durable());
  EXPECT_EQ(store().first_seq(), store().last_seq() + 1);
  EXPECT_THAT(ReadAll(), IsEmpty());
  FillMore();
  EXPECT_THAT(ReadAll(), SizeIs(60));
}

TEST_P(RetentionStoreConformance, CommitsGoOnBetweenTheSteps) {
  Fill();
  const Timestamp between = Pass(10);
  const std::uint64_t last = store().last_seq();
  std::uint64_t steps = 0;
  for (bool more = true; more; ++steps) {
    more = Step({.events_before = between, .people_before = between}).more;
    ASSERT_TRUE(Commit(Next(kDoor).AddSome(1).Make()).ok());
    ASSERT_LT(steps, 1'000u);
  }
  EXPECT_EQ(store().last_seq(), last + steps);
  EXPECT_THAT(ReadAll(), SizeIs(steps));
}

}  // namespace gatelog::testing
