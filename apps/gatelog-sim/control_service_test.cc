#include "apps/gatelog-sim/control_service.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "apps/gatelog-sim/sim_test_support.h"

namespace gatelog::sim {
namespace {

namespace v1 = simulator::v1;

constexpr std::uint32_t kDevice = 541000001;

class ControlServiceTest : public ::testing::Test {
 protected:
  ControlServiceTest() : sim_(QuietOptions(folder_.path())) {
    auto server = ControlServer::Start(sim_.context(), sim_.fleet(), "127.0.0.1", 0);
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    stub_ = v1::Control::NewStub(grpc::CreateChannel(absl::StrCat("127.0.0.1:", server_->port()),
                                                     grpc::InsecureChannelCredentials()));
  }
  ~ControlServiceTest() override { server_->Stop(); }

  template <typename Request, typename Response>
  grpc::Status Call(grpc::Status (v1::Control::Stub::*method)(grpc::ClientContext*, const Request&,
                                                              Response*),
                    const Request& request, Response* response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    return (stub_.get()->*method)(&context, request, response);
  }
  grpc::Status Inject(std::uint32_t device, const std::string& bytes, std::uint32_t* id = nullptr) {
    v1::InjectEventRequest request;
    request.set_device_id(device);
    request.set_event(bytes);
    v1::InjectEventResponse response;
    const grpc::Status status = Call(&v1::Control::Stub::InjectEvent, request, &response);
    if (id != nullptr) *id = response.id();
    return status;
  }
  v1::ListTerminalsResponse List() {
    v1::ListTerminalsResponse response;
    EXPECT_TRUE(
        Call(&v1::Control::Stub::ListTerminals, v1::ListTerminalsRequest(), &response).ok());
    return response;
  }

  TemporaryFolder folder_;
  RunningSim sim_;
  std::unique_ptr<ControlServer> server_;
  std::unique_ptr<v1::Control::Stub> stub_;
};

TEST_F(ControlServiceTest, AnInjectedEventIsRecordedAndPushed) {
  LinkClient client(sim_.port(), 1);
  client.Open();
  client.Arm();
  EventLog event = EventOf(0x1300, 3);
  event.set_id(77);
  event.set_userid("1042");
  std::uint32_t id = 0;
  ASSERT_TRUE(Inject(kDevice, event.SerializeAsString(), &id).ok());
  EXPECT_EQ(id, 1u);
  const std::optional<LinkClient::Frame> push = client.Receive();
  ASSERT_TRUE(push.has_value() && push->has_push());
  EventLog recorded;
  ASSERT_TRUE(recorded.ParseFromString(push->push().record()));
  EXPECT_EQ(recorded.id(), 1u);
  EXPECT_EQ(recorded.deviceid(), kDevice);
  EXPECT_EQ(recorded.userid(), "1042");
  EXPECT_GT(recorded.timestamp(), 1'600'000'000u);
  // A pair that no table knows and a slave's ID are taken as they are.
  EventLog strange = EventOf(0x4F30, 9);
  strange.set_deviceid(99);
  ASSERT_TRUE(Inject(kDevice, strange.SerializeAsString(), &id).ok());
  EXPECT_EQ(client.ReadAll(id)[0].deviceid(), 99u);
}

TEST_F(ControlServiceTest, WhatCannotBeIsRefused) {
  EXPECT_EQ(Inject(1, EventOf(0x5000).SerializeAsString()).error_code(),
            grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Inject(kDevice, "\xFF\xFF").error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Inject(kDevice, "").error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  v1::SetRateRequest rate;
  rate.set_events_per_s(-1);
  v1::SetRateResponse rate_response;
  EXPECT_EQ(Call(&v1::Control::Stub::SetRate, rate, &rate_response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  v1::HalfOpenRequest half_open;
  half_open.set_device_id(kDevice);
  v1::HalfOpenResponse half_open_response;
  EXPECT_EQ(Call(&v1::Control::Stub::HalfOpen, half_open, &half_open_response).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(ControlServiceTest, ListsTheTerminalsAndEndsALink) {
  LinkClient client(sim_.port(), 2);
  client.Open();
  const v1::ListTerminalsResponse list = List();
  ASSERT_EQ(list.terminals_size(), 3);
  EXPECT_EQ(list.terminals(1).device_id(), kDevice + 1);
  EXPECT_EQ(list.terminals(1).address(), "127.0.0.2");
  EXPECT_TRUE(list.terminals(1).connected());
  EXPECT_FALSE(list.terminals(0).connected());
  EXPECT_NE(list.terminals(0).generation(), 0u);
  v1::DisconnectRequest request;
  request.set_device_id(kDevice + 1);
  v1::DisconnectResponse response;
  EXPECT_TRUE(Call(&v1::Control::Stub::Disconnect, request, &response).ok());
  EXPECT_FALSE(client.Receive().has_value());
  LinkClient(sim_.port(), 2).Open();
}

TEST_F(ControlServiceTest, AFactoryResetShowsInTheList) {
  ASSERT_TRUE(Inject(kDevice, EventOf(0x5000).SerializeAsString()).ok());
  ASSERT_TRUE(Inject(kDevice, EventOf(0x5000).SerializeAsString()).ok());
  const std::uint64_t before = List().terminals(0).generation();
  v1::FactoryResetRequest request;
  request.set_device_id(kDevice);
  v1::FactoryResetResponse response;
  ASSERT_TRUE(Call(&v1::Control::Stub::FactoryReset, request, &response).ok());
  EXPECT_NE(List().terminals(0).generation(), before);
  EXPECT_EQ(List().terminals(0).last_id(), 1u);
}

TEST_F(ControlServiceTest, BytesCanOnlyBePutWhereARecordIs) {
  v1::PutImageRequest put;
  v1::PutImageResponse response;
  put.set_device_id(kDevice);
  put.set_id(List().terminals(0).last_id() + 1);
  put.set_image("no image");
  EXPECT_EQ(Call(&v1::Control::Stub::PutImage, put, &response).error_code(),
            grpc::StatusCode::NOT_FOUND);
  put.set_id(List().terminals(0).last_id());
  put.set_image("");
  EXPECT_EQ(Call(&v1::Control::Stub::PutImage, put, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ControlServiceTest, ImagesArePutAndDropped) {
  EventLog event = EventOf(0x1300, 3);
  std::uint32_t id = 0;
  ASSERT_TRUE(Inject(kDevice, event.SerializeAsString(), &id).ok());
  v1::PutImageRequest put;
  v1::PutImageResponse put_response;
  put.set_device_id(kDevice);
  put.set_id(id);
  put.set_image("bytes");
  ASSERT_TRUE(Call(&v1::Control::Stub::PutImage, put, &put_response).ok());
  ASSERT_TRUE(Call(&v1::Control::Stub::PutImage, put, &put_response).ok()) << "in its own place";
  EXPECT_EQ(List().terminals(0).images(), 1u);
  v1::DropImagesRequest drop;
  v1::DropImagesResponse dropped;
  drop.set_device_id(kDevice);
  drop.set_first_id(1);
  drop.set_last_id(id);
  ASSERT_TRUE(Call(&v1::Control::Stub::DropImages, drop, &dropped).ok());
  EXPECT_EQ(dropped.dropped(), 1u);
  EXPECT_EQ(List().terminals(0).images(), 0u);
  EXPECT_EQ(List().terminals(0).last_id(), id) << "the record stays";
}

}  // namespace
}  // namespace gatelog::sim
