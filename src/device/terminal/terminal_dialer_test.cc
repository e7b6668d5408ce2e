#include "device/terminal/terminal_dialer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "device/terminal/fake_terminal.h"
#include "device/terminal/link_test_client.h"
#include "device/terminal/tls_test_terminal.h"

namespace gatelog::terminal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kKey[] = "sixteen bytes ok";

void ExpectError(const absl::Status& status, absl::StatusCode code, const std::string& words) {
  EXPECT_EQ(status.code(), code) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(words));
  EXPECT_THAT(std::string(status.message()), HasSubstr("127.0.0.1:"));
}

TEST(TerminalDialer, TellsWhoTheTerminalIs) {
  FakeTerminal terminal;
  terminal.hello_reply.mutable_identity()->add_rs485_slave_ids(7);
  terminal.hello_reply.mutable_identity()->set_firmware_version(std::string(1000, 'v'));
  LinkTestClient client;
  client.Dial(terminal.address());
  terminal.ShakeHands();
  ASSERT_TRUE(client.WaitForLink().ok());
  const model::DeviceIdentity& identity = client.identity();
  EXPECT_EQ(identity.id, 541000001u);
  EXPECT_EQ(identity.model_name, "FSF2-ODB");
  EXPECT_EQ(identity.firmware_version, std::string(kDeviceTextMax, 'v'));
  EXPECT_EQ(identity.type, 0x1Eu);
  EXPECT_TRUE(identity.image_logs);
  EXPECT_THAT(identity.rs485_slaves, ElementsAre(7));
  EXPECT_THAT(client.observer.lines(), IsEmpty());
}

TEST(TerminalDialer, SaysHelloAsSpecified) {
  FakeTerminal terminal;
  LinkTestClient client({.gateway_name = "gatelog 0.1.0"});
  client.Dial(terminal.address());
  terminal.Accept();
  const v1::Hello hello = terminal.ReceiveHello();
  EXPECT_EQ(hello.protocol_version(), 1u);
  EXPECT_EQ(hello.gateway(), "gatelog 0.1.0");
  EXPECT_EQ(hello.nonce().size(), kNonceSize);
  terminal.SendHelloReply();
  EXPECT_EQ(terminal.ReceiveAuthenticate().proof(), "");
}

TEST(TerminalDialer, BothSidesProveTheKey) {
  FakeTerminal terminal(kKey);
  LinkTestClient client;
  client.Dial(terminal.address());
  terminal.Accept();
  const v1::Hello hello = terminal.ReceiveHello();
  terminal.SendHelloReply();
  EXPECT_EQ(
      terminal.ReceiveAuthenticate().proof(),
      KeyProof(kKey, Role::kGateway, Role::kGateway, hello.nonce(), terminal.hello_reply.nonce()));
  terminal.SendAuthenticateReply();
  EXPECT_TRUE(client.WaitForLink().ok());
}

TEST(TerminalDialer, DoesNotTrustATerminalWithAnotherKey) {
  FakeTerminal terminal("another key, too");
  LinkTestClient client;
  ports::DeviceAddress address = terminal.address();
  address.key = kKey;
  client.Dial(address);
  terminal.ShakeHands();
  ExpectError(client.WaitForLink(), absl::StatusCode::kPermissionDenied, "has another key");
  EXPECT_TRUE(terminal.SeesClose());
}

TEST(TerminalDialer, DoesNotTrustATerminalThatEchoesTheProof) {
  FakeTerminal terminal(kKey);
  LinkTestClient client;
  client.Dial(terminal.address());
  terminal.Accept();
  terminal.ReceiveHello();
  terminal.SendHelloReply();
  Frame reply;
  reply.mutable_authenticate_reply()->set_proof(terminal.ReceiveAuthenticate().proof());
  *reply.mutable_authenticate_reply()->mutable_log_status() = terminal.log_status;
  terminal.Send(reply);
  ExpectError(client.WaitForLink(), absl::StatusCode::kPermissionDenied, "has another key");
}

// Somebody between a gateway that calls and a terminal that calls has proofs of both, for the wrong
// connection.
TEST(TerminalDialer, DoesNotTrustAProofOfAConnectionThatTheTerminalOpened) {
  FakeTerminal terminal(kKey);
  LinkTestClient client;
  client.Dial(terminal.address());
  terminal.Accept();
  const v1::Hello hello = terminal.ReceiveHello();
  terminal.SendHelloReply();
  terminal.ReceiveAuthenticate();
  Frame reply;
  reply.mutable_authenticate_reply()->set_proof(KeyProof(
      kKey, Role::kTerminal, Role::kTerminal, hello.nonce(), terminal.hello_reply.nonce()));
  *reply.mutable_authenticate_reply()->mutable_log_status() = terminal.log_status;
  terminal.Send(reply);
  ExpectError(client.WaitForLink(), absl::StatusCode::kPermissionDenied, "has another key");
}

TEST(TerminalDialer, DoesNotTrustATerminalWithoutAKeyWhenOneWasGiven) {
  FakeTerminal terminal;
  LinkTestClient client;
  ports::DeviceAddress address = terminal.address();
  address.key = kKey;
  client.Dial(address);
  terminal.ShakeHands();
  ExpectError(client.WaitForLink(), absl::StatusCode::kPermissionDenied, "did not prove");
}

TEST(TerminalDialer, SaysThatATerminalWantsAKey) {
  FakeTerminal terminal(kKey);
  LinkTestClient client;
  ports::DeviceAddress address = terminal.address();
  address.key.clear();
  client.Dial(address);
  terminal.Accept();
  terminal.ReceiveHello();
  terminal.SendHelloReply();
  ExpectError(client.WaitForLink(), absl::StatusCode::kPermissionDenied, "requires a key");
}

TEST(TerminalDialer, SaysThatTheTerminalRefusedTheKey) {
  FakeTerminal terminal(kKey);
  LinkTestClient client;
  client.Dial(terminal.address());
  terminal.Accept();
  terminal.ReceiveHello();
  terminal.SendHelloReply();
  terminal.ReceiveAuthenticate();
  Frame refusal;
  refusal.mutable_error()->set_code(v1::Error::NOT_AUTHENTICATED);
  terminal.Send(refusal);
  ExpectError(client.WaitForLink(), absl::StatusCode::kPermissionDenied, "does not accept the key");
}

TEST(TerminalDialer, WantsAKeyBeyondLoopback) {
  const std::string other = OtherAddress();
  if (other.empty()) GTEST_SKIP() << "this machine has loopback addresses only";
  FakeTerminal terminal("", other);
  LinkTestClient client;
  client.Dial(terminal.address());
  terminal.Accept();
  terminal.ReceiveHello();
  terminal.SendHelloReply();
  const absl::Status status = client.WaitForLink();
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(status.message()), HasSubstr("give it a key"));
  EXPECT_FALSE(terminal.Receive().has_authenticate()) << "it is told nothing more";
}

TEST(TerminalDialer, BeyondLoopbackTheKeyThatIsKnownOfTheTerminalWillDo) {
  const std::string other = OtherAddress();
  if (other.empty()) GTEST_SKIP() << "this machine has loopback addresses only";
  FakeTerminal terminal(kKey, other);
  LinkTestClient client(
      {}, {.trust = [](model::DeviceId id) { return ports::DeviceTrust{.id = id, .key = kKey}; }});
  ports::DeviceAddress address = terminal.address();
  address.key.clear();
  client.Dial(address);
  terminal.ShakeHands();
  EXPECT_TRUE(client.WaitForLink().ok());
}

TEST(TerminalDialer, OverTlsOnlyTheTerminalsOwnCertificateWillDo) {
  const OwnCertificate gateway = *MakeOwnCertificate("gateway");
  const OwnCertificate own = *MakeOwnCertificate("terminal 541000001");
  const auto tls = *MakeGatewayTls(gateway.certificate, gateway.key);
  const auto trust = [digest = TlsTestTerminal::DigestOf(own)](model::DeviceId id) {
    return ports::DeviceTrust{.id = id, .certificate = digest};
  };
  {
    TlsTestTerminal twin(*MakeOwnCertificate("terminal 541000001"), gateway);
    LinkTestClient client({}, {.tls = tls.get(), .trust = trust});
    client.Dial(twin.address());
    twin.Accept();
    ExpectError(client.WaitForLink(), absl::StatusCode::kPermissionDenied,
                "shows another certificate");
  }
  TlsTestTerminal terminal(own, gateway);
  LinkTestClient client({}, {.tls = tls.get(), .trust = trust});
  client.Dial(terminal.address());
  terminal.Accept();
  EXPECT_TRUE(client.WaitForLink().ok());
}

TEST(TerminalDialer, NamesWhoHoldsTheTerminal) {
  FakeTerminal terminal;
  LinkTestClient client;
  client.Dial(terminal.address());
  terminal.Accept();
  terminal.ReceiveHello();
  Frame busy;
  busy.mutable_error()->set_code(v1::Error::BUSY);
  busy.mutable_error()->set_text("10.0.0.5:40112\x1b[2J");
  terminal.Send(busy);
  terminal.Close();
  ExpectError(client.WaitForLink(), absl::StatusCode::kUnavailable,
              "held by another gateway: 10.0.0.5:40112\\033[2J");
}

TEST(TerminalDialer, SaysThatNobodyListens) {
  ports::DeviceAddress address;
  {
    FakeTerminal gone;
    address = gone.address();
  }
  LinkTestClient client;
  client.Dial(address);
  ExpectError(client.WaitForLink(), absl::StatusCode::kUnavailable, "cannot connect");
}

TEST(TerminalDialer, SaysThatAHostIsNotFound) {
  LinkTestClient client;
  client.Dial({"terminal", "no such host", 51211, kKey});
  const absl::Status status = client.WaitForLink();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("the host of no such host:51211"));
}

TEST(TerminalDialer, FindsATerminalByName) {
  FakeTerminal terminal;
  ports::DeviceAddress address = terminal.address();
  address.host = "localhost";
  LinkTestClient client;
  client.Dial(address);
  terminal.ShakeHands();
  EXPECT_TRUE(client.WaitForLink().ok());
}

TEST(TerminalDialer, RefusesOtherFamilies) {
  LinkTestClient client;
  client.Dial({"uhppote", "127.0.0.1", 60000, ""});
  EXPECT_EQ(client.WaitForLink().code(), absl::StatusCode::kInvalidArgument);
}

// What a peer sends instead of a HelloReply, and what the gateway says to that.
struct Nonsense {
  const char* name;
  std::string bytes;
  bool closes;
  absl::StatusCode code;
  const char* words;
};

class PeerNonsense : public ::testing::TestWithParam<Nonsense> {};

TEST_P(PeerNonsense, GivesOneClearSentence) {
  FakeTerminal peer;
  LinkTestClient client({.handshake_timeout = std::chrono::milliseconds(300)});
  client.Dial(peer.address());
  peer.Accept();
  peer.ReceiveHello();
  peer.SendBytes(GetParam().bytes);
  if (GetParam().closes) peer.Close();
  ExpectError(client.WaitForLink(), GetParam().code, GetParam().words);
  if (!GetParam().closes) {
    EXPECT_TRUE(peer.SeesClose());
  }
  EXPECT_THAT(client.observer.lines(), IsEmpty());
}

std::string Encoded(const Frame& frame) {
  std::string bytes;
  EXPECT_TRUE(AppendFrame(frame, bytes).ok());
  return bytes;
}

std::string HelloReplyWith(void (*change)(v1::HelloReply&)) {
  Frame frame;
  *frame.mutable_hello_reply() = FakeTerminal().hello_reply;
  change(*frame.mutable_hello_reply());
  return Encoded(frame);
}

std::string WrongReply() {
  Frame frame;
  frame.mutable_push()->set_id(1);
  return Encoded(frame);
}

INSTANTIATE_TEST_SUITE_P(
    TerminalDialer, PeerNonsense,
    ::testing::Values(
        Nonsense{"Http", "HTTP/1.1 400 Bad Request\r\n\r\n", false, absl::StatusCode::kInternal,
                 "does not speak the terminal link"},
        Nonsense{"HundredMegabytes", std::string("\x06\x40\x00\x00", 4), false,
                 absl::StatusCode::kInternal, "a frame of 104857600 bytes was announced"},
        Nonsense{"ZeroLength", std::string(4, '\0'), false, absl::StatusCode::kInternal,
                 "a frame of 0 bytes was announced"},
        Nonsense{"Garbage", std::string("\x00\x00\x00\x05\xff\xff\xff\xff\xff", 9), false,
                 absl::StatusCode::kInternal, "no frame of the terminal link"},
        Nonsense{"ClosesAtOnce", "", true, absl::StatusCode::kUnavailable,
                 "closed the connection during the handshake; if the terminal uses TLS"},
        Nonsense{"ClosesInMidFrame", std::string("\x00\x00\x00\x05\x12", 5), true,
                 absl::StatusCode::kUnavailable, "closed the connection"},
        Nonsense{"Stalls", "", false, absl::StatusCode::kDeadlineExceeded,
                 "did not finish the handshake within 0.3 s"},
        Nonsense{"WrongFrame", WrongReply(), false, absl::StatusCode::kInternal,
                 "answered the greeting with another frame"},
        Nonsense{"OtherVersion",
                 HelloReplyWith([](v1::HelloReply& r) { r.set_protocol_version(2); }), false,
                 absl::StatusCode::kUnimplemented, "speaks version 2"},
        Nonsense{"ShortNonce", HelloReplyWith([](v1::HelloReply& r) { r.set_nonce("short"); }),
                 false, absl::StatusCode::kInternal, "a nonce of 5 bytes"}),
    [](const auto& nonsense) { return std::string(nonsense.param.name); });

class WrongIdentity
    : public ::testing::TestWithParam<std::pair<const char*, void (*)(FakeTerminal&)>> {};

TEST_P(WrongIdentity, IsAHandshakeError) {
  FakeTerminal terminal;
  GetParam().second(terminal);
  LinkTestClient client;
  client.Dial(terminal.address());
  // A wrong identity ends it before anything is proved, a wrong log status afterwards.
  terminal.Accept();
  terminal.ReceiveHello();
  terminal.SendHelloReply();
  if (terminal.Receive().has_authenticate()) terminal.SendAuthenticateReply();
  ExpectError(client.WaitForLink(), absl::StatusCode::kInternal, GetParam().first);
}

v1::Identity& IdentityOf(FakeTerminal& terminal) {
  return *terminal.hello_reply.mutable_identity();
}

INSTANTIATE_TEST_SUITE_P(
    TerminalDialer, WrongIdentity,
    ::testing::Values(
        std::pair{"the device ID is 0",
                  +[](FakeTerminal& fake) { IdentityOf(fake).set_device_id(0); }},
        std::pair{"no encoded CapabilityInfo",
                  +[](FakeTerminal& fake) { IdentityOf(fake).set_capability_info("\xff"); }},
        std::pair{"no encoded DeviceCapability",
                  +[](FakeTerminal& fake) { IdentityOf(fake).set_device_capability("\xff"); }},
        std::pair{"no generation", +[](FakeTerminal& fake) { fake.log_status.set_generation(0); }},
        std::pair{"goes from 9 to 8",
                  +[](FakeTerminal& fake) { fake.log_status = MakeLogStatus(9, 8); }}));

TEST(TerminalDialer, GivesNoReplyAfterGivingUp) {
  FakeTerminal terminal;
  LinkTestClient client({.handshake_timeout = std::chrono::milliseconds(50)});
  client.Dial(terminal.address());
  terminal.Accept();
  terminal.ReceiveHello();
  client.GiveUpDialing();
  terminal.SendHelloReply();
  EXPECT_TRUE(terminal.SeesClose());
  // A second attempt takes longer than the first would have: by then the first would have answered.
  LinkTestClient second({.handshake_timeout = std::chrono::milliseconds(100)});
  second.Dial(terminal.address());
  EXPECT_EQ(second.WaitForLink().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(client.dial_replies(), 0);
}

}  // namespace
}  // namespace gatelog::terminal
