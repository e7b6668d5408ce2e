// A link may be destroyed from inside each of its callbacks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "device/terminal/fake_terminal.h"
#include "device/terminal/link_test_client.h"
#include "device/terminal/terminal_dialer.h"

namespace gatelog::terminal {
namespace {

using ::testing::ElementsAre;

// Destroys its link from inside a callback, as a user may.
class SelfEndingObserver final : public ports::DeviceLinkObserver {
 public:
  void OnPush(model::EventId, std::string_view) override { End("push"); }
  void OnStatus(const model::LogStatus&, Timestamp) override { End("status"); }
  void OnLost(const absl::Status&) override { End("lost"); }
  void End(const std::string& line) {
    link.reset();
    attempt.reset();
    record.Note(line);
  }

  RecordingObserver record;
  std::unique_ptr<ports::DeviceLink> link;
  std::unique_ptr<ports::DeviceDialer::Attempt> attempt;
};

class SelfEndingTest : public ::testing::Test {
 protected:
  SelfEndingTest() : dialer_(loop_.context()) { loop_.Start(); }
  ~SelfEndingTest() override {
    loop_.RunAndWait([this] { observer_.End("end"); });
    loop_.Stop();
  }

  // Opens a link and sends so many requests, whose replies destroy it too.
  void Connect(int requests) {
    loop_.RunAndWait([this, requests] {
      observer_.attempt = dialer_.Dial(
          terminal_.address(), observer_,
          [this, requests](absl::StatusOr<std::unique_ptr<ports::DeviceLink>> link) {
            observer_.link = *std::move(link);
            observer_.attempt.reset();  // may be destroyed in its own reply
            for (int i = 0; i < requests; ++i) {
              observer_.link->ArmPushes(
                  [this](const absl::StatusOr<model::LogStatus>&) { observer_.End("reply"); });
            }
          });
    });
    terminal_.ShakeHands();
  }

  FakeTerminal terminal_;
  SelfEndingObserver observer_;
  Loop loop_;
  TerminalDialer dialer_;
};

TEST_F(SelfEndingTest, TheLinkMayBeDestroyedInOnPush) {
  Connect(0);
  std::string two;
  ASSERT_TRUE(AppendFrame(PushFrame(101), two).ok());
  ASSERT_TRUE(AppendFrame(PushFrame(102), two).ok());
  terminal_.SendBytes(two);
  EXPECT_TRUE(terminal_.SeesClose());
  loop_.RunAndWait([] {});
  EXPECT_THAT(observer_.record.lines(), ElementsAre("push"));
}

TEST_F(SelfEndingTest, TheLinkMayBeDestroyedInOnLost) {
  Connect(0);
  terminal_.Close();
  ASSERT_TRUE(observer_.record.WaitForLines(1));
  EXPECT_THAT(observer_.record.lines(), ElementsAre("lost"));
}

TEST_F(SelfEndingTest, TheLinkMayBeDestroyedInAReply) {
  Connect(2);
  const std::uint32_t id = terminal_.Receive().request_id();
  terminal_.Send(StatusFrame(id, 1, 100));
  EXPECT_TRUE(terminal_.SeesClose());
  loop_.RunAndWait([] {});
  EXPECT_THAT(observer_.record.lines(), ElementsAre("reply"));
}

TEST_F(SelfEndingTest, TheLinkMayBeDestroyedWhileOpenRequestsFail) {
  Connect(3);
  for (int i = 0; i < 3; ++i) terminal_.Receive();
  terminal_.Close();
  ASSERT_TRUE(observer_.record.WaitForLines(1));
  loop_.RunAndWait([] {});
  EXPECT_THAT(observer_.record.lines(), ElementsAre("reply"));
}

}  // namespace
}  // namespace gatelog::terminal
