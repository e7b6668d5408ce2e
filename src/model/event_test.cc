#include "model/event.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gsdk/event.pb.h"

namespace gatelog::model {
namespace {

using ::testing::HasSubstr;

gsdk::event::EventLog FullRecord() {
  gsdk::event::EventLog log;
  log.set_id(4'294'967'295);
  log.set_timestamp(1'700'000'000);
  log.set_deviceid(541000001);
  log.set_userid("Zoë");
  log.set_entityid(7);
  log.set_eventcode(0x1300);
  log.set_subcode(0x02);
  log.set_tnakey(gsdk::tna::KEY_3);
  log.set_hasimage(true);
  log.set_changedondevice(true);
  log.set_temperature(3'650);
  log.set_carddata(std::string("\x00\xff\x01", 3));
  log.mutable_inputinfo()->set_port(2);
  log.mutable_alarmzoneinfo()->set_zoneid(9);
  log.mutable_interlockzoneinfo()->set_zoneid(10);
  return log;
}

std::string ErrorOf(std::string_view payload) {
  const absl::StatusOr<Event> event = ParseEvent(payload);
  if (event.ok()) return "no error";
  EXPECT_EQ(event.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(event.status().message());
}

TEST(ParseEvent, ReadsEveryFieldOfTheHeader) {
  const std::string payload = FullRecord().SerializeAsString();
  const absl::StatusOr<Event> event = ParseEvent(payload);
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ(event->id, 4'294'967'295);
  EXPECT_EQ(event->timestamp, 1'700'000'000u);
  EXPECT_EQ(event->device, 541000001u);
  EXPECT_EQ(event->user_id, "Zoë");
  EXPECT_EQ(event->entity_id, 7u);
  EXPECT_EQ(event->code, 0x1300u);
  EXPECT_EQ(event->sub_code, 0x02u);
  EXPECT_EQ(event->tna_key, static_cast<std::uint32_t>(gsdk::tna::KEY_3));
  EXPECT_TRUE(event->has_image);
  EXPECT_TRUE(event->changed_on_device);
  EXPECT_EQ(event->temperature, 3'650u);
  EXPECT_EQ(event->payload, payload);
}

TEST(ParseEvent, TakesAbsentFieldsAsZero) {
  const absl::StatusOr<Event> event = ParseEvent("\x08\x05");
  ASSERT_TRUE(event.ok()) << event.status();
  Event expected;
  expected.id = 5;
  expected.payload = "\x08\x05";
  EXPECT_EQ(*event, expected);
}

TEST(ParseEvent, KeepsUnknownFieldsInTheBytes) {
  const std::string payload =
      std::string("\x08\x05") + "\xa2\x06\x03" + "new" + "\xad\x06" + "four";
  const absl::StatusOr<Event> event = ParseEvent(payload);
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ(event->payload, payload);
}

TEST(ParseEvent, TheLastOfARepeatedFieldCounts) {
  EXPECT_EQ(ParseEvent("\x08\x05\x08\x06")->id, 6u);
}

TEST(ParseEvent, RefusesARecordWithoutId) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("has no ID"));
  EXPECT_THAT(ErrorOf(std::string("\x08\x00", 2)), HasSubstr("has no ID"));
}

TEST(ParseEvent, RefusesBytesThatAreNoMessage) {
  EXPECT_THAT(ErrorOf("\xff\xff\xff"), HasSubstr("not an encoded EventLog"));
  EXPECT_THAT(ErrorOf("\x08"), HasSubstr("not an encoded EventLog"));
  EXPECT_THAT(ErrorOf("\x08\x05\x22\x7fshort"), HasSubstr("not an encoded EventLog"));
  // A length of almost 2^32, that must not wrap around.
  EXPECT_THAT(ErrorOf("\x08\x05\x22\xff\xff\xff\xff\x0f"), HasSubstr("not an encoded EventLog"));
  EXPECT_THAT(ErrorOf("\x08\x05\x02\x01x"), HasSubstr("not an encoded EventLog"));  // field 0
  // A tag and a length of six bytes.
  EXPECT_THAT(ErrorOf(std::string("\x08\x05\xa2\x80\x80\x80\x80\x00\x01x", 10)),
              HasSubstr("not an enc"));
  EXPECT_THAT(ErrorOf(std::string("\x08\x05\x22\x81\x80\x80\x80\x80\x00x", 10)),
              HasSubstr("not an enc"));
  EXPECT_THAT(ErrorOf("\x08\x05\x0c"), HasSubstr("not an encoded EventLog"));  // ends a group
}

TEST(ParseEvent, RefusesFieldsOfAnotherType) {
  EXPECT_THAT(ErrorOf("\x08\x05\x20\x01"), HasSubstr("field 4 is not a text"));
  EXPECT_THAT(ErrorOf("\x08\x05\x32\x01x"), HasSubstr("field 6 is not a number"));
  EXPECT_THAT(ErrorOf("\x08\x05\x60\x01"), HasSubstr("field 12 is not bytes"));
  EXPECT_THAT(ErrorOf("\x08\x05\x68\x01"), HasSubstr("field 13 is not a message"));
}

TEST(ParseEvent, RefusesNumbersThatDoNotFit) {
  EXPECT_THAT(ErrorOf("\x08\x80\x80\x80\x80\x10"), HasSubstr("field 1 holds a number"));
  EXPECT_THAT(ErrorOf("\x08\x05\x30\x80\x80\x04"), HasSubstr("field 6 holds a number"));
  EXPECT_THAT(ErrorOf("\x08\x05\x38\x80\x02"), HasSubstr("field 7 holds a number"));
  EXPECT_THAT(ErrorOf("\x08\x05\x48\x02"), HasSubstr("field 9 holds a number"));
}

TEST(ParseEvent, RefusesWhatAClientWouldChokeOn) {
  EXPECT_THAT(ErrorOf("\x08\x05\x22\x01\xff"), HasSubstr("field 4 is not UTF-8"));
  EXPECT_THAT(ErrorOf("\x08\x05\x6a\x01\x08"), HasSubstr("field 13 is a broken message"));
  // Packed door IDs, of which the last is cut off.
  EXPECT_THAT(ErrorOf("\x08\x05\x7a\x04\x12\x02\x07\x80"), HasSubstr("field 15 is a broken"));
  EXPECT_EQ(ErrorOf("\x08\x05\x7a\x04\x12\x02\x07\x08"), "no error");
}

TEST(ParseEvent, BoundsTheSize) {
  gsdk::event::EventLog log = FullRecord();
  log.set_carddata("");
  log.set_carddata(std::string(kEventSizeMax - log.ByteSizeLong() - 3, 'c'));
  ASSERT_EQ(log.ByteSizeLong(), kEventSizeMax);
  EXPECT_TRUE(ParseEvent(log.SerializeAsString()).ok());
  log.mutable_carddata()->push_back('c');
  EXPECT_THAT(ErrorOf(log.SerializeAsString()), HasSubstr("4097 bytes, more than 4096"));
}

TEST(ParseEventId, ReadsTheIdAlone) {
  EXPECT_EQ(ParseEventId(FullRecord().SerializeAsString()), 4'294'967'295);
  EXPECT_EQ(ParseEventId("\x10\x01\x08\x05"), 5u);
  EXPECT_EQ(ParseEventId(""), 0u);
  EXPECT_EQ(ParseEventId("\xff\xff"), 0u);
  EXPECT_EQ(ParseEventId("\x08\x05\x08\x06"), 6u) << "as ParseEvent";
  EXPECT_EQ(ParseEventId("\x08\x05\xff"), 0u) << "no message";
}

std::string MakeImage(std::string jpeg) {
  gsdk::event::ImageLog log;
  log.set_id(12);
  log.set_timestamp(1'700'000'000);
  log.set_deviceid(541000001);
  log.set_userid("7");
  log.set_eventcode(0x1300);
  log.set_subcode(2);
  log.set_jpgimage(std::move(jpeg));
  return log.SerializeAsString();
}

TEST(CardNumber, IsWithoutTheZerosInFront) {
  using std::string_literals::operator""s;
  EXPECT_EQ(CardNumber("\x08\x05\x62\x04\x00\x00\x2A\x00"s), "\x2A\x00"s);
  EXPECT_EQ(CardNumber("\x62\x01\x07\x08\x05"s), "\x07");
  EXPECT_EQ(CardNumber("\x62\x02\x00\x00"s), "");
  EXPECT_EQ(CardNumber("\x08\x05"), "") << "no card";
  EXPECT_EQ(CardNumber("\x60\x05"), "") << "a number is no card data";
  EXPECT_EQ(CardNumber(""), "");
}

TEST(ParseImage, ReadsWhatItIsMatchedBy) {
  const std::string payload = MakeImage("\xFF\xD8jpeg");
  const absl::StatusOr<Image> image = ParseImage(payload);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->id, 12u);
  EXPECT_EQ(image->timestamp, 1'700'000'000u);
  EXPECT_EQ(image->code, 0x1300u);
  EXPECT_EQ(image->payload, payload);
  EXPECT_EQ(ImageJpeg(image->payload), "\xFF\xD8jpeg");
}

TEST(ParseImage, RefusesWhatIsNoImage) {
  EXPECT_FALSE(ParseImage("\xff").ok());
  EXPECT_FALSE(ParseImage("").ok());
  EXPECT_THAT(std::string(ParseImage(MakeImage("")).status().message()), HasSubstr("no JPEG"));
  EXPECT_TRUE(ParseImage(MakeImage(std::string(kImageSizeMax, 'j'))).ok());
  EXPECT_THAT(
      std::string(ParseImage(MakeImage(std::string(kImageSizeMax + 1, 'j'))).status().message()),
      HasSubstr("16385 bytes"));
  EXPECT_FALSE(ParseImage("\x3a\x01j").ok()) << "no ID";
  // Not bytes where the JPEG should be.
  EXPECT_FALSE(ParseImage("\x08\x05\x38\x01").ok());
  EXPECT_FALSE(ParseImage("\x08\x05\x3a\x01j\x38\x01").ok());
}

TEST(ImageJpeg, IsEmptyWhereThereIsNone) {
  EXPECT_EQ(ImageJpeg(""), "");
  EXPECT_EQ(ImageJpeg("\x08\x05"), "");
  EXPECT_EQ(ImageJpeg("\xff"), "");
  EXPECT_EQ(ImageJpeg("\x3a\x01j\x38\x01"), "j") << "a number is no JPEG";
}

}  // namespace
}  // namespace gatelog::model
