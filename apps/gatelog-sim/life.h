#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "apps/gatelog-sim/event_fields.h"
#include "apps/gatelog-sim/random.h"
#include "apps/gatelog-sim/site.h"

namespace gatelog::sim {

// What happens at one terminal: an endless row of small scenes, each of some records. Somebody is
// recognised, the door is unlocked, opened, closed and locked; a door is forced and raises an
// alarm. Between them every pair of the event-code table has its turn, so that each occurs within
// some thousand records.
//
// The same seed, place and position give the same events on every machine. Pure; no clock, no I/O.
class Life {
 public:
  // `people` must outlive the life and is the same for all terminals. `position` is how many
  // records there were before.
  Life(std::uint64_t seed, Place place, const std::vector<Person>& people, std::uint64_t position);

  const Place& place() const { return place_; }
  // The doors that people can go through from now on, and those of them whose relay stays unlocked
  // meanwhile. When they change, the scene that is being played ends early: it may be at one that
  // is gone.
  void SetDoors(std::vector<std::uint32_t> doors, std::vector<std::uint32_t> unlocked);
  // At a locked terminal nobody is let in, and nobody changes anything: what happens is what needs
  // no person.
  void SetLocked(bool locked) { locked_ = locked; }

  struct Step {
    bool begins_scene = false;  // some time after the scene before, which is not for Life to say
    std::uint32_t pause_s = 0;  // since the step before, within a scene
    EventLog event;             // all but ID, timestamp and hasImage
  };

  // The next record. `hour` (0 to 23, by the terminal's clock) decides which time-and-attendance
  // key is chosen. Valid until the next call.
  const Step& Next(unsigned hour);
  // How soon after the step before the next one follows; nothing if it begins a scene.
  std::optional<std::uint32_t> pause_s() const;

 private:
  void MakeScene();
  // Whether the record that comes next is one that the terminal refuses while it is locked.
  bool IsRefused(const EventLog& event) const;
  void Add(std::uint32_t pause_s, std::uint32_t code, std::uint32_t sub_code = 0);
  void AddDoor(std::uint32_t pause_s, std::uint32_t code, std::uint32_t sub_code = 0);
  bool StaysUnlocked(std::uint32_t door) const;
  void PassDoor(std::uint32_t pause_s);
  void Authenticate();

  void Entrance();
  void Exit();
  void Denied();
  void WrongCredential();
  void Duress();
  void ForcedDoor();
  void HeldDoor();
  void Tamper();
  void AntiPassback();
  void Intrusion();
  void Interlock();
  void Lift();
  void Inputs();
  void Enrolment();
  void Machine();
  void DoorOrders();
  void Fire();
  void Sweep();
  // Whether this place has what an event of this code names.
  bool CanHappen(std::uint32_t code) const;

  Place place_;
  std::vector<std::uint32_t> unlocked_doors_;
  bool locked_ = false;
  const std::vector<Person>& people_;
  Random random_;
  std::size_t sweep_;

  // The scene being played.
  const Person* person_;
  std::uint32_t door_ = 0;
  unsigned hour_ = 0;
  std::vector<Step> steps_;  // kept for their memory; step_count_ are of this scene
  std::size_t step_count_ = 0;
  std::size_t next_step_ = 0;
};

}  // namespace gatelog::sim
