#include "core/fleet/acceptance.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/fleet/fleet.h"
#include "tests/support/memory_store.h"

namespace gatelog::core {
namespace {

constexpr model::DeviceId kDoor = 541'000'001;
constexpr model::DeviceId kGate = 541'000'002;

// Writes are done, one at a time, when the test says so.
class AcceptanceTest : public ::testing::Test {
 protected:
  ports::Reply<absl::Status> Answer(std::size_t place) {
    answers_.resize(std::max(answers_.size(), place + 1), absl::UnknownError("no answer"));
    return [this, place](absl::Status status) { answers_[place] = std::move(status); };
  }

  void WriteOne() {
    ASSERT_EQ(writes_.size(), 1u) << "one at a time";
    auto [write, reply] = std::move(writes_.front());
    writes_.clear();
    reply(write(store_));
  }

  testing::MemoryStore store_;
  std::vector<std::pair<Acceptance::Write, ports::Reply<absl::Status>>> writes_;
  std::vector<absl::Status> answers_;
  Acceptance acceptance_{[this](Acceptance::Write write, ports::Reply<absl::Status> reply) {
    writes_.emplace_back(std::move(write), std::move(reply));
  }};
};

TEST_F(AcceptanceTest, AChangeThatCannotBeWrittenIsNotInForceForThoseAfterIt) {
  acceptance_.Change({.add = {kDoor}}, Answer(0));
  acceptance_.Change({.add = {kGate}}, Answer(1));
  store_.FailAll(absl::UnavailableError("the disk is gone"));
  WriteOne();
  store_.FailAll(absl::OkStatus());
  WriteOne();
  EXPECT_FALSE(answers_[0].ok());
  EXPECT_TRUE(answers_[1].ok());
  EXPECT_EQ(acceptance_.filter(), ports::AcceptFilter({.devices = {kGate}}));
  EXPECT_EQ(*store_.LoadAcceptFilter(), acceptance_.filter());
}

TEST_F(AcceptanceTest, ANotedCertificateIsKnownAtOnceAndNotLostToWhatIsBeingWritten) {
  acceptance_.Change({.add = {kDoor}, .keys = {{kDoor, "key"}}}, Answer(0));
  acceptance_.Note({.certificates = {{kDoor, "digest"}}}, Answer(1));
  EXPECT_EQ(acceptance_.FindTrust(kDoor).certificate, "digest");
  WriteOne();
  const ports::DeviceTrust both{kDoor, "key", "digest"};
  EXPECT_EQ(acceptance_.FindTrust(kDoor), both);
  WriteOne();
  EXPECT_EQ(acceptance_.FindTrust(kDoor), both);
  EXPECT_EQ(*store_.LoadTrust(), std::vector<ports::DeviceTrust>{both});
}

TEST_F(AcceptanceTest, ACertificateThatComesWhileTheDeviceIsForgottenIsKept) {
  acceptance_.Change({.remove = {kDoor}, .forget = {kDoor}}, Answer(0));
  acceptance_.Note({.certificates = {{kDoor, "digest"}}}, Answer(1));
  WriteOne();
  EXPECT_EQ(acceptance_.FindTrust(kDoor).certificate, "digest");
  WriteOne();
  EXPECT_EQ(store_.LoadTrust()->size(), 1u);
}

TEST_F(AcceptanceTest, WhatIsRefusedLeavesNoKeyBehind) {
  acceptance_.Change({.add = {0}, .keys = {{0, "key"}}}, Answer(0));
  EXPECT_EQ(answers_[0].code(), absl::StatusCode::kInvalidArgument);
  AcceptanceChange too_many;
  for (model::DeviceId id = 1; id <= kDevicesMax + 1; ++id) too_many.add.insert(id);
  too_many.keys[1] = "key";
  acceptance_.Change(std::move(too_many), Answer(1));
  EXPECT_EQ(answers_[1].code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(writes_.empty());
  EXPECT_EQ(acceptance_.FindTrust(1).key, "");
}

// Notes what is saved, in order, and fails where it is told to.
class NotingRegistry final : public ports::DeviceRegistry {
 public:
  absl::StatusOr<std::vector<ports::Registration>> Load() override {
    return std::vector<ports::Registration>();
  }
  absl::Status Save(const ports::Registration&) override { return Note("registration"); }
  absl::Status Remove(model::DeviceId) override { return Note("removal"); }
  absl::StatusOr<ports::AcceptFilter> LoadAcceptFilter() override { return ports::AcceptFilter(); }
  absl::Status SaveAcceptFilter(const ports::AcceptFilter&) override { return Note("filter"); }
  absl::StatusOr<std::vector<ports::DeviceTrust>> LoadTrust() override {
    return std::vector<ports::DeviceTrust>();
  }
  absl::Status SaveTrust(const ports::DeviceTrust& trust) override {
    return Note(trust.key.empty() ? "forgotten" : "key");
  }

  std::vector<std::string> saved;
  std::string fails_at;

 private:
  absl::Status Note(const std::string& what) {
    if (what == fails_at) return absl::UnavailableError("the disk is full");
    saved.push_back(what);
    return absl::OkStatus();
  }
};

TEST_F(AcceptanceTest, WhatIsWrittenInPartLetsNobodyInWithoutProof) {
  const std::vector<ports::DeviceTrust> known(1, ports::DeviceTrust{.id = kGate, .key = "old"});
  acceptance_.Start({.devices = {kGate}}, known);
  acceptance_.Change(
      {.add = {kDoor}, .remove = {kGate}, .keys = {{kDoor, "key"}}, .forget = {kGate}}, Answer(0));
  ASSERT_EQ(writes_.size(), 1u);
  NotingRegistry registry;
  EXPECT_TRUE(writes_.front().first(registry).ok());
  EXPECT_EQ(registry.saved, std::vector<std::string>({"key", "filter", "forgotten"}));
  NotingRegistry full;
  full.fails_at = "filter";
  const absl::Status status = writes_.front().first(full);
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(full.saved, std::vector<std::string>({"key"}));
  writes_.front().second(status);
  EXPECT_FALSE(answers_[0].ok());
  EXPECT_EQ(acceptance_.FindTrust(kGate).key, "old");
  EXPECT_EQ(acceptance_.filter(), ports::AcceptFilter({.devices = {kGate}}));
}

TEST_F(AcceptanceTest, ChangesDoNotWaitWithoutEnd) {
  for (std::size_t i = 0; i < kAcceptanceChangesMax; ++i) {
    acceptance_.Change({.add = {kDoor}}, [](const absl::Status& s) { EXPECT_TRUE(s.ok()); });
  }
  acceptance_.Change({.add = {kGate}}, Answer(0));
  EXPECT_EQ(answers_[0].code(), absl::StatusCode::kResourceExhausted);
  acceptance_.Note({.certificates = {{kDoor, "digest"}}}, Answer(1));
  for (std::size_t i = 0; i <= kAcceptanceChangesMax; ++i) WriteOne();
  EXPECT_TRUE(answers_[1].ok());
}

}  // namespace
}  // namespace gatelog::core
