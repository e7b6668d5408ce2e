#include "apps/gatelog-sim/options.h"

#include <gtest/gtest.h>

#include <vector>

namespace gatelog::sim {
namespace {

ParsedOptions Parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "gatelog-sim");
  return ParseOptions(static_cast<int>(arguments.size()), arguments.data());
}

TEST(OptionsTest, WorksWithoutFlags) {
  const ParsedOptions parsed = Parse({});
  ASSERT_TRUE(parsed.options.has_value());
  EXPECT_EQ(parsed.options->devices, 4u);
  EXPECT_EQ(parsed.options->first_id, 541000001u);
  EXPECT_EQ(parsed.options->history, 10'000u);
  EXPECT_EQ(parsed.options->capacity, 50'000u);
  EXPECT_EQ(parsed.options->port, 51211);
  EXPECT_FALSE(parsed.options->data_dir.empty());
}

TEST(OptionsTest, ALongPastGetsRoomUnlessToldOtherwise) {
  EXPECT_EQ(Parse({"--history", "1000000"}).options->capacity, 2'000'000u);
  EXPECT_EQ(Parse({"--history", "1000000", "--capacity", "1000"}).options->capacity, 1'000u);
}

TEST(OptionsTest, TakesAKeyAndALoopbackControl) {
  const ParsedOptions parsed =
      Parse({"--key", "00ff102030405060708090a0b0c0d0e0", "--control", "localhost:4100"});
  ASSERT_TRUE(parsed.options.has_value());
  EXPECT_EQ(parsed.options->key,
            std::string("\x00\xff\x10\x20\x30\x40\x50\x60\x70\x80\x90\xa0\xb0\xc0\xd0\xe0", 16));
  EXPECT_EQ(parsed.options->control_host, "127.0.0.1");
  EXPECT_EQ(parsed.options->control_port, 4100);
}

TEST(OptionsTest, TerminalsCallAGatewayIfTheyAreToldTo) {
  EXPECT_FALSE(Parse({}).options->calls_gateway);
  const ParsedOptions parsed = Parse({"--mode", "device-to-server"});
  ASSERT_TRUE(parsed.options.has_value());
  EXPECT_TRUE(parsed.options->calls_gateway);
  EXPECT_EQ(parsed.options->gateway_host, "127.0.0.1");
  EXPECT_EQ(parsed.options->gateway_port, 51212);
  const ParsedOptions elsewhere = Parse({"--mode", "device-to-server", "--gateway", "127.0.0.9:7"});
  EXPECT_EQ(elsewhere.options->gateway_host, "127.0.0.9");
  EXPECT_EQ(elsewhere.options->gateway_port, 7);
}

TEST(OptionsTest, RefusesWhatMakesNoSenseWithTwo) {
  const std::vector<std::vector<const char*>> wrong = {
      {"--devices", "0"},
      {"--devices", "10001"},
      {"--rate", "-1"},
      {"--rate", "nan"},
      {"--rate", "fast"},
      {"--capacity", "1"},
      {"--key", "abc"},
      {"--mode", "both"},
      {"--gateway", "192.0.2.1:51212"},
      {"--gateway", "127.0.0.1:0"},
      {"--key", "xy"},
      {"--key", ""},
      {"--key", "00112233445566778899aabbccddee"},
      {"--port", "70000"},
      {"--control", "10.0.0.1:4100"},
      {"--control", "127.0.0.1:x"},
      {"--control", "127.0.0.1:99999"},
      {"--family", "uhppote"},
      {"--first-id", "4294967295"},
      {"--no-such-flag"},
      {"left over"},
  };
  for (const auto& arguments : wrong) {
    const ParsedOptions parsed = Parse(arguments);
    EXPECT_FALSE(parsed.options.has_value()) << arguments[0];
    EXPECT_EQ(parsed.exit_code, 2) << arguments[0];
  }
}

TEST(OptionsTest, HelpIsNoError) {
  const ParsedOptions parsed = Parse({"--help"});
  EXPECT_FALSE(parsed.options.has_value());
  EXPECT_EQ(parsed.exit_code, 0);
}

}  // namespace
}  // namespace gatelog::sim
