#include "device/terminal/terminal_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "device/terminal/fake_terminal.h"
#include "device/terminal/link_test_client.h"
#include "gsdk/event.pb.h"

namespace gatelog::terminal {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using StatusReply = Awaited<absl::StatusOr<model::LogStatus>>;
using PageReply = Awaited<absl::StatusOr<ports::LogPage>>;
using BytesReply = Awaited<absl::StatusOr<std::vector<std::string>>>;

constexpr char kKey[] = "sixteen bytes ok";

class TerminalSessionTest : public ::testing::Test {
 protected:
  void Connect(TerminalOptions options = {}) {
    client_ = std::make_unique<LinkTestClient>(std::move(options));
    client_->Dial(terminal_.address());
    terminal_.ShakeHands();
    ASSERT_TRUE(client_->WaitForLink().ok());
  }

  PageReply ReadLog(model::EventId from, std::uint32_t max) {
    PageReply page;
    client_->OnLoop([&](ports::DeviceLink& link) { link.ReadLog(from, max, page.Reply()); });
    return page;
  }

  BytesReply ReadImages(model::EventId from, std::uint32_t max) {
    BytesReply images;
    client_->OnLoop([&](ports::DeviceLink& link) { link.ReadImages(from, max, images.Reply()); });
    return images;
  }

  StatusReply ArmPushes() {
    StatusReply status;
    client_->OnLoop([&](ports::DeviceLink& link) { link.ArmPushes(status.Reply()); });
    return status;
  }

  StatusReply ClearLog(model::EventId expected_last) {
    StatusReply status;
    client_->OnLoop([&](ports::DeviceLink& link) { link.ClearLog(expected_last, status.Reply()); });
    return status;
  }

  RecordingObserver& observer() { return client_->observer; }

  // The link is gone, for a reason that says this, and that was all that was reported.
  void ExpectLost(absl::StatusCode code, const std::string& words) {
    ASSERT_TRUE(observer().WaitForLines(1));
    EXPECT_THAT(observer().lines(), ElementsAre("lost"));
    EXPECT_EQ(observer().lost().code(), code);
    EXPECT_THAT(std::string(observer().lost().message()), HasSubstr(words));
    EXPECT_THAT(std::string(observer().lost().message()), HasSubstr("127.0.0.1:"));
  }

  FakeTerminal terminal_{kKey};
  std::unique_ptr<LinkTestClient> client_;
};

template <typename T>
absl::Status StatusOf(Awaited<absl::StatusOr<T>>& reply) {
  const std::optional<absl::StatusOr<T>> value = reply.Wait();
  return value ? value->status() : absl::UnknownError("no reply came");
}

Frame ErrorFrame(std::uint32_t request_id, v1::Error::Code code, const std::string& text) {
  Frame frame;
  frame.set_request_id(request_id);
  frame.mutable_error()->set_code(code);
  frame.mutable_error()->set_text(text);
  return frame;
}

Frame LastChunk(std::uint32_t request_id, std::uint32_t first, std::uint32_t last) {
  Frame frame = MakeChunk(request_id, first, last);
  *frame.mutable_log_chunk()->mutable_last() = MakeLogStatus(1, 100);
  return frame;
}

TEST_F(TerminalSessionTest, ArmsPushesAndReportsThemInOrder) {
  Connect();
  StatusReply armed = ArmPushes();
  const Frame request = terminal_.Receive();
  ASSERT_TRUE(request.has_arm_pushes());
  EXPECT_NE(request.request_id(), 0u);
  terminal_.Send(StatusFrame(request.request_id(), 3, 100));
  for (std::uint32_t id = 101; id <= 103; ++id) terminal_.Send(PushFrame(id));

  const auto status = armed.Wait();
  ASSERT_TRUE(status && status->ok());
  EXPECT_EQ(**status, (model::LogStatus{3, 100, 77}));
  ASSERT_TRUE(observer().WaitForLines(3));
  const std::string of = absl::StrCat(" of ", MakeRecord(101).size(), " bytes");
  EXPECT_THAT(observer().lines(), ElementsAre("push 101" + of, "push 102" + of, "push 103" + of));
}

TEST_F(TerminalSessionTest, AssemblesAPageFromChunksAndGrantsCredit) {
  Connect();
  PageReply reply = ReadLog(11, 100);
  const Frame request = terminal_.Receive();
  ASSERT_TRUE(request.has_read_log());
  EXPECT_EQ(request.read_log().from_id(), 11u);
  EXPECT_EQ(request.read_log().max_records(), 100u);
  EXPECT_EQ(request.read_log().credit(), kReadCredit);

  // One chunk at a time: each is answered by the credit for another.
  for (std::uint32_t first = 11; first < 71; first += 10) {
    terminal_.Send(MakeChunk(request.request_id(), first, first + 9));
    const Frame credit = terminal_.Receive();
    EXPECT_EQ(credit.request_id(), request.request_id());
    EXPECT_EQ(credit.credit().chunks(), 1u);
  }
  terminal_.Send(LastChunk(request.request_id(), 71, 75));

  const auto page = reply.Wait();
  ASSERT_TRUE(page && page->ok()) << page->status();
  ASSERT_EQ((*page)->size(), 65u);
  for (std::size_t i = 0; i < (*page)->size(); ++i) {
    const std::uint32_t id = 11 + static_cast<std::uint32_t>(i);
    EXPECT_EQ((**page)[i].id, id);
    EXPECT_EQ((**page)[i].payload, MakeRecord(id));
  }
  EXPECT_EQ((*page)->status, (model::LogStatus{1, 100, 77}));
}

TEST_F(TerminalSessionTest, ReadsBeyondTheEndAsAnEmptyPage) {
  Connect();
  PageReply reply = ReadLog(101, 100);
  terminal_.Send(LastChunk(terminal_.Receive().request_id(), 1, 0));
  const auto page = reply.Wait();
  ASSERT_TRUE(page && page->ok());
  EXPECT_TRUE((*page)->empty());
}

TEST_F(TerminalSessionTest, MatchesAnswersThatComeInAnotherOrder) {
  Connect();
  PageReply first = ReadLog(1, 10);
  StatusReply second = ArmPushes();
  PageReply third = ReadLog(50, 10);
  const Frame a = terminal_.Receive();
  const Frame b = terminal_.Receive();
  const Frame c = terminal_.Receive();
  terminal_.Send(MakeChunk(c.request_id(), 50, 54));
  terminal_.Send(MakeChunk(a.request_id(), 1, 5));
  terminal_.Send(LastChunk(c.request_id(), 55, 59));
  terminal_.Send(StatusFrame(b.request_id(), 1, 100));
  terminal_.Send(LastChunk(a.request_id(), 6, 10));

  const auto third_page = third.Wait();
  const auto first_page = first.Wait();
  ASSERT_TRUE(third_page && third_page->ok() && first_page && first_page->ok());
  EXPECT_EQ((**third_page)[0].id, 50u);
  EXPECT_EQ((**first_page)[9].id, 10u);
  EXPECT_TRUE(StatusOf(second).ok());
}

TEST_F(TerminalSessionTest, TellsItsErrorsApart) {
  const std::vector<std::pair<v1::Error::Code, absl::StatusCode>> cases = {
      {v1::Error::UNKNOWN, absl::StatusCode::kInternal},
      {v1::Error::UNSUPPORTED, absl::StatusCode::kUnimplemented},
      {v1::Error::INVALID, absl::StatusCode::kInternal},
      {v1::Error::LOG_CHANGED, absl::StatusCode::kFailedPrecondition},
      {v1::Error::STORAGE, absl::StatusCode::kInternal},
  };
  Connect();
  for (const auto& [code, expected] : cases) {
    StatusReply reply = ClearLog(100);
    const Frame request = terminal_.Receive();
    EXPECT_EQ(request.clear_log().expected_last_id(), 100u);
    terminal_.Send(ErrorFrame(request.request_id(), code, "its own words"));
    const absl::Status status = StatusOf(reply);
    EXPECT_EQ(status.code(), expected) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(": its own words"));
  }
  EXPECT_THAT(observer().lines(), IsEmpty());
}

TEST_F(TerminalSessionTest, ClearsTheLog) {
  Connect();
  StatusReply reply = ClearLog(100);
  terminal_.Send(StatusFrame(terminal_.Receive().request_id(), 101, 101));
  const auto status = reply.Wait();
  ASSERT_TRUE(status && status->ok());
  EXPECT_EQ(**status, (model::LogStatus{101, 101, 77}));
}

TEST_F(TerminalSessionTest, ReadsImages) {
  Connect();
  BytesReply reply = ReadImages(5, 64);
  const Frame request = terminal_.Receive();
  EXPECT_EQ(request.read_images().from_id(), 5u);
  EXPECT_EQ(request.read_images().max_images(), 64u);
  Frame chunk;
  chunk.set_request_id(request.request_id());
  chunk.mutable_image_chunk()->add_images(MakeImage(5));
  terminal_.Send(chunk);
  EXPECT_EQ(terminal_.Receive().credit().chunks(), 1u);
  chunk.mutable_image_chunk()->set_images(0, MakeImage(8));
  chunk.mutable_image_chunk()->add_images("not an ImageLog");
  chunk.mutable_image_chunk()->set_last(true);
  terminal_.Send(chunk);
  const auto images = reply.Wait();
  ASSERT_TRUE(images && images->ok()) << images->status();
  EXPECT_THAT(**images, ElementsAre(MakeImage(5), MakeImage(8), "not an ImageLog"));
}

TEST_F(TerminalSessionTest, ReadsAndSetsImageFilters) {
  Connect();
  BytesReply filters;
  Awaited<absl::Status> done;
  client_->OnLoop([&](ports::DeviceLink& link) {
    link.GetImageFilters(filters.Reply());
    link.SetImageFilters({"one", "two"}, done.Reply());
  });
  Frame answer;
  answer.set_request_id(terminal_.Receive().request_id());
  answer.mutable_image_filters()->add_filters("old");
  terminal_.Send(answer);
  const Frame set = terminal_.Receive();
  EXPECT_THAT(set.set_image_filters().filters(), ElementsAre("one", "two"));
  answer.set_request_id(set.request_id());
  answer.mutable_done();
  terminal_.Send(answer);
  const auto old = filters.Wait();
  ASSERT_TRUE(old && old->ok());
  EXPECT_THAT(**old, ElementsAre("old"));
  EXPECT_TRUE(done.Wait().value_or(absl::UnknownError("none")).ok());
}

// What a terminal may not answer to ReadLog(from 10, max 5).
struct BadChunk {
  const char* name;
  std::vector<std::uint32_t> ids;
  int records_left_out;
  const char* words;
};

class BadChunks : public TerminalSessionTest, public ::testing::WithParamInterface<BadChunk> {};

TEST_P(BadChunks, FailTheReadAndEndTheLink) {
  Connect();
  PageReply reply = ReadLog(10, 5);
  StatusReply other = ArmPushes();
  Frame chunk;
  chunk.set_request_id(terminal_.Receive().request_id());
  v1::LogChunk& log = *chunk.mutable_log_chunk();
  for (const std::uint32_t id : GetParam().ids) log.add_ids(id);
  for (int i = GetParam().records_left_out; i < log.ids_size(); ++i) log.add_records("record");
  terminal_.Send(chunk);
  const absl::Status status = StatusOf(reply);
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().words));
  EXPECT_EQ(StatusOf(other).code(), absl::StatusCode::kUnavailable);
  ExpectLost(absl::StatusCode::kInternal, GetParam().words);
  EXPECT_TRUE(terminal_.SeesClose());
}

INSTANTIATE_TEST_SUITE_P(
    TerminalSession, BadChunks,
    ::testing::Values(BadChunk{"Doubled", {10, 11, 11}, 0, "gave ID 11 where 12"},
                      BadChunk{"Unordered", {10, 12, 11}, 0, "gave ID 11 where 13"},
                      BadChunk{"BelowFrom", {9, 10}, 0, "gave ID 9 where 10"},
                      BadChunk{"TooMany", {10, 11, 12, 13, 14, 15}, 0, "more than was asked for"},
                      BadChunk{"MissingRecord", {10, 11}, 1, "2 IDs and 1 records"},
                      BadChunk{"IdZero", {0}, 0, "a record with ID 0"},
                      BadChunk{"Empty", {}, 0, "a chunk is empty"}),
    [](const auto& chunk) { return std::string(chunk.param.name); });

TEST_F(TerminalSessionTest, ChecksTheOrderAcrossChunks) {
  Connect();
  PageReply reply = ReadLog(1, 100);
  const std::uint32_t id = terminal_.Receive().request_id();
  terminal_.Send(MakeChunk(id, 1, 10));
  terminal_.Send(MakeChunk(id, 10, 12));
  EXPECT_EQ(StatusOf(reply).code(), absl::StatusCode::kInternal);
  ExpectLost(absl::StatusCode::kInternal, "gave ID 10 where 11");
}

TEST_F(TerminalSessionTest, TakesTheHighestId) {
  Connect();
  PageReply reply = ReadLog(0xFFFFFFFE, 5);
  const std::uint32_t id = terminal_.Receive().request_id();
  Frame chunk;
  chunk.set_request_id(id);
  for (const std::uint32_t record : {0xFFFFFFFEu, 0xFFFFFFFFu}) {
    chunk.mutable_log_chunk()->add_ids(record);
    chunk.mutable_log_chunk()->add_records(MakeRecord(record));
  }
  *chunk.mutable_log_chunk()->mutable_last() = MakeLogStatus(1, 0xFFFFFFFF);
  terminal_.Send(chunk);
  const auto page = reply.Wait();
  ASSERT_TRUE(page && page->ok()) << page->status();
  EXPECT_EQ((*page)->size(), 2u);
}

TEST_F(TerminalSessionTest, ImagesOutOfOrderEndTheLink) {
  Connect();
  BytesReply reply = ReadImages(5, 10);
  Frame chunk;
  chunk.set_request_id(terminal_.Receive().request_id());
  chunk.mutable_image_chunk()->add_images(MakeImage(6));
  chunk.mutable_image_chunk()->add_images(MakeImage(6));
  terminal_.Send(chunk);
  EXPECT_EQ(StatusOf(reply).code(), absl::StatusCode::kInternal);
  ExpectLost(absl::StatusCode::kInternal, "gave ID 6 where 7");
}

TEST_F(TerminalSessionTest, AnAnswerOfAnotherKindEndsTheLink) {
  Connect();
  PageReply reply = ReadLog(1, 10);
  terminal_.Send(StatusFrame(terminal_.Receive().request_id(), 1, 100));
  EXPECT_EQ(StatusOf(reply).code(), absl::StatusCode::kInternal);
  ExpectLost(absl::StatusCode::kInternal, "a frame of another kind");
}

TEST_F(TerminalSessionTest, AHandshakeInMidSessionEndsTheLink) {
  Connect();
  Frame hello;
  hello.mutable_hello();
  terminal_.Send(hello);
  ExpectLost(absl::StatusCode::kInternal, "a handshake in the middle");
}

TEST_F(TerminalSessionTest, ARequestFromTheTerminalEndsTheLink) {
  Connect();
  Frame frame;
  frame.mutable_keep_alive();
  terminal_.Send(frame);
  ExpectLost(absl::StatusCode::kInternal, "a request from the terminal");
}

TEST_F(TerminalSessionTest, GarbageEndsTheLink) {
  Connect();
  terminal_.SendBytes("GET / HTTP/1.1\r\n");
  ExpectLost(absl::StatusCode::kInternal, "was announced");
}

TEST_F(TerminalSessionTest, IgnoresAnswersToNothingAndUnknownFrames) {
  Connect();
  Frame of_later_version;
  of_later_version.GetReflection()->MutableUnknownFields(&of_later_version)->AddVarint(99, 1);
  terminal_.Send(of_later_version);
  terminal_.Send(StatusFrame(4711, 1, 100));
  StatusReply armed = ArmPushes();
  terminal_.Send(StatusFrame(terminal_.Receive().request_id(), 1, 100));
  EXPECT_TRUE(StatusOf(armed).ok());
  EXPECT_THAT(observer().lines(), IsEmpty());
}

TEST_F(TerminalSessionTest, ASilentRequestTimesOutAndItsLateAnswerIsIgnored) {
  Connect({.request_timeout = milliseconds(50)});
  PageReply late = ReadLog(1, 10);
  const std::uint32_t id = terminal_.Receive().request_id();
  const absl::Status status = StatusOf(late);
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(status.message()), HasSubstr("did not answer within 0.05 s"));
  terminal_.Send(LastChunk(id, 1, 5));

  // The link is still there. The answer is there before the question, so that it cannot be late.
  StatusReply armed;
  terminal_.Send(PushFrame(101));
  ASSERT_TRUE(observer().WaitForLines(1));
  client_->OnLoop([&](ports::DeviceLink& link) { link.ArmPushes(armed.Reply()); });
  terminal_.Send(StatusFrame(id + 1, 1, 101));
  EXPECT_TRUE(StatusOf(armed).ok());
  EXPECT_EQ(late.count(), 1);
  EXPECT_EQ(observer().lines().size(), 1u);
}

TEST_F(TerminalSessionTest, LetsTheRestOfAGivenUpReadThrough) {
  Connect({.request_timeout = milliseconds(50)});
  PageReply late = ReadLog(1, 100);
  const std::uint32_t id = terminal_.Receive().request_id();
  EXPECT_EQ(StatusOf(late).code(), absl::StatusCode::kDeadlineExceeded);
  terminal_.Send(MakeChunk(id, 1, 5));
  const Frame credit = terminal_.Receive();
  EXPECT_EQ(credit.request_id(), id);
  EXPECT_EQ(credit.credit().chunks(), 1u);
  terminal_.Send(LastChunk(id, 6, 10));
  EXPECT_EQ(late.count(), 1);
}

TEST_F(TerminalSessionTest, ATerminalThatFinishesNoReadIsLost) {
  Connect({.request_timeout = milliseconds(5)});
  for (std::size_t i = 0; i <= kGivenUpReadsMax; ++i) {
    PageReply reply = ReadLog(1, 100);
    EXPECT_EQ(StatusOf(reply).code(), absl::StatusCode::kDeadlineExceeded);
  }
  ExpectLost(absl::StatusCode::kUnavailable, "has left more than 64 reads unfinished");
}

// The clock is told as it stands when the answer arrives: half of the way there and back is added.
TEST_F(TerminalSessionTest, ReportsWhatAKeepAliveShows) {
  constexpr std::int64_t kClock = 946'684'800'123;
  constexpr milliseconds kWay{20};
  Connect({.keep_alive_interval = milliseconds(10)});
  const auto start = std::chrono::steady_clock::now();
  const Frame request = terminal_.Receive();
  ASSERT_TRUE(request.has_keep_alive());
  EXPECT_EQ(request.request_id(), 0u);
  const auto received = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - received < kWay) std::this_thread::yield();
  Frame reply;
  *reply.mutable_keep_alive_reply()->mutable_log_status() = MakeLogStatus(5, 123);
  reply.mutable_keep_alive_reply()->set_clock_ms(kClock);
  terminal_.Send(reply);
  ASSERT_TRUE(observer().WaitForLines(1));
  const std::string prefix = "status 5-123 generation 77 at ";
  const std::string line = observer().lines()[0];
  ASSERT_EQ(line.substr(0, prefix.size()), prefix);
  const milliseconds added{std::stoll(line.substr(prefix.size())) - kClock};
  EXPECT_GE(added, kWay / 2);
  EXPECT_LE(added, std::chrono::steady_clock::now() - start);
}

TEST_F(TerminalSessionTest, ATerminalThatHasNoClockIsNotGivenOne) {
  Connect({.keep_alive_interval = milliseconds(10)});
  ASSERT_TRUE(terminal_.Receive().has_keep_alive());
  Frame reply;
  *reply.mutable_keep_alive_reply()->mutable_log_status() = MakeLogStatus(5, 123);
  terminal_.Send(reply);
  ASSERT_TRUE(observer().WaitForLines(1));
  EXPECT_EQ(observer().lines()[0], "status 5-123 generation 77 at 0");
}

TEST_F(TerminalSessionTest, ATerminalThatDoesNotAnswerAKeepAliveIsLost) {
  Connect({.keep_alive_interval = milliseconds(10), .keep_alive_timeout = milliseconds(60)});
  StatusReply open = ArmPushes();
  EXPECT_EQ(StatusOf(open).code(), absl::StatusCode::kUnavailable);
  ExpectLost(absl::StatusCode::kUnavailable, "did not answer a keep-alive for 0.06 s");
  EXPECT_TRUE(terminal_.SeesClose());
}

TEST_F(TerminalSessionTest, ATerminalThatOnlyChattersIsLostToo) {
  Connect({.keep_alive_interval = milliseconds(10),
           .keep_alive_timeout = milliseconds(200),
           .keep_alive_patience = milliseconds(300)});
  // Pushes never stop, so there is never silence; only the answer is missing.
  for (std::uint32_t id = 101; observer().lost().ok() && id < 1'000'000; ++id) {
    terminal_.Send(PushFrame(id));
  }
  EXPECT_EQ(observer().lost().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(observer().lost().message()), HasSubstr("a keep-alive for 0.3 s"));
  EXPECT_EQ(observer().lines().back(), "lost");
}

TEST_F(TerminalSessionTest, ACutInMidFrameAnswersWhatIsOpenThenEndsTheLink) {
  Connect();
  PageReply first = ReadLog(1, 10);
  StatusReply second = ArmPushes();
  std::string bytes;
  ASSERT_TRUE(AppendFrame(MakeChunk(terminal_.Receive().request_id(), 1, 5), bytes).ok());
  terminal_.Receive();
  terminal_.SendBytes(std::string_view(bytes).substr(0, bytes.size() / 2));
  terminal_.Close();
  EXPECT_EQ(StatusOf(first).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(StatusOf(second).code(), absl::StatusCode::kUnavailable);
  ExpectLost(absl::StatusCode::kUnavailable, "closed the connection in the middle of a frame");
}

TEST_F(TerminalSessionTest, OnLostComesAfterTheLastReply) {
  Connect();
  client_->OnLoop([&](ports::DeviceLink& link) {
    for (int i = 0; i < 3; ++i) {
      link.ArmPushes([this, i](const absl::StatusOr<model::LogStatus>& status) {
        observer().Note(absl::StrCat("reply ", i, status.ok() ? " ok" : " failed"));
      });
    }
  });
  for (int i = 0; i < 3; ++i) terminal_.Receive();
  terminal_.Close();
  ASSERT_TRUE(observer().WaitForLines(4));
  EXPECT_THAT(observer().lines(),
              ElementsAre("reply 0 failed", "reply 1 failed", "reply 2 failed", "lost"));
}

TEST_F(TerminalSessionTest, PassesOnTheTerminalsLastWord) {
  Connect();
  terminal_.Send(ErrorFrame(0, v1::Error::STORAGE, "flash worn out"));
  ExpectLost(absl::StatusCode::kUnavailable, "ended the session: the terminal cannot read");
}

TEST_F(TerminalSessionTest, NothingIsHeardOfADestroyedLink) {
  Connect({.request_timeout = milliseconds(30), .keep_alive_interval = milliseconds(10)});
  PageReply page = ReadLog(1, 10);
  StatusReply armed = ArmPushes();
  const std::uint32_t id = terminal_.ReceiveRequest().request_id();
  client_->DestroyLink();
  terminal_.Send(LastChunk(id, 1, 5));
  terminal_.Send(PushFrame(101));
  EXPECT_TRUE(terminal_.SeesClose());
  const std::size_t before = observer().lines().size();
  // Longer than any of the times above.
  LinkTestClient second({.handshake_timeout = milliseconds(100)});
  second.Dial(terminal_.address());
  EXPECT_FALSE(second.WaitForLink().ok());
  EXPECT_EQ(page.count(), 0);
  EXPECT_EQ(armed.count(), 0);
  EXPECT_EQ(observer().lines().size(), before);
}

TEST_F(TerminalSessionTest, RefusesReadsBeyondTheLimitsLater) {
  Connect();
  PageReply none = ReadLog(1, 0);
  PageReply many = ReadLog(1, ports::kReadRecordsMax + 1);
  BytesReply images = ReadImages(1, ports::kReadImagesMax + 1);
  EXPECT_EQ(StatusOf(none).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(StatusOf(many).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(StatusOf(images).code(), absl::StatusCode::kInvalidArgument);
  bool inside = false;
  client_->OnLoop([&](ports::DeviceLink& link) {
    link.ReadLog(1, 0, [&inside](const absl::StatusOr<ports::LogPage>&) { inside = true; });
    EXPECT_FALSE(inside) << "a reply came inside the call";
  });
  client_->DestroyLink();
}

TEST_F(TerminalSessionTest, BoundsTheOpenRequests) {
  Connect();
  std::vector<StatusReply> open;
  for (std::size_t i = 0; i < kOpenRequestsMax; ++i) open.push_back(ArmPushes());
  StatusReply one_more = ArmPushes();
  EXPECT_EQ(StatusOf(one_more).code(), absl::StatusCode::kResourceExhausted);
  // The others are served.
  for (StatusReply& reply : open) {
    terminal_.Send(StatusFrame(terminal_.Receive().request_id(), 1, 100));
    EXPECT_TRUE(StatusOf(reply).ok());
  }
}

TEST_F(TerminalSessionTest, BoundsWhatWaitsToBeSent) {
  Connect({.send_buffer_max = 1000});
  Awaited<absl::Status> done;
  client_->OnLoop([&](ports::DeviceLink& link) {
    link.SetImageFilters({std::string(2000, 'f')}, done.Reply());
  });
  EXPECT_EQ(done.Wait().value_or(absl::OkStatus()).code(), absl::StatusCode::kResourceExhausted);
  StatusReply armed = ArmPushes();
  terminal_.Send(StatusFrame(terminal_.Receive().request_id(), 1, 100));
  EXPECT_TRUE(StatusOf(armed).ok());
}

TEST_F(TerminalSessionTest, RefusesAFrameThatIsTooLarge) {
  Connect();
  Awaited<absl::Status> done;
  client_->OnLoop([&](ports::DeviceLink& link) {
    link.SetImageFilters({std::string(kFrameSizeMax, 'f')}, done.Reply());
  });
  EXPECT_EQ(done.Wait().value_or(absl::OkStatus()).code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace gatelog::terminal
