#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "apps/gatelog-sim/event_fields.h"
#include "apps/gatelog-sim/random.h"
#include "apps/gatelog-sim/roster.h"
#include "apps/gatelog-sim/site.h"

namespace gatelog::sim {

// What a record says was done to the users of the terminal, at the terminal itself.
enum class UserChange { kNone, kEnrol, kUpdate, kRemove, kRemoveAll };

UserChange ChangeOf(std::uint32_t event_code);

// What happens at one terminal: an endless row of small scenes, each of some records. Somebody is
// recognised, the door is unlocked, opened, closed and locked; a door is forced and raises an
// alarm. Between them every pair of the event-code table has its turn, so that each occurs within
// some thousand records.
//
// Only who is enrolled comes in. Visitors are enrolled and deleted at the terminal; whoever plays
// the steps does to the users what a step says, before the next one.
//
// The same seed, place, position and roster give the same events on every machine. Pure; no clock,
// no I/O.
class Life {
 public:
  // `roster` must outlive the life. `position` is how many records there were before.
  Life(std::uint64_t seed, Place place, const Roster& roster, std::uint64_t position);

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
    UserChange change = UserChange::kNone;  // of the user whom the event names
    // The time-and-attendance key that fits the hour, where somebody was recognised. The event has
    // it only if they pressed it of themselves.
    gsdk::tna::Key key = gsdk::tna::UNSPECIFIED;
  };

  // The next record. `hour` (0 to 23, by the terminal's clock) decides which time-and-attendance
  // key is chosen. Valid until the next call.
  const Step& Next(unsigned hour);
  // How soon after the step before the next one follows; nothing if it begins a scene.
  std::optional<std::uint32_t> pause_s() const;
  // Nothing more of what began: the next step begins a scene.
  void EndScene() { next_step_ = step_count_; }

 private:
  void MakeScene();
  // False: somebody else has enrolled or deleted the user since the scene was made.
  bool StillFits(const Step& step) const;
  // Whether the record that comes next is one that the terminal refuses while it is locked.
  bool IsRefused(const EventLog& event) const;
  void Add(std::uint32_t pause_s, std::uint32_t code, std::uint32_t sub_code = 0);
  void AddDoor(std::uint32_t pause_s, std::uint32_t code, std::uint32_t sub_code = 0);
  bool StaysUnlocked(std::uint32_t door) const;
  void PassDoor(std::uint32_t pause_s);
  void AddChange(std::uint32_t pause_s, std::uint32_t code, std::uint32_t sub_code,
                 const Person* user, UserChange change);
  // Of a visitor. Where the change is not possible, the opposite goes before it.
  void ChangeVisitor(std::uint32_t pause_s, std::uint32_t code, std::uint32_t sub_code);
  void RemoveAll(std::uint32_t sub_code);
  void Authenticate();

  void Entrance();
  void Exit();
  void Denied();
  void WrongCredential();
  void Stranger();
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
  const Roster& roster_;
  Random random_;
  std::size_t sweep_;

  // The scene being played.
  std::uint32_t roster_version_ = 0;  // that it was made for
  const Person* person_ = nullptr;    // while it is made; null: nobody can come in
  std::uint32_t door_ = 0;
  unsigned hour_ = 0;
  std::vector<Step> steps_;  // kept for their memory; step_count_ are of this scene
  std::size_t step_count_ = 0;
  std::size_t next_step_ = 0;
};

}  // namespace gatelog::sim
