#include "apps/gatelog/event_view.h"

#include <gtest/gtest.h>

namespace gatelog::cli {
namespace {

gsdk::event::EventLog Event(std::uint32_t code, std::uint32_t sub_code) {
  gsdk::event::EventLog event;
  event.set_id(40'213);
  event.set_timestamp(1'795'420'800);  // 2026-11-23 08:00:00 UTC
  event.set_deviceid(541'000'001);
  event.set_eventcode(code);
  event.set_subcode(sub_code);
  return event;
}

TEST(EventViewTest, AnEventInWords) {
  gsdk::event::EventLog event = Event(0x1300, 0x03);
  event.set_userid("1042");
  event.set_tnakey(gsdk::tna::KEY_2);
  event.set_temperature(3'654);
  event.set_hasimage(true);
  const Record record = EventRecord(event, absl::UTCTimeZone());
  const std::vector<std::string> expected = {
      "2026-11-23 08:00:00", "541000001", "40213",
      "identified by face",  "user 1042", "T&A key 2, 36.5 °C, image"};
  EXPECT_EQ(record.cells, expected);
  EXPECT_EQ(record.tone, Tone::kPlain);
  EXPECT_EQ(record.json["userID"], "1042");
  EXPECT_EQ(record.json["description"], "identified by face");
  EXPECT_EQ(record.cells.size(), EventLayout("TIME").columns.size());
}

TEST(EventViewTest, AnUnknownPairIsShownByItsNumbers) {
  const Record record = EventRecord(Event(0x4F30, 0x02), absl::UTCTimeZone());
  EXPECT_EQ(record.cells[3], "event 0x4f30/0x02");
}

TEST(EventViewTest, TheEntityIsNamedByItsCategory) {
  gsdk::event::EventLog event = Event(0x5400, 0);
  event.set_entityid(3);
  EXPECT_EQ(EventSubject(event), "door 3");
  event.set_eventcode(0x6000);
  EXPECT_EQ(EventSubject(event), "zone 3");
  event.set_eventcode(0x7000);
  EXPECT_EQ(EventSubject(event), "lift 3");
}

TEST(EventViewTest, LevelsBecomeTones) {
  EXPECT_EQ(EventRecord(Event(0x5600, 0), absl::UTCTimeZone()).tone, Tone::kAlarm);
  EXPECT_EQ(EventRecord(Event(0x1900, 3), absl::UTCTimeZone()).tone, Tone::kAlert);
}

TEST(EventViewTest, ZonesPortsAndCards) {
  gsdk::event::EventLog event = Event(0x9800, 0);
  event.mutable_alarmzoneinfo()->set_zoneid(4);
  event.mutable_alarmzoneinfo()->set_doorid(2);
  event.mutable_inputinfo()->set_port(1);
  event.mutable_inputinfo()->set_value(gsdk::event::SUPERVISED_SHORT);
  event.set_carddata(std::string("\0\0\xab\x01", 4));  // padded, as readers do
  const Record record = EventRecord(event, absl::UTCTimeZone());
  EXPECT_EQ(record.cells[4], "zone 4");
  EXPECT_EQ(record.cells[5], "card ab01, port 1 shorted, door 2");
}

TEST(EventViewTest, AStoredEventIsDecodedInPlace) {
  v1::StoredEvent stored;
  stored.set_seq(9);
  stored.set_log_device_id(541'000'000);  // the master of the device it happened at
  stored.set_event(Event(0x4200, 0).SerializeAsString());
  const Record record = StoredEventRecord(stored, absl::UTCTimeZone());
  EXPECT_EQ(record.cells[3], "log cleared");
  EXPECT_EQ(record.cells[5], "log of 541000000");
  EXPECT_EQ(record.json["seq"], 9);
  EXPECT_EQ(record.json["event"]["ID"], 40'213);
  EXPECT_EQ(record.json["event"]["description"], "log cleared");
}

TEST(EventViewTest, BytesThatAreNoEventAreKept) {
  v1::StoredEvent stored;
  stored.set_seq(9);
  stored.set_event("\xff\xff");
  const Record record = StoredEventRecord(stored, absl::UTCTimeZone());
  EXPECT_EQ(record.cells.size(), StoredEventLayout("TIME").columns.size());
  EXPECT_EQ(record.json["event"], "//8=");
}

}  // namespace
}  // namespace gatelog::cli
