#include "core/retention/retention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/support/virtual_time.h"

namespace gatelog::core {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr milliseconds kInterval{3'600'000};
constexpr std::uint64_t kStepsMax = 10'000;

class FixedClock final : public Clock {
 public:
  Timestamp Now() const override { return now; }
  std::chrono::steady_clock::time_point Steady() const override { return {}; }
  Timestamp now{std::chrono::days(20'000)};
};

// Has `segments` to give, of ten events each and two steps.
class FakeStore final : public ports::RetentionStore {
 public:
  absl::StatusOr<ports::Pruned> PreviewPrune(const ports::PruneLimits& limits) override {
    asked.push_back(limits.events_before);
    images_asked.push_back(limits.images_before);
    return ports::Pruned{.events = 10u * static_cast<unsigned>(segments)};
  }
  absl::StatusOr<Step> PruneSome(const ports::PruneLimits& limits, const std::string& by) override {
    asked.push_back(limits.events_before);
    images_asked.push_back(limits.images_before);
    people_asked.push_back(limits.people_before);
    who.push_back(by);
    if (!failure.ok()) return failure;
    if (rows_left) {
      rows_left = false;
      return Step{.pruned = {.bytes = 100}, .more = true};
    }
    if (segments == 0) return Step{};
    --segments;
    rows_left = true;
    return Step{.pruned = {.segments = 1, .events = 10, .people = 7}, .more = true};
  }

  int segments = 0;
  bool rows_left = false;
  absl::Status failure;
  std::vector<std::optional<Timestamp>> asked;
  std::vector<std::optional<Timestamp>> images_asked;
  std::vector<std::optional<Timestamp>> people_asked;
  std::vector<std::string> who;
};

class RetentionTest : public ::testing::Test {
 protected:
  void Pass(milliseconds time) { ASSERT_TRUE(time_.RunUntil(time_.now() + time, kStepsMax)); }
  std::optional<Timestamp> DaysAgo(int days) const { return clock_.now - std::chrono::days(days); }

  FakeStore store_;
  FixedClock clock_;
  testing::VirtualTime time_;
  testing::VirtualExecutor writer_{time_, [] { return milliseconds(1); }};
  testing::VirtualExecutor loop_{time_, [] { return milliseconds(1); }};
};

TEST_F(RetentionTest, PrunesAtTheStartAndOnceAnInterval) {
  Retention retention(store_, writer_, loop_, clock_, {.events_days = 30, .interval = kInterval});
  store_.rows_left = true;  // of an earlier life
  store_.segments = 2;
  int told = 0;
  retention.OnPruned([&] { ++told; });
  retention.Start();
  Pass(kInterval / 2);
  EXPECT_EQ(told, 1);
  EXPECT_EQ(store_.segments, 0);
  EXPECT_FALSE(store_.rows_left);
  EXPECT_THAT(store_.asked, ::testing::Each(DaysAgo(30)));
  EXPECT_THAT(store_.images_asked, ::testing::Each(std::nullopt)) << "images are kept for ever";
  EXPECT_THAT(store_.who, ::testing::Each("retention"));
  store_.asked.clear();
  clock_.now += std::chrono::days(1);
  Pass(kInterval);
  EXPECT_THAT(store_.asked, ElementsAre(DaysAgo(30)));
  EXPECT_EQ(told, 1) << "nothing was left to prune";
}

TEST_F(RetentionTest, AnErrorIsTriedAgainAtTheNextInterval) {
  Retention retention(store_, writer_, loop_, clock_, {.events_days = 30, .interval = kInterval});
  store_.segments = 1;
  store_.failure = absl::ResourceExhaustedError("no space");
  retention.Start();
  Pass(kInterval / 2);
  EXPECT_EQ(store_.asked.size(), 1u);
  store_.failure = absl::OkStatus();
  Pass(kInterval);
  EXPECT_EQ(store_.segments, 0);
}

TEST_F(RetentionTest, WhoAsksHearsTheSum) {
  Retention retention(store_, writer_, loop_, clock_, {.images_days = 7});
  store_.segments = 3;
  std::vector<ports::Pruned> replies;
  retention.Prune({.events = {.days = 10}}, "operator",
                  [&](absl::StatusOr<ports::Pruned> pruned) { replies.push_back(*pruned); });
  EXPECT_THAT(replies, IsEmpty());
  Pass(milliseconds(1'000));
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].segments, 3u);
  EXPECT_EQ(replies[0].events, 30u);
  EXPECT_EQ(replies[0].people, 21u);
  EXPECT_EQ(replies[0].bytes, 300u);
  EXPECT_THAT(store_.asked, ::testing::Each(DaysAgo(10)));
  EXPECT_THAT(store_.images_asked, ::testing::Each(DaysAgo(7))) << "as the options say";
  EXPECT_THAT(store_.who, ::testing::Each("operator"));
}

TEST_F(RetentionTest, APreviewChangesNothingAndATimeOverrulesTheOptions) {
  Retention retention(store_, writer_, loop_, clock_, {.events_days = 30});
  store_.segments = 3;
  EXPECT_EQ(retention.Preview({.events = {.before = clock_.now}})->events, 30u);
  EXPECT_EQ(store_.segments, 3);
  ASSERT_TRUE(retention.Preview({.events = {.days = 0}}).ok());
  EXPECT_THAT(store_.asked, ElementsAre(clock_.now, std::nullopt));
}

TEST_F(RetentionTest, ImagesAreKeptNoLongerThanWhatTellsOfPeople) {
  struct Case {
    std::uint32_t images_days;
    std::uint32_t people_days;
    std::optional<int> images_kept;
  };
  for (const Case& one :
       {Case{0, 0, {}}, Case{7, 0, 7}, Case{0, 90, 90}, Case{7, 90, 7}, Case{90, 7, 7}}) {
    SCOPED_TRACE(one.images_days);
    Retention retention(store_, writer_, loop_, clock_,
                        {.images_days = one.images_days, .people_days = one.people_days});
    store_.images_asked.clear();
    ASSERT_TRUE(retention.Preview({}).ok());
    EXPECT_THAT(store_.images_asked,
                ElementsAre(one.images_kept ? DaysAgo(*one.images_kept) : std::nullopt));
  }
  Retention retention(store_, writer_, loop_, clock_, {.events_days = 30});
  retention.Prune({.images = {.days = 0}, .people = {.before = clock_.now}}, "operator",
                  [](const absl::StatusOr<ports::Pruned>&) {});
  Pass(milliseconds(1'000));
  EXPECT_EQ(store_.people_asked.back(), clock_.now);
  EXPECT_EQ(store_.images_asked.back(), clock_.now);
  EXPECT_EQ(store_.asked.back(), DaysAgo(30)) << "as the options say";
}

}  // namespace
}  // namespace gatelog::core
