#include "api/gsdk/connect_service.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include "api/gsdk/admin_service.h"
#include "api/gsdk/device_service.h"
#include "api/rpc/grpc_server.h"
#include "gsdk/device.grpc.pb.h"
#include "tests/support/test_gateway.h"

namespace gatelog::api {
namespace {

namespace cn = gsdk::connect;
using ::gatelog::testing::Eventually;
using ::gatelog::testing::FakeTerminals;
using ::gatelog::testing::TestGateway;
using ::testing::ElementsAre;

constexpr model::DeviceId kDevice = 541'000'001;

class ConnectServiceTest : public ::testing::Test {
 protected:
  ConnectServiceTest() {
    auto server = GrpcServer::Start({.address = {"127.0.0.1", 0}}, {&connect_, &device_, &admin_});
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ = grpc::CreateChannel("127.0.0.1:" + std::to_string(server_->port()),
                                   grpc::InsecureChannelCredentials());
    stub_ = cn::Connect::NewStub(channel_);
  }
  ~ConnectServiceTest() override {
    connect_.Shutdown();
    server_->Shutdown(std::chrono::milliseconds(100));
  }

  template <typename Stub, typename Method, typename Request, typename Response>
  static grpc::Status Call(Stub& stub, Method method, const Request& request, Response& response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    return (stub.*method)(&context, request, &response);
  }

  grpc::Status Connect(const std::string& host, int port, bool ssl, cn::ConnectResponse& response) {
    cn::ConnectRequest request;
    request.mutable_connectinfo()->set_ipaddr(host);
    request.mutable_connectinfo()->set_port(port);
    request.mutable_connectinfo()->set_usessl(ssl);
    return Call(*stub_, &cn::Connect::Stub::Connect, request, response);
  }

  grpc::Status AddAsync(model::DeviceId id) {
    cn::AddAsyncConnectionRequest request;
    cn::AsyncConnectInfo* info = request.add_connectinfos();
    info->set_deviceid(id);
    info->set_ipaddr(FakeTerminals::AddressOf(id).host);
    info->set_port(51'211);
    cn::AddAsyncConnectionResponse response;
    return Call(*stub_, &cn::Connect::Stub::AddAsyncConnection, request, response);
  }

  std::vector<cn::DeviceInfo> List() {
    cn::GetDeviceListResponse response;
    EXPECT_TRUE(
        Call(*stub_, &cn::Connect::Stub::GetDeviceList, cn::GetDeviceListRequest(), response).ok());
    return {response.deviceinfos().begin(), response.deviceinfos().end()};
  }

  TestGateway gateway_;
  ConnectService connect_{gateway_.loop, *gateway_.fleet, gateway_.status};
  DeviceService device_{gateway_.loop, *gateway_.calls, *gateway_.fleet};
  AdminService admin_{"0.1.0", "2026-03-01"};
  std::unique_ptr<GrpcServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<cn::Connect::Stub> stub_;
};

TEST_F(ConnectServiceTest, ConnectsListsAndDisconnects) {
  gateway_.AddTerminal(kDevice, 1);
  cn::ConnectResponse response;
  const std::string host = FakeTerminals::AddressOf(kDevice).host;
  ASSERT_TRUE(Connect(host, 0, false, response).ok());
  EXPECT_EQ(response.deviceid(), kDevice);
  ASSERT_TRUE(Connect(host, 51'211, false, response).ok());  // is connected already
  const std::vector<cn::DeviceInfo> devices = List();
  ASSERT_EQ(devices.size(), 1u);
  EXPECT_EQ(devices[0].status(), cn::TCP_CONNECTED);
  EXPECT_EQ(devices[0].type(), gsdk::device::FACESTATION_2);
  EXPECT_EQ(devices[0].ipaddr(), host);
  EXPECT_EQ(devices[0].port(), 51'211);
  EXPECT_FALSE(devices[0].autoreconnect());

  cn::DisconnectRequest request;
  for (const model::DeviceId id : {kDevice, kDevice}) request.add_deviceids(id);
  cn::DisconnectResponse disconnected;
  EXPECT_TRUE(Call(*stub_, &cn::Connect::Stub::Disconnect, request, disconnected).ok());
  EXPECT_TRUE(Eventually([&] { return List().empty(); }));
  EXPECT_EQ(Call(*stub_, &cn::Connect::Stub::Disconnect, request, disconnected).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(ConnectServiceTest, RefusesWhatIsNoAddress) {
  cn::ConnectResponse response;
  EXPECT_EQ(Connect("", 51'211, false, response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Connect("host", -1, false, response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Connect("host", 70'000, false, response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Connect("host", 0, true, response).error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(Connect("nobody", 0, false, response).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(AddAsync(0).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

// A change that a status stream tells: each link gives one CONNECTED and, lost, one DISCONNECTED.
TEST_F(ConnectServiceTest, TellsChangesOfLinksOnce) {
  gateway_.AddTerminal(kDevice, 1);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  cn::SubscribeStatusRequest request;
  request.set_queuesize(16);
  const auto stream = stub_->SubscribeStatus(&context, request);
  stream->WaitForInitialMetadata();
  ASSERT_TRUE(AddAsync(kDevice).ok());
  cn::StatusChange change;
  ASSERT_TRUE(stream->Read(&change));
  EXPECT_EQ(change.deviceid(), kDevice);
  EXPECT_EQ(change.status(), cn::TCP_CONNECTED);
  EXPECT_GT(change.timestamp(), 1'700'000'000u);
  EXPECT_TRUE(List().at(0).autoreconnect());

  gateway_.OnLoop([&] {
    gateway_.terminals.at(kDevice).reachable = false;
    gateway_.terminals.Lose(kDevice);
  });
  ASSERT_TRUE(stream->Read(&change));
  EXPECT_EQ(change.status(), cn::DISCONNECTED);
  ASSERT_TRUE(stream->Read(&change));
  EXPECT_EQ(change.status(), cn::TCP_CANNOT_CONNECT);
  gateway_.OnLoop([&] { gateway_.terminals.at(kDevice).reachable = true; });
  while (change.status() == cn::TCP_CANNOT_CONNECT) ASSERT_TRUE(stream->Read(&change));
  EXPECT_EQ(change.status(), cn::TCP_CONNECTED);

  connect_.Shutdown();
  EXPECT_FALSE(stream->Read(&change));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(ConnectServiceTest, AddsAndDeletesAsyncConnections) {
  ASSERT_TRUE(AddAsync(kDevice).ok());  // nobody is there yet
  ASSERT_EQ(List().size(), 1u);
  EXPECT_EQ(List()[0].status(), cn::DISCONNECTED);
  EXPECT_TRUE(List()[0].autoreconnect());
  cn::DeleteAsyncConnectionRequest request;
  request.add_deviceids(kDevice);
  cn::DeleteAsyncConnectionResponse response;
  EXPECT_TRUE(Call(*stub_, &cn::Connect::Stub::DeleteAsyncConnection, request, response).ok());
  EXPECT_TRUE(List().empty());
  EXPECT_EQ(Call(*stub_, &cn::Connect::Stub::DeleteAsyncConnection, request, response).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(ConnectServiceTest, RemembersSlaves) {
  gateway_.AddLinked(kDevice, 0);
  cn::SetSlaveDeviceRequest request;
  cn::SlaveDeviceInfo* info = request.add_slavedeviceinfos();
  info->set_deviceid(kDevice);
  info->add_rs485slavedeviceids(11);
  info->add_wiegandslavedeviceids(12);
  cn::SetSlaveDeviceResponse set;
  ASSERT_TRUE(Call(*stub_, &cn::Connect::Stub::SetSlaveDevice, request, set).ok());
  cn::GetSlaveDeviceResponse got;
  ASSERT_TRUE(
      Call(*stub_, &cn::Connect::Stub::GetSlaveDevice, cn::GetSlaveDeviceRequest(), got).ok());
  ASSERT_EQ(got.slavedeviceinfos_size(), 1);
  EXPECT_EQ(got.slavedeviceinfos(0).SerializeAsString(), info->SerializeAsString());
}

TEST_F(ConnectServiceTest, SaysWhatIsNotServed) {
  cn::SearchDeviceResponse response;
  const grpc::Status status =
      Call(*stub_, &cn::Connect::Stub::SearchDevice, cn::SearchDeviceRequest(), response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(status.error_message(),
              ::testing::HasSubstr("gsdk.connect.Connect.SearchDevice is not served"));
}

TEST_F(ConnectServiceTest, TellsWhatTheDeviceTells) {
  gateway_.AddTerminal(kDevice, 0);
  gsdk::device::CapabilityInfo capability;
  capability.set_imagelogsupported(true);
  capability.GetReflection()->MutableUnknownFields(&capability)->AddVarint(999, 5);
  gateway_.OnLoop([&] {
    gateway_.terminals.at(kDevice).identity.capability_info = capability.SerializeAsString();
  });
  cn::ConnectResponse connected;
  ASSERT_TRUE(Connect(FakeTerminals::AddressOf(kDevice).host, 0, false, connected).ok());
  auto stub = gsdk::device::Device::NewStub(channel_);
  gsdk::device::GetInfoRequest ask;
  ask.set_deviceid(kDevice);
  gsdk::device::GetInfoResponse info;
  ASSERT_TRUE(Call(*stub, &gsdk::device::Device::Stub::GetInfo, ask, info).ok());
  EXPECT_EQ(info.info().modelname(), "Fake");
  gsdk::device::GetCapabilityInfoRequest ask_capability;
  ask_capability.set_deviceid(kDevice);
  gsdk::device::GetCapabilityInfoResponse told;
  ASSERT_TRUE(
      Call(*stub, &gsdk::device::Device::Stub::GetCapabilityInfo, ask_capability, told).ok());
  EXPECT_EQ(told.capinfo().SerializeAsString(), capability.SerializeAsString());
  ask.set_deviceid(9);
  EXPECT_EQ(Call(*stub, &gsdk::device::Device::Stub::GetInfo, ask, info).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(ConnectServiceTest, TellsItsVersion) {
  auto stub = gsdk::admin::Admin::NewStub(channel_);
  gsdk::admin::GetInfoResponse response;
  ASSERT_TRUE(
      Call(*stub, &gsdk::admin::Admin::Stub::GetInfo, gsdk::admin::GetInfoRequest(), response)
          .ok());
  EXPECT_EQ(response.version(), "0.1.0");
  EXPECT_EQ(response.builddate(), "2026-03-01");
}

}  // namespace
}  // namespace gatelog::api
