#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/image_absence.h"
#include "tests/conformance/event_store_conformance.h"

namespace gatelog::testing {

namespace {

using model::ImageAbsenceReason;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr model::DeviceId kDoor = 541'000'001;
constexpr Timestamp kFound{std::chrono::milliseconds(1'700'000'900'000)};

}  // namespace

absl::Status EventStoreImages::Settle(model::EventId next, std::vector<model::Image> images,
                                      std::vector<model::ImageAbsence> absences) {
  const ports::LogState state = State(kDoor);
  return CommitImages({.log_device = kDoor,
                       .epoch = state.epoch,
                       .expected_image_next = state.image_next,
                       .image_next = next,
                       .images = std::move(images),
                       .absences = std::move(absences),
                       .found = kFound});
}

std::string EventStoreImages::WhyNot(const model::RecordKey& key) {
  const auto image = store().ReadImage(key);
  EXPECT_EQ(image.status().code(), absl::StatusCode::kNotFound) << key.id;
  return std::string(image.status().message());
}

ports::LogTotals EventStoreImages::Totals() { return store().ReadTotals()->at(0); }

namespace {

// Of 12 events, 3, 6, 9 and 12 say that they have an image.
TEST_P(EventStoreImages, WhoAsksForAnImageThatIsNotStoredIsToldWhy) {
  const ports::Batch batch = First(kDoor).AddSome(12).Make();
  ASSERT_TRUE(Commit(batch).ok());
  ASSERT_TRUE(Settle(10, {ImageOf(batch.events[2])},
                     {{6, ImageAbsenceReason::kAbsent}, {9, ImageAbsenceReason::kMismatched}})
                  .ok());
  EXPECT_TRUE(store().ReadImage({kDoor, 1, 3}).ok());
  EXPECT_EQ(WhyNot({kDoor, 1, 6}),
            model::ImageAbsentSentence({kDoor, 1, 6}, ImageAbsenceReason::kAbsent));
  EXPECT_EQ(WhyNot({kDoor, 0, 9}),
            model::ImageAbsentSentence({kDoor, 1, 9}, ImageAbsenceReason::kMismatched));
  EXPECT_EQ(WhyNot({kDoor, 1, 12}), model::ImageAwaitedSentence({kDoor, 1, 12}));
  EXPECT_EQ(WhyNot({kDoor, 1, 7}), model::EventWithoutImageSentence({kDoor, 1, 7}));
  EXPECT_EQ(WhyNot({kDoor, 1, 13}), model::NoSuchEventSentence({kDoor, 1, 13}));
  EXPECT_EQ(WhyNot({kDoor, 2, 3}), model::NoSuchEventSentence({kDoor, 2, 3}));
  EXPECT_EQ(Totals().images_wanted, 4u);
  EXPECT_EQ(Totals().images, 1u);
  EXPECT_EQ(Totals().images_absent, 2u);
}

TEST_P(EventStoreImages, AnAbsenceIsOfAnEventThatPromisedAnImageAndHasNone) {
  const ports::Batch batch = First(kDoor).AddSome(6).Make();
  ASSERT_TRUE(Commit(batch).ok());
  ASSERT_TRUE(Settle(4, {ImageOf(batch.events[2])}, {}).ok());
  ASSERT_TRUE(Settle(7, {},
                     {{3, ImageAbsenceReason::kAbsent},
                      {4, ImageAbsenceReason::kAbsent},
                      {6, ImageAbsenceReason::kUnreadable},
                      {6, ImageAbsenceReason::kAbsent},
                      {77, ImageAbsenceReason::kAbsent}})
                  .ok());
  EXPECT_EQ(Totals().images_absent, 1u);
  EXPECT_TRUE(store().ReadImage({kDoor, 1, 3}).ok());
  EXPECT_EQ(WhyNot({kDoor, 1, 4}), model::EventWithoutImageSentence({kDoor, 1, 4}));
  EXPECT_EQ(WhyNot({kDoor, 1, 6}),
            model::ImageAbsentSentence({kDoor, 1, 6}, ImageAbsenceReason::kUnreadable));
}

TEST_P(EventStoreImages, AnImageOfAnotherSubCodeIsLeftOut) {
  const ports::Batch batch = First(kDoor).AddSome(3).Make();
  ASSERT_TRUE(Commit(batch).ok());
  model::Event other = batch.events[2];
  other.sub_code += 1;
  model::Image image = ImageOf(other);
  image.payload = EncodedImageOf(other);
  ASSERT_TRUE(Settle(4, {image}, {}).ok());
  EXPECT_EQ(Totals().images, 0u);
}

TEST_P(EventStoreImages, WhatIsNotStoredWhenItsEpochEndsIsAbsent) {
  const ports::Batch first = First(kDoor).AddSome(12).Make();
  ASSERT_TRUE(Commit(first).ok());
  ASSERT_TRUE(Settle(7, {ImageOf(first.events[2])}, {{6, ImageAbsenceReason::kAbsent}}).ok());
  ASSERT_TRUE(Commit(Next(kDoor).OpenEpoch(1, 2).AddSome(6).Make()).ok());
  EXPECT_EQ(WhyNot({kDoor, 1, 9}),
            model::ImageAbsentSentence({kDoor, 1, 9}, ImageAbsenceReason::kEpochOver));
  EXPECT_EQ(WhyNot({kDoor, 1, 6}),
            model::ImageAbsentSentence({kDoor, 1, 6}, ImageAbsenceReason::kAbsent));
  EXPECT_EQ(WhyNot({kDoor, 0, 6}), model::ImageAwaitedSentence({kDoor, 2, 6}));
  EXPECT_EQ(Totals().images_wanted, 6u);
  EXPECT_EQ(Totals().images, 1u);
  EXPECT_EQ(Totals().images_absent, 3u);
}

TEST_P(EventStoreImages, ABatchCannotEndAnEpoch) {
  ASSERT_TRUE(Commit(First(kDoor).AddSome(3).Make()).ok());
  EXPECT_EQ(Settle(4, {}, {{3, ImageAbsenceReason::kEpochOver}}).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(State(kDoor).image_next, 1u);
}

TEST_P(EventStoreImages, EventsWithAnImageAreFoundByThat) {
  ASSERT_TRUE(Commit(First(kDoor).AddSome(12).Make()).ok());
  const auto ids = [this](const ports::EventFilter& filter) {
    std::vector<model::EventId> found;
    for (const ports::StoredEvent& event : ReadAll(filter, 2)) found.push_back(event.event.id);
    return found;
  };
  EXPECT_THAT(ids({.has_image = true}), ElementsAre(3, 6, 9, 12));
  EXPECT_THAT(
      ids({.log_devices = {kDoor}, .epoch = 1, .first_id = 4, .last_id = 9, .has_image = true}),
      ElementsAre(6, 9));
  EXPECT_THAT(ids({.log_devices = {kDoor + 1}, .has_image = true}), IsEmpty());
}

}  // namespace
}  // namespace gatelog::testing
