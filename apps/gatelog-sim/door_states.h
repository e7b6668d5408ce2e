#pragma once

#include <cstdint>
#include <vector>

#include "apps/gatelog-sim/site.h"
#include "gsdk/door.pb.h"
#include "gsdk/event.pb.h"

namespace gatelog::sim {

// The doors of a terminal that nobody has changed: those of its place.
gsdk::door::GetListResponse DefaultDoors(const Place& place);

// What the flags of a door come to. An emergency's order is above an operator's, and that is above
// a schedule's.
enum class DoorOrder { kNormal, kStayLocked, kStayUnlocked };
DoorOrder OrderOf(const gsdk::door::DoorInfo& door);

// What relays and sensors of a terminal's doors say, gathered from the events that the terminal
// writes; not kept over a restart of the simulator, after which every door is shut.
class DoorStates {
 public:
  struct State {
    std::uint32_t door = 0;
    bool open = false;
    bool unlocked = false;
    bool held = false;
    std::uint32_t alarms = 0;     // gsdk.door.AlarmFlag
    std::uint32_t last_open = 0;  // seconds since 1970; 0: not yet
  };

  // The doors are these now; a door that was there before goes on as it is.
  void Take(const gsdk::door::GetListResponse& doors);
  // Counts after Keep; Undo forgets it.
  void Observe(const gsdk::event::EventLog& event);
  void Keep() { kept_ = states_; }
  void Undo() { states_ = kept_; }

  // Null where there is no such door.
  const State* Find(std::uint32_t door) const;

 private:
  std::vector<State> states_;
  std::vector<State> kept_;
};

}  // namespace gatelog::sim
