#include "api/gsdk/forwarded_service.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <gtest/gtest.h>

#include <map>

#include "absl/strings/str_cat.h"
#include "api/gsdk/device_service.h"
#include "api/gsdk/terminal_services.h"
#include "api/gsdk/tna_service.h"
#include "api/rpc/grpc_server.h"
#include "gatelog/internal/rpc_status.pb.h"
#include "gsdk/card.grpc.pb.h"
#include "gsdk/device.grpc.pb.h"
#include "gsdk/err.pb.h"
#include "gsdk/tna.grpc.pb.h"
#include "gsdk/user.grpc.pb.h"
#include "tests/support/test_gateway.h"

namespace gatelog::api {
namespace {

namespace us = gsdk::user;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr model::DeviceId kDevice = 541'000'001;
constexpr model::DeviceId kOther = 541'000'002;

class ForwardedServiceTest : public ::testing::Test {
 protected:
  ForwardedServiceTest() {
    std::vector<grpc::Service*> services = {&device_, &tna_};
    for (const auto& service : terminal_services_) services.push_back(service.get());
    auto server = GrpcServer::Start({.address = {"127.0.0.1", 0}}, services);
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ = grpc::CreateChannel("127.0.0.1:" + std::to_string(server_->port()),
                                   grpc::InsecureChannelCredentials());
    users_ = us::User::NewStub(channel_);
    gateway_.AddLinked(kDevice, 0);
    gateway_.AddLinked(kOther, 0);
  }
  ~ForwardedServiceTest() override { server_->Shutdown(std::chrono::milliseconds(100)); }

  template <typename Stub, typename Method, typename Request, typename Response>
  static grpc::Status Call(Stub& stub, Method method, const Request& request, Response& response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    return (stub.*method)(&context, request, &response);
  }

  // A call with any bytes.
  grpc::Status CallRaw(const char* path, std::string_view bytes) {
    const grpc::Slice slice(bytes.data(), bytes.size());
    const grpc::ByteBuffer request(&slice, 1);
    grpc::ByteBuffer response;
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    const grpc::internal::RpcMethod method(path, grpc::internal::RpcMethod::NORMAL_RPC);
    return grpc::internal::BlockingUnaryCall<grpc::ByteBuffer, grpc::ByteBuffer>(
        channel_.get(), method, &context, request, &response);
  }

  // The device answers with what `service` makes of method and request.
  template <typename Service>
  void Serve(model::DeviceId device, Service service) {
    gateway_.OnLoop([&] { gateway_.terminals.at(device).service = service; });
  }

  std::vector<std::string> CallsOf(model::DeviceId device) {
    std::vector<std::string> calls;
    gateway_.OnLoop([&] { calls = gateway_.terminals.at(device).calls; });
    return calls;
  }

  testing::TestGateway gateway_;
  DeviceService device_{gateway_.loop, *gateway_.calls, *gateway_.fleet};
  TnaService tna_{gateway_.loop, *gateway_.calls, *gateway_.access};
  std::vector<std::unique_ptr<ForwardedService>> terminal_services_ =
      MakeTerminalServices(gateway_.loop, *gateway_.calls);
  std::unique_ptr<GrpcServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<us::User::Stub> users_;
};

gsdk::err::MultiErrorResponse ErrorsOf(const grpc::Status& status) {
  gatelog::internal::RpcStatus details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_EQ(details.code(), status.error_code());
  EXPECT_EQ(details.message(), status.error_message());
  EXPECT_EQ(details.details_size(), 1);
  gsdk::err::MultiErrorResponse errors;
  EXPECT_TRUE(details.details(0).UnpackTo(&errors));
  return errors;
}

TEST_F(ForwardedServiceTest, PassesBytesThroughAsTheyAre) {
  us::GetResponse answer;
  answer.add_users()->set_name("Anna");
  answer.GetReflection()->MutableUnknownFields(&answer)->AddVarint(777, 5);
  std::string received;
  Serve(kDevice, [&](std::string_view, std::string_view request) {
    received = request;
    return absl::StatusOr<std::string>(answer.SerializeAsString());
  });
  us::GetRequest request;
  request.set_deviceid(kDevice);
  request.add_userids("1001");
  request.GetReflection()->MutableUnknownFields(&request)->AddLengthDelimited(999, "later");
  us::GetResponse response;
  const grpc::Status status = Call(*users_, &us::User::Stub::Get, request, response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(received, request.SerializeAsString());
  EXPECT_EQ(response.SerializeAsString(), answer.SerializeAsString());
  EXPECT_THAT(CallsOf(kDevice), ElementsAre("gsdk.user.User/Get"));
}

TEST_F(ForwardedServiceTest, AnEmptyResponseIsAnAnswer) {
  Serve(kDevice, [](auto, auto) { return absl::StatusOr<std::string>(""); });
  us::EnrollRequest request;
  request.set_deviceid(kDevice);
  us::EnrollResponse response;
  EXPECT_TRUE(Call(*users_, &us::User::Stub::Enroll, request, response).ok());
}

TEST_F(ForwardedServiceTest, PassesTheDevicesErrors) {
  Serve(kDevice, [](auto, auto) {
    return absl::StatusOr<std::string>(absl::AlreadyExistsError("it has user 1001 already"));
  });
  us::EnrollRequest request;
  request.set_deviceid(kDevice);
  us::EnrollResponse response;
  grpc::Status status = Call(*users_, &us::User::Stub::Enroll, request, response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(status.error_message(), "it has user 1001 already");
  request.set_deviceid(9);
  status = Call(*users_, &us::User::Stub::Enroll, request, response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(ForwardedServiceTest, RefusesRequestsThatNameNoDevice) {
  const grpc::Status missing = CallRaw("/gsdk.user.User/GetList", "");
  EXPECT_EQ(missing.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(missing.error_message(),
            "The request names no device: its field 1, deviceID, is missing.");
  EXPECT_EQ(CallRaw("/gsdk.user.User/GetList", "\x0a\x01x").error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(CallRaw("/gsdk.user.User/DeleteAllMulti", "not a message").error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ForwardedServiceTest, RefusesRequestsThatAreTooLarge) {
  us::GetRequest request;
  request.set_deviceid(kDevice);
  request.GetReflection()->MutableUnknownFields(&request)->AddLengthDelimited(
      999, std::string(ports::kCallSizeMax, 'x'));
  const grpc::Status status = CallRaw("/gsdk.user.User/Get", request.SerializeAsString());
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr(std::to_string(ports::kCallSizeMax)));
  EXPECT_THAT(CallsOf(kDevice), IsEmpty());
}

TEST_F(ForwardedServiceTest, SaysThatAnAnswerCannotBeRead) {
  Serve(kDevice, [](auto, auto) { return absl::StatusOr<std::string>("\x12\x09x"); });
  us::GetListRequest request;
  request.set_deviceid(kDevice);
  us::GetListResponse response;
  const grpc::Status status = Call(*users_, &us::User::Stub::GetList, request, response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_EQ(status.error_message(),
            "The device answered gsdk.user.User/GetList in a way that cannot be read.");
}

TEST_F(ForwardedServiceTest, AMultiMethodIsTheSingleOneOnEachDevice) {
  std::map<model::DeviceId, us::EnrollRequest> enrolled;
  for (const model::DeviceId device : {kDevice, kOther}) {
    Serve(device, [&enrolled, device](std::string_view, std::string_view request) {
      EXPECT_TRUE(
          enrolled[device].ParseFromArray(request.data(), static_cast<int>(request.size())));
      return device == kOther ? absl::StatusOr<std::string>(absl::AlreadyExistsError("a user"))
                              : absl::StatusOr<std::string>("");
    });
  }
  us::EnrollMultiRequest request;
  for (const model::DeviceId device : {kDevice, kOther, kDevice}) request.add_deviceids(device);
  request.add_users()->mutable_hdr()->set_id("1001");
  request.set_overwrite(true);
  us::EnrollMultiResponse response;
  const grpc::Status status = Call(*users_, &us::User::Stub::EnrollMulti, request, response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(status.error_message(), "1 of 2 devices failed");
  const gsdk::err::MultiErrorResponse errors = ErrorsOf(status);
  ASSERT_EQ(errors.deviceerrors_size(), 1);
  EXPECT_EQ(errors.deviceerrors(0).deviceid(), kOther);
  EXPECT_EQ(errors.deviceerrors(0).code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(errors.deviceerrors(0).msg(), "a user");
  for (const model::DeviceId device : {kDevice, kOther}) {
    EXPECT_THAT(CallsOf(device), ElementsAre("gsdk.user.User/Enroll"));
    EXPECT_EQ(enrolled[device].deviceid(), device);
    EXPECT_EQ(enrolled[device].users(0).hdr().id(), "1001");
    EXPECT_TRUE(enrolled[device].overwrite());
  }
}

TEST_F(ForwardedServiceTest, AMultiCallOnNobodySucceeds) {
  us::DeleteAllMultiRequest request;
  us::DeleteAllMultiResponse response;
  EXPECT_TRUE(Call(*users_, &us::User::Stub::DeleteAllMulti, request, response).ok());
  request.add_deviceids(kDevice);
  Serve(kDevice, [](auto, auto) { return absl::StatusOr<std::string>(""); });
  EXPECT_TRUE(Call(*users_, &us::User::Stub::DeleteAllMulti, request, response).ok());
}

TEST_F(ForwardedServiceTest, AMultiCallReachesMoreDevicesThanAreCalledAtOnce) {
  constexpr std::size_t kMany = 3 * kMultiAtOnceMax;
  us::DeleteAllMultiRequest request;
  for (std::size_t i = 1; i <= kMany; ++i) {
    request.add_deviceids(static_cast<model::DeviceId>(i));
  }
  request.add_deviceids(kDevice);
  Serve(kDevice, [](auto, auto) { return absl::StatusOr<std::string>(""); });
  us::DeleteAllMultiResponse response;
  const grpc::Status status = Call(*users_, &us::User::Stub::DeleteAllMulti, request, response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(status.error_message(),
              HasSubstr(absl::StrCat(kMany, " of ", kMany + 1, " devices failed")));
  EXPECT_THAT(CallsOf(kDevice), SizeIs(1));
}

TEST_F(ForwardedServiceTest, SaysWhatNeedsHardware) {
  const auto cards = gsdk::card::Card::NewStub(channel_);
  gsdk::card::ScanRequest request;
  request.set_deviceid(kDevice);
  gsdk::card::ScanResponse response;
  const grpc::Status status = Call(*cards, &gsdk::card::Card::Stub::Scan, request, response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(status.error_message(),
            "gsdk.card.Card.Scan is not served in this version of gatelog: it needs enrolment "
            "hardware, a reader and somebody who holds a card to it.");
  EXPECT_THAT(CallsOf(kDevice), SizeIs(0));
}

TEST_F(ForwardedServiceTest, RefusesAlsoWhatTheContractLeavesOut) {
  const grpc::Status status = CallRaw("/gsdk.user.User/GetPINHash", "");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(status.error_message(), HasSubstr("gsdk.user.User.GetPINHash is not served"));
}

TEST_F(ForwardedServiceTest, ServicesCanBeServedPartlyHere) {
  Serve(kDevice, [](std::string_view method, std::string_view) {
    gsdk::tna::GetConfigResponse config;
    config.mutable_config()->set_mode(gsdk::tna::BY_USER);
    return absl::StatusOr<std::string>(
        method == "gsdk.tna.TNA/GetConfig" ? config.SerializeAsString() : "");
  });
  const auto devices = gsdk::device::Device::NewStub(channel_);
  gsdk::device::GetInfoRequest ask;
  ask.set_deviceid(kDevice);
  gsdk::device::GetInfoResponse info;
  ASSERT_TRUE(Call(*devices, &gsdk::device::Device::Stub::GetInfo, ask, info).ok());
  EXPECT_EQ(info.info().modelname(), "Fake");
  gsdk::device::LockRequest lock;
  lock.set_deviceid(kDevice);
  gsdk::device::LockResponse locked;
  EXPECT_TRUE(Call(*devices, &gsdk::device::Device::Stub::Lock, lock, locked).ok());
  const auto tna = gsdk::tna::TNA::NewStub(channel_);
  gsdk::tna::GetConfigRequest ask_config;
  ask_config.set_deviceid(kDevice);
  gsdk::tna::GetConfigResponse config;
  ASSERT_TRUE(Call(*tna, &gsdk::tna::TNA::Stub::GetConfig, ask_config, config).ok());
  EXPECT_EQ(config.config().mode(), gsdk::tna::BY_USER);
  EXPECT_THAT(CallsOf(kDevice), ElementsAre("gsdk.device.Device/Lock", "gsdk.tna.TNA/GetConfig"));
}

}  // namespace
}  // namespace gatelog::api
