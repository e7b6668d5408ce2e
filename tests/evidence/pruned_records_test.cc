// What is left of pruned events: a terminal that shows them again is recognised, and nothing of it
// tells of a person.

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "tests/evidence/sealed_store.h"

namespace gatelog::store {
namespace {

using std::chrono::days;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

class PrunedRecordsTest : public StoreAuditTest {
 protected:
  // One step, which makes events unseen or deletes some rows of them. False: nothing is left to do.
  bool PruneSome() {
    const auto step = store_->PruneSome({.events_before = clock_.Now() + days(1)}, "a test");
    EXPECT_TRUE(step.ok()) << step.status();
    return step.ok() && step->more;
  }
  void PruneAll() {
    Seal();
    constexpr int kStepsMax = 1'000;
    int steps = 0;
    while (PruneSome()) ASSERT_LT(++steps, kStepsMax);
  }
  std::vector<model::Anchor> Anchors(std::vector<ports::RecordRange> ranges) {
    const auto anchors = store_->ReadAnchors(kDoor, ranges);
    EXPECT_TRUE(anchors.ok()) << anchors.status();
    return anchors.value_or(std::vector<model::Anchor>());
  }
  std::vector<model::Anchor> Anchors(model::Epoch epoch) {
    return Anchors({{.epoch = epoch, .first = 1, .last = UINT32_MAX}});
  }
};

std::vector<model::Anchor> WithoutPeople(std::vector<model::Anchor> anchors) {
  for (model::Anchor& anchor : anchors) anchor = WithoutPerson(anchor);
  return anchors;
}

TEST_F(PrunedRecordsTest, AreRecognisedAtEveryStepAndAfterARestart) {
  Commit({Next(kDoor).AddSome(700).AddGap(3, model::GapReason::kAbsent).Make(),
          Next(kGate).AddSome(5).Make()});
  Commit({Next(kDoor).OpenEpoch(690, 9).AddSome(600).Make()});
  Forget("user-5");  // seals
  const std::vector<std::vector<model::Anchor>> before = {Anchors(1), Anchors(2)};
  ASSERT_EQ(before[0].size(), 700u);
  ASSERT_EQ(before[1].size(), 600u);
  int steps = 0;
  do {
    EXPECT_EQ(WithoutPeople(Anchors(1)), WithoutPeople(before[0])) << "step " << steps;
    EXPECT_EQ(WithoutPeople(Anchors(2)), WithoutPeople(before[1])) << "step " << steps;
    ++steps;
  } while (PruneSome());
  EXPECT_GT(steps, 3);
  Open();
  EXPECT_EQ(Anchors(1), WithoutPeople(before[0])) << "no person is known";
  EXPECT_EQ(Anchors(2), WithoutPeople(before[1]));
  EXPECT_TRUE(Audit().ok()) << Audit().status();
}

TEST_F(PrunedRecordsTest, ComeBeforeWhatIsLeftOfTheirEpoch) {
  const ports::Batch first = Next(kDoor).AddSome(3).Make();
  Commit({first});
  PruneAll();
  const ports::Batch second = Next(kDoor).AddSome(2).Make();
  Commit({second});
  EXPECT_THAT(Anchors({{.epoch = 1, .first = 3, .last = 4}}),
              ElementsAre(WithoutPerson(AnchorOf(first.events[2])), AnchorOf(second.events[0])));
}

TEST_F(PrunedRecordsTest, TheOldestIdsOfAnEpochAreForgotten) {
  Commit({Next(kDoor)
              .AddSome(10)
              .AddGap(ports::kIdsRemembered - 5, model::GapReason::kAbsent)
              .AddSome(1)
              .Make()});
  PruneAll();
  std::vector<model::EventId> left;
  for (const model::Anchor& anchor : Anchors(1)) left.push_back(anchor.id);
  EXPECT_THAT(left, ElementsAre(7, 8, 9, 10, ports::kIdsRemembered + 6));
}

TEST_F(PrunedRecordsTest, TheOldestEpochsAreForgotten) {
  for (model::Epoch epoch = 1; epoch <= ports::kEpochsRemembered + 1; ++epoch) {
    testing::BatchMaker maker = Next(kDoor);
    if (epoch > 1) maker.OpenEpoch(1, epoch);
    Commit({maker.AddSome(2).Make()});
  }
  PruneAll();
  EXPECT_THAT(Anchors(1), IsEmpty());
  EXPECT_EQ(Anchors(2).size(), 2u);
  EXPECT_EQ(Anchors(ports::kEpochsRemembered + 1).size(), 2u);
}

TEST_F(PrunedRecordsTest, ADeviceDoesNotBringTheirPeopleBack) {
  const ports::Batch pruned = Next(kDoor).AddSome(20).Make();
  Commit({pruned});
  PruneAll();
  // As a collector does that has recognised the log by what the device shows.
  ports::Batch opened = Next(kDoor).OpenEpoch(16, 9).AddSome(2).Make();
  std::vector<model::Anchor> anchors;
  for (std::size_t i = 0; i < 15; ++i) anchors.push_back(AnchorOf(pruned.events[i]));
  std::vector<model::Anchor> expected = WithoutPeople(anchors);
  for (const model::Event& event : opened.events) {
    anchors.push_back(AnchorOf(event));
    expected.push_back(AnchorOf(event));
  }
  opened.after.anchors = anchors;
  Commit({opened});
  EXPECT_THAT(State(kDoor).anchors, ElementsAreArray(expected));
}

}  // namespace
}  // namespace gatelog::store
