#include "apps/gatelog-sim/life.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "model/event.h"
#include "model/event_code.h"

namespace gatelog::sim {
namespace {

using Pair = std::pair<std::uint32_t, std::uint32_t>;

std::vector<EventLog> Live(std::uint64_t seed, std::uint32_t device, std::size_t count,
                           std::uint64_t position = 1) {
  static const std::vector<Person> people = MakePeople(1);
  Life life(seed, MakePlace(device), people, position);
  std::vector<EventLog> events;
  for (std::size_t i = 0; i < count; ++i)
    events.push_back(life.Next(static_cast<unsigned>(i / 100 % 24)).event);
  return events;
}

TEST(LifeTest, EveryPairOfTheTableOccursAtEachTerminal) {
  std::set<Pair> missing;
  for (const model::EventCode& pair : model::EventCodes())
    missing.insert({pair.code, pair.sub_code});
  ASSERT_GT(missing.size(), 400u);
  for (const EventLog& event : Live(1, 541000002, 30'000))
    missing.erase({event.eventcode(), event.subcode()});
  EXPECT_TRUE(missing.empty()) << missing.size() << " pairs never occur, the first is " << std::hex
                               << missing.begin()->first << "/" << missing.begin()->second;
}

TEST(LifeTest, AFewTerminalsCoverTheTableWithinTenThousandRecordsEach) {
  std::set<Pair> seen;
  for (std::uint32_t device = 541000001; device <= 541000004; ++device) {
    for (const EventLog& event : Live(1, device, 10'000))
      seen.insert({event.eventcode(), event.subcode()});
  }
  for (const model::EventCode& pair : model::EventCodes()) {
    EXPECT_TRUE(seen.contains({pair.code, pair.sub_code}))
        << std::hex << pair.code << "/" << pair.sub_code;
  }
}

bool IsIn(std::uint32_t code, std::uint32_t low, std::uint32_t high) {
  return code >= low && code <= high;
}

void CheckFields(const EventLog& event) {
  const std::uint32_t code = event.eventcode();
  SCOPED_TRACE(event.ShortDebugString());
  EXPECT_NE(model::FindEventCode(code, event.subcode()), nullptr);
  EXPECT_FALSE(!event.userid().empty() && event.entityid() != 0);
  if (!event.userid().empty()) {
    EXPECT_TRUE(IsIn(code, 0x1000, 0x1EFF) || IsIn(code, 0x2000, 0x2AFF));
  }
  const bool has_entity =
      IsIn(code, 0x5000, 0x6FFF) || IsIn(code, 0x7000, 0x79FF) || IsIn(code, 0x8000, 0xBBFF);
  EXPECT_EQ(event.entityid() != 0, has_entity);
  EXPECT_EQ(!event.carddata().empty(), code == 0x1100 && event.subcode() == 2);
  if (!event.carddata().empty()) {
    EXPECT_EQ(event.carddata().size(), 32u);
  }
  EXPECT_EQ(event.has_inputinfo(), code == 0x3F00 || code == 0x4600 || code == 0x4700);
  EXPECT_EQ(event.has_alarmzoneinfo(), code == 0x9300 || code == 0x9800);
  EXPECT_EQ(event.has_interlockzoneinfo(), code == 0xA000);
  if (event.has_interlockzoneinfo()) {
    EXPECT_EQ(event.interlockzoneinfo().zoneid(), event.entityid());
    EXPECT_TRUE(IsIn(static_cast<std::uint32_t>(event.interlockzoneinfo().doorids_size()), 2, 4));
  }
  if (event.tnakey() != 0) {
    EXPECT_TRUE(code == 0x1000 || code == 0x1300);
    EXPECT_TRUE(gsdk::tna::Key_IsValid(event.tnakey()));
  }
  if (event.temperature() != 0) {
    EXPECT_TRUE(IsIn(code, 0x1000, 0x1DFF));
    EXPECT_TRUE(IsIn(event.temperature(), 3500, 4000));
  }
  if (event.changedondevice()) {
    EXPECT_TRUE(IsIn(code, 0x2000, 0x2AFF));
  }
}

TEST(LifeTest, EachCategoryCarriesItsOwnFieldsOnly) {
  for (std::uint32_t device = 541000001; device <= 541000003; ++device) {
    for (const EventLog& event : Live(3, device, 20'000)) CheckFields(event);
  }
}

TEST(LifeTest, EveryFieldOccurs) {
  std::map<std::string, int> seen;
  for (std::uint32_t device = 541000001; device <= 541000003; ++device) {
    for (EventLog event : Live(1, device, 5'000)) {
      std::vector<const google::protobuf::FieldDescriptor*> fields;
      event.GetReflection()->ListFields(event, &fields);
      for (const auto* field : fields) ++seen[field->name()];
      if (event.deviceid() != device) ++seen["a slave's"];
    }
  }
  for (const char* field :
       {"userID", "entityID", "TNAKey", "changedOnDevice", "temperature", "cardData", "inputInfo",
        "alarmZoneInfo", "interlockZoneInfo", "a slave's"}) {
    EXPECT_GT(seen[field], 0) << field;
  }
}

TEST(LifeTest, TheSeedDecidesWhatHappens) {
  const auto bytes = [](const std::vector<EventLog>& events) {
    std::string all;
    for (const EventLog& event : events) event.AppendToString(&all);
    return all;
  };
  EXPECT_EQ(bytes(Live(5, 541000001, 2'000)), bytes(Live(5, 541000001, 2'000)));
  EXPECT_NE(bytes(Live(5, 541000001, 2'000)), bytes(Live(6, 541000001, 2'000)));
  EXPECT_NE(bytes(Live(5, 541000001, 2'000)), bytes(Live(5, 541000002, 2'000)));
  EXPECT_NE(bytes(Live(5, 541000001, 2'000, 1)), bytes(Live(5, 541000001, 2'000, 2'001)));
}

TEST(LifeTest, AnEntranceIsAPersonThenTheDoor) {
  const std::vector<EventLog> events = Live(1, 541000001, 2'000);
  int entrances = 0;
  for (std::size_t i = 0; i + 4 < events.size(); ++i) {
    if (events[i].eventcode() != 0x1300 || events[i + 1].eventcode() != 0x5000 ||
        events[i + 2].eventcode() != 0x5200) {
      continue;
    }
    EXPECT_FALSE(events[i].userid().empty());
    const std::uint32_t door = events[i + 1].entityid();
    EXPECT_EQ(events[i + 2].entityid(), door);
    if (events[i + 3].eventcode() == 0x5300) {
      EXPECT_EQ(events[i + 3].entityid(), door);
    }
    ++entrances;
  }
  EXPECT_GT(entrances, 100);
}

TEST(LifeTest, AnInterlockTakesTwoDoors) {
  const std::vector<Person> people = MakePeople(1);
  for (std::uint32_t count = 0; count <= 2; ++count) {
    Life life(1, MakePlace(541000001), people, 1);
    life.SetDoors(std::vector<std::uint32_t>(count, 7), {});
    int interlocks = 0;
    for (int i = 0; i < 20'000; ++i) {
      const EventLog& event = life.Next(9).event;
      interlocks += event.eventcode() == 0xA000;
      CheckFields(event);
    }
    EXPECT_EQ(interlocks > 0, count == 2) << count;
  }
}

TEST(SiteTest, SomeUserIdsHaveLettersAndNoneOccursTwice) {
  const std::vector<Person> people = MakePeople(9);
  std::set<std::string> ids;
  int with_letters = 0;
  for (const Person& person : people) {
    ids.insert(person.user_id);
    if (person.user_id.find_first_not_of("0123456789") != std::string::npos) ++with_letters;
  }
  EXPECT_EQ(ids.size(), kPersonCount);
  EXPECT_GT(with_letters, 5);
  EXPECT_LT(with_letters, 50);
}

TEST(SiteTest, NoSlaveHasTheIdOfATerminal) {
  std::set<std::uint32_t> ids;
  std::size_t count = 0;
  for (std::uint32_t device = 541000001; device < 541010001; ++device) {
    const Place place = MakePlace(device);
    ids.insert(device);
    ids.insert(place.slaves.begin(), place.slaves.end());
    count += 1 + place.slaves.size();
  }
  EXPECT_EQ(ids.size(), count);
}

}  // namespace
}  // namespace gatelog::sim
