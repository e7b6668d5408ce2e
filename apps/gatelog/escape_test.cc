#include "apps/gatelog/escape.h"

#include <gtest/gtest.h>

namespace gatelog::cli {
namespace {

TEST(EscapeTest, OrdinaryTextIsKept) {
  EXPECT_EQ(EscapeText("Zoë Müller, 東京 €"), "Zoë Müller, 東京 €");
  EXPECT_EQ(EscapeText("DOMAIN\\user"), "DOMAIN\\user");
  EXPECT_EQ(EscapeText(""), "");
}

TEST(EscapeTest, NothingReachesTheTerminalAsACommand) {
  EXPECT_EQ(EscapeText("\x1b[2J\a"), "\\x1b[2J\\x07");
  EXPECT_EQ(EscapeText("a\nb\rc\td"), "a\\nb\\rc\\td");
  EXPECT_EQ(EscapeText(std::string_view("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(EscapeText("\x7f"), "\\x7f");
  EXPECT_EQ(EscapeText("\xc2\x9b"
                       "31m"),
            "\\u{9b}31m");  // CSI as one character
}

TEST(EscapeTest, UnseenAndTurningCharactersAreSpelled) {
  EXPECT_EQ(EscapeText("\xe2\x80\xae"
                       "cba"),
            "\\u{202e}cba");
  EXPECT_EQ(EscapeText("a\xe2\x80\x8b"
                       "b"),
            "a\\u{200b}b");
  EXPECT_EQ(EscapeText("\xef\xbb\xbf"), "\\u{feff}");
}

TEST(EscapeTest, BytesThatAreNoUtf8AreSpelled) {
  EXPECT_EQ(EscapeText("\xff\xfe"), "\\xff\\xfe");
  EXPECT_EQ(EscapeText("\xc0\xaf"), "\\xc0\\xaf");                    // overlong
  EXPECT_EQ(EscapeText("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // surrogate
  EXPECT_EQ(EscapeText("\xe2\x82"), "\\xe2\\x82");                    // cut short
  EXPECT_EQ(EscapeText("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // past the last character
}

TEST(EscapeTest, CsvQuotes) {
  EXPECT_EQ(CsvField("plain"), "plain");
  EXPECT_EQ(CsvField("a,b"), "\"a,b\"");
  EXPECT_EQ(CsvField("say \"hi\""), "\"say \"\"hi\"\"\"");
  EXPECT_EQ(CsvField("two\nlines"), "two\\nlines");
}

TEST(EscapeTest, CsvHoldsNoFormulas) {
  EXPECT_EQ(CsvField("=1+1"), "'=1+1");
  EXPECT_EQ(CsvField("+49"), "'+49");
  EXPECT_EQ(CsvField("-5"), "'-5");
  EXPECT_EQ(CsvField("@SUM(A1)"), "'@SUM(A1)");
  EXPECT_EQ(CsvField("\t=1"), "'\\t=1");
  EXPECT_EQ(CsvField("=HYPERLINK(\"x\",\"y\")"), "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\"");
  EXPECT_EQ(CsvField("a=b"), "a=b");
  EXPECT_EQ(CsvField("x;=1+1"), "\"x;=1+1\"") << "where ; separates";
  EXPECT_EQ(CsvField("x\t=1+1"), "x\\t=1+1") << "where a TAB separates";
}

TEST(EscapeTest, JsonHasNoRawControls) {
  EXPECT_EQ(EscapeJson("{\n\"a\": \"\x7f\xc2\x9b\xe2\x80\xae\"\n}"),
            "{\n\"a\": \"\\u007f\\u009b\\u202e\"\n}");
  EXPECT_EQ(EscapeJson("\"\xf3\xa0\x80\x81\""), "\"\\udb40\\udc01\"");
  EXPECT_EQ(EscapeJson("\"é\""), "\"é\"");
}

TEST(EscapeTest, WidthsAreThoseOfATerminal) {
  EXPECT_EQ(DisplayWidth("abc"), 3U);
  EXPECT_EQ(DisplayWidth("Zoë"), 3U);
  EXPECT_EQ(DisplayWidth("e\xcc\x81"), 1U);  // with a combining accent
  EXPECT_EQ(DisplayWidth("東京"), 4U);
}

TEST(EscapeTest, LongTextsAreCutToTheirWidth) {
  EXPECT_EQ(Shorten("abcdef", 6), "abcdef");
  EXPECT_EQ(Shorten("abcdefg", 6), "abcde…");
  EXPECT_EQ(Shorten("東京東京", 5), "東京…");
  EXPECT_LE(DisplayWidth(Shorten("東京東京", 4)), 4U);
}

}  // namespace
}  // namespace gatelog::cli
