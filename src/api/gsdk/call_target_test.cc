#include "api/gsdk/call_target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gsdk/user.pb.h"

namespace gatelog::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kFixed32[] = "\x0d\x01\x02\x03\x04";  // field 1, four bytes

gsdk::user::EnrollMultiRequest SomeMultiRequest() {
  gsdk::user::EnrollMultiRequest request;
  for (const std::uint32_t id : {541'000'001u, 7u, 0xFFFFFFFFu, 7u}) request.add_deviceids(id);
  request.add_users()->mutable_hdr()->set_id("anna");
  request.add_users()->set_name("Bert");
  request.set_overwrite(true);
  request.GetReflection()->MutableUnknownFields(&request)->AddLengthDelimited(900, "later");
  return request;
}

std::string MessageOf(const absl::Status& status) { return std::string(status.message()); }

TEST(CallTarget, FindsTheDevice) {
  gsdk::user::DeleteRequest request;
  request.set_deviceid(541'000'001);
  request.add_userids("anna");
  EXPECT_EQ(DeviceOf(request.SerializeAsString()).value(), 541'000'001u);
  // The last one counts, as for every reader of the message, wherever it stands.
  EXPECT_EQ(DeviceOf(request.SerializeAsString() + "\x08\x07").value(), 7u);
}

TEST(CallTarget, SaysWhatIsWrongWithTheDevice) {
  const absl::Status missing = DeviceOf(
                                   "\x12\x04"
                                   "anna")
                                   .status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(MessageOf(missing), HasSubstr("names no device: its field 1, deviceID, is missing"));
  EXPECT_THAT(MessageOf(DeviceOf("").status()), HasSubstr("names no device"));
  EXPECT_THAT(MessageOf(DeviceOf(std::string_view("\x08\x00", 2)).status()),
              HasSubstr("names no device"));
  EXPECT_THAT(MessageOf(DeviceOf("\x0a\x01x").status()), HasSubstr("is not a number"));
  EXPECT_THAT(MessageOf(DeviceOf(kFixed32).status()), HasSubstr("is not a number"));
  EXPECT_THAT(MessageOf(DeviceOf("\x08\x80\x80\x80\x80\x10").status()), HasSubstr("no device ID"));
  EXPECT_THAT(MessageOf(DeviceOf("\x08\x07\x12").status()), HasSubstr("not an encoded message"));
}

TEST(CallTarget, SplitsAMultiRequestIntoSingleOnes) {
  const auto split = SplitMultiRequest(SomeMultiRequest().SerializeAsString());
  ASSERT_TRUE(split.ok()) << split.status();
  EXPECT_THAT(split->devices, ElementsAre(541'000'001u, 7u, 0xFFFFFFFFu, 7u));
  gsdk::user::EnrollRequest single;
  ASSERT_TRUE(single.ParseFromString(RequestFor(0xFFFFFFFFu, split->rest)));
  EXPECT_EQ(single.deviceid(), 0xFFFFFFFFu);
  EXPECT_EQ(DeviceOf(RequestFor(0xFFFFFFFFu, split->rest)).value(), 0xFFFFFFFFu);
  ASSERT_EQ(single.users_size(), 2);
  EXPECT_EQ(single.users(0).hdr().id(), "anna");
  EXPECT_EQ(single.users(1).name(), "Bert");
  EXPECT_TRUE(single.overwrite());
  EXPECT_EQ(single.GetReflection()->GetUnknownFields(single).field(0).length_delimited(), "later");
}

TEST(CallTarget, TakesDevicesOneByOneAndMixed) {
  const auto split = SplitMultiRequest("\x08\x05\x12\x01x\x0a\x02\x06\x07\x08\x08");
  ASSERT_TRUE(split.ok()) << split.status();
  EXPECT_THAT(split->devices, ElementsAre(5, 6, 7, 8));
  EXPECT_EQ(split->rest, "\x12\x01x");
}

TEST(CallTarget, NamingNoDeviceOfManyIsFine) {
  const auto split = SplitMultiRequest("\x12\x01x");
  ASSERT_TRUE(split.ok()) << split.status();
  EXPECT_THAT(split->devices, IsEmpty());
}

TEST(CallTarget, SaysWhatIsWrongWithTheDevices) {
  EXPECT_THAT(MessageOf(SplitMultiRequest(kFixed32).status()), HasSubstr("is not a number"));
  EXPECT_THAT(MessageOf(SplitMultiRequest("\x0a\x01\x80").status()),
              HasSubstr("not an encoded message"));
  EXPECT_THAT(MessageOf(SplitMultiRequest("\x0a\x06\xff\xff\xff\xff\xff\x01").status()),
              HasSubstr("no device ID"));
  EXPECT_THAT(MessageOf(SplitMultiRequest("\x12\x09x").status()),
              HasSubstr("not an encoded message"));
}

TEST(CallTarget, TellsMessagesFromOtherBytes) {
  EXPECT_TRUE(IsMessage(""));
  EXPECT_TRUE(IsMessage(SomeMultiRequest().SerializeAsString()));
  EXPECT_FALSE(IsMessage("no message"));
  EXPECT_FALSE(IsMessage("\x12\x09x"));
}

}  // namespace
}  // namespace gatelog::api
