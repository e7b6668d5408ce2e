#include "apps/gatelog-sim/services/door_service.h"

#include <gmock/gmock.h>

#include <set>

#include "apps/gatelog-sim/services/service_test_support.h"

namespace gatelog::sim {
namespace {

namespace door = gsdk::door;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

class DoorServiceTest : public ServiceTest {
 protected:
  using Codes = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

  std::uint32_t first() const { return terminal_->place().doors[0]; }
  std::vector<std::uint32_t> List() {
    std::vector<std::uint32_t> ids;
    const auto list = Call<door::GetListResponse>("gsdk.door.Door/GetList", door::GetListRequest());
    EXPECT_TRUE(list.ok()) << list.status();
    if (list.ok()) {
      for (const door::DoorInfo& one : list->doors()) ids.push_back(one.doorid());
    }
    return ids;
  }
  door::Status StatusOf(std::uint32_t id) {
    const auto all =
        Call<door::GetStatusResponse>("gsdk.door.Door/GetStatus", door::GetStatusRequest());
    EXPECT_TRUE(all.ok()) << all.status();
    if (all.ok()) {
      for (const door::Status& one : all->status()) {
        if (one.doorid() == id) return one;
      }
    }
    ADD_FAILURE() << "no door " << id;
    return {};
  }
  template <typename Response, typename Request>
  absl::Status Order(std::string_view method, std::uint32_t flag, std::uint32_t id) {
    Request request;
    request.add_doorids(id);
    request.set_doorflag(flag);
    return Call<Response>(method, request).status();
  }
  absl::Status Lock(std::uint32_t flag, std::uint32_t id) {
    return Order<door::LockResponse, door::LockRequest>("gsdk.door.Door/Lock", flag, id);
  }
  absl::Status Unlock(std::uint32_t flag, std::uint32_t id) {
    return Order<door::UnlockResponse, door::UnlockRequest>("gsdk.door.Door/Unlock", flag, id);
  }
  absl::Status Release(std::uint32_t flag, std::uint32_t id) {
    return Order<door::ReleaseResponse, door::ReleaseRequest>("gsdk.door.Door/Release", flag, id);
  }
  absl::Status SetAlarm(std::uint32_t flags, std::uint32_t id) {
    door::SetAlarmRequest request;
    request.add_doorids(id);
    request.set_alarmflag(flags);
    return Call<door::SetAlarmResponse>("gsdk.door.Door/SetAlarm", request).status();
  }
  absl::Status Add(const door::DoorInfo& info) {
    door::AddRequest request;
    *request.add_doors() = info;
    return Call<door::AddResponse>("gsdk.door.Door/Add", request).status();
  }
  absl::Status Delete(std::uint32_t id) {
    door::DeleteRequest request;
    request.add_doorids(id);
    return Call<door::DeleteResponse>("gsdk.door.Door/Delete", request).status();
  }
  // Codes and sub codes of the new records, all of this door.
  Codes NewDoorCodes(std::uint32_t id) {
    Codes codes;
    for (const EventLog& event : NewRecords()) {
      EXPECT_EQ(event.entityid(), id);
      codes.emplace_back(event.eventcode(), event.subcode());
    }
    return codes;
  }
  std::set<std::uint32_t> DoorsOf(const std::vector<EventLog>& events) {
    std::set<std::uint32_t> doors;
    for (const EventLog& event : events) {
      if (event.eventcode() >= 0x5000 && event.eventcode() < 0x6000) doors.insert(event.entityid());
    }
    return doors;
  }
  void Happen(std::uint32_t code, std::uint32_t id) {
    EventLog event;
    event.set_eventcode(code);
    event.set_entityid(id);
    ASSERT_TRUE(terminal_->Record(event).ok());
  }
};

TEST_F(DoorServiceTest, TheDoorsOfThePlaceAreThere) {
  EXPECT_EQ(List(), terminal_->place().doors);
  EXPECT_EQ(List().size(), 4u);
  const door::Status status = StatusOf(first());
  EXPECT_FALSE(status.isopen());
  EXPECT_FALSE(status.isunlocked());
  EXPECT_EQ(status.lastopentime(), 0u);
}

TEST_F(DoorServiceTest, DoorsAreAddedReplacedDeletedAndKept) {
  door::DoorInfo info;
  info.set_doorid(7);
  info.set_name("Back");
  info.set_entrydeviceid(kDevice);
  ASSERT_TRUE(Add(info).ok());
  EXPECT_EQ(List().front(), 7u);
  ASSERT_TRUE(Delete(first()).ok());
  EXPECT_EQ(Delete(first()).code(), absl::StatusCode::kNotFound);
  Restart();
  EXPECT_EQ(List().size(), 4u);
  EXPECT_EQ(List().front(), 7u);
  EXPECT_THAT(NewRecords(), IsEmpty());

  info.set_doorid(0);
  EXPECT_EQ(Add(info).code(), absl::StatusCode::kInvalidArgument);
  info.set_doorid(8);
  info.set_exitdeviceid(kDevice + 1);
  EXPECT_EQ(Add(info).code(), absl::StatusCode::kInvalidArgument);
  info.clear_exitdeviceid();
  info.set_lockflags(8);
  EXPECT_EQ(Add(info).code(), absl::StatusCode::kInvalidArgument);
  info.clear_lockflags();
  for (std::uint32_t id = 101; id <= 128; ++id) {
    info.set_doorid(id);
    ASSERT_TRUE(Add(info).ok()) << id;
  }
  info.set_doorid(129);
  EXPECT_EQ(Add(info).code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(DoorServiceTest, OrdersAreRecordedWithWhoeverGaveThemAndSwitchTheRelay) {
  ASSERT_TRUE(Unlock(door::OPERATOR, first()).ok());
  EXPECT_THAT(NewDoorCodes(first()), ElementsAre(Pair(0x5E00, 4), Pair(0x5000, 0)));
  EXPECT_TRUE(StatusOf(first()).isunlocked());
  EXPECT_EQ(StatusOf(first()).unlockflags(), 4u);
  // As it is already.
  ASSERT_TRUE(Unlock(door::OPERATOR, first()).ok());
  EXPECT_THAT(NewRecords(), IsEmpty());
  Restart();
  EXPECT_TRUE(StatusOf(first()).isunlocked());
  // The same hand locks it.
  ASSERT_TRUE(Lock(door::OPERATOR, first()).ok());
  EXPECT_THAT(NewDoorCodes(first()), ElementsAre(Pair(0x5D00, 4), Pair(0x5100, 0)));
  EXPECT_FALSE(StatusOf(first()).isunlocked());
  EXPECT_EQ(StatusOf(first()).unlockflags(), 0u);
  EXPECT_EQ(StatusOf(first()).lockflags(), 4u);
  ASSERT_TRUE(Release(door::OPERATOR, first()).ok());
  EXPECT_THAT(NewDoorCodes(first()), ElementsAre(Pair(0x5C00, 4)));
  EXPECT_EQ(StatusOf(first()).lockflags(), 0u);
}

TEST_F(DoorServiceTest, AnEmergencyIsAboveAnOperatorAndThatAboveASchedule) {
  ASSERT_TRUE(Lock(door::OPERATOR, first()).ok());
  NewRecords();
  ASSERT_TRUE(Unlock(door::SCHEDULED, first()).ok());
  EXPECT_THAT(NewDoorCodes(first()), ElementsAre(Pair(0x5E00, 1)));
  EXPECT_FALSE(StatusOf(first()).isunlocked());
  ASSERT_TRUE(Unlock(door::EMERGENCY, first()).ok());
  EXPECT_THAT(NewDoorCodes(first()), ElementsAre(Pair(0x5E00, 2), Pair(0x5000, 0)));
  ASSERT_TRUE(Release(door::EMERGENCY, first()).ok());
  EXPECT_THAT(NewDoorCodes(first()), ElementsAre(Pair(0x5C00, 2), Pair(0x5100, 0)));
  ASSERT_TRUE(Release(door::OPERATOR, first()).ok());
  EXPECT_THAT(NewDoorCodes(first()), ElementsAre(Pair(0x5C00, 4), Pair(0x5000, 0)));
}

TEST_F(DoorServiceTest, WrongOrdersChangeNothing) {
  for (const std::uint32_t flag : {0u, 3u, 8u}) {
    EXPECT_EQ(Unlock(flag, first()).code(), absl::StatusCode::kInvalidArgument) << flag;
  }
  EXPECT_EQ(Lock(door::OPERATOR, 99).code(), absl::StatusCode::kNotFound);
  door::UnlockRequest two;
  two.add_doorids(first());
  two.add_doorids(99);
  two.set_doorflag(door::OPERATOR);
  EXPECT_EQ(Call<door::UnlockResponse>("gsdk.door.Door/Unlock", two).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(StatusOf(first()).unlockflags(), 0u);
  EXPECT_EQ(SetAlarm(8, first()).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(NewRecords(), IsEmpty());
}

TEST_F(DoorServiceTest, AlarmsBeginAndEnd) {
  ASSERT_TRUE(SetAlarm(door::FORCED_OPEN | door::APB_VIOLATION, first()).ok());
  EXPECT_THAT(NewDoorCodes(first()), ElementsAre(Pair(0x5600, 0), Pair(0x5A00, 0)));
  EXPECT_EQ(StatusOf(first()).alarmflags(), 5u);
  ASSERT_TRUE(SetAlarm(door::HELD_OPEN | door::APB_VIOLATION, first()).ok());
  EXPECT_THAT(NewDoorCodes(first()), ElementsAre(Pair(0x5700, 0), Pair(0x5800, 0)));
  ASSERT_TRUE(SetAlarm(door::NO_ALARM, first()).ok());
  EXPECT_THAT(NewDoorCodes(first()), ElementsAre(Pair(0x5900, 0), Pair(0x5B00, 0)));
  EXPECT_EQ(StatusOf(first()).alarmflags(), 0u);
}

TEST_F(DoorServiceTest, TheStatusIsWhatTheRecordsSay) {
  Happen(0x5000, first());
  Happen(0x5200, first());
  door::Status status = StatusOf(first());
  EXPECT_TRUE(status.isunlocked());
  EXPECT_TRUE(status.isopen());
  EXPECT_EQ(status.lastopentime(), static_cast<std::uint32_t>(kStart));
  Happen(0x5500, first());
  Happen(0x5800, first());
  status = StatusOf(first());
  EXPECT_TRUE(status.heldopen());
  EXPECT_EQ(status.alarmflags(), static_cast<std::uint32_t>(door::HELD_OPEN));
  Happen(0x5300, first());
  Happen(0x5900, first());
  Happen(0x5100, first());
  status = StatusOf(first());
  EXPECT_FALSE(status.isunlocked() || status.isopen() || status.heldopen());
  EXPECT_EQ(status.alarmflags(), 0u);
  // A record that is not written did not happen.
  const absl::Status failed = terminal_->Change([&]() -> absl::Status {
    EventLog event;
    event.set_eventcode(0x5200);
    event.set_entityid(first());
    const absl::Status staged = terminal_->StageNow(event);
    return staged.ok() ? absl::CancelledError("no") : staged;
  });
  EXPECT_FALSE(failed.ok());
  EXPECT_FALSE(StatusOf(first()).isopen());
}

TEST_F(DoorServiceTest, DoorEventsComeFromTheDoorsThatAreThere) {
  const std::vector<std::uint32_t> doors = List();
  EXPECT_EQ(DoorsOf(Live(2'000)), std::set<std::uint32_t>(doors.begin(), doors.end()));
  ASSERT_TRUE(Delete(doors[0]).ok());
  ASSERT_TRUE(Lock(door::OPERATOR, doors[1]).ok());
  ASSERT_TRUE(Unlock(door::OPERATOR, doors[2]).ok());
  const std::vector<EventLog> events = Live(2'000);
  EXPECT_EQ(DoorsOf(events), (std::set<std::uint32_t>{doors[2], doors[3]}));
  // A door that stays unlocked is opened and shut; its relay rests, but for the table's turns.
  int opened = 0;
  int relay = 0;
  for (const EventLog& event : events) {
    if (event.entityid() != doors[2]) continue;
    opened += event.eventcode() == 0x5200;
    relay += event.eventcode() == 0x5000 || event.eventcode() == 0x5100;
  }
  EXPECT_GT(opened, 50);
  EXPECT_LT(relay, 5);
  ASSERT_TRUE(
      Call<door::DeleteAllResponse>("gsdk.door.Door/DeleteAll", door::DeleteAllRequest()).ok());
  EXPECT_THAT(DoorsOf(Live(2'000)), IsEmpty());
}

}  // namespace
}  // namespace gatelog::sim
