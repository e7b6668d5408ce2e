#include "apps/gatelog-sim/site.h"

#include "absl/strings/str_cat.h"

namespace gatelog::sim {
namespace {

constexpr std::uint64_t kPeoplePurpose = 1;
constexpr std::uint32_t kFirstVisitor = 90'001;
// A slave's ID is its master's with one high bit turned: unique, because the terminals of a fleet
// are numbered in one row.
constexpr std::uint32_t kSlaveBits[] = {0x40000000, 0x80000000};

Habit PickHabit(Random& random) {
  const std::uint32_t pick = random.Below(100);
  if (pick < 35) return Habit::kFace;
  if (pick < 60) return Habit::kFinger;
  if (pick < 85) return Habit::kCard;
  if (pick < 92) return Habit::kMobileCard;
  if (pick < 96) return Habit::kQr;
  return Habit::kPin;
}

}  // namespace

std::vector<Person> MakePeople(std::uint64_t seed) {
  Random random(MixSeed(seed, kPeoplePurpose));
  std::vector<Person> people(kPersonCount);
  std::uint32_t number = 1000;
  for (std::size_t i = 0; i < people.size(); ++i) {
    number += random.Between(1, 9);
    // Every twentieth is a visitor or a contractor, whose ID has letters.
    if (i % 20 == 7) {
      people[i].user_id = absl::StrCat("V", number);
    } else if (i % 20 == 13) {
      people[i].user_id = absl::StrCat("contract-", number);
    } else {
      people[i].user_id = absl::StrCat(number);
    }
    people[i].habit = PickHabit(random);
    people[i].punches_clock = random.Percent(60);
  }
  for (std::uint32_t i = 0; i < kVisitorCount; ++i) {
    Person& visitor = people.emplace_back();
    visitor.user_id = absl::StrCat(kFirstVisitor + i);
    visitor.habit = random.Percent(70) ? Habit::kCard : Habit::kPin;
    visitor.visitor = true;
  }
  return people;
}

Place MakePlace(std::uint32_t device) {
  Place place;
  place.device = device;
  for (std::uint32_t i = 0; i < (device + 1) % 3; ++i)
    place.slaves.push_back(device ^ kSlaveBits[i]);
  const std::uint32_t first_door = device % 100'000 * 10;
  for (std::uint32_t i = 1; i <= 2 + device % 3; ++i) place.doors.push_back(first_door + i);
  for (std::uint32_t i = 1; i <= 1 + device % 2; ++i) place.lifts.push_back(i);
  place.thermal = device % 2 == 1;
  place.time_attendance = device % 4 != 0;
  return place;
}

}  // namespace gatelog::sim
