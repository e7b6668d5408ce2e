#include "api/rpc/grpc_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gatelog/internal/rpc_status.pb.h"
#include "gsdk/err.pb.h"

namespace gatelog::api {
namespace {

using ::testing::HasSubstr;

struct Details {
  internal::RpcStatus status;
  gsdk::err::MultiErrorResponse errors;
};

Details Unpack(const grpc::Status& status) {
  Details details;
  EXPECT_TRUE(details.status.ParseFromString(status.error_details()));
  EXPECT_EQ(details.status.details_size(), 1);
  EXPECT_EQ(details.status.details(0).type_url(),
            "type.googleapis.com/gsdk.err.MultiErrorResponse");
  EXPECT_TRUE(details.status.details(0).UnpackTo(&details.errors));
  // Clients refuse details that say something else than the status.
  EXPECT_EQ(details.status.code(), status.error_code());
  EXPECT_EQ(details.status.message(), status.error_message());
  return details;
}

TEST(ToGrpcStatus, KeepsCodeAndMessage) {
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  const grpc::Status status = ToGrpcStatus(absl::NotFoundError("no such device"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "no such device");
  EXPECT_TRUE(status.error_details().empty());
}

TEST(ToGrpcStatus, MakesMessagesValidAndBounded) {
  EXPECT_EQ(ToGrpcStatus(absl::InternalError("T\xC3\xBCr \xFF\xC3")).error_message(),
            "T\xC3\xBCr ??");
  std::string umlauts(kMessageSizeMax - 1, 'a');
  umlauts += "\xC3\xBC";
  EXPECT_EQ(ToGrpcStatus(absl::InternalError(umlauts)).error_message().size(), kMessageSizeMax - 1);
}

TEST(MultiErrorStatus, IsOkWithoutFailures) { EXPECT_TRUE(MultiErrorStatus({}, 5).ok()); }

TEST(MultiErrorStatus, HasTheCommonCodeACountAndOneDetail) {
  const grpc::Status status = MultiErrorStatus(
      {{11, absl::UnavailableError("not connected")}, {12, absl::UnavailableError("link broke")}},
      5);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(status.error_message(), "2 of 5 devices failed");
  const Details details = Unpack(status);
  ASSERT_EQ(details.errors.deviceerrors_size(), 2);
  EXPECT_EQ(details.errors.deviceerrors(0).deviceid(), 11u);
  EXPECT_EQ(details.errors.deviceerrors(0).code(), 14);
  EXPECT_EQ(details.errors.deviceerrors(0).msg(), "not connected");
  EXPECT_EQ(details.errors.deviceerrors(1).deviceid(), 12u);
}

TEST(MultiErrorStatus, IsUnknownWhenDevicesDisagree) {
  const grpc::Status status =
      MultiErrorStatus({{11, absl::UnavailableError("a")}, {12, absl::NotFoundError("b")}}, 2);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNKNOWN);
  EXPECT_EQ(Unpack(status).errors.deviceerrors(1).code(), 5);
}

std::vector<DeviceFailure> Failures(std::size_t count) {
  std::vector<DeviceFailure> failures;
  for (std::size_t i = 0; i < count; ++i) {
    failures.push_back({541'000'001 + static_cast<model::DeviceId>(i),
                        absl::UnavailableError("device is not connected")});
  }
  return failures;
}

TEST(MultiErrorStatus, LeavesOutMessagesBeforeDevices) {
  const grpc::Status status = MultiErrorStatus(Failures(300), 300);
  EXPECT_LE(status.error_details().size(), kDetailsSizeMax);
  EXPECT_EQ(Unpack(status).errors.deviceerrors_size(), 300);
}

TEST(MultiErrorStatus, SaysWhenNotAllAreListed) {
  const grpc::Status status = MultiErrorStatus(Failures(20'000), 20'000);
  EXPECT_LE(status.error_details().size(), kDetailsSizeMax);
  const int listed = Unpack(status).errors.deviceerrors_size();
  EXPECT_GT(listed, 300);
  EXPECT_THAT(status.error_message(),
              HasSubstr("20000 of 20000 devices failed; the first " + std::to_string(listed)));
}

}  // namespace
}  // namespace gatelog::api
