#include "apps/gatelog/failure.h"

#include <gtest/gtest.h>

namespace gatelog::cli {
namespace {

constexpr char kGateway[] = "localhost:4000";
constexpr int kTimeout = 30;

absl::Status Call(grpc::StatusCode code, const std::string& text) {
  return FromCall(grpc::Status(code, text), kGateway, kTimeout);
}

TEST(FailureTest, AServersSentenceIsPassedOn) {
  const absl::Status status =
      Call(grpc::StatusCode::NOT_FOUND, "the gateway does not manage device 7");
  EXPECT_EQ(status.message(), "The gateway does not manage device 7.");
  EXPECT_EQ(ExitCodeOf(status), kExitFailed);
}

TEST(FailureTest, WhatTheServerDoesNotTakeIsWrongUsage) {
  const absl::Status status = Call(grpc::StatusCode::INVALID_ARGUMENT, "17 is no T&A key");
  EXPECT_EQ(status.message(), "17 is no T&A key.");
  EXPECT_EQ(ExitCodeOf(status), kExitUsage);
  EXPECT_EQ(ExitCodeOf(Call(grpc::StatusCode::OUT_OF_RANGE, "The cursor is too old.")),
            kExitFailed);
}

TEST(FailureTest, ADeviceThatIsAwayIsNoUnreachableGateway) {
  const absl::Status status =
      Call(grpc::StatusCode::UNAVAILABLE, "Device 541000001 is not connected.");
  EXPECT_EQ(status.message(), "Device 541000001 is not connected.");
  EXPECT_EQ(ExitCodeOf(status), kExitFailed);
}

TEST(FailureTest, NorIsADeviceThatBreaksItsConnection) {
  const absl::Status status =
      Call(grpc::StatusCode::UNAVAILABLE,
           "10.0.0.9:51211 broke the handshake off: Connection reset by peer");
  EXPECT_EQ(status.message(), "10.0.0.9:51211 broke the handshake off: Connection reset by peer.");
  EXPECT_EQ(ExitCodeOf(status), kExitFailed);
}

TEST(FailureTest, ABrokenConnectionIs) {
  for (const char* text : {"Socket closed", "recvmsg:Connection reset by peer",
                           "failed to connect to all addresses; last error: UNKNOWN: x"}) {
    EXPECT_EQ(ExitCodeOf(Call(grpc::StatusCode::UNAVAILABLE, text)), kExitUnreachable) << text;
  }
}

TEST(FailureTest, HostileTextIsEscaped) {
  EXPECT_EQ(Call(grpc::StatusCode::INTERNAL, "\x1b[2Jgone").message(), "\\x1b[2Jgone.");
}

TEST(FailureTest, ATimeoutSaysHowLongAndWhatToDo) {
  const absl::Status status = Call(grpc::StatusCode::DEADLINE_EXCEEDED, "Deadline Exceeded");
  EXPECT_EQ(status.message(),
            "No answer within 30 s. Try again, or give it longer with --timeout SECONDS.");
}

TEST(FailureTest, ACallWithoutAReasonStillMakesASentence) {
  EXPECT_NE(Call(grpc::StatusCode::INTERNAL, "").message(), "");
  EXPECT_NE(Call(grpc::StatusCode::UNIMPLEMENTED, "").message(), "");
}

TEST(FailureTest, ConnectingSaysWhatToDo) {
  const absl::Status refused =
      FromConnect("failed to connect to all addresses; last error: UNKNOWN: Connection refused",
                  kGateway, "ca.crt");
  EXPECT_EQ(refused.message(),
            "No gateway answers at localhost:4000. Start gatelogd, or name another one with "
            "--gateway.");
  EXPECT_EQ(ExitCodeOf(refused), kExitUnreachable);
  const absl::Status foreign =
      FromConnect("Ssl handshake failed: SSL_ERROR_SSL: error:0A000086:certificate verify failed",
                  kGateway, "ca.crt");
  EXPECT_NE(foreign.message().find("ca.crt does not vouch for"), absl::string_view::npos);
}

TEST(FailureTest, ExitCodes) {
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), 0);
  EXPECT_EQ(ExitCodeOf(Failed("x")), 1);
  EXPECT_EQ(ExitCodeOf(UsageError("x")), 2);
  EXPECT_EQ(ExitCodeOf(absl::InvalidArgumentError("x")), 2);
  EXPECT_EQ(ExitCodeOf(absl::AbortedError("")), 0);
  EXPECT_EQ(ExitCodeOf(Interrupted()), 130);
}

}  // namespace
}  // namespace gatelog::cli
