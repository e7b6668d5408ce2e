// Calls by names without "gsdk." in front, as older clients make them.

#include "api/rpc/older_paths.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <gtest/gtest.h>

#include <thread>

#include "api/gsdk/event_service.h"
#include "api/gsdk/terminal_services.h"
#include "api/rpc/grpc_server.h"
#include "gatelog/internal/rpc_status.pb.h"
#include "gsdk/err.pb.h"
#include "gsdk/user.pb.h"
#include "tests/support/test_gateway.h"

namespace gatelog::api {
namespace {

namespace ev = gsdk::event;
using ::gatelog::testing::Eventually;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;

constexpr model::DeviceId kDevice = 541'000'001;

// A service with a trailer, a header and an echo of a header of its caller.
class HeaderService final : public ev::Event::CallbackService {
 private:
  grpc::ServerUnaryReactor* ClearLog(grpc::CallbackServerContext* context,
                                     const ev::ClearLogRequest*, ev::ClearLogResponse*) override {
    for (const auto& [key, value] : context->client_metadata()) {
      if (std::string_view(key.data(), key.size()) != "token") continue;
      context->AddInitialMetadata("header", "1");
      context->AddTrailingMetadata("token-bin", std::string(value.data(), value.size()) + '\0');
    }
    auto* reactor = context->DefaultReactor();
    const bool has_deadline = context->deadline() != std::chrono::system_clock::time_point::max();
    reactor->Finish({grpc::StatusCode::ABORTED, has_deadline ? "with deadline" : "without"});
    return reactor;
  }
};

class OlderPathsTest : public ::testing::Test {
 protected:
  OlderPathsTest() { StartServer({&event_}); }
  ~OlderPathsTest() override {
    event_.Shutdown();
    server_->Shutdown(std::chrono::milliseconds(100));
  }

  void StartServer(std::vector<grpc::Service*> services) {
    for (const auto& service : terminal_services_) services.push_back(service.get());
    server_ = nullptr;
    auto server =
        GrpcServer::Start({.address = {"127.0.0.1", 0}, .older_names_lack = "gsdk."}, services);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    channel_ = grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(server_->port()),
                                         grpc::InsecureChannelCredentials(), arguments);
  }

  static void SetDeadline(grpc::ClientContext& context) {
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  }

  template <typename Request, typename Response>
  grpc::Status Call(const char* path, const Request& request, Response& response,
                    grpc::ClientContext& context) {
    const grpc::internal::RpcMethod method(path, grpc::internal::RpcMethod::NORMAL_RPC);
    return grpc::internal::BlockingUnaryCall<Request, Response>(channel_.get(), method, &context,
                                                                request, &response);
  }
  template <typename Request, typename Response>
  grpc::Status Call(const char* path, const Request& request, Response& response) {
    grpc::ClientContext context;
    SetDeadline(context);
    return Call(path, request, response, context);
  }

  std::unique_ptr<grpc::ClientReader<ev::EventLog>> Subscribe(grpc::ClientContext& context) {
    const grpc::internal::RpcMethod method("/event.Event/SubscribeRealtimeLog",
                                           grpc::internal::RpcMethod::SERVER_STREAMING);
    std::unique_ptr<grpc::ClientReader<ev::EventLog>> reader(
        grpc::internal::ClientReaderFactory<ev::EventLog>::Create(
            channel_.get(), method, &context, ev::SubscribeRealtimeLogRequest()));
    reader->WaitForInitialMetadata();
    return reader;
  }

  void LinkMonitored(int records) {
    gateway_.AddLinked(kDevice, records);
    ev::EnableMonitoringRequest request;
    request.set_deviceid(kDevice);
    ev::EnableMonitoringResponse response;
    ASSERT_TRUE(Call("/event.Event/EnableMonitoring", request, response).ok());
  }

  testing::TestGateway gateway_;
  EventService event_{gateway_.loop, *gateway_.fleet, *gateway_.access, gateway_.live};
  std::vector<std::unique_ptr<ForwardedService>> terminal_services_ =
      MakeTerminalServices(gateway_.loop, *gateway_.calls);
  std::unique_ptr<GrpcServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST_F(OlderPathsTest, AnswerTheSame) {
  gateway_.AddLinked(kDevice, 3'000);
  ev::GetLogRequest request;
  request.set_deviceid(kDevice);
  ev::GetLogResponse by_new_name;
  ev::GetLogResponse by_old_name;
  ASSERT_TRUE(Call("/gsdk.event.Event/GetLog", request, by_new_name).ok());
  const grpc::Status status = Call("/event.Event/GetLog", request, by_old_name);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(by_old_name.events_size(), 3'000);
  EXPECT_EQ(by_old_name.SerializeAsString(), by_new_name.SerializeAsString());
}

TEST_F(OlderPathsTest, TakeRepliesAsLargeAsTheyAre) {
  gateway_.AddLinked(kDevice, 0);
  gsdk::user::GetResponse large;
  large.add_users()->set_photo(std::string(9'000'000, 'x'));
  gateway_.OnLoop([&] {
    gateway_.terminals.at(kDevice).service = [&](auto, auto) {
      return absl::StatusOr<std::string>(large.SerializeAsString());
    };
  });
  gsdk::user::GetRequest request;
  request.set_deviceid(kDevice);
  request.add_userids(std::string(5'000'000, 'y'));
  gsdk::user::GetResponse response;
  const grpc::Status status = Call("/user.User/Get", request, response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_TRUE(response.users(0).photo() == large.users(0).photo());
}

TEST_F(OlderPathsTest, PassErrorsWithTheirDetails) {
  ev::ClearLogMultiRequest request;
  for (const model::DeviceId device : {7u, 8u}) request.add_deviceids(device);
  ev::ClearLogMultiResponse response;
  grpc::ClientContext context;
  SetDeadline(context);
  const grpc::Status status = Call("/event.Event/ClearLogMulti", request, response, context);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "2 of 2 devices failed");
  gatelog::internal::RpcStatus details;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_EQ(details.code(), status.error_code());
  EXPECT_EQ(details.message(), status.error_message());
  gsdk::err::MultiErrorResponse errors;
  ASSERT_EQ(details.details_size(), 1);
  ASSERT_TRUE(details.details(0).UnpackTo(&errors));
  EXPECT_EQ(errors.deviceerrors_size(), 2);
  // Clients parse every trailer: there is this one and no other.
  EXPECT_EQ(context.GetServerTrailingMetadata().size(), 1u);
}

TEST_F(OlderPathsTest, PassHeadersTrailersAndDeadlines) {
  HeaderService headers;
  StartServer({&headers});
  grpc::ClientContext context;
  SetDeadline(context);
  context.AddMetadata("token", "secret");
  ev::ClearLogResponse response;
  grpc::Status status = Call("/event.Event/ClearLog", ev::ClearLogRequest(), response, context);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_EQ(status.error_message(), "with deadline");
  EXPECT_THAT(context.GetServerInitialMetadata(), Contains(Pair("header", "1")));
  EXPECT_THAT(context.GetServerTrailingMetadata(),
              Contains(Pair("token-bin", grpc::string_ref("secret\0", 7))));
  grpc::ClientContext patient;
  status = Call("/event.Event/ClearLog", ev::ClearLogRequest(), response, patient);
  EXPECT_EQ(status.error_message(), "without");
}

TEST_F(OlderPathsTest, ADeadlinePasses) {
  gateway_.AddLinked(kDevice, 0);
  gateway_.OnLoop([&] { gateway_.terminals.at(kDevice).answers = false; });
  gsdk::user::GetListRequest request;
  request.set_deviceid(kDevice);
  gsdk::user::GetListResponse response;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(50));
  EXPECT_EQ(Call("/user.User/GetList", request, response, context).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
}

TEST_F(OlderPathsTest, StreamsBeginFlowAndAreCancelled) {
  LinkMonitored(1);
  grpc::ClientContext context;
  SetDeadline(context);
  const auto reader = Subscribe(context);
  EXPECT_EQ(gateway_.live.subscribers(), 1u);
  for (std::uint32_t i = 0; i < 100; ++i) {
    model::Event event;
    event.code = 0x1300;
    event.timestamp = i;
    gateway_.Record(kDevice, event);
  }
  ev::EventLog event;
  for (std::uint32_t id = 2; id <= 101; ++id) {
    ASSERT_TRUE(reader->Read(&event));
    EXPECT_EQ(event.id(), id);
  }
  // A unary call by the side of the stream, which is not read meanwhile.
  ev::GetLogRequest request;
  request.set_deviceid(kDevice);
  ev::GetLogResponse response;
  EXPECT_TRUE(Call("/event.Event/GetLog", request, response).ok());
  context.TryCancel();
  while (reader->Read(&event)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(Eventually([&] { return gateway_.live.subscribers() == 0; }));
}

TEST_F(OlderPathsTest, StreamsEndWithTheGateway) {
  LinkMonitored(0);
  grpc::ClientContext context;
  SetDeadline(context);
  const auto reader = Subscribe(context);
  event_.Shutdown();
  ev::EventLog event;
  EXPECT_FALSE(reader->Read(&event));
  const grpc::Status status = reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(status.error_message(), "The gateway is stopping.");
}

TEST_F(OlderPathsTest, AServerStopsWithStreamsThatNobodyEnds) {
  LinkMonitored(0);
  grpc::ClientContext context;
  SetDeadline(context);
  const auto reader = Subscribe(context);
  server_->Shutdown(std::chrono::milliseconds(10));
  ev::EventLog event;
  EXPECT_FALSE(reader->Read(&event));
  EXPECT_FALSE(reader->Finish().ok());
}

TEST_F(OlderPathsTest, ManyCallsAtOnceAndSomeCancelled) {
  LinkMonitored(50);
  std::vector<std::thread> clients;
  for (int client = 0; client < 8; ++client) {
    clients.emplace_back([this, client] {
      for (int i = 0; i < 50; ++i) {
        grpc::ClientContext context;
        SetDeadline(context);
        if ((client + i) % 3 == 0) {
          const auto reader = Subscribe(context);
          context.TryCancel();
          EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
          continue;
        }
        ev::GetLogRequest request;
        request.set_deviceid(kDevice);
        ev::GetLogResponse response;
        EXPECT_TRUE(Call("/event.Event/GetLog", request, response, context).ok());
        EXPECT_EQ(response.events_size(), 50);
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_TRUE(Eventually([&] { return gateway_.live.subscribers() == 0; }));
}

TEST_F(OlderPathsTest, WhatNobodyServesIsNamed) {
  ev::GetLogResponse response;
  for (const auto& [path, name] : std::vector<std::pair<const char*, const char*>>{
           {"/gsdk.access.Access/GetList", "gsdk.access.Access/GetList"},
           {"/access.Access/GetList", "gsdk.access.Access/GetList"},
           {"/event.Event/NoSuch", "gsdk.event.Event/NoSuch"},
           {"/NoDots/Method", "NoDots/Method"},
           {"/three.dots.in.Service/Method", "three.dots.in.Service/Method"}}) {
    const grpc::Status status = Call(path, ev::GetLogRequest(), response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED) << path;
    EXPECT_EQ(status.error_message(),
              std::string(name) + " is not served in this version of gatelog.");
  }
}

}  // namespace
}  // namespace gatelog::api
