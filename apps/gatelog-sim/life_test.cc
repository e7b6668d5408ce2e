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

const std::vector<Person>& People() {
  static const std::vector<Person> people = MakePeople(1);
  return people;
}

// Does to the roster what the step says, as a terminal does it to its users.
void Play(const Life::Step& step, Roster& roster) {
  const std::string& id = step.event.userid();
  switch (step.change) {
    case UserChange::kEnrol: {
      const Person* person = roster.FindOnSite(id);
      ASSERT_NE(person, nullptr) << id;
      ASSERT_FALSE(roster.Has(id)) << id;
      return person->visitor ? roster.Set(*person) : roster.Restore(id);
    }
    case UserChange::kRemove:
      ASSERT_TRUE(roster.Has(id)) << id;
      return roster.Remove(id);
    case UserChange::kRemoveAll:
      for (const Person& person : People()) roster.Remove(person.user_id);
      return;
    case UserChange::kUpdate:
      ASSERT_TRUE(roster.Has(id)) << id;
      return roster.Set(*roster.FindOnSite(id));
    case UserChange::kNone:
      return;
  }
}

std::vector<EventLog> Live(std::uint64_t seed, std::uint32_t device, std::size_t count,
                           std::uint64_t position = 1) {
  Roster roster(People());
  Life life(seed, MakePlace(device), roster, position);
  std::vector<EventLog> events;
  for (std::size_t i = 0; i < count; ++i) {
    const Life::Step& step = life.Next(static_cast<unsigned>(i / 100 % 24));
    events.push_back(step.event);
    Play(step, roster);
  }
  return events;
}

TEST(LifeTest, NobodyDeletesAllUsersWhileThereAreGuests) {
  Roster roster(People());
  Life life(1, MakePlace(541'000'001), roster, 1);
  const auto deletions = [&] {
    int count = 0;
    for (int i = 0; i < 40'000; ++i) {
      const Life::Step& step = life.Next(12);
      count += step.change == UserChange::kRemoveAll;
      Play(step, roster);
    }
    return count;
  };
  roster.Set({"7", Habit::kCard});
  roster.Set({"7", Habit::kNone});
  EXPECT_EQ(deletions(), 0);
  roster.Remove("7");
  EXPECT_FALSE(roster.HasGuests());
  EXPECT_GT(deletions(), 0);
  const Person resident = People().front();
  roster.Set({resident.user_id, Habit::kPin});
  EXPECT_TRUE(roster.HasGuests()) << "somebody of the site with another credential";
  roster.Restore(resident.user_id);
  EXPECT_FALSE(roster.HasGuests());
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
    EXPECT_TRUE(MakePlace(event.deviceid()).thermal);
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

TEST(LifeTest, WhoIsNamedIsEnrolledAndEveryChangeIsOneAtTheTerminal) {
  for (std::uint32_t device = 541000001; device <= 541000003; ++device) {
    Roster roster(People());
    Life life(1, MakePlace(device), roster, 1);
    int changes = 0;
    for (int i = 0; i < 20'000; ++i) {
      const Life::Step& step = life.Next(8);
      const EventLog& event = step.event;
      SCOPED_TRACE(event.ShortDebugString());
      const bool enrols = step.change == UserChange::kEnrol;
      if (!event.userid().empty()) {
        EXPECT_EQ(roster.Has(event.userid()), !enrols);
      }
      if (step.change != UserChange::kNone) {
        ++changes;
        EXPECT_EQ(event.changedondevice(), event.subcode() != 1);
      }
      Play(step, roster);
      if (HasFatalFailure()) return;
    }
    EXPECT_GT(changes, 100);
  }
}

TEST(LifeTest, WhoIsDeletedDuringASceneDoesNotGoOn) {
  Roster roster(People());
  Life life(1, MakePlace(541000001), roster, 1);
  int cut = 0;
  for (int i = 0; i < 20'000; ++i) {
    const Life::Step step = life.Next(8);
    Play(step, roster);
    const std::string& id = step.event.userid();
    if (id.empty() || !roster.Has(id) || roster.size() < 100) continue;
    // Somebody with whom a scene has just begun.
    if (life.pause_s().has_value()) ++cut;
    roster.Remove(id);
    const Life::Step& next = life.Next(8);
    EXPECT_TRUE(next.event.userid() != id || next.change == UserChange::kEnrol)
        << next.event.ShortDebugString();
    Play(next, roster);
  }
  EXPECT_GT(cut, 10);
}

TEST(LifeTest, WithoutUsersThereAreStrangersAndDoorsUntilSomebodyIsEnrolled) {
  Roster roster(People());
  for (const Person& person : People()) roster.Remove(person.user_id);
  Life life(1, MakePlace(541000001), roster, 1);
  std::set<std::uint32_t> codes;
  for (int i = 0; i < 2'000; ++i) {
    const Life::Step& step = life.Next(8);
    codes.insert(step.event.eventcode());
    if (step.change == UserChange::kNone) {
      EXPECT_EQ(step.event.userid(), "") << step.event.ShortDebugString();
    }
  }
  EXPECT_TRUE(codes.contains(0x1100));
  EXPECT_TRUE(codes.contains(0x4A00));
  EXPECT_TRUE(codes.contains(0x2000));
  EXPECT_FALSE(codes.contains(0x1300));
}

TEST(RosterTest, EverybodyWhoCanComeInIsPickedAndNobodyElse) {
  Roster roster(People());
  roster.Remove(People()[0].user_id);
  roster.Remove(People()[7].user_id);
  roster.Remove(People()[199].user_id);
  roster.Set({"500", Habit::kCard});
  roster.Set({"501", Habit::kNone});
  roster.Set({"502", Habit::kPin});
  roster.Set({People()[9].user_id, Habit::kNone});
  roster.Remove("500");
  EXPECT_EQ(roster.size(), 199u);
  std::set<std::string> picked;
  Random random(1);
  for (int i = 0; i < 20'000; ++i) picked.insert(roster.Pick(random)->user_id);
  EXPECT_EQ(picked.size(), 197u);
  EXPECT_TRUE(picked.contains("502"));
  for (const std::string& out : {People()[0].user_id, People()[7].user_id, People()[199].user_id,
                                 People()[9].user_id, std::string("500"), std::string("501")}) {
    EXPECT_FALSE(picked.contains(out)) << out;
  }
  EXPECT_TRUE(roster.Has("501"));
  EXPECT_TRUE(roster.Has(People()[9].user_id));
  roster.Restore(People()[9].user_id);
  roster.Restore(People()[0].user_id);
  EXPECT_TRUE(roster.HasUnchanged(People()[9].user_id));
  EXPECT_EQ(roster.size(), 200u);
}

TEST(LifeTest, AnInterlockTakesTwoDoors) {
  for (std::uint32_t count = 0; count <= 2; ++count) {
    const Roster roster(People());
    Life life(1, MakePlace(541000001), roster, 1);
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
  EXPECT_EQ(ids.size(), kPersonCount + kVisitorCount);
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
