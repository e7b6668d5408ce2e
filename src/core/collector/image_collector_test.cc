#include "core/collector/image_collector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "gsdk/event.pb.h"
#include "tests/support/records.h"

namespace gatelog::core {
namespace {

using model::EventId;
using model::ImageAbsenceReason;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using testing::EncodedImageOf;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr model::DeviceId kDevice = 541'000'001;
constexpr std::uint32_t kImagesPerRead = 4;
constexpr int kStepsMax = 10'000;

model::Event PhotoEvent(EventId id, std::uint32_t salt = 0) {
  model::Event event;
  event.id = id;
  event.timestamp = 1'700'000'000 + id + salt;
  event.device = kDevice;
  event.code = 0x1300;
  event.sub_code = 2;
  event.has_image = true;
  return event;
}

// A collector between a device's images and a store, both simple; carries out what it decides until
// it has nothing more to do.
class ImageCollectorTest : public ::testing::Test {
 protected:
  static ports::LogState StateOf(model::Epoch epoch, EventId next, EventId image_next) {
    return {.log_device = kDevice,
            .epoch = epoch,
            .epoch_first = 1,
            .next = next,
            .image_next = image_next};
  }

  // An event with an image, stored at the present time; the collector hears of it.
  void Store(const model::Event& event) {
    const ports::Batch batch = {.log_device = kDevice,
                                .expected_epoch = epoch_,
                                .expected_next = next_,
                                .after = StateOf(epoch_, event.id + 1, 0),
                                .events = {event},
                                .arrival = now_};
    stored_.push_back({.epoch = epoch_, .arrival = now_, .event = event});
    next_ = event.id + 1;
    collector_->OnStored(ImageCollector::StoredBy(batch));
    Run(collector_->OnEvents(State(), true));
  }
  // Stored before the collector was made.
  void StoreBefore(EventId first, EventId last) {
    for (EventId id = first; id <= last; ++id) {
      stored_.push_back({.epoch = epoch_, .arrival = now_, .event = PhotoEvent(id)});
    }
    next_ = last + 1;
  }
  void Show(const model::Event& event) { device_[event.id] = EncodedImageOf(event); }

  ports::LogState State() const { return StateOf(epoch_, next_, image_next_); }

  void Connect() {
    Run(collector_->OnConnected());
    Run(collector_->OnEvents(State(), true));
  }
  void LoseLink() { collector_->OnLinkLost(); }
  void Tick() { Run(collector_->OnTick()); }

  void Run(ImageCollector::Output output) {
    std::vector<ImageCollector::Output> todo;
    todo.push_back(std::move(output));
    for (int steps = 0; !todo.empty(); ++steps) {
      ASSERT_LT(steps, kStepsMax) << "works without end";
      ImageCollector::Output next = std::move(todo.front());
      todo.erase(todo.begin());
      if (next.ask_again) ask_again_ = next.ask_again;
      if (next.commit) todo.push_back(Commit(*next.commit));
      if (next.reload) todo.push_back(collector_->OnReloaded(State()));
      if (next.load) todo.push_back(collector_->OnLoaded(Load(*next.load)));
      if (next.read) todo.push_back(collector_->OnImages(Read(*next.read), now_));
    }
  }

  ImageCollector::Output Commit(const ports::ImageBatch& batch) {
    ++commits_;
    if (batch.epoch != epoch_ || batch.expected_image_next != image_next_ || refuse_commits_ > 0) {
      --refuse_commits_;
      return collector_->OnCommitted(absl::FailedPreconditionError("not as expected"));
    }
    EXPECT_GE(batch.image_next, image_next_);
    for (const model::Image& image : batch.images) {
      EXPECT_LT(image.id, batch.image_next);
      EXPECT_TRUE(images_.insert({epoch_, image.id}).second) << "stored twice: " << image.id;
    }
    for (const model::ImageAbsence& absence : batch.absences) {
      EXPECT_LT(absence.id, batch.image_next);
      EXPECT_TRUE(absences_.emplace(absence.id, absence.reason).second) << absence.id;
    }
    image_next_ = batch.image_next;
    return collector_->OnCommitted(absl::OkStatus());
  }

  std::vector<ports::StoredEvent> Load(const ImageCollector::LoadRequest& request) {
    ++loads_;
    std::vector<ports::StoredEvent> found;
    for (const ports::StoredEvent& stored : stored_) {
      if (stored.epoch == request.epoch && stored.event.id >= request.first &&
          stored.event.id <= request.last && found.size() < request.limit) {
        found.push_back(stored);
      }
    }
    return found;
  }

  std::vector<std::string> Read(const ImageCollector::ReadRequest& request) {
    ++reads_;
    EXPECT_LE(request.max, kImagesPerRead);
    std::vector<std::string> images;
    for (auto it = device_.lower_bound(request.from);
         it != device_.end() && images.size() < request.max; ++it) {
      images.push_back(it->second);
    }
    return images;
  }

  std::vector<EventId> Images(model::Epoch epoch = 1) const {
    std::vector<EventId> ids;
    for (const auto& [of_epoch, id] : images_) {
      if (of_epoch == epoch) ids.push_back(id);
    }
    return ids;
  }

  void MakeCollector() {
    collector_ = std::make_unique<ImageCollector>(kDevice, State(), Options());
  }
  static ImageCollector::Options Options() { return {.images_per_read = kImagesPerRead}; }

  Timestamp now_{std::chrono::milliseconds(1'800'000'000'000)};
  model::Epoch epoch_ = 1;
  EventId next_ = 1;
  EventId image_next_ = 1;
  std::vector<ports::StoredEvent> stored_;
  std::map<EventId, std::string> device_;
  std::set<std::pair<model::Epoch, EventId>> images_;
  std::map<EventId, ImageAbsenceReason> absences_;
  std::optional<std::chrono::milliseconds> ask_again_;
  int refuse_commits_ = 0;
  int reads_ = 0;
  int loads_ = 0;
  int commits_ = 0;
  std::unique_ptr<ImageCollector> collector_ =
      std::make_unique<ImageCollector>(kDevice, State(), Options());
};

TEST_F(ImageCollectorTest, AnImageThatIsThereIsStoredWithoutAskingTheStore) {
  Connect();
  Show(PhotoEvent(1));
  Store(PhotoEvent(1));
  EXPECT_THAT(Images(), ElementsAre(1));
  EXPECT_EQ(image_next_, 2u);
  EXPECT_EQ(collector_->image_next(), 2u);
  EXPECT_EQ(loads_, 0);
}

TEST_F(ImageCollectorTest, NothingIsReadWhereNoEventHasAnImage) {
  Connect();
  model::Event event = PhotoEvent(1);
  event.has_image = false;
  Show(event);
  Store(event);
  EXPECT_EQ(reads_ + loads_ + commits_, 0);
}

TEST_F(ImageCollectorTest, AnImageThatComesLateIsAskedForAgainAtGrowingIntervals) {
  Connect();
  Store(PhotoEvent(1));
  EXPECT_EQ(ask_again_, seconds(2));
  Tick();
  EXPECT_EQ(ask_again_, seconds(4));
  for (int i = 0; i < 6; ++i) Tick();
  EXPECT_EQ(ask_again_, seconds(60));
  EXPECT_THAT(absences_, IsEmpty());
  EXPECT_EQ(image_next_, 1u);
  Show(PhotoEvent(1));
  Tick();
  EXPECT_THAT(Images(), ElementsAre(1));
}

TEST_F(ImageCollectorTest, AMissingImageIsFinalOnceALaterOneIsThere) {
  Connect();
  Store(PhotoEvent(1));
  Store(PhotoEvent(2));
  EXPECT_THAT(absences_, IsEmpty());
  Show(PhotoEvent(3));
  Store(PhotoEvent(3));
  EXPECT_THAT(Images(), ElementsAre(3));
  EXPECT_THAT(absences_, ElementsAre(Pair(1, ImageAbsenceReason::kAbsent),
                                     Pair(2, ImageAbsenceReason::kAbsent)));
  EXPECT_EQ(image_next_, 4u);
}

TEST_F(ImageCollectorTest, AMissingImageIsFinalTenMinutesAfterItsEventWasStored) {
  Connect();
  Store(PhotoEvent(1));
  now_ += minutes(5);
  Store(PhotoEvent(2));
  now_ += minutes(5) - seconds(1);
  Tick();
  EXPECT_THAT(absences_, IsEmpty());
  now_ += seconds(1);
  Tick();
  EXPECT_THAT(absences_, ElementsAre(Pair(1, ImageAbsenceReason::kAbsent)));
  EXPECT_EQ(image_next_, 2u);
  now_ += minutes(5);
  Tick();
  EXPECT_EQ(image_next_, 3u);
}

TEST_F(ImageCollectorTest, TimeAloneDecidesNothingWhileTheDeviceIsAway) {
  Connect();
  Store(PhotoEvent(1));
  LoseLink();
  now_ += minutes(60);
  Tick();
  EXPECT_THAT(absences_, IsEmpty());
  Show(PhotoEvent(1));
  Connect();
  EXPECT_THAT(Images(), ElementsAre(1));
}

TEST_F(ImageCollectorTest, AnImageWithAnotherTimeCodeOrSubCodeIsNotThatOfTheEvent) {
  for (EventId id : {1u, 2u, 3u}) StoreBefore(id, id);
  model::Event other = PhotoEvent(1);
  other.timestamp -= 86'400;
  Show(other);
  other = PhotoEvent(2);
  other.code = 0x1000;
  Show(other);
  other = PhotoEvent(3);
  other.sub_code = 1;
  Show(other);
  StoreBefore(4, 4);
  Show(PhotoEvent(4));
  MakeCollector();
  Connect();
  EXPECT_THAT(Images(), ElementsAre(4));
  EXPECT_THAT(absences_, ElementsAre(Pair(1, ImageAbsenceReason::kMismatched),
                                     Pair(2, ImageAbsenceReason::kMismatched),
                                     Pair(3, ImageAbsenceReason::kMismatched)));
}

TEST_F(ImageCollectorTest, AnImageThatNamesNoSubCodeIsToldByTimeAndCode) {
  Connect();
  model::Event old_firmware = PhotoEvent(1);
  old_firmware.sub_code = 0;
  Show(old_firmware);
  Store(PhotoEvent(1));
  EXPECT_THAT(Images(), ElementsAre(1));
}

// The device kept the images of an earlier life of its counter, with larger IDs.
TEST_F(ImageCollectorTest, ImagesOfAnotherEpochDoNotMakeAMissingOneFinal) {
  for (EventId id = 1; id <= 6; ++id) Show(PhotoEvent(id, 77));
  Connect();
  Store(PhotoEvent(1));
  Store(PhotoEvent(2));
  EXPECT_THAT(absences_, IsEmpty());
  EXPECT_THAT(Images(), IsEmpty());
  Show(PhotoEvent(1));
  Tick();
  EXPECT_THAT(Images(), ElementsAre(1));
  EXPECT_THAT(absences_, IsEmpty());
}

TEST_F(ImageCollectorTest, AnUndecodableImageIsSkippedAndCounted) {
  StoreBefore(1, 3);
  Show(PhotoEvent(1));
  ::gsdk::event::ImageLog empty;
  empty.set_id(2);
  device_[2] = empty.SerializeAsString();
  Show(PhotoEvent(3));
  MakeCollector();
  Connect();
  EXPECT_THAT(Images(), ElementsAre(1, 3));
  EXPECT_THAT(absences_, ElementsAre(Pair(2, ImageAbsenceReason::kUnreadable)));
  EXPECT_EQ(collector_->unreadable(), 1u);
}

TEST_F(ImageCollectorTest, PagesOfBytesWithoutAnyIdHoldUpNobody) {
  StoreBefore(1, 10);
  for (EventId id = 1; id <= 8; ++id) device_[id] = "\xFF\xFF\xFF";
  Show(PhotoEvent(9));
  Show(PhotoEvent(10));
  MakeCollector();
  Connect();
  EXPECT_THAT(Images(), ElementsAre(9, 10));
  EXPECT_EQ(absences_.size(), 8u);
}

TEST_F(ImageCollectorTest, ManyImagesAreReadInPages) {
  StoreBefore(1, 50);
  for (EventId id = 1; id <= 50; ++id) Show(PhotoEvent(id));
  MakeCollector();
  Connect();
  EXPECT_EQ(Images().size(), 50u);
  EXPECT_EQ(reads_, 13);
  EXPECT_EQ(commits_, 13);
}

// A long backlog: the device has long dropped the images of most events.
TEST_F(ImageCollectorTest, WhatIsGoneIsKnownFromTheFirstImageThatIsLeft) {
  const EventId last = 5 * ImageCollector::kWantedMax;
  StoreBefore(1, last);
  for (EventId id = last - 9; id <= last; ++id) Show(PhotoEvent(id));
  MakeCollector();
  Connect();
  EXPECT_EQ(Images().size(), 10u);
  EXPECT_EQ(absences_.size(), last - 10);
  EXPECT_EQ(image_next_, last + 1);
  EXPECT_LE(reads_, 5);
}

TEST_F(ImageCollectorTest, AForeignImageFarAheadDoesNotMakeTheBacklogFinal) {
  const EventId last = 2 * ImageCollector::kWantedMax;
  StoreBefore(1, last);
  Show(PhotoEvent(last, 77));
  MakeCollector();
  Connect();
  EXPECT_THAT(absences_, IsEmpty());
  now_ += ImageCollector::kFinalAfter;
  Tick();
  EXPECT_EQ(absences_.size(), last);
}

TEST_F(ImageCollectorTest, ImagesWaitForTheEvents) {
  StoreBefore(1, 2);
  Show(PhotoEvent(1));
  MakeCollector();
  Run(collector_->OnConnected());
  Run(collector_->OnEvents(State(), false));
  EXPECT_EQ(reads_ + loads_, 0);
  Run(collector_->OnEvents(State(), true));
  EXPECT_THAT(Images(), ElementsAre(1));
}

TEST_F(ImageCollectorTest, ARefusedBatchIsFoundOutAboutAgain) {
  StoreBefore(1, 6);
  for (EventId id = 1; id <= 6; ++id) Show(PhotoEvent(id));
  refuse_commits_ = 1;
  MakeCollector();
  Connect();
  EXPECT_THAT(Images(), ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST_F(ImageCollectorTest, AfterARestartOnlyWhatIsNotSettledIsAskedFor) {
  StoreBefore(1, 6);
  for (EventId id = 1; id <= 6; ++id) Show(PhotoEvent(id));
  image_next_ = 5;
  MakeCollector();
  Connect();
  EXPECT_THAT(Images(), ElementsAre(5, 6));
}

TEST_F(ImageCollectorTest, ANewEpochBeginsItsOwnImages) {
  Connect();
  Store(PhotoEvent(1));
  Store(PhotoEvent(2));
  epoch_ = 2;
  next_ = 1;
  image_next_ = 1;
  Show(PhotoEvent(1, 500));
  Store(PhotoEvent(1, 500));
  EXPECT_THAT(Images(2), ElementsAre(1));
  EXPECT_THAT(Images(1), IsEmpty());
  EXPECT_THAT(absences_, IsEmpty()) << "the store ends the old epoch's by itself";
}

TEST_F(ImageCollectorTest, AnAnswerOfTheEpochBeforeIsNotTaken) {
  Run(collector_->OnConnected());
  StoreBefore(1, 1);
  Run(collector_->OnEvents(State(), false));
  ImageCollector::Output output = collector_->OnEvents(State(), true);
  ASSERT_TRUE(output.load);
  output = collector_->OnLoaded(Load(*output.load));
  ASSERT_TRUE(output.read);
  epoch_ = 2;
  stored_.push_back({.epoch = 2, .arrival = now_, .event = PhotoEvent(1)});
  EXPECT_FALSE(collector_->OnEvents(State(), true).read) << "one read at a time";
  output = collector_->OnImages(std::vector{EncodedImageOf(PhotoEvent(1))}, now_);
  EXPECT_FALSE(output.commit);
  EXPECT_TRUE(output.load);
}

TEST_F(ImageCollectorTest, AReadThatFailedIsRepeatedLater) {
  StoreBefore(1, 1);
  MakeCollector();
  Run(collector_->OnConnected());
  ImageCollector::Output output = collector_->OnEvents(State(), true);
  output = collector_->OnLoaded(Load(*output.load));
  ASSERT_TRUE(output.read);
  output = collector_->OnReadFailed();
  EXPECT_EQ(output.ask_again, seconds(2));
  EXPECT_FALSE(output.read);
  Show(PhotoEvent(1));
  Tick();
  EXPECT_THAT(Images(), ElementsAre(1));
}

TEST_F(ImageCollectorTest, CaughtUpIsWhatHasAskedForEverythingAndStoredWhatThereWas) {
  StoreBefore(1, 2);
  Show(PhotoEvent(1));
  MakeCollector();
  Run(collector_->OnConnected());
  EXPECT_FALSE(collector_->caught_up()) << "nothing has been looked at";
  ImageCollector::Output output = collector_->OnEvents(State(), true);
  output = collector_->OnLoaded(Load(*output.load));
  EXPECT_FALSE(collector_->caught_up()) << "a read is under way";
  output = collector_->OnReadFailed();
  EXPECT_FALSE(collector_->caught_up()) << "the device did not say what it has";
  output = collector_->OnTick();
  output = collector_->OnImages(Read(*output.read), now_);
  ASSERT_TRUE(output.commit);
  EXPECT_FALSE(collector_->caught_up()) << "what it has is not stored";
  Run(Commit(*output.commit));
  EXPECT_TRUE(collector_->caught_up()) << "it does not have the second";
  Store(PhotoEvent(3));
  EXPECT_TRUE(collector_->caught_up());
  EXPECT_THAT(Images(), ElementsAre(1));
}

TEST_F(ImageCollectorTest, BytesOfABatchAreBounded) {
  StoreBefore(1, 3);
  for (EventId id = 1; id <= 3; ++id) {
    ::gsdk::event::ImageLog image;
    image.ParseFromString(EncodedImageOf(PhotoEvent(id)));
    image.set_userid(std::string(ImageCollector::kBatchBytesMax * 2 / 3, 'x'));
    device_[id] = image.SerializeAsString();
  }
  MakeCollector();
  Connect();
  EXPECT_THAT(Images(), ElementsAre(1, 2, 3));
  EXPECT_EQ(commits_, 3);
}

}  // namespace
}  // namespace gatelog::core
