#include "apps/gatelog-sim/life.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <string>
#include <utility>

#include "apps/gatelog-sim/users.h"
#include "model/event_code.h"

namespace gatelog::sim {
namespace {

constexpr std::uint64_t kLifePurpose = 2;
// So many records lie between two turns of the table's sweep, by the weights below.
constexpr std::uint64_t kRecordsPerSweep = 38;
constexpr std::uint32_t kEnrolmentPauseS = 10;
// Terminals begin the sweep at different places, so that a small fleet covers the table early.
constexpr std::uint64_t kSweepStride = 109;
constexpr std::uint32_t kDoorUnlocked = 0x5000;
constexpr std::uint32_t kDoorLocked = 0x5100;
constexpr std::size_t kInterlockDoorsMin = 2;

std::uint32_t IdentifyCode(Habit habit, Random& random) {
  if (habit == Habit::kFinger) return random.Percent(90) ? 0x01 : 0x02;
  return random.Percent(90) ? 0x03 : 0x04;
}

std::uint32_t VerifyCode(Habit habit, Random& random) {
  switch (habit) {
    case Habit::kCard:
      return random.Percent(70) ? 0x06 : random.Percent(50) ? 0x07 : 0x08;
    case Habit::kMobileCard:
      return random.Percent(80) ? 0x16 : 0x17;
    case Habit::kQr:
      return random.Percent(80) ? 0x25 : 0x26;
    default:
      return random.Percent(60) ? 0x01 : 0x02;
  }
}

bool IsRecognised(std::uint32_t code) { return code == 0x1000 || code == 0x1300; }

bool UsesOneToMany(Habit habit) { return habit == Habit::kFace || habit == Habit::kFinger; }

// Come, go, and the two ends of the break by the time of day; now and then another key.
gsdk::tna::Key KeyAt(unsigned hour, Random& random) {
  if (random.Percent(4)) return static_cast<gsdk::tna::Key>(random.Between(5, 16));
  if (hour < 11) return gsdk::tna::KEY_1;
  if (hour < 14) return random.Percent(50) ? gsdk::tna::KEY_3 : gsdk::tna::KEY_4;
  return gsdk::tna::KEY_2;
}

}  // namespace

UserChange ChangeOf(std::uint32_t code) {
  switch (code) {
    case 0x2000:
      return UserChange::kEnrol;
    case 0x2200:
    case 0x2900:
      return UserChange::kUpdate;
    case 0x2400:
      return UserChange::kRemove;
    case 0x2600:
      return UserChange::kRemoveAll;
    default:
      return UserChange::kNone;
  }
}

Life::Life(std::uint64_t seed, Place place, const Roster& roster, std::uint64_t position)
    : place_(std::move(place)),
      roster_(roster),
      random_(MixSeed(MixSeed(seed, kLifePurpose), std::uint64_t{place_.device} << 32 ^ position)),
      sweep_(static_cast<std::size_t>((place_.device * kSweepStride + position / kRecordsPerSweep) %
                                      model::EventCodes().size())) {}

bool Life::StillFits(const Step& step) const {
  const std::string& id = step.event.userid();
  return id.empty() || roster_.Has(id) != (step.change == UserChange::kEnrol);
}

const Life::Step& Life::Next(unsigned hour) {
  hour_ = hour;
  for (;;) {
    while (next_step_ == step_count_) MakeScene();
    const Step& step = steps_[next_step_];
    const bool fits = roster_.version() == roster_version_ || StillFits(step);
    if (fits && !IsRefused(step.event)) {
      ++next_step_;
      return step;
    }
    // What was to be changed has been changed by somebody else. Without the person nothing else of
    // the scene happens.
    next_step_ = fits || step.change == UserChange::kNone ? step_count_ : next_step_ + 1;
  }
}

void Life::SetDoors(std::vector<std::uint32_t> doors, std::vector<std::uint32_t> unlocked) {
  if (doors == place_.doors && unlocked == unlocked_doors_) return;
  place_.doors = std::move(doors);
  unlocked_doors_ = std::move(unlocked);
  next_step_ = step_count_;
}

bool Life::StaysUnlocked(std::uint32_t door) const {
  return std::find(unlocked_doors_.begin(), unlocked_doors_.end(), door) != unlocked_doors_.end();
}

bool Life::IsRefused(const EventLog& event) const {
  const std::uint32_t code = event.eventcode();
  // Authentication, users, the menu, and what an operator does at the terminal.
  return locked_ && ((code >= 0x1000 && code < 0x3000) || (code >= 0x3600 && code < 0x3700) ||
                     code == 0x4A00 || code == 0x4B00);
}

bool Life::CanHappen(std::uint32_t code) const {
  if (code >= 0x5000 && code < 0x6000) return !place_.doors.empty();
  if (code == 0xA000) return place_.doors.size() >= kInterlockDoorsMin;
  return true;
}

std::optional<std::uint32_t> Life::pause_s() const {
  if (next_step_ == step_count_) return std::nullopt;
  return steps_[next_step_].pause_s;
}

void Life::MakeScene() {
  struct Kind {
    std::uint32_t weight;  // of 1000 scenes
    void (Life::*play)();
    bool names_user;
  };
  static constexpr Kind kKinds[] = {
      {560, &Life::Entrance, true},    {70, &Life::Exit, false},
      {55, &Life::Denied, true},       {55, &Life::WrongCredential, true},
      {4, &Life::Duress, true},        {6, &Life::ForcedDoor, false},
      {12, &Life::HeldDoor, true},     {4, &Life::Tamper, false},
      {10, &Life::AntiPassback, true}, {16, &Life::Intrusion, true},
      {5, &Life::Interlock, true},     {40, &Life::Lift, true},
      {15, &Life::Inputs, false},      {20, &Life::Enrolment, false},
      {10, &Life::Machine, false},     {15, &Life::DoorOrders, false},
      {3, &Life::Fire, false},         {100, &Life::Sweep, false},
  };
  step_count_ = 0;
  next_step_ = 0;
  roster_version_ = roster_.version();
  person_ = roster_.Pick(random_);
  door_ = 0;
  if (!place_.doors.empty()) {
    door_ = place_.doors[random_.Below(static_cast<std::uint32_t>(place_.doors.size()))];
  }
  std::uint32_t pick = random_.Below(1000);
  for (const Kind& kind : kKinds) {
    if (pick < kind.weight) {
      return kind.names_user && person_ == nullptr ? Stranger() : (this->*kind.play)();
    }
    pick -= kind.weight;
  }
}

void Life::Add(std::uint32_t pause_s, std::uint32_t code, std::uint32_t sub_code) {
  if (!CanHappen(code)) return;
  if (step_count_ == steps_.size()) steps_.emplace_back();
  Step& step = steps_[step_count_];
  step.begins_scene = step_count_ == 0;
  step.pause_s = step.begins_scene ? 0 : pause_s;
  static const Person kNobody;
  FillEvent(code, sub_code, place_, person_ == nullptr ? kNobody : *person_, random_, step.event);
  step.change = UserChange::kNone;
  step.key = IsRecognised(code) ? KeyAt(hour_, random_) : gsdk::tna::UNSPECIFIED;
  ++step_count_;
}

void Life::AddDoor(std::uint32_t pause_s, std::uint32_t code, std::uint32_t sub_code) {
  const bool relay = code == kDoorUnlocked || code == kDoorLocked;
  if (door_ == 0 || (relay && StaysUnlocked(door_))) return;
  Add(pause_s, code, sub_code);
  steps_[step_count_ - 1].event.set_entityid(door_);
}

void Life::Authenticate() {
  const std::uint32_t code = UsesOneToMany(person_->habit) ? 0x1300 : 0x1000;
  Add(0, code,
      code == 0x1300 ? IdentifyCode(person_->habit, random_) : VerifyCode(person_->habit, random_));
  EventLog& event = steps_[step_count_ - 1].event;
  // At a slave's reader it happens there; the door stays the master's.
  if (!place_.slaves.empty() && random_.Percent(25)) {
    event.set_deviceid(
        place_.slaves[random_.Below(static_cast<std::uint32_t>(place_.slaves.size()))]);
    event.clear_temperature();
  } else if (place_.time_attendance && person_->punches_clock && random_.Percent(50)) {
    event.set_tnakey(steps_[step_count_ - 1].key);
  }
}

void Life::PassDoor(std::uint32_t pause_s) {
  AddDoor(pause_s, kDoorUnlocked);
  // Some think better of it.
  if (random_.Percent(94)) {
    AddDoor(random_.Between(1, 2), 0x5200);
    AddDoor(random_.Between(2, 6), 0x5300);
  }
  AddDoor(1, kDoorLocked);
}

void Life::Entrance() {
  Authenticate();
  if (random_.Percent(1)) {
    person_ = roster_.Pick(random_);
    Add(4, random_.Percent(70) ? 0x1600u : 0x1700u);
  }
  PassDoor(0);
}

void Life::Exit() {
  Add(0, 0x4A00);
  PassDoor(0);
}

void Life::Denied() {
  static constexpr std::uint32_t kReasons[] = {0x01, 0x01, 0x01, 0x02, 0x03, 0x03,
                                               0x04, 0x07, 0x0A, 0x15, 0x17};
  Add(0, 0x1900, kReasons[random_.Below(std::size(kReasons))]);
}

void Life::WrongCredential() {
  const std::uint32_t pick = random_.Below(10);
  if (pick < 4) {
    // A PIN is mistyped once or twice, then right.
    Add(0, 0x1100, 0x03);
    if (random_.Percent(50)) Add(5, 0x1100, 0x03);
    if (random_.Percent(60)) {
      Add(6, 0x1000, 0x07);
      PassDoor(0);
    }
  } else if (pick < 7) {
    Add(0, 0x1100, 0x02);
  } else {
    Add(0, 0x1400, pick < 9 ? 0x05u : 0x04u);
  }
}

void Life::Stranger() { Add(0, 0x1100, 0x02); }

void Life::Duress() {
  if (UsesOneToMany(person_->habit)) {
    Add(0, 0x1500, IdentifyCode(person_->habit, random_));
  } else {
    Add(0, 0x1200, VerifyCode(person_->habit, random_));
  }
  PassDoor(0);
}

void Life::ForcedDoor() {
  if (StaysUnlocked(door_)) return;
  AddDoor(0, 0x5400);
  AddDoor(0, 0x5600);
  AddDoor(random_.Between(5, 60), 0x5300);
  AddDoor(random_.Between(5, 90), 0x5700);
}

void Life::HeldDoor() {
  Authenticate();
  AddDoor(0, kDoorUnlocked);
  AddDoor(1, 0x5200);
  AddDoor(30, 0x5500);
  AddDoor(0, 0x5800);
  AddDoor(random_.Between(5, 120), 0x5300);
  AddDoor(0, 0x5900);
  AddDoor(1, kDoorLocked);
}

void Life::Tamper() {
  Add(0, 0x4000);
  Add(random_.Between(10, 300), 0x4100);
}

void Life::AntiPassback() {
  const bool timed = random_.Percent(30);
  Add(0, 0x1900, timed ? 0x06u : 0x05u);
  Add(0, timed ? 0x6300u : 0x6000u, 0x01);
  if (random_.Percent(40)) {
    Add(1, timed ? 0x6400u : 0x6100u);
    Add(random_.Between(20, 120), timed ? 0x6500u : 0x6200u);
  }
}

void Life::Intrusion() {
  Authenticate();
  if (random_.Percent(40)) {
    Add(1, 0x9400);
    Add(1, 0x9500);
    return PassDoor(1);
  }
  Add(1, 0x9100);
  if (random_.Percent(25)) return Add(2, 0x9300);
  Add(10, 0x9200);
  if (random_.Percent(25)) {
    Add(random_.Between(60, 600), 0x9000);
    Add(0, 0x9800);
    Add(random_.Between(30, 300), 0x9900);
  }
}

void Life::Interlock() {
  if (!CanHappen(0xA000)) return;
  Add(0, 0x1900, 0x0F);
  Add(0, 0xA000, 0x01);
  Add(1, 0xA100);
  Add(random_.Between(10, 60), 0xA400);
}

void Life::Lift() {
  Authenticate();
  Add(1, 0x7000);
  const std::uint32_t lift = steps_[step_count_ - 1].event.entityid();
  Add(random_.Between(5, 10), 0x7100);
  steps_[step_count_ - 1].event.set_entityid(lift);
}

void Life::Inputs() {
  const std::uint32_t pick = random_.Below(4);
  if (pick == 0) return Add(0, 0x4600);
  if (pick == 1) return Add(0, 0x4700);
  Add(0, 0x3F00, 0x00);
  const gsdk::event::DetectInputInfo input = steps_[step_count_ - 1].event.inputinfo();
  Add(random_.Between(1, 20), 0x3F00, 0x01);
  // The same input goes off again.
  steps_[step_count_ - 1].event.mutable_inputinfo()->set_iodeviceid(input.iodeviceid());
  steps_[step_count_ - 1].event.mutable_inputinfo()->set_port(input.port());
}

void Life::AddChange(std::uint32_t pause_s, std::uint32_t code, std::uint32_t sub_code,
                     const Person* user, UserChange change) {
  person_ = user;
  Add(pause_s, code, sub_code);
  steps_[step_count_ - 1].change = change;
}

void Life::ChangeVisitor(std::uint32_t pause_s, std::uint32_t code, std::uint32_t sub_code) {
  const UserChange change = ChangeOf(code);
  const bool enrols = change == UserChange::kEnrol;
  const bool full = roster_.size() >= kUsersMax;
  const Person* visitor = roster_.PickVisitor(!enrols, random_);
  if (visitor == nullptr || (enrols && full)) {
    visitor = roster_.PickVisitor(enrols, random_);
    if (visitor == nullptr || (!enrols && full)) return Add(pause_s, 0x3600);
    AddChange(pause_s, enrols ? 0x2400 : 0x2000, 0, visitor,
              enrols ? UserChange::kRemove : UserChange::kEnrol);
  }
  AddChange(pause_s, code, sub_code, visitor, change);
}

// And everybody of the site is enrolled again, one after the other.
void Life::RemoveAll(std::uint32_t sub_code) {
  AddChange(0, 0x2600, sub_code, nullptr, UserChange::kRemoveAll);
  for (const Person& person : roster_.people()) {
    if (!person.visitor) AddChange(kEnrolmentPauseS, 0x2000, 0, &person, UserChange::kEnrol);
  }
}

void Life::Enrolment() {
  static constexpr std::uint32_t kCodes[] = {0x2000, 0x2200, 0x2200, 0x2400};
  if (random_.Percent(20)) Add(0, 0x3600);
  ChangeVisitor(20, kCodes[random_.Below(std::size(kCodes))], 0);
}

void Life::Machine() {
  switch (random_.Below(5)) {
    case 0:
      return Add(0, 0x3200);
    case 1:
      return Add(0, 0x3600);
    case 2:
      Add(0, 0x3C00);
      return Add(random_.Between(5, 40), 0x3B00);
    case 3:
      Add(0, 0x3E00);
      return Add(random_.Between(2, 20), 0x3D00);
    default:
      Add(0, 0x3000);
      return Add(random_.Between(20, 60), 0x3100);
  }
}

void Life::DoorOrders() {
  if (random_.Percent(50)) {
    AddDoor(0, random_.Percent(50) ? 0x5D00u : 0x5E00u, 0x01);
    AddDoor(random_.Between(600, 3600), 0x5C00, 0x01);
  } else {
    Add(0, 0x4B00);
    PassDoor(0);
  }
}

void Life::Fire() {
  Add(0, 0x6600);
  Add(0, 0x6700);
  AddDoor(1, 0x5E00, 0x02);
  Add(random_.Between(120, 600), 0x6800);
  AddDoor(1, 0x5C00, 0x02);
}

void Life::Sweep() {
  const std::span<const model::EventCode> all = model::EventCodes();
  // Without anybody who can come in, the pairs that name a user have no turn; nor has the deletion
  // of all users where that would take somebody out whom nobody at the terminal enrols again.
  for (std::size_t i = 0; i < all.size(); ++i) {
    const model::EventCode& pair = all[sweep_];
    sweep_ = (sweep_ + 1) % all.size();
    const UserChange change = ChangeOf(pair.code);
    if (change == UserChange::kRemoveAll && roster_.HasGuests()) continue;
    if (change == UserChange::kRemoveAll) return RemoveAll(pair.sub_code);
    if (change != UserChange::kNone) return ChangeVisitor(0, pair.code, pair.sub_code);
    if (person_ != nullptr || SubjectOf(pair.code, pair.sub_code) != Subject::kUser)
      return Add(0, pair.code, pair.sub_code);
  }
}

}  // namespace gatelog::sim
