// Records, statuses, pushes, listener, clock, index and the switch of special events: packets of
// boards and of other programs' tests, which those programs decode in the same way. Cards, doors,
// PC control, defaults and packets that are wrong: written here after the protocol's description.
#include "device/uhppote/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "absl/strings/escaping.h"
#include "device/uhppote/packet.h"

namespace gatelog::uhppote {
namespace {

using absl::CivilDay;
using absl::CivilSecond;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr SerialNumber kBoard = 405'419'896;
constexpr SerialNumber kOldBoard = 201'020'304;
constexpr SerialNumber kBusyBoard = 423'187'757;

// A packet of which only the beginning is not zero.
std::string Packet(std::string_view hex) {
  std::string bytes = absl::HexStringToBytes({hex.data(), hex.size()});
  bytes.resize(kPacketSize, '\0');
  return bytes;
}

// What the packet says; it must be what is written again.
template <typename Message>
Message Read(SerialNumber serial, std::string_view hex, std::uint8_t start = kStart) {
  const auto received = Decode<Message>(Packet(hex));
  EXPECT_TRUE(received.ok()) << received.status();
  if (!received.ok()) return {};
  EXPECT_EQ(received->serial, serial);
  EXPECT_EQ(absl::BytesToHexString(Encode(serial, received->message, start)),
            absl::BytesToHexString(Packet(hex)));
  return received->message;
}

template <typename Message>
std::string ErrorOf(std::string_view hex) {
  return std::string(Decode<Message>(Packet(hex)).status().message());
}

TEST(UhppoteMessageTest, AControllerTellsWhatItIs) {
  EXPECT_EQ(Encode(0, ControllerRequest{}), Packet("1794"));
  const auto newer = Read<ControllerReply>(
      kBoard, "1794000078372a18c0a80164ffffff00c0a80101001223344556089220181105");
  EXPECT_THAT(newer.address, ElementsAre(192, 168, 1, 100));
  EXPECT_THAT(newer.mask, ElementsAre(255, 255, 255, 0));
  EXPECT_THAT(newer.gateway, ElementsAre(192, 168, 1, 1));
  EXPECT_THAT(newer.mac, ElementsAre(0x00, 0x12, 0x23, 0x34, 0x45, 0x56));
  EXPECT_EQ(newer.version, (FirmwareVersion{8, 92}));
  EXPECT_EQ(newer.released, CivilDay(2018, 11, 5));
  const auto older = Read<ControllerReply>(
      kOldBoard, "179400009053fb0bc0a80165ffffff00c0a8010152fdfc072182066220200101");
  EXPECT_EQ(older.version, (FirmwareVersion{6, 62}));
  EXPECT_EQ(older.released, CivilDay(2020, 1, 1));
}

TEST(UhppoteMessageTest, ARecordIsAskedForByItsIndex) {
  EXPECT_EQ(Encode(kBoard, EventRequest{29}), Packet("17b0000078372a181d"));
  EXPECT_EQ(Encode(kBoard, EventRequest{kFirstRecord}), Packet("17b0000078372a18"));
  EXPECT_EQ(Encode(kBoard, EventRequest{kLastRecord}), Packet("17b0000078372a18ffffffff"));
  const EventRecord asked =
      Read<EventReply>(kBoard, "17b0000078372a181d000000020101010000000020190803103429").event;
  EXPECT_EQ(asked.index, 29u);
  EXPECT_EQ(asked.type, 2);
  EXPECT_TRUE(asked.granted);
  EXPECT_EQ(asked.door, 1);
  EXPECT_EQ(asked.direction, 1);
  EXPECT_EQ(asked.card, 0u);
  EXPECT_EQ(WallClockOf(asked.time), CivilSecond(2019, 8, 3, 10, 34, 29));
  EXPECT_EQ(asked.reason, 0);
  const EventRecord first =
      Read<EventReply>(kBoard, "17b0000078372a1801000000020101010000000020190709210055").event;
  EXPECT_EQ(first.index, 1u);
  EXPECT_EQ(WallClockOf(first.time), CivilSecond(2019, 7, 9, 21, 0, 55));
  const EventRecord last =
      Read<EventReply>(kBoard, "17b0000078372a184600000002010301eaaccde9202105281540472c").event;
  EXPECT_EQ(last.index, 70u);
  EXPECT_EQ(last.door, 3);
  EXPECT_EQ(last.card, 3'922'570'474u);
  EXPECT_EQ(last.reason, 44);
}

TEST(UhppoteMessageTest, ARecordThatIsNotThereIsOverwrittenOrToCome) {
  const auto to_come = Read<EventReply>(kBoard, "17b0000078372a18");
  EXPECT_EQ(to_come.event.index, 0u);
  EXPECT_FALSE(to_come.overwritten());
  const auto overwritten = Read<EventReply>(kOldBoard, "17b000009053fb0b00000000ff");
  EXPECT_EQ(overwritten.event.index, 0u);
  EXPECT_TRUE(overwritten.overwritten());
}

TEST(UhppoteMessageTest, WhatABoardLeavesBehindItsFieldsIsNotLookedAt) {
  std::string bytes = Packet("17b000002d5539190800000002010301ade85d002019021007120106");
  bytes.replace(56, 6, absl::HexStringToBytes("4a2680390892"));
  const auto received = Decode<EventReply>(bytes);
  ASSERT_TRUE(received.ok()) << received.status();
  EXPECT_EQ(received->serial, kBusyBoard);
  EXPECT_EQ(received->message.event.index, 8u);
  EXPECT_EQ(received->message.event.card, 6'154'413u);
  EXPECT_EQ(WallClockOf(received->message.event.time), CivilSecond(2019, 2, 10, 7, 12, 1));
  EXPECT_EQ(received->message.event.reason, 6);
}

TEST(UhppoteMessageTest, ARecordOfAnUnsetClockIsKept) {
  const EventRecord record =
      Read<EventReply>(kBusyBoard, "17b000002d553919ac2b030001000201a07a99002000000000000006")
          .event;
  EXPECT_EQ(record.index, 207'788u);
  EXPECT_EQ(record.type, 1);
  EXPECT_FALSE(record.granted);
  EXPECT_EQ(record.card, 10'058'400u);
  EXPECT_EQ(WallClockOf(record.time), std::nullopt);
  EXPECT_THAT(record.time, ElementsAre(0x20, 0, 0, 0, 0, 0, 0)) << "as the board sent it";
}

TEST(UhppoteMessageTest, ARecordWhoseTimeHasNoDigitsIsKept) {
  const EventRecord record =
      Read<EventReply>(kBoard, "17b0000078372a181d0000000201010100000000201a0803103429").event;
  EXPECT_EQ(record.index, 29u);
  EXPECT_EQ(WallClockOf(record.time), std::nullopt);
}

TEST(UhppoteMessageTest, AStatusHasTheNewestRecord) {
  const auto status = Read<Status>(
      kBoard,
      "1720000078372a18450000000201010100000000201908101028322c000000000000000000151446000000000000"
      "0000000000210528");
  EXPECT_EQ(status.event.index, 69u);
  EXPECT_EQ(status.event.reason, 44);
  EXPECT_EQ(WallClockOf(status.event.time), CivilSecond(2019, 8, 10, 10, 28, 32));
  EXPECT_EQ(status.system_time, CivilSecond(2021, 5, 28, 15, 14, 46));
}

TEST(UhppoteMessageTest, AStatusOfAnEmptyLogHasNoRecord) {
  const auto status = Read<Status>(
      kBoard,
      "1720000078372a180000000000000000000000000000000000000000000000000000000083111620000000000000"
      "0000000000230929");
  EXPECT_EQ(status.event, EventRecord{});
  EXPECT_EQ(status.system_error, 0x83);
  EXPECT_EQ(status.system_time, CivilSecond(2023, 9, 29, 11, 16, 20));
}

TEST(UhppoteMessageTest, WhatAnEmptyLogsStatusHasInTheRecordsPlaceIsNotLookedAt) {
  const auto received = Decode<Status>(Packet("1720000078372a1800000000000901"));
  ASSERT_TRUE(received.ok()) << received.status();
  EXPECT_EQ(received->message.event, EventRecord{});
}

TEST(UhppoteMessageTest, AStatusHasDoorsButtonsAndRelays) {
  std::string bytes = Packet(
      "172000002d5539193900000001000301aae85d002019041917000906010001010000010109143702110000002100"
      "0"
      "0002b0401190420");
  bytes.replace(56, 6, absl::HexStringToBytes("932604880892"));
  const auto received = Decode<Status>(bytes);
  ASSERT_TRUE(received.ok()) << received.status();
  const Status& status = received->message;
  EXPECT_EQ(received->serial, kBusyBoard);
  EXPECT_EQ(status.event.index, 57u);
  EXPECT_EQ(status.event.type, 1);
  EXPECT_FALSE(status.event.granted);
  EXPECT_EQ(status.event.door, 3);
  EXPECT_EQ(status.event.card, 6'154'410u);
  EXPECT_EQ(WallClockOf(status.event.time), CivilSecond(2019, 4, 19, 17, 0, 9));
  EXPECT_EQ(status.event.reason, 6);
  EXPECT_THAT(status.doors_open, ElementsAre(1, 0, 1, 1));
  EXPECT_THAT(status.buttons, ElementsAre(0, 0, 1, 1));
  EXPECT_EQ(status.system_error, 9);
  EXPECT_EQ(status.system_time, CivilSecond(2019, 4, 20, 14, 37, 2));
  EXPECT_EQ(status.sequence, 17u);
  EXPECT_EQ(status.special_info, 43);
  EXPECT_EQ(status.relays, 4);
  EXPECT_EQ(status.inputs, 1);
}

TEST(UhppoteMessageTest, OldFirmwareBeginsAPushWithAnotherByte) {
  constexpr std::string_view kRest =
      "2000002d5539193900000002010301aae85d00201904191700090601000101000001010914370211000000000000"
      "002b0401190420";
  const auto old = Read<Status>(kBusyBoard, std::string("19").append(kRest), kStartOfOldPush);
  EXPECT_EQ(old.event.index, 57u);
  EXPECT_TRUE(old.event.granted);
  EXPECT_EQ(Read<Status>(kBusyBoard, std::string("17").append(kRest)), old);
}

TEST(UhppoteMessageTest, APushIsAStatus) {
  const auto push = Read<Status>(
      kBoard,
      "1720000078372a184600000001000301a2987c002021053116150906000000000000000000161509000000000000"
      "0000000000210531");
  EXPECT_EQ(push.event.index, 70u);
  EXPECT_FALSE(push.event.granted);
  EXPECT_EQ(push.event.card, 8'165'538u);
  EXPECT_EQ(push.event.reason, 6);
  EXPECT_EQ(push.system_time, CivilSecond(2021, 5, 31, 16, 15, 9));
}

TEST(UhppoteMessageTest, TheIndexThatTheBoardKeepsIsReadAndSet) {
  EXPECT_EQ(Encode(kBoard, EventIndexRequest{}), Packet("17b4000078372a18"));
  EXPECT_EQ(Read<EventIndexReply>(kBoard, "17b4000078372a1817").index, 23u);
  EXPECT_EQ(Read<SetEventIndexRequest>(kBoard, "17b2000078372a181d00000055aaaa55").index, 29u);
  EXPECT_TRUE(Read<SetEventIndexReply>(kBoard, "17b2000078372a1801").done);
}

TEST(UhppoteMessageTest, TheListenerHasItsPortInTheBoardsOrder) {
  const auto set = Read<SetListenerRequest>(kBoard, "1790000078372a18c0a8016461ea0f");
  EXPECT_THAT(set.address, ElementsAre(192, 168, 1, 100));
  EXPECT_EQ(set.port, 60'001);
  EXPECT_EQ(set.interval_s, 15);
  EXPECT_TRUE(Read<SetListenerReply>(kBoard, "1790000078372a1801").done);
  const auto got = Read<ListenerReply>(kBoard, "1792000078372a18c0a8016461ea0f");
  EXPECT_EQ(got.port, 60'001);
}

TEST(UhppoteMessageTest, TheClockIsReadAndSet) {
  EXPECT_EQ(Read<TimeReply>(kBoard, "1732000078372a1820210528135130").time,
            CivilSecond(2021, 5, 28, 13, 51, 30));
  EXPECT_EQ(Read<SetTimeRequest>(kBoard, "1730000078372a1820210528145614").time,
            CivilSecond(2021, 5, 28, 14, 56, 14));
  EXPECT_EQ(Read<TimeReply>(kBoard, "1732000078372a18").time, std::nullopt);
  EXPECT_EQ(Decode<TimeReply>(Packet("1732000078372a1820210230135130"))->message.time, std::nullopt)
      << "digits, and no day of the calendar";
}

TEST(UhppoteMessageTest, SpecialEventsDoorsAndDefaults) {
  EXPECT_TRUE(Read<SpecialEventsRequest>(kBoard, "178e000078372a1801").on);
  EXPECT_TRUE(Read<SpecialEventsReply>(kBoard, "178e000078372a1801").done);
  EXPECT_EQ(Read<OpenDoorRequest>(kBoard, "1740000078372a1803").door, 3);
  EXPECT_TRUE(Read<PcControlRequest>(kBoard, "17a0000078372a1855aaaa5501").on);
  Read<RestoreDefaultsRequest>(kBoard, "17c8000078372a1855aaaa55");
}

TEST(UhppoteMessageTest, ACardHasDaysDoorsAndAPin) {
  const CardReply card{.number = 8'165'538,
                       .from = CivilDay(2023, 1, 1),
                       .to = CivilDay(2023, 12, 31),
                       .doors = {1, 0, 29, 1},
                       .pin = 7'531,
                       .first_card = true};
  const std::string bytes = Encode(kBoard, card);
  EXPECT_EQ(bytes, Packet("175a000078372a18a2987c00202301012023123101001d016b1d0001"));
  EXPECT_EQ(Decode<CardReply>(bytes)->message, card);
}

TEST(UhppoteMessageTest, OnlyAPushMayBeginWithTheOldByte) {
  EXPECT_THAT(ErrorOf<ControllerReply>("1994000078372a18"), HasSubstr("0x19 before function 0x94"));
}

TEST(UhppoteMessageTest, APacketOfAnotherFunctionIsNoReply) {
  EXPECT_THAT(
      ErrorOf<EventReply>("1794000078372a18c0a80164ffffff00c0a80101001223344556089220181105"),
      HasSubstr("another function"));
}

TEST(UhppoteMessageTest, APacketHasOneSize) {
  const std::string whole = Packet("1732000078372a1820210528135130");
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, kPacketSize - 1}) {
    EXPECT_FALSE(Decode<TimeReply>(whole.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(Decode<TimeReply>(whole + '\0').ok());
}

TEST(UhppoteMessageTest, WhatHasNoDigitsIsNoReply) {
  EXPECT_THAT(ErrorOf<TimeReply>("1732000078372a182021052a135130"), HasSubstr("byte 11 (0x2a)"));
  EXPECT_THAT(
      ErrorOf<ControllerReply>("1794000078372a18c0a80164ffffff00c0a80101001223344556f89220181105"),
      HasSubstr("byte 26"));
  EXPECT_THAT(
      ErrorOf<Status>("1720000078372a1800000000000000000000000000000000000000000000000000000"
                      "000831f16200000000000000000000000230929"),
      HasSubstr("byte 37"));
}

TEST(UhppoteMessageTest, AFlagIsYesOrNo) {
  EXPECT_THAT(ErrorOf<OpenDoorReply>("1740000078372a1802"), HasSubstr("byte 8"));
  EXPECT_THAT(ErrorOf<EventReply>("17b0000078372a181d0000000202010100000000"),
              HasSubstr("byte 13 (0x02)"));
}

TEST(UhppoteMessageTest, WithoutItsWordARequestIsNone) {
  EXPECT_FALSE(Decode<RestoreDefaultsRequest>(Packet("17c8000078372a18")).ok());
  EXPECT_FALSE(Decode<SetEventIndexRequest>(Packet("17b2000078372a181d00000055aaaa54")).ok());
}

TEST(UhppoteMessageTest, AnyTimeIsWrittenAsItIsRead) {
  for (const CivilSecond time :
       {CivilSecond(0, 1, 1, 0, 0, 0), CivilSecond(2000, 2, 29, 23, 59, 59),
        CivilSecond(9999, 12, 31, 12, 30, 45)}) {
    EXPECT_EQ(WallClockOf(BcdOf(time)), time);
  }
}

}  // namespace
}  // namespace gatelog::uhppote
