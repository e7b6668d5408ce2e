#include "core/ingest/ingest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/memory_store.h"
#include "tests/support/records.h"
#include "tests/support/virtual_time.h"

namespace gatelog::core {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr model::DeviceId kDevice = 541'000'001;
constexpr std::uint64_t kStepsMax = 10'000;

// The first batch of a device's log.
ports::Batch FirstBatch(model::DeviceId device, int events) {
  return testing::BatchMaker({.log_device = device}).OpenEpoch(1, 7).AddSome(events).Make();
}

class IngestTest : public ::testing::Test {
 protected:
  IngestTest() {
    ingest_.OnCommitted([this](std::uint64_t seq) { told_.push_back(seq); });
  }

  void Submit(ports::Batch batch) {
    ingest_.Submit(std::move(batch),
                   [this](absl::Status status) { outcomes_.push_back(status.code()); });
  }
  void SubmitImages(ports::ImageBatch batch) {
    ingest_.SubmitImages(std::move(batch),
                         [this](absl::Status status) { outcomes_.push_back(status.code()); });
  }
  void Run() { ASSERT_TRUE(time_.RunUntil(time_.now() + milliseconds(100), kStepsMax)); }

  testing::VirtualTime time_;
  testing::VirtualExecutor writer_{time_, [] { return milliseconds(1); }};
  testing::VirtualExecutor loop_{time_, [] { return milliseconds(0); }};
  testing::MemoryStore store_;
  Ingest ingest_{store_, writer_, loop_, {.events_per_commit_max = 100}};
  std::vector<absl::StatusCode> outcomes_;
  std::vector<std::uint64_t> told_;
};

constexpr auto kOk = absl::StatusCode::kOk;

TEST_F(IngestTest, WhatWaitsIsCommittedTogetherInTheOrderOfItsComing) {
  for (model::DeviceId device = 1; device <= 3; ++device) Submit(FirstBatch(device, 2));
  EXPECT_THAT(outcomes_, IsEmpty()) << "nothing is durable yet";
  Run();
  EXPECT_THAT(outcomes_, ElementsAre(kOk, kOk, kOk));
  EXPECT_EQ(store_.calls().commits, 1u);
  std::vector<model::DeviceId> devices;
  for (const auto& event : store_.events()) devices.push_back(event.log_device);
  EXPECT_THAT(devices, ElementsAre(1, 1, 2, 2, 3, 3));
  EXPECT_EQ(ingest_.events_committed(), 6u);
}

TEST_F(IngestTest, ACommitIsLimitedAndTheRestFollowsInTheNext) {
  for (model::DeviceId device = 1; device <= 4; ++device) Submit(FirstBatch(device, 60));
  Run();
  EXPECT_EQ(store_.calls().commits, 2u);
  EXPECT_EQ(store_.events().size(), 240u);
  EXPECT_THAT(told_, ElementsAre(120, 240));
}

TEST_F(IngestTest, ABatchThatExceedsTheLimitAloneIsCommittedAllTheSame) {
  Submit(FirstBatch(kDevice, 250));
  Run();
  EXPECT_THAT(outcomes_, ElementsAre(kOk));
}

TEST_F(IngestTest, ARefusedBatchDoesNotHarmTheOthers) {
  Submit(FirstBatch(1, 1));
  Submit(FirstBatch(1, 1));  // expects a store that knows nothing of the device
  Submit(FirstBatch(2, 1));
  Run();
  EXPECT_THAT(outcomes_, ElementsAre(kOk, absl::StatusCode::kFailedPrecondition, kOk));
  EXPECT_EQ(ingest_.events_committed(), 2u);
  EXPECT_TRUE(ingest_.health().ok()) << "the store works";
}

TEST_F(IngestTest, AFailingStoreRefusesAllShowsInTheHealthAndRecovers) {
  store_.FailAll(absl::ResourceExhaustedError("the disk is full"));
  Submit(FirstBatch(1, 1));
  Submit(FirstBatch(2, 1));
  Run();
  EXPECT_THAT(outcomes_, ElementsAre(absl::StatusCode::kResourceExhausted,
                                     absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(ingest_.health(), absl::ResourceExhaustedError("the disk is full"));
  EXPECT_EQ(ingest_.failures(), 1u);
  EXPECT_EQ(ingest_.events_committed(), 0u);

  store_.FailAll(absl::OkStatus());
  Submit(FirstBatch(1, 1));
  Run();
  EXPECT_EQ(outcomes_.back(), kOk);
  EXPECT_TRUE(ingest_.health().ok());
}

TEST_F(IngestTest, HealthFollowsTheStoreWhileNothingIsToBeStored) {
  ingest_.Tick();
  Run();
  EXPECT_TRUE(ingest_.health().ok());
  const absl::Status broken = absl::UnavailableError("the disk is broken");
  store_.FailAll(broken);
  ingest_.Tick();
  ingest_.Tick();
  Run();
  EXPECT_EQ(ingest_.health(), broken);
  EXPECT_EQ(ingest_.failures(), 0u) << "nothing was refused";

  store_.FailAll(absl::OkStatus());
  ingest_.Tick();
  Run();
  EXPECT_TRUE(ingest_.health().ok());
}

TEST_F(IngestTest, ImagesFollowTheEventsThatTheyBelongTo) {
  ports::Batch batch = FirstBatch(kDevice, 3);
  const model::Image image = testing::ImageOf(batch.events[2]);
  SubmitImages({.log_device = kDevice,
                .epoch = 1,
                .expected_image_next = 1,
                .image_next = 4,
                .images = {image}});
  Submit(std::move(batch));
  Run();
  EXPECT_THAT(outcomes_, ElementsAre(kOk, kOk));
  const auto stored = store_.ReadImage({kDevice, 1, 3});
  ASSERT_TRUE(stored.ok());
  EXPECT_EQ(stored->second, image);
}

TEST_F(IngestTest, TheStateOfADeviceIsReadBehindTheCommitsThatWait) {
  Submit(FirstBatch(kDevice, 3));
  absl::StatusOr<ports::LogState> state = absl::UnknownError("no reply");
  ingest_.LoadState(kDevice, [&state](auto loaded) { state = std::move(loaded); });
  Run();
  ASSERT_TRUE(state.ok());
  EXPECT_EQ(state->next, 4u);
  ingest_.LoadState(kDevice + 1, [&state](auto loaded) { state = std::move(loaded); });
  Run();
  ASSERT_TRUE(state.ok());
  EXPECT_EQ(state->epoch, 0u);
}

TEST_F(IngestTest, StoredRecordsAreReadByWhatTheyAreRecognisedBy) {
  const ports::Batch batch = FirstBatch(kDevice, 5);
  Submit(batch);
  absl::StatusOr<std::vector<model::Anchor>> anchors = absl::UnknownError("no reply");
  ingest_.LoadAnchors(kDevice, {{.epoch = 1, .first = 2, .last = 3}},
                      [&anchors](auto loaded) { anchors = std::move(loaded); });
  Run();
  ASSERT_TRUE(anchors.ok());
  EXPECT_THAT(*anchors,
              ElementsAre(model::AnchorOf(batch.events[1]), model::AnchorOf(batch.events[2])));
}

TEST_F(IngestTest, PrunedRecordsAreRecognisedToo) {
  const ports::Batch batch = FirstBatch(kDevice, 5);
  Submit(batch);
  Run();
  store_.PruneBefore(3);
  absl::StatusOr<std::vector<model::Anchor>> anchors = absl::UnknownError("no reply");
  ingest_.LoadAnchors(kDevice, {{.epoch = 1, .first = 2, .last = 3}},
                      [&anchors](auto loaded) { anchors = std::move(loaded); });
  Run();
  ASSERT_TRUE(anchors.ok());
  EXPECT_THAT(*anchors, ElementsAre(model::WithoutPerson(model::AnchorOf(batch.events[1])),
                                    model::AnchorOf(batch.events[2])));
}

}  // namespace
}  // namespace gatelog::core
