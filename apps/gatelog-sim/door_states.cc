#include "apps/gatelog-sim/door_states.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace gatelog::sim {
namespace {

namespace door = gsdk::door;

constexpr std::uint32_t kAutoLockTimeoutS = 3;
constexpr std::uint32_t kHeldOpenTimeoutS = 30;

}  // namespace

door::GetListResponse DefaultDoors(const Place& place) {
  door::GetListResponse doors;
  for (std::size_t i = 0; i < place.doors.size(); ++i) {
    const auto port = static_cast<std::uint32_t>(i);
    door::DoorInfo& info = *doors.add_doors();
    info.set_doorid(place.doors[i]);
    info.set_name(absl::StrCat("Door ", i + 1));
    info.set_entrydeviceid(place.device);
    info.mutable_relay()->set_deviceid(place.device);
    info.mutable_relay()->set_port(port);
    info.mutable_sensor()->set_deviceid(place.device);
    info.mutable_sensor()->set_port(port);
    info.set_autolocktimeout(kAutoLockTimeoutS);
    info.set_heldopentimeout(kHeldOpenTimeoutS);
  }
  return doors;
}

DoorOrder OrderOf(const door::DoorInfo& info) {
  for (const door::DoorFlag one : {door::EMERGENCY, door::OPERATOR, door::SCHEDULED}) {
    const auto flag = static_cast<std::uint32_t>(one);
    if ((info.unlockflags() & flag) != 0) return DoorOrder::kStayUnlocked;
    if ((info.lockflags() & flag) != 0) return DoorOrder::kStayLocked;
  }
  return DoorOrder::kNormal;
}

void DoorStates::Take(const door::GetListResponse& doors) {
  std::vector<State> states;
  for (const door::DoorInfo& info : doors.doors()) {
    if (const State* before = Find(info.doorid()); before != nullptr) {
      states.push_back(*before);
    } else {
      states.push_back(
          {.door = info.doorid(), .unlocked = OrderOf(info) == DoorOrder::kStayUnlocked});
    }
  }
  states_ = std::move(states);
  Keep();
}

void DoorStates::Observe(const gsdk::event::EventLog& event) {
  if (event.eventcode() < 0x5000 || event.eventcode() > 0x5BFF) return;
  const auto state = std::find_if(states_.begin(), states_.end(),
                                  [&](const State& one) { return one.door == event.entityid(); });
  if (state == states_.end()) return;
  switch (event.eventcode()) {
    case 0x5000:
    case 0x5100:
      state->unlocked = event.eventcode() == 0x5000;
      break;
    case 0x5200:
    case 0x5400:
      state->open = true;
      state->last_open = event.timestamp();
      break;
    case 0x5300:
      state->open = false;
      state->held = false;
      break;
    case 0x5500:
      state->held = true;
      break;
    case 0x5600:
      state->alarms |= door::FORCED_OPEN;
      break;
    case 0x5700:
      state->alarms &= ~std::uint32_t{door::FORCED_OPEN};
      break;
    case 0x5800:
      state->alarms |= door::HELD_OPEN;
      break;
    case 0x5900:
      state->alarms &= ~std::uint32_t{door::HELD_OPEN};
      break;
    case 0x5A00:
      state->alarms |= door::APB_VIOLATION;
      break;
    case 0x5B00:
      state->alarms &= ~std::uint32_t{door::APB_VIOLATION};
      break;
    default:
      break;
  }
}

const DoorStates::State* DoorStates::Find(std::uint32_t id) const {
  const auto found = std::find_if(states_.begin(), states_.end(),
                                  [&](const State& one) { return one.door == id; });
  return found == states_.end() ? nullptr : &*found;
}

}  // namespace gatelog::sim
