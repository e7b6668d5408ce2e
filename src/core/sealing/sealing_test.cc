#include "core/sealing/sealing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "tests/support/fake_evidence.h"
#include "tests/support/virtual_time.h"

namespace gatelog::core {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

constexpr std::chrono::milliseconds kInterval{60'000};
constexpr std::uint64_t kStepsMax = 10'000;

class SealingTest : public ::testing::Test {
 protected:
  std::unique_ptr<Sealing> Make() {
    return std::make_unique<Sealing>(
        store_, writer_, loop_, evidence::SealKey::Make(),
        std::vector<Sealing::Keeper>{{"a file",
                                      [this](const std::string& line) {
                                        if (!keeping_.ok()) return keeping_;
                                        kept_.push_back(evidence::ParseHeadLine(line)->number);
                                        return absl::OkStatus();
                                      }}},
        Sealing::Options{.interval = kInterval});
  }
  void Pass(std::chrono::milliseconds time) {
    ASSERT_TRUE(time_.RunUntil(time_.now() + time, kStepsMax));
  }

  testing::FakeEvidence store_;
  testing::VirtualTime time_;
  testing::VirtualExecutor writer_{time_, [] { return std::chrono::milliseconds(1); }};
  testing::VirtualExecutor loop_{time_, [] { return std::chrono::milliseconds(1); }};
  absl::Status keeping_;
  std::vector<std::uint64_t> kept_;
};

TEST_F(SealingTest, SealsOnceAnIntervalAndOnlyWhatIsNew) {
  store_.blocks = 1;
  const auto sealing = Make();
  sealing->Start();
  Pass(kInterval / 2);
  EXPECT_THAT(kept_, ElementsAre(1)) << "what an earlier life left unsealed";
  store_.blocks = 5;
  Pass(kInterval / 4);
  EXPECT_THAT(kept_, SizeIs(1)) << "not before its time";
  Pass(kInterval);
  EXPECT_THAT(kept_, ElementsAre(1, 2));
  Pass(10 * kInterval);
  EXPECT_THAT(kept_, ElementsAre(1, 2)) << "nothing was committed";
  store_.blocks = 6;
  sealing->SealNow();  // as at an orderly end
  Pass(std::chrono::milliseconds(10));
  EXPECT_THAT(kept_, ElementsAre(1, 2, 3));
  EXPECT_EQ(sealing->seals(), 3u);
}

TEST_F(SealingTest, AHeadThatWasNotKeptIsHandedOverLater) {
  store_.blocks = 1;
  const auto sealing = Make();
  keeping_ = absl::UnavailableError("the share is gone");
  sealing->Start();
  Pass(kInterval * 3 / 2);
  store_.blocks = 2;
  Pass(kInterval);
  EXPECT_THAT(kept_, ElementsAre());
  EXPECT_GE(sealing->keeper_failures(), 2u);
  keeping_ = absl::OkStatus();
  Pass(kInterval);
  EXPECT_THAT(kept_, ElementsAre(2)) << "the newest stands for all";
}

TEST_F(SealingTest, TheLastHeadIsHandedOverAgainAtTheStart) {
  store_.blocks = 1;
  {
    const auto first = Make();
    keeping_ = absl::UnavailableError("died before it was kept");
    first->Start();
    Pass(kInterval / 2);
  }
  keeping_ = absl::OkStatus();
  const auto second = Make();
  second->Start();
  Pass(std::chrono::milliseconds(10));
  EXPECT_THAT(kept_, ElementsAre(1));
}

TEST_F(SealingTest, AStoreThatFailsIsTriedAgain) {
  const auto sealing = Make();
  store_.blocks = 1;
  store_.failure = absl::ResourceExhaustedError("full");
  sealing->Start();
  Pass(kInterval * 3 / 2);
  EXPECT_THAT(kept_, ElementsAre());
  store_.failure = absl::OkStatus();
  Pass(kInterval);
  EXPECT_THAT(kept_, ElementsAre(1));
}

TEST_F(SealingTest, ForgettingRepliesOnTheLoopAndHandsTheHeadOver) {
  const auto sealing = Make();
  std::vector<absl::StatusOr<ports::Erased>> replies;
  int forgotten = 0;
  sealing->OnForgotten([&] {
    EXPECT_TRUE(replies.empty()) << "before whoever asked hears of it";
    ++forgotten;
  });
  for (const char* user : {"4711", "nobody"}) {
    sealing->Forget(user, "me", [&](auto erased) { replies.push_back(std::move(erased)); });
  }
  Pass(std::chrono::milliseconds(100));
  ASSERT_THAT(replies, SizeIs(2));
  EXPECT_EQ(replies[0]->events, 3u);
  EXPECT_EQ(replies[1].status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(forgotten, 1);
  EXPECT_THAT(kept_, ElementsAre(1)) << "at once, not at the next interval";
}

}  // namespace
}  // namespace gatelog::core
