// Calls of services that the terminal serves itself.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "device/terminal/fake_terminal.h"
#include "device/terminal/link_test_client.h"
#include "device/terminal/terminal_options.h"

namespace gatelog::terminal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using CallReply = Awaited<absl::StatusOr<std::string>>;

constexpr char kKey[] = "sixteen bytes ok";
constexpr char kMethod[] = "gsdk.user.User/GetList";

// Bytes that show where each of them belongs.
std::string Patterned(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 2'654'435'761u >> 13);
  return bytes;
}

Frame AnswerFrame(std::uint32_t request_id, std::string response, bool more = false) {
  Frame frame;
  frame.set_request_id(request_id);
  frame.mutable_answer()->set_response(std::move(response));
  frame.mutable_answer()->set_more(more);
  return frame;
}

Frame ErrorFrame(std::uint32_t request_id, v1::Error::Code code) {
  Frame frame;
  frame.set_request_id(request_id);
  frame.mutable_error()->set_code(code);
  frame.mutable_error()->set_text("its own words");
  return frame;
}

class TerminalCallTest : public ::testing::Test {
 protected:
  void Connect(TerminalOptions options = {}) {
    client_ = std::make_unique<LinkTestClient>(std::move(options));
    client_->Dial(terminal_.address());
    terminal_.ShakeHands();
    ASSERT_TRUE(client_->WaitForLink().ok());
  }

  CallReply Call(std::string request) {
    CallReply reply;
    client_->OnLoop(
        [&](ports::DeviceLink& link) { link.Call(kMethod, std::move(request), reply.Reply()); });
    return reply;
  }

  static absl::StatusOr<std::string> ValueOf(CallReply& reply) {
    return reply.Wait().value_or(absl::UnknownError("no reply came"));
  }

  void ExpectLost(const std::string& words) {
    ASSERT_TRUE(client_->observer.WaitForLines(1));
    EXPECT_THAT(client_->observer.lines(), ElementsAre("lost"));
    EXPECT_THAT(std::string(client_->observer.lost().message()), HasSubstr(words));
  }

  FakeTerminal terminal_{kKey};
  std::unique_ptr<LinkTestClient> client_;
};

TEST_F(TerminalCallTest, SendsACallAndAssemblesItsAnswer) {
  Connect();
  CallReply reply = Call("the request");
  const Frame request = terminal_.Receive();
  EXPECT_EQ(request.call().method(), kMethod);
  EXPECT_EQ(request.call().request(), "the request");
  EXPECT_FALSE(request.call().more());
  terminal_.Send(AnswerFrame(request.request_id(), "one ", true));
  terminal_.Send(AnswerFrame(request.request_id(), "two ", true));
  terminal_.Send(AnswerFrame(request.request_id(), "three"));
  EXPECT_EQ(ValueOf(reply).value(), "one two three");

  // Nothing was granted meanwhile: the next frame is the next request, and an answer may be empty.
  CallReply next = Call("");
  const Frame second = terminal_.Receive();
  ASSERT_TRUE(second.has_call()) << second.ShortDebugString();
  terminal_.Send(AnswerFrame(second.request_id(), ""));
  EXPECT_EQ(ValueOf(next).value(), "");
}

TEST_F(TerminalCallTest, AnswersThatTakeTooMuchRoomAreRefusedAndTheLinkStays) {
  TerminalOptions options;
  options.answer_room = std::make_shared<AnswerRoom>(1'000);
  Connect(options);
  CallReply first = Call("first");
  const std::uint32_t first_id = terminal_.Receive().request_id();
  terminal_.Send(AnswerFrame(first_id, std::string(600, 'a'), true));
  CallReply second = Call("second");
  const std::uint32_t second_id = terminal_.Receive().request_id();
  terminal_.Send(AnswerFrame(second_id, std::string(401, 'b'), true));
  const absl::StatusOr<std::string> refused = ValueOf(second);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("have 1000 bytes"));

  // What had begun goes on, and the rest of what was refused harms nobody.
  terminal_.Send(AnswerFrame(second_id, "rest"));
  terminal_.Send(AnswerFrame(first_id, std::string(400, 'a')));
  EXPECT_EQ(ValueOf(first).value(), std::string(1'000, 'a'));

  // What is done has given its room back.
  CallReply third = Call("third");
  terminal_.Send(AnswerFrame(terminal_.Receive().request_id(), std::string(1'000, 'c')));
  EXPECT_EQ(ValueOf(third).value(), std::string(1'000, 'c'));
}

// The exchange of docs/formats/terminal-link.md, computed with Python's protobuf.
TEST_F(TerminalCallTest, TheBytesAreAsSpecified) {
  Connect();
  CallReply reply;
  client_->OnLoop([&](ports::DeviceLink& link) {
    for (const char* method : {"first", "second"}) link.Call(method, "", CallReply().Reply());
    link.Call("gsdk.door.Door/GetList", absl::HexStringToBytes("08c182fc8102"), reply.Reply());
  });
  Frame call;
  for (int i = 0; i < 3; ++i) call = terminal_.Receive();
  std::string bytes;
  ASSERT_TRUE(AppendFrame(call, bytes).ok());
  EXPECT_EQ(absl::BytesToHexString(bytes),
            "000000250803b201200a166773646b2e646f6f722e446f6f722f4765744c697374120608c182fc8102");
  terminal_.SendBytes(absl::HexStringToBytes("0000000b0803ba01060a040a020807"));
  EXPECT_EQ(absl::BytesToHexString(ValueOf(reply).value()), "0a020807");
}

TEST_F(TerminalCallTest, LongCallsGoInPartsAndTakeTurns) {
  Connect();
  const std::string first = Patterned(2 * kCallPartSizeMax + 7);
  const std::string second = Patterned(2 * kCallPartSizeMax);
  CallReply first_reply;
  CallReply second_reply;
  client_->OnLoop([&](ports::DeviceLink& link) {
    link.Call(kMethod, first, first_reply.Reply());
    link.Call(kMethod, second, second_reply.Reply());
  });
  std::vector<Frame> parts;
  for (int i = 0; i < 5; ++i) parts.push_back(terminal_.Receive());
  const std::uint32_t a = parts[0].request_id();
  const std::uint32_t b = parts[1].request_id();
  EXPECT_NE(a, b);
  std::vector<std::uint32_t> order;
  std::string bytes_a;
  std::string bytes_b;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const v1::Call& call = parts[i].call();
    order.push_back(parts[i].request_id());
    (parts[i].request_id() == a ? bytes_a : bytes_b).append(call.request());
    EXPECT_EQ(call.method(), i < 2 ? kMethod : "");
    EXPECT_EQ(call.more(), i < 3) << i;
  }
  EXPECT_THAT(order, ElementsAre(a, b, a, b, a));
  EXPECT_EQ(bytes_a, first);
  EXPECT_EQ(bytes_b, second);
  terminal_.Send(AnswerFrame(b, "second"));
  terminal_.Send(AnswerFrame(a, "first"));
  EXPECT_EQ(ValueOf(first_reply).value(), "first");
  EXPECT_EQ(ValueOf(second_reply).value(), "second");
}

TEST_F(TerminalCallTest, TakesTheLargestCallAndAnswerAndNoLarger) {
  Connect();
  const std::string largest = Patterned(ports::kCallSizeMax);
  CallReply reply = Call(largest);
  std::string received;
  Frame part;
  do {
    part = terminal_.Receive();
    ASSERT_TRUE(part.has_call()) << part.body_case();
    received += part.call().request();
  } while (part.call().more());
  EXPECT_TRUE(received == largest);
  for (std::size_t sent = 0; sent < largest.size(); sent += kCallPartSizeMax) {
    terminal_.Send(AnswerFrame(part.request_id(), largest.substr(sent, kCallPartSizeMax),
                               sent + kCallPartSizeMax < largest.size()));
  }
  EXPECT_TRUE(ValueOf(reply).value() == largest);

  CallReply refused = Call(largest + "!");
  EXPECT_EQ(ValueOf(refused).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(client_->observer.lines(), IsEmpty());
}

TEST_F(TerminalCallTest, TellsItsErrorsApart) {
  const std::vector<std::pair<v1::Error::Code, absl::StatusCode>> cases = {
      {v1::Error::UNKNOWN, absl::StatusCode::kInternal},
      {v1::Error::UNSUPPORTED, absl::StatusCode::kUnimplemented},
      {v1::Error::INVALID, absl::StatusCode::kInvalidArgument},
      {v1::Error::STORAGE, absl::StatusCode::kInternal},
      {v1::Error::NOT_FOUND, absl::StatusCode::kNotFound},
      {v1::Error::ALREADY_EXISTS, absl::StatusCode::kAlreadyExists},
      {v1::Error::FULL, absl::StatusCode::kResourceExhausted},
      {v1::Error::PRECONDITION, absl::StatusCode::kFailedPrecondition},
  };
  Connect();
  for (const auto& [code, expected] : cases) {
    CallReply reply = Call("request");
    terminal_.Send(ErrorFrame(terminal_.Receive().request_id(), code));
    const absl::Status status = ValueOf(reply).status();
    EXPECT_EQ(status.code(), expected) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(": its own words"));
  }
  EXPECT_THAT(client_->observer.lines(), IsEmpty());
}

TEST_F(TerminalCallTest, FiltersThatMakeNoSenseAreTheClientsFault) {
  Connect();
  Awaited<absl::Status> done;
  client_->OnLoop([&](ports::DeviceLink& link) { link.SetImageFilters({"filter"}, done.Reply()); });
  terminal_.Send(ErrorFrame(terminal_.Receive().request_id(), v1::Error::INVALID));
  EXPECT_EQ(done.Wait().value_or(absl::OkStatus()).code(), absl::StatusCode::kInvalidArgument);
}

// Larger than what the sockets hold, so that the gateway cannot have sent all of it.
constexpr std::size_t kMoreThanSocketsHold = ports::kCallSizeMax;

TEST_F(TerminalCallTest, AnErrorEndsACallThatIsNotAllSent) {
  Connect();
  CallReply reply = Call(Patterned(kMoreThanSocketsHold));
  const std::uint32_t id = terminal_.Receive().request_id();
  terminal_.Send(ErrorFrame(id, v1::Error::FULL));
  EXPECT_EQ(ValueOf(reply).status().code(), absl::StatusCode::kResourceExhausted);
  CallReply next = Call("after it");
  std::size_t parts = 1;
  Frame frame = terminal_.Receive();
  for (; frame.request_id() == id; frame = terminal_.Receive()) ++parts;
  EXPECT_LT(parts, kMoreThanSocketsHold / kCallPartSizeMax);
  EXPECT_EQ(frame.call().request(), "after it");
  terminal_.Send(AnswerFrame(frame.request_id(), "ok"));
  EXPECT_EQ(ValueOf(next).value(), "ok");
}

TEST_F(TerminalCallTest, ACallThatTookTooLongIsStillSentWhole) {
  TerminalOptions options;
  options.request_timeout = std::chrono::milliseconds(50);
  Connect(options);
  CallReply reply = Call(Patterned(kMoreThanSocketsHold));
  EXPECT_EQ(ValueOf(reply).status().code(), absl::StatusCode::kDeadlineExceeded);
  std::size_t size = 0;
  Frame part;
  do {
    part = terminal_.Receive();
    ASSERT_TRUE(part.has_call());
    size += part.call().request().size();
  } while (part.call().more());
  EXPECT_EQ(size, kMoreThanSocketsHold);
  terminal_.Send(AnswerFrame(part.request_id(), "late", true));  // harmless
  terminal_.Send(AnswerFrame(part.request_id(), "late"));
  CallReply next = Call("after it");
  terminal_.Send(AnswerFrame(terminal_.Receive().request_id(), "ok"));
  EXPECT_EQ(ValueOf(next).value(), "ok");
}

TEST_F(TerminalCallTest, ACallThatWasGivenUpBeforeItsFirstPartIsNotSent) {
  TerminalOptions options;
  options.request_timeout = std::chrono::milliseconds(50);
  options.send_buffer_max = 64 * 1024 * 1024;
  Connect(options);
  // Fills the sockets, so that what comes after it waits.
  std::vector<CallReply> filling;
  client_->OnLoop([&](ports::DeviceLink& link) {
    for (std::size_t size = 0; size < kMoreThanSocketsHold; size += kCallPartSizeMax) {
      link.Call("filling", Patterned(kCallPartSizeMax), filling.emplace_back().Reply());
      if (filling.size() == kOpenRequestsMax - 1) break;
    }
  });
  CallReply reply = Call(Patterned(kCallPartSizeMax + 1));
  EXPECT_EQ(ValueOf(reply).status().code(), absl::StatusCode::kDeadlineExceeded);
  for (std::size_t i = 0; i < filling.size(); ++i) {
    EXPECT_EQ(terminal_.Receive().call().method(), "filling");
  }
  CallReply next = Call("after it");
  const Frame frame = terminal_.Receive();
  EXPECT_EQ(frame.call().request(), "after it");
  terminal_.Send(AnswerFrame(frame.request_id(), "ok"));
  EXPECT_EQ(ValueOf(next).value(), "ok");
}

TEST_F(TerminalCallTest, CallsBeyondWhatMayWaitAreRefused) {
  Connect();
  CallReply first = Call(Patterned(ports::kCallSizeMax));
  CallReply second = Call(Patterned(ports::kCallSizeMax));
  CallReply third = Call(Patterned(kCallPartSizeMax + 1));
  EXPECT_EQ(ValueOf(third).status().code(), absl::StatusCode::kResourceExhausted);
  CallReply small = Call("a small one passes");
  bool passed = false;
  for (int i = 0; i < 200 && !passed; ++i) {
    const Frame frame = terminal_.Receive();
    passed = frame.call().request() == "a small one passes";
  }
  EXPECT_TRUE(passed);
}

TEST_F(TerminalCallTest, AnAnswerBeforeTheWholeCallEndsTheLink) {
  Connect();
  CallReply reply = Call(Patterned(kMoreThanSocketsHold));
  terminal_.Send(AnswerFrame(terminal_.Receive().request_id(), "too early"));
  EXPECT_EQ(ValueOf(reply).status().code(), absl::StatusCode::kUnavailable);
  ExpectLost("answered before all of it was sent");
}

TEST_F(TerminalCallTest, AnEmptyPartEndsTheLink) {
  Connect();
  CallReply reply = Call("request");
  terminal_.Send(AnswerFrame(terminal_.Receive().request_id(), "", true));
  EXPECT_EQ(ValueOf(reply).status().code(), absl::StatusCode::kInternal);
  ExpectLost("a part of an answer is empty");
}

TEST_F(TerminalCallTest, ATooLongPartEndsTheLink) {
  Connect();
  CallReply reply = Call("request");
  terminal_.Send(AnswerFrame(terminal_.Receive().request_id(), Patterned(kCallPartSizeMax + 1)));
  EXPECT_EQ(ValueOf(reply).status().code(), absl::StatusCode::kInternal);
  ExpectLost("a part of an answer has more than");
}

TEST_F(TerminalCallTest, AnAnswerWithoutEndEndsTheLink) {
  Connect();
  CallReply reply = Call("request");
  const std::uint32_t id = terminal_.Receive().request_id();
  for (std::size_t size = 0; size <= ports::kCallSizeMax; size += kCallPartSizeMax) {
    terminal_.Send(AnswerFrame(id, std::string(kCallPartSizeMax, 'x'), true));
  }
  EXPECT_EQ(ValueOf(reply).status().code(), absl::StatusCode::kInternal);
  ExpectLost("an answer has more than");
}

TEST_F(TerminalCallTest, ACallFromTheTerminalEndsTheLink) {
  Connect();
  Frame frame;
  frame.set_request_id(1);
  frame.mutable_call()->set_method(kMethod);
  terminal_.Send(frame);
  ExpectLost("a request from the terminal");
}

}  // namespace
}  // namespace gatelog::terminal
