#include "model/personal_part.h"

#include <gtest/gtest.h>

#include "gsdk/event.pb.h"
#include "model/event.h"

namespace gatelog::model {
namespace {

using gsdk::event::EventLog;

EventLog FullEvent() {
  EventLog log;
  log.set_id(7);
  log.set_timestamp(1'700'000'000);
  log.set_deviceid(541'000'001);
  log.set_userid("alice");
  log.set_entityid(3);
  log.set_eventcode(0x1300);
  log.set_subcode(2);
  log.set_hasimage(true);
  log.set_temperature(3650);
  log.set_carddata("card-4711");
  log.mutable_inputinfo()->set_port(4);
  return log;
}

// Puts the personal fields back where they stood.
std::string Join(const SplitEvent& split) {
  std::string whole;
  std::string_view personal = split.personal_part;
  const auto number = [&] {
    const auto high = static_cast<unsigned char>(personal[0]);
    const auto low = static_cast<unsigned char>(personal[1]);
    personal.remove_prefix(2);
    return static_cast<std::size_t>(high << 8 | low);
  };
  std::size_t taken = 0;
  while (!personal.empty()) {
    const std::size_t offset = number();
    const std::size_t size = number();
    whole += split.public_part.substr(taken, offset - taken);
    whole += personal.substr(0, size);
    personal.remove_prefix(size);
    taken = offset;
  }
  return whole + split.public_part.substr(taken);
}

TEST(PersonalPart, PublicPartIsTheEventWithoutThePerson) {
  SplitEvent split;
  SplitPersonalPart(FullEvent().SerializeAsString(), split);
  EventLog left;
  ASSERT_TRUE(left.ParseFromString(split.public_part));
  EventLog expected = FullEvent();
  expected.clear_userid();
  expected.clear_temperature();
  expected.clear_carddata();
  EXPECT_EQ(left.SerializeAsString(), expected.SerializeAsString());
  EXPECT_TRUE(ParseEvent(split.public_part).ok());
  for (const char* personal : {"alice", "card-4711"}) {
    EXPECT_EQ(split.public_part.find(personal), std::string::npos);
    EXPECT_NE(split.personal_part.find(personal), std::string::npos);
  }
}

TEST(PersonalPart, BothPartsGiveTheBytesBack) {
  const std::string first = FullEvent().SerializeAsString();
  EventLog user_alone;
  user_alone.set_userid("bob");
  EventLog nobody = FullEvent();
  nobody.clear_userid();
  nobody.clear_temperature();
  nobody.clear_carddata();
  SplitEvent split;
  // Fields in any order, doubled, and none at all.
  for (const std::string& payload :
       {first, user_alone.SerializeAsString() + first, first + user_alone.SerializeAsString(),
        nobody.SerializeAsString(), std::string()}) {
    SplitPersonalPart(payload, split);
    EXPECT_EQ(Join(split), payload);
  }
}

TEST(PersonalPart, MovingAFieldChangesAPart) {
  EventLog user_alone;
  user_alone.set_userid("bob");
  EventLog rest = FullEvent();
  rest.clear_userid();
  rest.clear_temperature();
  rest.clear_carddata();
  SplitEvent before;
  SplitEvent after;
  SplitPersonalPart(user_alone.SerializeAsString() + rest.SerializeAsString(), before);
  SplitPersonalPart(rest.SerializeAsString() + user_alone.SerializeAsString(), after);
  EXPECT_EQ(before.public_part, after.public_part);
  EXPECT_NE(before.personal_part, after.personal_part);
}

TEST(PersonalPart, UnknownFieldsMayBeAnything) {
  const std::string unknown = "\xA2\x06\x03xyz";  // field 100, three bytes
  SplitEvent split;
  SplitPersonalPart(FullEvent().SerializeAsString() + unknown, split);
  EXPECT_EQ(split.public_part.find("xyz"), std::string::npos);
  EXPECT_NE(split.personal_part.find("xyz"), std::string::npos);
}

TEST(PersonalPart, BytesThatAreNoEventArePublic) {
  SplitEvent split;
  for (const std::string& payload : {std::string("\xFF\xFF\xFF"), std::string("\x22\x7F", 2),
                                     std::string(kEventSizeMax + 1, 0)}) {
    SplitPersonalPart(payload, split);
    EXPECT_EQ(split.public_part, payload);
    EXPECT_EQ(split.personal_part, "");
  }
}

}  // namespace
}  // namespace gatelog::model
