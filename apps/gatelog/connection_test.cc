#include "apps/gatelog/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <map>

namespace gatelog::cli {
namespace {

using testing::ElementsAre;

std::vector<std::string> PlacesWith(const std::map<std::string, std::string>& environment) {
  return CaPlaces([&](const std::string& name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::string() : found->second;
  });
}

TEST(CaPlacesTest, TheDataDirectoryComesFirst) {
  EXPECT_THAT(PlacesWith({{"GATELOG_DATA_DIR", "/data"}, {"HOME", "/home/ada"}}),
              ElementsAre("/data/cert/ca.crt", "/home/ada/.local/share/gatelog/cert/ca.crt",
                          "/var/lib/gatelog/cert/ca.crt"));
}

TEST(CaPlacesTest, TheDataHomeOfGatelogdIsLookedAt) {
  EXPECT_THAT(PlacesWith({{"XDG_DATA_HOME", "/data"}}),
              ElementsAre("/data/gatelog/cert/ca.crt", "/var/lib/gatelog/cert/ca.crt"));
}

TEST(CaPlacesTest, WhatIsNotSetIsNotLookedAt) {
  EXPECT_THAT(PlacesWith({}), ElementsAre("/var/lib/gatelog/cert/ca.crt"));
}

TEST(ConnectionTest, AMissingCaFileIsNamed) {
  Interrupt interrupt;
  const auto connection = Connection::Open({"localhost:4000", "/nowhere/ca.crt", 1}, interrupt);
  ASSERT_FALSE(connection.ok());
  EXPECT_NE(connection.status().message().find("/nowhere/ca.crt"), absl::string_view::npos);
  EXPECT_EQ(ExitCodeOf(connection.status()), kExitUsage);
}

TEST(InterruptTest, CtrlCEndsWaitingAndIsRemembered) {
  Interrupt interrupt;
  const Interrupt::Watch watch(interrupt);
  kill(getpid(), SIGINT);
  EXPECT_TRUE(interrupt.WaitFor(std::chrono::minutes(1)));
  EXPECT_TRUE(interrupt.requested());
}

TEST(InterruptDeathTest, CtrlCEndsTheProgramWhenNobodyWatches) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        Interrupt interrupt;
        kill(getpid(), SIGINT);
        pause();
      },
      testing::ExitedWithCode(Interrupt::kInterruptedExitCode), "");
}

}  // namespace
}  // namespace gatelog::cli
