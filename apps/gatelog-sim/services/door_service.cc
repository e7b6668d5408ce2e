#include "apps/gatelog-sim/services/door_service.h"

#include <set>

#include "apps/gatelog-sim/schedule_rules.h"
#include "apps/gatelog-sim/services/keyed_list.h"
#include "apps/gatelog-sim/setting_names.h"
#include "base/status_macros.h"

namespace gatelog::sim {
namespace {

namespace door = gsdk::door;
using Ids = google::protobuf::RepeatedField<std::uint32_t>;

constexpr int kDoorsMax = 32;
constexpr std::uint32_t kDoorFlagsMask = door::SCHEDULED | door::EMERGENCY | door::OPERATOR;
constexpr std::uint32_t kAlarmFlagsMask = door::FORCED_OPEN | door::HELD_OPEN | door::APB_VIOLATION;
constexpr std::uint32_t kUnlocked = 0x5000;
constexpr std::uint32_t kLocked = 0x5100;
constexpr std::uint32_t kRelease = 0x5C00;
constexpr std::uint32_t kLock = 0x5D00;
constexpr std::uint32_t kUnlock = 0x5E00;

struct Alarm {
  std::uint32_t flag;
  std::uint32_t begins;
  std::uint32_t ends;
};
constexpr Alarm kAlarms[] = {{door::FORCED_OPEN, 0x5600, 0x5700},
                             {door::HELD_OPEN, 0x5800, 0x5900},
                             {door::APB_VIOLATION, 0x5A00, 0x5B00}};

constexpr auto kIdOf = [](const door::DoorInfo& info) { return info.doorid(); };

absl::StatusOr<std::vector<door::DoorInfo*>> FindDoors(door::GetListResponse& doors,
                                                       const Ids& ids) {
  std::vector<door::DoorInfo*> found;
  for (const std::uint32_t id : std::set<std::uint32_t>(ids.begin(), ids.end())) {
    const auto there = std::find_if(doors.mutable_doors()->begin(), doors.mutable_doors()->end(),
                                    [&](const door::DoorInfo& one) { return one.doorid() == id; });
    if (there == doors.mutable_doors()->end()) {
      return absl::NotFoundError(absl::StrCat("This terminal has no door ", id, "."));
    }
    found.push_back(&*there);
  }
  return found;
}

}  // namespace

std::span<const DoorService::Method> DoorService::Methods() {
  static constexpr Method kMethods[] = {
      {"GetList", &Serve<&DoorService::GetList>},
      {"GetStatus", &Serve<&DoorService::GetStatus>},
      {"Add", &Serve<&DoorService::Add>},
      {"Delete", &Serve<&DoorService::Delete>},
      {"DeleteAll", &Serve<&DoorService::DeleteAll>},
      {"Lock", &Serve<&DoorService::Lock>},
      {"Unlock", &Serve<&DoorService::Unlock>},
      {"Release", &Serve<&DoorService::Release>},
      {"SetAlarm", &Serve<&DoorService::SetAlarm>},
  };
  return kMethods;
}

absl::StatusOr<DoorService::Doors> DoorService::ReadDoors() {
  return Read(setting::kDoors, DefaultDoors(terminal_.place()));
}

absl::Status DoorService::Save(const Doors& doors) {
  return Write(SettingStore::Area::kDatabase, setting::kDoors, doors);
}

absl::Status DoorService::StageDoor(std::uint32_t code, std::uint32_t sub_code, std::uint32_t id) {
  gsdk::event::EventLog event;
  event.set_eventcode(code);
  event.set_subcode(sub_code);
  event.set_entityid(id);
  return terminal_.StageNow(std::move(event));
}

absl::Status DoorService::CheckDoor(const door::DoorInfo& info) const {
  if (info.doorid() == 0) return absl::InvalidArgumentError("IDs of doors begin with 1.");
  GATELOG_RETURN_IF_ERROR(CheckName(info.name()));
  for (const std::uint32_t device :
       {info.entrydeviceid(), info.exitdeviceid(), info.relay().deviceid(),
        info.sensor().deviceid(), info.button().deviceid()}) {
    if (device != 0 && !IsHere(terminal_, device)) {
      return absl::InvalidArgumentError(absl::StrCat("Door ", info.doorid(), " names device ",
                                                     device, ", which is neither ", terminal_.id(),
                                                     " nor a slave of it."));
    }
  }
  if (((info.unlockflags() | info.lockflags()) & ~kDoorFlagsMask) != 0) {
    return absl::InvalidArgumentError("Flags of a door are 1 (schedule), 2 (emergency) and 4.");
  }
  return absl::OkStatus();
}

absl::StatusOr<DoorService::Doors> DoorService::GetList(const door::GetListRequest&) {
  return ReadDoors();
}

absl::StatusOr<door::GetStatusResponse> DoorService::GetStatus(const door::GetStatusRequest&) {
  GATELOG_ASSIGN_OR_RETURN(const Doors doors, ReadDoors());
  door::GetStatusResponse response;
  for (const door::DoorInfo& info : doors.doors()) {
    door::Status& status = *response.add_status();
    status.set_doorid(info.doorid());
    status.set_unlockflags(info.unlockflags());
    status.set_lockflags(info.lockflags());
    const DoorStates::State* state = terminal_.door_states().Find(info.doorid());
    if (state == nullptr) continue;
    status.set_isopen(state->open);
    status.set_isunlocked(state->unlocked);
    status.set_heldopen(state->held);
    status.set_alarmflags(state->alarms);
    status.set_lastopentime(state->last_open);
  }
  return response;
}

absl::StatusOr<door::AddResponse> DoorService::Add(const door::AddRequest& request) {
  for (const door::DoorInfo& one : request.doors()) GATELOG_RETURN_IF_ERROR(CheckDoor(one));
  GATELOG_ASSIGN_OR_RETURN(Doors doors, ReadDoors());
  GATELOG_RETURN_IF_ERROR(
      Merge(request.doors(), kDoorsMax, "doors", kIdOf, *doors.mutable_doors()));
  GATELOG_RETURN_IF_ERROR(terminal_.Change([&] { return Save(doors); }));
  return door::AddResponse();
}

absl::StatusOr<door::DeleteResponse> DoorService::Delete(const door::DeleteRequest& request) {
  GATELOG_ASSIGN_OR_RETURN(Doors doors, ReadDoors());
  GATELOG_RETURN_IF_ERROR(Remove(request.doorids(), "door", kIdOf, *doors.mutable_doors()));
  GATELOG_RETURN_IF_ERROR(terminal_.Change([&] { return Save(doors); }));
  return door::DeleteResponse();
}

absl::StatusOr<door::DeleteAllResponse> DoorService::DeleteAll(const door::DeleteAllRequest&) {
  GATELOG_RETURN_IF_ERROR(terminal_.Change([&] { return Save(Doors()); }));
  return door::DeleteAllResponse();
}

absl::Status DoorService::Carry(Order order, const Ids& ids, std::uint32_t flag) {
  if (flag != door::SCHEDULED && flag != door::EMERGENCY && flag != door::OPERATOR) {
    return absl::InvalidArgumentError(
        absl::StrCat("doorFlag is 1 (schedule), 2 (emergency) or 4 (operator), not ", flag, "."));
  }
  GATELOG_ASSIGN_OR_RETURN(Doors doors, ReadDoors());
  GATELOG_ASSIGN_OR_RETURN(const std::vector<door::DoorInfo*> named, FindDoors(doors, ids));
  return terminal_.Change([&]() -> absl::Status {
    for (door::DoorInfo* one : named) GATELOG_RETURN_IF_ERROR(Carry(order, flag, *one));
    return Save(doors);
  });
}

absl::Status DoorService::Carry(Order order, std::uint32_t flag, door::DoorInfo& info) {
  const std::uint32_t locks = (info.lockflags() & ~flag) | (order == Order::kLock ? flag : 0);
  const std::uint32_t unlocks = (info.unlockflags() & ~flag) | (order == Order::kUnlock ? flag : 0);
  if (locks == info.lockflags() && unlocks == info.unlockflags()) return absl::OkStatus();
  const DoorOrder before = OrderOf(info);
  info.set_lockflags(locks);
  info.set_unlockflags(unlocks);
  const std::uint32_t code = order == Order::kLock     ? kLock
                             : order == Order::kUnlock ? kUnlock
                                                       : kRelease;
  GATELOG_RETURN_IF_ERROR(StageDoor(code, flag, info.doorid()));
  const DoorOrder now = OrderOf(info);
  const DoorStates::State* state = terminal_.door_states().Find(info.doorid());
  const bool unlocked = state != nullptr && state->unlocked;
  if (now == DoorOrder::kStayUnlocked && !unlocked) return StageDoor(kUnlocked, 0, info.doorid());
  // A door without orders locks by itself behind whoever is going through it.
  const bool locks_now = now == DoorOrder::kStayLocked || before == DoorOrder::kStayUnlocked;
  if (now != DoorOrder::kStayUnlocked && locks_now && unlocked)
    return StageDoor(kLocked, 0, info.doorid());
  return absl::OkStatus();
}

absl::StatusOr<door::LockResponse> DoorService::Lock(const door::LockRequest& request) {
  GATELOG_RETURN_IF_ERROR(Carry(Order::kLock, request.doorids(), request.doorflag()));
  return door::LockResponse();
}

absl::StatusOr<door::UnlockResponse> DoorService::Unlock(const door::UnlockRequest& request) {
  GATELOG_RETURN_IF_ERROR(Carry(Order::kUnlock, request.doorids(), request.doorflag()));
  return door::UnlockResponse();
}

absl::StatusOr<door::ReleaseResponse> DoorService::Release(const door::ReleaseRequest& request) {
  GATELOG_RETURN_IF_ERROR(Carry(Order::kRelease, request.doorids(), request.doorflag()));
  return door::ReleaseResponse();
}

absl::StatusOr<door::SetAlarmResponse> DoorService::SetAlarm(const door::SetAlarmRequest& request) {
  if ((request.alarmflag() & ~kAlarmFlagsMask) != 0) {
    return absl::InvalidArgumentError(
        "alarmFlag is made of 1 (forced open), 2 (held open) and 4 (anti-passback).");
  }
  GATELOG_ASSIGN_OR_RETURN(Doors doors, ReadDoors());
  GATELOG_ASSIGN_OR_RETURN(const std::vector<door::DoorInfo*> named,
                           FindDoors(doors, request.doorids()));
  const absl::Status changed = terminal_.Change([&]() -> absl::Status {
    for (const door::DoorInfo* one : named) {
      const DoorStates::State* state = terminal_.door_states().Find(one->doorid());
      const std::uint32_t before = state == nullptr ? 0 : state->alarms;
      for (const Alarm& alarm : kAlarms) {
        if (((before ^ request.alarmflag()) & alarm.flag) == 0) continue;
        const bool begins = (request.alarmflag() & alarm.flag) != 0;
        GATELOG_RETURN_IF_ERROR(StageDoor(begins ? alarm.begins : alarm.ends, 0, one->doorid()));
      }
    }
    return absl::OkStatus();
  });
  if (!changed.ok()) return changed;
  return door::SetAlarmResponse();
}

}  // namespace gatelog::sim
