#include "api/rpc/grpc_server.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <gtest/gtest.h>

#include "api/rpc/partly_served.h"
#include "base/certificate.h"
#include "base/clock.h"
#include "base/file.h"
#include "grpc/health/v1/health.pb.h"
#include "gsdk/schedule.grpc.pb.h"
#include "tests/support/temp_directory.h"

namespace gatelog::api {
namespace {

class Refusing final : public PartlyServed<gsdk::schedule::Schedule::CallbackService> {
 public:
  Refusing() { RefuseAllBut("gsdk.schedule.Schedule", {}, "for a reason"); }
};

std::string Target(const GrpcServer& server) {
  return "127.0.0.1:" + std::to_string(server.port());
}

grpc::Status Call(const std::shared_ptr<grpc::Channel>& channel) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  gsdk::schedule::GetListResponse response;
  return gsdk::schedule::Schedule::NewStub(channel)->GetList(&context, {}, &response);
}

grpc::Status Check(const std::shared_ptr<grpc::Channel>& channel, const std::string& service,
                   grpc::health::v1::HealthCheckResponse& response) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  grpc::health::v1::HealthCheckRequest request;
  request.set_service(service);
  const grpc::internal::RpcMethod method("/grpc.health.v1.Health/Check",
                                         grpc::internal::RpcMethod::NORMAL_RPC);
  return grpc::internal::BlockingUnaryCall<grpc::health::v1::HealthCheckRequest,
                                           grpc::health::v1::HealthCheckResponse>(
      channel.get(), method, &context, request, &response);
}

TEST(GrpcServer, NamesTheMethodThatIsNotServed) {
  Refusing service;
  auto server = GrpcServer::Start({.address = {"127.0.0.1", 0}}, {&service});
  ASSERT_TRUE(server.ok()) << server.status();
  const grpc::Status status =
      Call(grpc::CreateChannel(Target(**server), grpc::InsecureChannelCredentials()));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(
      status.error_message(),
      "gsdk.schedule.Schedule.GetList is not served in this version of gatelog: for a reason.");
}

TEST(GrpcServer, SpeaksTlsWithItsOwnCa) {
  const testing::TempDirectory directory;
  const auto certificate = LoadOrMakeServerCertificate(
      directory.path(), {.dns = {"localhost"}, .ip = {"127.0.0.1", "::1"}}, SystemClock());
  ASSERT_TRUE(certificate.ok()) << certificate.status();
  Refusing service;
  auto server =
      GrpcServer::Start({.address = {"127.0.0.1", 0},
                         .tls = GrpcServer::Tls{certificate->certificate, certificate->key}},
                        {&service});
  ASSERT_TRUE(server.ok()) << server.status();
  const std::string ca = *ReadFile(certificate->ca_file, 1 << 20);
  const auto good = grpc::CreateChannel(
      Target(**server),
      grpc::SslCredentials({.pem_root_certs = ca, .pem_private_key = {}, .pem_cert_chain = {}}));
  EXPECT_EQ(Call(good).error_code(), grpc::StatusCode::UNIMPLEMENTED);
  const auto plain = grpc::CreateChannel(Target(**server), grpc::InsecureChannelCredentials());
  EXPECT_EQ(Call(plain).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST(GrpcServer, SaysThatThePortIsTaken) {
  Refusing service;
  auto first = GrpcServer::Start({.address = {"127.0.0.1", 0}}, {&service});
  ASSERT_TRUE(first.ok()) << first.status();
  Refusing other;
  const auto port = static_cast<std::uint16_t>((*first)->port());
  const auto second = GrpcServer::Start({.address = {"127.0.0.1", port}}, {&other});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(second.status().message(), "Another process already listens on " + Target(**first) +
                                           ". Stop it, or choose another address with --grpc.");
}

TEST(GrpcServer, AnswersHealthChecks) {
  Refusing service;
  auto server = GrpcServer::Start(
      {.address = {"127.0.0.1", 0}, .health = {"gsdk.schedule.Schedule"}}, {&service});
  ASSERT_TRUE(server.ok()) << server.status();
  const auto channel = grpc::CreateChannel(Target(**server), grpc::InsecureChannelCredentials());
  grpc::health::v1::HealthCheckResponse response;
  ASSERT_TRUE(Check(channel, "", response).ok());
  EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::SERVING);
  (*server)->SetServing(false);
  ASSERT_TRUE(Check(channel, "gsdk.schedule.Schedule", response).ok());
  EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(Check(channel, "no.such.Service", response).error_code(), grpc::StatusCode::NOT_FOUND);
}

}  // namespace
}  // namespace gatelog::api
