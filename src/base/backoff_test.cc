#include "base/backoff.h"

#include <gtest/gtest.h>

namespace gatelog {
namespace {

using std::chrono::milliseconds;

constexpr Backoff::Options kOptions{.delay_min = milliseconds(1'000),
                                    .delay_max = milliseconds(10'000)};

void ExpectAbout(milliseconds delay, milliseconds expected) {
  EXPECT_GE(delay, expected - expected / 4);
  EXPECT_LE(delay, expected + expected / 4);
}

TEST(BackoffTest, WaitsDoubleUpToTheMaximum) {
  Backoff backoff(kOptions, 1);
  for (const int seconds : {1, 2, 4, 8, 10, 10}) {
    ExpectAbout(backoff.Next(), milliseconds(seconds * 1'000));
  }
}

TEST(BackoffTest, AfterAResetTheWaitsBeginAnew) {
  Backoff backoff(kOptions, 1);
  for (int i = 0; i < 5; ++i) backoff.Next();
  backoff.Reset();
  ExpectAbout(backoff.Next(), milliseconds(1'000));
}

TEST(BackoffTest, ManyAttemptsStayAtTheMaximum) {
  Backoff backoff(kOptions, 1);
  for (int i = 0; i < 100'000; ++i) ASSERT_LE(backoff.Next(), milliseconds(12'500));
}

TEST(BackoffTest, ClientsOfOneFaultDoNotReturnTogether) {
  Backoff one(kOptions, 1);
  Backoff other(kOptions, 541'000'001);
  bool apart = false;
  for (int i = 0; i < 10; ++i) apart |= one.Next() != other.Next();
  EXPECT_TRUE(apart);
}

}  // namespace
}  // namespace gatelog
