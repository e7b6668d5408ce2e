#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "store/sqlite/sqlite_store.h"
#include "store/sqlite/store_audit.h"
#include "tests/support/moved_clock.h"
#include "tests/support/records.h"
#include "tests/support/store_batches.h"
#include "tests/support/temp_directory.h"

namespace gatelog::store {

inline constexpr model::DeviceId kDoor = 541'000'001;
inline constexpr model::DeviceId kGate = 541'000'007;

// A store with something of everything that the chain knows, in a data directory of its own.
class StoreAuditTest : public ::testing::Test {
 protected:
  StoreAuditTest() : key_(evidence::SealKey::Make()) { Open(); }

  std::string file() const { return directory_.path() + "/gatelog.db"; }

  void Open() {
    store_.reset();
    auto opened =
        SqliteStore::Open({.directory = directory_.path(), .readers = 1, .clock = &clock_});
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
  }
  void Close() { store_.reset(); }

  ports::LogState State(model::DeviceId log_device) {
    return testing::StateOf(*store_, log_device);
  }
  testing::BatchMaker Next(model::DeviceId log_device) {
    return testing::NextBatch(*store_, log_device);
  }
  void Commit(const std::vector<ports::Batch>& batches) { testing::CommitAll(*store_, batches); }
  void CommitImages(model::DeviceId log_device, model::EventId through) {
    const ports::LogState state = State(log_device);
    ports::ImageBatch batch{.log_device = log_device,
                            .epoch = state.epoch,
                            .expected_image_next = state.image_next,
                            .image_next = through + 1};
    for (model::EventId id = state.image_next; id <= through; id += 3) {
      batch.images.push_back(testing::ImageOf(testing::SomeEvent(log_device, id)));
    }
    batch.found = Timestamp(std::chrono::milliseconds(1'700'000'000'000 + log_device));
    for (model::EventId id = state.image_next; id <= through; ++id) {
      if (id % 3 != 0) continue;
      batch.absences.push_back({id, id % 2 == 0 ? model::ImageAbsenceReason::kMismatched
                                                : model::ImageAbsenceReason::kUnreadable});
    }
    const auto results = store_->CommitImages(std::span(&batch, 1));
    ASSERT_TRUE(results.ok() && results->at(0).ok()) << results.status();
  }
  evidence::Seal Seal() {
    const auto seal = store_->AppendSeal(key_);
    EXPECT_TRUE(seal.ok() && seal->has_value()) << seal.status();
    return seal.ok() && seal->has_value() ? **seal : evidence::Seal{};
  }
  ports::Erased Forget(const std::string& user) {
    const auto erased = store_->Forget(user, "an operator", key_);
    EXPECT_TRUE(erased.ok()) << erased.status();
    return erased.ok() ? *erased : ports::Erased{};
  }

  // Every kind of entry, two seals and an erasure's, and a tail without.
  void Fill() {
    Commit({Next(kDoor).AddSome(12).AddGap(3, model::GapReason::kOverwritten).AddSome(4).Make(),
            Next(kGate).AddSome(5).Make()});
    Commit({Next(kDoor).AddGap(1, model::GapReason::kUnreadable).AddSome(3).LiveFrom(21).Make()});
    CommitImages(kDoor, 12);
    heads_.push_back(evidence::HeadLineOf(Seal()));
    Commit({Next(kGate).OpenEpoch(4, 2).AddSome(6).Make()});
    ports::Batch other_generation = Next(kGate).AddSome(2).Make();
    other_generation.after.generation = 9;
    Commit({other_generation});
    ASSERT_TRUE(store_->RecordCleared(kDoor, 23, "tester").ok());
    heads_.push_back(evidence::HeadLineOf(Seal()));
    EXPECT_GT(Forget("user-7").events, 1u);
    CommitImages(kGate, 9);
    Commit(
        {Next(kDoor).AddSome(3).Make(), Next(kGate).AddGap(2, model::GapReason::kAbsent).Make()});
    heads_.push_back(evidence::HeadLineOf(Seal()));
    Commit({Next(kDoor).AddSome(2).Make()});
  }

  AuditOptions Options(const std::string& path) const {
    return {.path = path, .keys = {key_.public_key()}, .heads = heads_};
  }
  absl::StatusOr<AuditReport> Audit(const std::string& path) const {
    return AuditStore(Options(path));
  }
  absl::StatusOr<AuditReport> Audit() const { return Audit(file()); }

  testing::TempDirectory directory_;
  testing::MovedClock clock_;
  evidence::SealKey key_;
  std::vector<evidence::HeadLine> heads_;
  std::unique_ptr<SqliteStore> store_;
};

}  // namespace gatelog::store
