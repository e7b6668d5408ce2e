#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gatelog {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

// What `log` writes to stderr.
template <typename LogSomething>
std::string Written(LogSomething log) {
  ::testing::internal::CaptureStderr();
  log();
  return ::testing::internal::GetCapturedStderr();
}

std::string WrittenOf(const std::string& value) {
  return Written([&] { LogInfo("Said.", {{"value", value}}); });
}

TEST(LogTest, ALineIsTimeLevelSentenceAndFields) {
  EXPECT_THAT(Written([] {
                LogWarn("Device lost.", {{"device", 541'000'001}, {"host", "a"}});
              }),
              MatchesRegex("[0-9-]+T[0-9:.]+Z warning Device lost. device=541000001 host=a\n"));
}

TEST(LogTest, PlainValuesStandAsTheyAre) {
  EXPECT_THAT(WrittenOf("127.0.0.1:51211"), EndsWith(" value=127.0.0.1:51211\n"));
}

TEST(LogTest, ValuesWithSpacesAndEmptyOnesAreQuoted) {
  EXPECT_THAT(WrittenOf("main door"), EndsWith(" value=\"main door\"\n"));
  EXPECT_THAT(WrittenOf(""), EndsWith(" value=\"\"\n"));
}

TEST(LogTest, ADeviceCannotForgeALineOrAField) {
  EXPECT_THAT(WrittenOf("a\n2026-01-01 info Fine."),
              EndsWith(" value=\"a\\n2026-01-01 info Fine.\"\n"));
  EXPECT_THAT(WrittenOf("a\" level=\"b"), EndsWith(" value=\"a\\\" level=\\\"b\"\n"));
  EXPECT_THAT(WrittenOf("\x1b[31m"), HasSubstr("\"\\033[31m\""));
  EXPECT_THAT(WrittenOf("{} {0} %s"), HasSubstr("\"{} {0} %s\""));
}

TEST(LogTest, TextThatIsNotAsciiStaysReadable) {
  EXPECT_THAT(WrittenOf("T\u00fcr"), EndsWith(" value=T\u00fcr\n"));
  EXPECT_THAT(WrittenOf("T\u00fcr 1"), EndsWith(" value=\"T\u00fcr 1\"\n"));
}

TEST(LogTest, LinesBelowTheLevelAreNotWritten) {
  SetLogLevel(LogLevel::kWarn);
  EXPECT_THAT(Written([] { LogInfo("Quiet."); }), IsEmpty());
  EXPECT_THAT(Written([] { LogError("Loud."); }), HasSubstr("Loud."));
  SetLogLevel(LogLevel::kInfo);
  EXPECT_THAT(Written([] { LogInfo("Heard."); }), HasSubstr("Heard."));
}

}  // namespace
}  // namespace gatelog
