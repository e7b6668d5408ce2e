#include "device/terminal/terminal_listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/loop.h"
#include "device/terminal/call_limits.h"
#include "device/terminal/fake_terminal.h"
#include "device/terminal/link_test_client.h"
#include "device/terminal/tls_test_terminal.h"
#include "gsdk/device.pb.h"

namespace gatelog::terminal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kKey[] = "sixteen bytes ok";

// Takes whoever it is told to, and notes what it hears, on the loop's thread.
class FakeGate final : public ports::CallGate {
 public:
  absl::StatusOr<ports::DeviceTrust> Check(const ports::Caller& caller) override {
    Note(absl::StrCat("check ", caller.identity.id, " from ", caller.host));
    if (!refusal.ok()) return refusal;
    return trust;
  }
  void OnCalled(const ports::Caller& caller, ports::TakeLink take) override {
    Note(absl::StrCat("called ", caller.identity.id));
    if (takes) link = take(observer);
  }
  void OnCallFailed(const ports::Caller& caller, const absl::Status& reason) override {
    Note(absl::StrCat("failed ", caller.identity.id, ": ", reason.message()));
  }

  std::vector<std::string> WaitForNotes(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(10), [&] { return notes_.size() >= count; });
    return notes_;
  }

  absl::Status refusal;
  ports::DeviceTrust trust;
  bool takes = true;
  RecordingObserver observer;
  std::unique_ptr<ports::DeviceLink> link;

 private:
  void Note(std::string note) {
    const std::lock_guard lock(mutex_);
    notes_.push_back(std::move(note));
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> notes_;
};

class TerminalListenerTest : public ::testing::Test {
 protected:
  TerminalListenerTest() { loop_.Start(); }
  ~TerminalListenerTest() override {
    loop_.RunAndWait([this] {
      listener_.reset();
      gate_.link.reset();
    });
    loop_.Stop();
  }

  // Returns once terminals can call.
  void Listen(TerminalOptions link = {}, const std::string& host = "127.0.0.1",
              std::chrono::milliseconds silence_max = kCallSilence,
              asio::ssl::context* tls = nullptr) {
    loop_.RunAndWait([&] {
      listener_ = std::make_unique<TerminalListener>(
          loop_.context(), TerminalListener::Options{.address = {host, 0},
                                                     .link = std::move(link),
                                                     .tls = tls,
                                                     .silence_max = silence_max});
      listener_->Listen(gate_);
    });
    ASSERT_TRUE(Eventually([&] {
      port_ = listener_->port();
      return port_ != 0;
    }));
  }

  bool Eventually(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (std::chrono::steady_clock::now() < end) {
      bool holds = false;
      loop_.RunAndWait([&] { holds = condition(); });
      if (holds) return true;
      std::this_thread::yield();
    }
    return false;
  }

  Loop loop_;
  FakeGate gate_;
  std::unique_ptr<TerminalListener> listener_;  // the loop's thread
  std::uint16_t port_ = 0;
};

TEST_F(TerminalListenerTest, ACallBecomesALink) {
  Listen();
  FakeTerminal terminal;
  terminal.Call(port_, "127.0.0.9");
  terminal.FinishHandshake();
  EXPECT_THAT(gate_.WaitForNotes(2),
              ElementsAre("check 541000001 from 127.0.0.9", "called 541000001"));
  Awaited<absl::StatusOr<model::LogStatus>> armed;
  loop_.RunAndWait([&] { gate_.link->ArmPushes(armed.Reply()); });
  const Frame request = terminal.ReceiveRequest();
  ASSERT_TRUE(request.has_arm_pushes());
  terminal.Send(StatusFrame(request.request_id(), 1, 3));
  terminal.Send(PushFrame(4));
  ASSERT_TRUE(gate_.observer.WaitForLines(1));
  EXPECT_THAT(gate_.observer.lines(), ElementsAre(StartsWith("push 4")));
  EXPECT_TRUE(Eventually([&] { return listener_->counts().links == 1; }));
  terminal.Close();
  EXPECT_TRUE(gate_.observer.WaitForLines(2));
}

TEST_F(TerminalListenerTest, WhoIsNotAcceptedIsToldWhy) {
  gate_.refusal = absl::PermissionDeniedError("not in the filter");
  Listen();
  FakeTerminal terminal;
  terminal.Call(port_);
  terminal.ReceiveHello();
  terminal.SendHelloReply();
  const Frame last = terminal.Receive();
  EXPECT_EQ(last.error().code(), v1::Error::NOT_ALLOWED);
  EXPECT_EQ(last.error().text(), "not in the filter");
  EXPECT_TRUE(terminal.SeesClose());
  EXPECT_TRUE(Eventually([&] { return listener_->counts().not_allowed == 1; }));
}

TEST_F(TerminalListenerTest, ACallThatTheGateDropsIsClosed) {
  gate_.takes = false;
  Listen();
  FakeTerminal terminal;
  terminal.Call(port_);
  terminal.FinishHandshake();
  EXPECT_TRUE(terminal.SeesClose());
}

TEST_F(TerminalListenerTest, BothSidesProveTheKey) {
  gate_.trust.key = kKey;
  Listen();
  FakeTerminal terminal(kKey);
  terminal.Call(port_);
  const v1::Hello hello = terminal.ReceiveHello();
  terminal.SendHelloReply();
  EXPECT_EQ(
      terminal.ReceiveAuthenticate().proof(),
      KeyProof(kKey, Role::kGateway, Role::kTerminal, hello.nonce(), terminal.hello_reply.nonce()));
  terminal.SendAuthenticateReply();
  EXPECT_EQ(gate_.WaitForNotes(2).back(), "called 541000001");
}

TEST_F(TerminalListenerTest, AProofOfAConnectionThatAGatewayOpenedIsNone) {
  gate_.trust.key = kKey;
  Listen();
  FakeTerminal relay(kKey);
  relay.Call(port_);
  const v1::Hello hello = relay.ReceiveHello();
  relay.SendHelloReply();
  relay.ReceiveAuthenticate();
  Frame reply;
  reply.mutable_authenticate_reply()->set_proof(
      KeyProof(kKey, Role::kTerminal, Role::kGateway, hello.nonce(), relay.hello_reply.nonce()));
  *reply.mutable_authenticate_reply()->mutable_log_status() = relay.log_status;
  relay.Send(reply);
  EXPECT_THAT(gate_.WaitForNotes(2).back(), HasSubstr("has another key"));
}

TEST_F(TerminalListenerTest, AnotherKeyIsAFailedCall) {
  gate_.trust.key = kKey;
  Listen();
  FakeTerminal terminal("another key, too");
  terminal.Call(port_);
  terminal.FinishHandshake();
  EXPECT_THAT(gate_.WaitForNotes(2).back(),
              StartsWith("failed 541000001: 127.0.0.1 has another key"))
      << "without the port, so that it is the same sentence at every call";
  EXPECT_TRUE(terminal.SeesClose());
}

TEST_F(TerminalListenerTest, ATerminalThatWasToldToUseTlsIsNotTakenWithout) {
  gate_.trust.certificate = "digest";
  Listen();
  FakeTerminal terminal;
  terminal.Call(port_);
  terminal.ReceiveHello();
  terminal.SendHelloReply();
  EXPECT_THAT(gate_.WaitForNotes(2).back(), HasSubstr("without TLS"));
  EXPECT_EQ(terminal.Receive().error().code(), v1::Error::NOT_ALLOWED);
}

TEST_F(TerminalListenerTest, OverTlsOnlyTheTerminalsOwnCertificateWillDo) {
  const OwnCertificate gateway = *MakeOwnCertificate("gateway");
  const OwnCertificate own = *MakeOwnCertificate("terminal 541000001");
  const auto tls = *MakeGatewayTls(gateway.certificate, gateway.key);
  gate_.trust.certificate = TlsTestTerminal::DigestOf(own);
  Listen({}, "127.0.0.1", kCallSilence, tls.get());
  // Of the same name, and of a gateway's choice: anybody can make one.
  TlsTestTerminal twin(*MakeOwnCertificate("terminal 541000001"), gateway);
  twin.Call(port_);
  EXPECT_THAT(gate_.WaitForNotes(2).back(), HasSubstr("shows another certificate"));
  loop_.RunAndWait([&] { EXPECT_EQ(gate_.link, nullptr); });
  TlsTestTerminal terminal(own, gateway);
  terminal.Call(port_);
  EXPECT_EQ(gate_.WaitForNotes(4).back(), "called 541000001");
  loop_.RunAndWait([&] {
    listener_.reset();
    gate_.link.reset();
  });
}

TEST_F(TerminalListenerTest, OffLoopbackATerminalMustProveItself) {
  const std::string other = OtherAddress();
  if (other.empty()) GTEST_SKIP() << "this machine has loopback addresses only";
  Listen({}, "0.0.0.0");
  FakeTerminal stranger;
  stranger.Call(port_, other);
  stranger.ReceiveHello();
  stranger.SendHelloReply();
  EXPECT_THAT(gate_.WaitForNotes(2).back(), HasSubstr("give it a key"));
  EXPECT_TRUE(stranger.SeesClose());

  loop_.RunAndWait([&] { gate_.trust.key = kKey; });
  FakeTerminal known(kKey);
  known.Call(port_, other);
  known.FinishHandshake();
  EXPECT_EQ(gate_.WaitForNotes(4).back(), "called 541000001");
}

TEST_F(TerminalListenerTest, WhoSaysNothingIsLeftAlone) {
  Listen({.handshake_timeout = std::chrono::milliseconds(50)});
  FakeTerminal terminal;
  terminal.Call(port_);
  terminal.ReceiveHello();
  EXPECT_TRUE(terminal.SeesClose());
  EXPECT_TRUE(Eventually([&] { return listener_->counts().failed == 1; }));
}

TEST_F(TerminalListenerTest, WhoSpeaksAnotherLanguageIsLeftAlone) {
  Listen();
  FakeTerminal terminal;
  terminal.Call(port_);
  terminal.SendBytes("GET / HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(terminal.SeesClose());
}

TEST_F(TerminalListenerTest, AFrameOfAMegabyteIsNotTakenOfStrangers) {
  Listen();
  FakeTerminal terminal;
  terminal.Call(port_);
  terminal.ReceiveHello();
  const std::string size("\x00\x03\x00\x01", kLengthSize);  // 192 KiB and one
  terminal.SendBytes(size);
  EXPECT_TRUE(terminal.SeesClose()) << "before any of it has come";
  EXPECT_TRUE(Eventually([&] { return listener_->counts().failed == 1; }));
}

TEST_F(TerminalListenerTest, TheLargestHelloReplyFits) {
  Listen();
  FakeTerminal terminal;
  v1::Identity& identity = *terminal.hello_reply.mutable_identity();
  const auto pad = [](auto message, std::size_t size) {
    message.GetReflection()->MutableUnknownFields(&message)->AddLengthDelimited(
        1'999, std::string(size - message.ByteSizeLong() - 6, 'x'));
    return message.SerializeAsString();
  };
  gsdk::device::CapabilityInfo info;
  ASSERT_TRUE(info.ParseFromString(identity.capability_info()));
  identity.set_capability_info(pad(info, kCapabilitySizeMax));
  identity.set_device_capability(pad(gsdk::device::DeviceCapability(), kCapabilitySizeMax));
  for (std::size_t i = 0; i < kSlavesMax; ++i) {
    identity.add_rs485_slave_ids(0xF000'0000);
    identity.add_wiegand_slave_ids(0xF000'0000);
  }
  terminal.Call(port_);
  terminal.FinishHandshake();
  EXPECT_EQ(gate_.WaitForNotes(2).back(), "called 541000001");
}

TEST_F(TerminalListenerTest, OnePeerCannotHoldAllPlaces) {
  Listen();
  std::vector<std::unique_ptr<FakeTerminal>> greedy;
  for (std::size_t i = 0; i < kCallsPerPeerMax; ++i) {
    greedy.push_back(std::make_unique<FakeTerminal>());
    greedy.back()->Call(port_, "127.0.0.66");
    greedy.back()->ReceiveHello();
  }
  FakeTerminal one_more;
  one_more.Call(port_, "127.0.0.66");
  EXPECT_TRUE(one_more.SeesClose());
  EXPECT_TRUE(Eventually([&] { return listener_->counts().refused == 1; }));
  FakeTerminal other;
  other.Call(port_, "127.0.0.9");
  other.FinishHandshake();
  EXPECT_EQ(gate_.WaitForNotes(2).back(), "called 541000001");
}

TEST_F(TerminalListenerTest, WhoSaysNothingGivesHisPlaceUpWhenPlacesAreFew) {
  Listen({.handshake_timeout = std::chrono::minutes(5)}, "127.0.0.1",
         std::chrono::milliseconds(100));
  asio::io_context context;
  std::vector<asio::ip::tcp::socket> silent;
  const auto call = [&](std::size_t peer) {
    const auto from = asio::ip::make_address(absl::StrCat("127.0.0.", 100 + peer));
    silent.emplace_back(context, asio::ip::tcp::endpoint(from, 0));
    silent.back().connect({asio::ip::make_address("127.0.0.1"), port_});
  };
  for (std::size_t i = 0; i < kCallsBusy; ++i) call(i / kCallsPerPeerMax);
  ASSERT_TRUE(Eventually([&] { return listener_->counts().calls == kCallsBusy; }));
  loop_.RunAndWait([&] { EXPECT_EQ(listener_->counts().failed, 0u) << "there is room for all"; });
  call(kCallsBusy / kCallsPerPeerMax);
  EXPECT_TRUE(Eventually([&] { return listener_->counts().failed > 0; }));
  loop_.RunAndWait([&] { EXPECT_EQ(listener_->counts().refused, 0u); });
}

TEST_F(TerminalListenerTest, GoesOnTryingWhileThePortIsTaken) {
  Listen();
  FakeGate other_gate;
  std::unique_ptr<TerminalListener> other;
  loop_.RunAndWait([&] {
    other = std::make_unique<TerminalListener>(
        loop_.context(), TerminalListener::Options{.address = {"127.0.0.1", port_}});
    other->Listen(other_gate);
  });
  FakeTerminal terminal;
  terminal.Call(port_);
  terminal.FinishHandshake();
  EXPECT_EQ(gate_.WaitForNotes(2).back(), "called 541000001");
  EXPECT_TRUE(Eventually([&] { return other->port() == 0; }));
  loop_.RunAndWait([&] {
    EXPECT_EQ(other->place().port, 0);
    EXPECT_EQ(listener_->place().port, 0) << "it would be another at the next start";
    EXPECT_TRUE(listener_->place().loopback_only);
    listener_.reset();
  });
  EXPECT_TRUE(Eventually([&] { return other->place().port == port_; }));
  loop_.RunAndWait([&] { other.reset(); });
}

}  // namespace
}  // namespace gatelog::terminal
