#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>

#include "tests/power_cut/cuts.h"

namespace gatelog::power_cut {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using testing::DiskVfs;
using ::testing::HasSubstr;

constexpr std::uint64_t kSeed = 10;  // one that takes old events away in seven steps
constexpr int kSteps = 40;
constexpr int kFaultSteps = 7;  // each of whose writes and syncs fails once

// A loss, and no accident of the test.
auto IsLoss() {
  return AllOf(HasSubstr("cut after operation"),
               AnyOf(HasSubstr("in no state that was acknowledged"), HasSubstr("damaged"),
                     HasSubstr("are not valid any more")));
}

// The figures of each test stand in its output.
class PowerCutTest : public ::testing::Test {
 protected:
  ~PowerCutTest() override { std::printf("counts: %s\n", FormatCounts(counts_).c_str()); }

  Settings settings_;
  Counts counts_;
};

TEST_F(PowerCutTest, NothingAcknowledgedIsLostOrDoubledAtAnySync) {
  EXPECT_EQ(RunCuts(kSeed, kSteps, settings_, counts_), "");
  EXPECT_GT(counts_.boundaries, 60u) << "the run hardly syncs";
}

TEST_F(PowerCutTest, WhatAKilledProcessLeftIsDurableBeforeItIsShown) {
  EXPECT_EQ(RunKills(kSeed, kSteps, 12, settings_, counts_), "");
}

TEST_F(PowerCutTest, AfterAFailedWriteOrSyncNothingAcknowledgedIsLost) {
  const FaultPlan plan = {.fault = DiskVfs::Fault::kIoError, .cut_every = 40};
  EXPECT_EQ(RunFaults(kSeed, kFaultSteps, plan, settings_, counts_), "");
  EXPECT_GT(counts_.faults, 100u);
  EXPECT_GT(counts_.pruned, 0u);
}

TEST_F(PowerCutTest, AFullDiskLosesNothingAcknowledged) {
  const FaultPlan plan = {.fault = DiskVfs::Fault::kNoSpace, .cut_every = 80};
  EXPECT_EQ(RunFaults(kSeed, kFaultSteps, plan, settings_, counts_), "");
}

TEST_F(PowerCutTest, MutantWithoutSyncsIsCaught) {
  settings_.synchronous = "OFF";
  EXPECT_THAT(RunCuts(kSeed, kSteps, settings_, counts_), IsLoss());
}

TEST_F(PowerCutTest, MutantThatSyncsAtCheckpointsAloneIsCaught) {
  settings_.synchronous = "NORMAL";
  EXPECT_THAT(RunCuts(kSeed, kSteps, settings_, counts_), IsLoss());
}

}  // namespace
}  // namespace gatelog::power_cut
