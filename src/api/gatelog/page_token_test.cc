#include "api/gatelog/page_token.h"

#include <gtest/gtest.h>

namespace gatelog::api {
namespace {

TEST(PageToken, ComesBackAsItWas) {
  const QueryToken query{.position = {0xFEDC'BA98'7654'3210, 42}, .query = Fingerprint("filter")};
  EXPECT_EQ(*ParseQueryToken(FormatToken(query)), query);
  const GapToken gap{.position = {541'000'001, 3, 17}, .query = Fingerprint("")};
  EXPECT_EQ(*ParseGapToken(FormatToken(gap)), gap);
}

TEST(PageToken, RefusesWhatIsNone) {
  const std::string query = FormatToken(QueryToken{.position = {1, 2}, .query = 3});
  const std::string gap = FormatToken(GapToken{.position = {1, 2, 3}, .query = 4});
  for (const std::string& text : {std::string(), std::string("x"), std::string("q.."), gap,
                                  query + "z", query + ".1", std::string(10'000, '.')}) {
    EXPECT_EQ(ParseQueryToken(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
  for (const std::string& text : {std::string(), query, std::string("g.1.2.3"),
                                  std::string("g.-1.2.3.4"), std::string("g.1.2.99999999999.4")}) {
    EXPECT_EQ(ParseGapToken(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(PageToken, FingerprintsTellQueriesApart) {
  EXPECT_NE(Fingerprint("a"), Fingerprint("b"));
  EXPECT_EQ(Fingerprint(""), 0xcbf29ce484222325u);
}

}  // namespace
}  // namespace gatelog::api
