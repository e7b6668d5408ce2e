#include "apps/gatelog-sim/call_parts.h"

#include <gtest/gtest.h>

namespace gatelog::sim {
namespace {

terminal::v1::Call Part(const std::string& method, std::string bytes, bool more) {
  terminal::v1::Call part;
  part.set_method(method);
  part.set_request(std::move(bytes));
  part.set_more(more);
  return part;
}

TEST(CallPartsTest, PartsOfSeveralCallsArePutTogether) {
  CallAssembler calls;
  EXPECT_FALSE(calls.Take(1, Part("A", "a1", true)).complete.has_value());
  EXPECT_FALSE(calls.Take(2, Part("B", "b1", true)).complete.has_value());
  EXPECT_FALSE(calls.Take(1, Part("", "a2", true)).complete.has_value());
  const CallAssembler::Result b = calls.Take(2, Part("", "b2", false));
  ASSERT_TRUE(b.complete.has_value());
  EXPECT_EQ(b.complete->method, "B");
  EXPECT_EQ(b.complete->request, "b1b2");
  const CallAssembler::Result a = calls.Take(1, Part("", "", false));
  ASSERT_TRUE(a.complete.has_value());
  EXPECT_EQ(a.complete->request, "a1a2");
  EXPECT_TRUE(a.complete->refused.ok());
  // The ID is free again.
  EXPECT_TRUE(calls.Take(1, Part("C", "", false)).complete.has_value());
}

TEST(CallPartsTest, APartThatFitsNoCallIsAnError) {
  CallAssembler calls;
  EXPECT_FALSE(calls.Take(1, Part("", "x", false)).error.ok());
  EXPECT_FALSE(calls.Take(1, Part("A", std::string(kCallPartBytesMax + 1, 'x'), false)).error.ok());
  EXPECT_TRUE(calls.Take(1, Part("A", std::string(kCallPartBytesMax, 'x'), true)).error.ok());
  EXPECT_FALSE(calls.Take(1, Part("A", "x", false)).error.ok());
}

TEST(CallPartsTest, SoManyCallsMayBeUnfinished) {
  CallAssembler calls;
  for (std::uint32_t id = 1; id <= kCallsOpenMax; ++id) {
    EXPECT_TRUE(calls.Take(id, Part("A", "", true)).error.ok());
  }
  EXPECT_TRUE(calls.Take(100, Part("A", "", false)).complete.has_value());
  EXPECT_FALSE(calls.Take(101, Part("A", "", true)).error.ok());
}

// Sends as many bytes as one request, and says what became of it.
absl::Status SendBytes(CallAssembler& calls, std::uint32_t id, std::size_t bytes, bool finish) {
  for (std::size_t sent = 0; sent < bytes; sent += kCallPartBytesMax) {
    const std::size_t size = std::min(kCallPartBytesMax, bytes - sent);
    const bool more = !finish || sent + size < bytes;
    const CallAssembler::Result taken =
        calls.Take(id, Part(sent == 0 ? "A" : "", std::string(size, 'x'), more));
    EXPECT_TRUE(taken.error.ok()) << taken.error;
    if (taken.complete.has_value()) return taken.complete->refused;
  }
  return absl::OkStatus();
}

TEST(CallPartsTest, TooLargeACallIsReadToItsEndAndRefused) {
  CallAssembler calls;
  EXPECT_TRUE(SendBytes(calls, 1, kCallBytesMax, true).ok());
  EXPECT_EQ(SendBytes(calls, 2, kCallBytesMax + 1, true).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(SendBytes(calls, 3, 3 * kCallBytesMax, true).code(),
            absl::StatusCode::kInvalidArgument);
  // Two large ones fit beside each other, a third does not, and has room again after them.
  EXPECT_TRUE(SendBytes(calls, 4, kCallBytesMax, false).ok());
  EXPECT_TRUE(SendBytes(calls, 5, kCallBytesMax, false).ok());
  EXPECT_EQ(SendBytes(calls, 6, 10, true).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(calls.Take(4, Part("", "", false)).complete->refused.ok());
  EXPECT_TRUE(SendBytes(calls, 6, 10, true).ok());
}

TEST(CallPartsTest, AnswersAreCutIntoParts) {
  AnswerQueue answers;
  const std::string large = std::string(kCallPartBytesMax, 'a') + std::string(10, 'b');
  answers.Add(5, large);
  answers.Add(6, "");
  EXPECT_EQ(answers.bytes(), large.size() + 2 * kAnswerBytes);
  terminal::v1::Frame part = answers.Next();
  EXPECT_EQ(part.request_id(), 5u);
  EXPECT_TRUE(part.answer().more());
  std::string got = part.answer().response();
  EXPECT_EQ(got.size(), kCallPartBytesMax);
  part = answers.Next();
  EXPECT_FALSE(part.answer().more());
  EXPECT_EQ(got + part.answer().response(), large);
  EXPECT_EQ(answers.bytes(), kAnswerBytes) << "also an empty one takes room";
  part = answers.Next();
  EXPECT_EQ(part.request_id(), 6u);
  EXPECT_TRUE(part.has_answer());
  EXPECT_FALSE(part.answer().more());
  EXPECT_TRUE(answers.empty());
}

}  // namespace
}  // namespace gatelog::sim
