#include "model/event_code.h"

#include <gtest/gtest.h>

#include <map>
#include <string_view>
#include <utility>

namespace gatelog::model {
namespace {

constexpr std::size_t kRows = 434;
constexpr std::size_t kDescriptionSizeMax = 60;  // fits a live table beside time, device and user

TEST(EventCodeTest, TheTableIsWhole) {
  EXPECT_EQ(EventCodes().size(), kRows);
  std::map<std::string_view, int> categories;
  for (const EventCode& entry : EventCodes()) ++categories[entry.category];
  const std::map<std::string_view, int> expected = {{"Auth", 174}, {"User", 43}, {"Device", 55},
                                                    {"Door", 42},  {"Zone", 71}, {"Lift", 49}};
  EXPECT_EQ(categories, expected);
}

TEST(EventCodeTest, PairsAreSortedAndUnique) {
  const auto rises = [](const EventCode& a, const EventCode& b) {
    return std::pair(a.code, a.sub_code) < std::pair(b.code, b.sub_code);
  };
  const auto entries = EventCodes();
  for (std::size_t i = 1; i < entries.size(); ++i) {
    EXPECT_TRUE(rises(entries[i - 1], entries[i])) << entries[i].name << " row " << i;
  }
}

TEST(EventCodeTest, EveryPairIsFoundAndDescribed) {
  for (const EventCode& entry : EventCodes()) {
    EXPECT_EQ(FindEventCode(entry.code, entry.sub_code), &entry);
    EXPECT_EQ(DescribeEvent(entry.code, entry.sub_code), entry.description);
    EXPECT_TRUE(entry.name.starts_with("BS2_EVENT_")) << entry.name;
    EXPECT_FALSE(entry.description.empty()) << entry.name;
    EXPECT_LE(entry.description.size(), kDescriptionSizeMax) << entry.description;
  }
}

// A person who reads a description must be able to tell which main code it was.
TEST(EventCodeTest, MainCodesDoNotShareDescriptions) {
  std::map<std::string_view, std::uint32_t> owner;
  for (const EventCode& entry : EventCodes()) {
    const auto [place, fresh] = owner.emplace(entry.description, entry.code);
    EXPECT_EQ(place->second, entry.code) << entry.description;
  }
}

TEST(EventCodeTest, KnownPairs) {
  EXPECT_EQ(DescribeEvent(0x1300, 0x03), "identified by face");
  EXPECT_EQ(DescribeEvent(0x1900, 0x03), "access denied: user expired");
  EXPECT_EQ(DescribeEvent(0x1100, 0x03), "PIN wrong");
  EXPECT_EQ(DescribeEvent(0x4200, 0x00), "log cleared");
  EXPECT_EQ(DescribeEvent(0x5400, 0x00), "door forced open");
  EXPECT_EQ(DescribeEvent(0x9200, 0x00), "intrusion zone armed");

  const EventCode* face = FindEventCode(0x1300, 0x03);
  ASSERT_NE(face, nullptr);
  EXPECT_EQ(face->name, "BS2_EVENT_IDENTIFY_SUCCESS");
  EXPECT_EQ(face->sub_name, "BS2_SUB_EVENT_IDENTIFY_FACE");
  EXPECT_EQ(face->level, "");
  EXPECT_EQ(FindEventCode(0x5600, 0)->level, "alarm");
  EXPECT_EQ(FindEventCode(0x1900, 0)->level, "alert");
}

TEST(EventCodeTest, TheLowByteOfAMainCodeIsPartOfIt) {
  EXPECT_EQ(DescribeEvent(0x3201, 0x00), "time zone set");
  EXPECT_EQ(FindEventCode(0x3200, 0x01), nullptr);
}

TEST(EventCodeTest, SubCodeZeroCanBeAMeaning) {
  EXPECT_EQ(FindEventCode(0x1C00, 0)->sub_name, "BS2_SUB_EVENT_HIGH_TEMPERATURE");
}

TEST(EventCodeTest, AnUnknownPairKeepsItsNumbers) {
  EXPECT_EQ(FindEventCode(0x4F30, 0x02), nullptr);
  EXPECT_EQ(DescribeEvent(0x4F30, 0x02), "event 0x4f30/0x02");
  EXPECT_EQ(DescribeEvent(0, 0), "event 0x0000/0x00");
  EXPECT_EQ(DescribeEvent(0xFFFF, 0xFF), "event 0xffff/0xff");
  EXPECT_EQ(EventCategory(0x4F30, 0x02), "");
}

TEST(EventCodeTest, AnUnknownSubCodeBelongsToItsMainCode) {
  EXPECT_EQ(FindEventCode(0x1900, 0xFE), nullptr);
  EXPECT_EQ(EventCategory(0x1900, 0xFE), "Auth");
  EXPECT_EQ(EventLevel(0x1900, 0xFE), "alert");
}

}  // namespace
}  // namespace gatelog::model
