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

// Finds one device, and notes for how long it was to search.
class FakeSearcher final : public ports::DeviceSearcher {
 public:
  explicit FakeSearcher(Loop& loop) : loop_(loop) {}

  void Search(std::chrono::milliseconds time,
              ports::Reply<absl::StatusOr<std::vector<ports::FoundDevice>>> reply) override {
    searched = time;
    loop_.Post([reply = std::move(reply)]() mutable {
      reply(std::vector<ports::FoundDevice>{{.id = kDevice,
                                             .type = 0x0A,
                                             .host = "127.0.0.1",
                                             .port = 0,
                                             .calls_in = true,
                                             .tls = true,
                                             .gateway = "127.0.0.1:51213",
                                             .uses_dhcp = true}});
    });
  }

  std::chrono::milliseconds searched{0};

 private:
  Loop& loop_;
};

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
  FakeSearcher searcher_{gateway_.loop};
  ConnectService connect_{gateway_.loop, *gateway_.fleet, gateway_.status, searcher_};
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

TEST_F(ConnectServiceTest, ShowsWhatASearchFound) {
  cn::SearchDeviceRequest request;
  request.set_timeout(70);
  cn::SearchDeviceResponse response;
  ASSERT_TRUE(Call(*stub_, &cn::Connect::Stub::SearchDevice, request, response).ok());
  EXPECT_EQ(searcher_.searched, std::chrono::milliseconds(70));
  ASSERT_EQ(response.deviceinfos_size(), 1);
  const cn::SearchDeviceInfo& found = response.deviceinfos(0);
  EXPECT_EQ(found.deviceid(), kDevice);
  EXPECT_EQ(found.type(), gsdk::device::FACESTATION_2);
  EXPECT_EQ(found.connectionmode(), cn::DEVICE_TO_SERVER);
  EXPECT_EQ(found.ipaddr(), "127.0.0.1");
  EXPECT_EQ(found.serveraddr(), "127.0.0.1:51213");
  EXPECT_TRUE(found.usessl() && found.usedhcp());
  request.set_timeout(60'001);
  EXPECT_EQ(Call(*stub_, &cn::Connect::Stub::SearchDevice, request, response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ConnectServiceTest, DevicesThatCallAreAcceptedOrPending) {
  gateway_.AddTerminal(kDevice, 1);
  const auto call_in = [&] {
    absl::Status status;
    gateway_.OnLoop([&] {
      status = gateway_.terminals.Call(kDevice, gateway_.fleet->callers(), "10.0.0.7", true);
    });
    return status.ok();
  };
  EXPECT_FALSE(call_in());
  cn::GetPendingListResponse pending;
  ASSERT_TRUE(
      Call(*stub_, &cn::Connect::Stub::GetPendingList, cn::GetPendingListRequest(), pending).ok());
  ASSERT_EQ(pending.deviceinfos_size(), 1);
  EXPECT_EQ(pending.deviceinfos(0).deviceid(), kDevice);
  EXPECT_EQ(pending.deviceinfos(0).type(), gsdk::device::FACESTATION_2);
  EXPECT_EQ(pending.deviceinfos(0).ipaddr(), "10.0.0.7");
  EXPECT_GT(pending.deviceinfos(0).lasttry(), 1'700'000'000u);

  cn::SetAcceptFilterRequest request;
  request.mutable_filter()->add_deviceids(kDevice);
  request.mutable_filter()->add_ipaddrs("10.0.0.7");
  cn::SetAcceptFilterResponse set;
  EXPECT_EQ(Call(*stub_, &cn::Connect::Stub::SetAcceptFilter, request, set).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  request.mutable_filter()->clear_ipaddrs();
  ASSERT_TRUE(Call(*stub_, &cn::Connect::Stub::SetAcceptFilter, request, set).ok());
  cn::GetAcceptFilterResponse got;
  ASSERT_TRUE(
      Call(*stub_, &cn::Connect::Stub::GetAcceptFilter, cn::GetAcceptFilterRequest(), got).ok());
  EXPECT_EQ(got.filter().SerializeAsString(), request.filter().SerializeAsString());
  ASSERT_TRUE(call_in());
  const std::vector<cn::DeviceInfo> devices = List();
  ASSERT_EQ(devices.size(), 1u);
  EXPECT_EQ(devices[0].connectionmode(), cn::DEVICE_TO_SERVER);
  EXPECT_EQ(devices[0].status(), cn::TLS_CONNECTED);
  EXPECT_TRUE(devices[0].usessl());
  EXPECT_EQ(devices[0].port(), 0);
  EXPECT_FALSE(devices[0].autoreconnect());
}

TEST_F(ConnectServiceTest, DevicesAreToldHowToBeLinked) {
  using To = ports::Relinking::To;
  gateway_.AddLinked(kDevice, 1);
  cn::DisableSSLRequest disable;
  disable.set_deviceid(kDevice);
  cn::DisableSSLResponse disabled;
  EXPECT_TRUE(Call(*stub_, &cn::Connect::Stub::DisableSSL, disable, disabled).ok());
  cn::SetConnectionModeMultiRequest mode;
  mode.add_deviceids(kDevice);
  mode.set_connectionmode(cn::SERVER_TO_DEVICE);
  cn::SetConnectionModeMultiResponse set;
  EXPECT_TRUE(Call(*stub_, &cn::Connect::Stub::SetConnectionModeMulti, mode, set).ok());
  gateway_.OnLoop([&] {
    const auto& told = gateway_.terminals.at(kDevice).relinked;
    ASSERT_EQ(told.size(), 2u);
    EXPECT_EQ(told[0].to, To::kPlain);
    EXPECT_EQ(told[1].to, To::kServerToDevice);
  });
  // This gateway has no place where devices could call, and no certificate.
  mode.set_connectionmode(cn::DEVICE_TO_SERVER);
  mode.add_deviceids(kDevice + 1);
  EXPECT_FALSE(Call(*stub_, &cn::Connect::Stub::SetConnectionModeMulti, mode, set).ok());
  cn::EnableSSLRequest enable;
  enable.set_deviceid(kDevice);
  cn::EnableSSLResponse enabled;
  EXPECT_EQ(Call(*stub_, &cn::Connect::Stub::EnableSSL, enable, enabled).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
  enable.set_deviceid(7);
  EXPECT_EQ(Call(*stub_, &cn::Connect::Stub::EnableSSL, enable, enabled).error_code(),
            grpc::StatusCode::NOT_FOUND);
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
