#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/gatelog-sim/random.h"

namespace gatelog::sim {

// How somebody likes to come in.
enum class Habit {
  kNone,  // has nothing to show: does not come in
  kFace,
  kFinger,
  kCard,
  kMobileCard,
  kQr,
  kPin
};

struct Person {
  std::string user_id;
  Habit habit = Habit::kFace;
  bool punches_clock = false;  // chooses a time-and-attendance key
  bool visitor = false;        // known to a terminal only once somebody has enrolled them there
};

inline constexpr std::size_t kPersonCount = 200;  // enrolled at every terminal from the beginning
inline constexpr std::size_t kVisitorCount = 16;

// The people of the site, then its visitors; the same at every terminal. By the seed alone.
std::vector<Person> MakePeople(std::uint64_t seed);

// What one terminal stands at.
struct Place {
  std::uint32_t device = 0;
  std::vector<std::uint32_t> slaves;  // on its RS-485 bus
  std::vector<std::uint32_t> doors;   // 2 to 4
  std::vector<std::uint32_t> lifts;
  bool thermal = false;          // measures temperatures
  bool time_attendance = false;  // has keys for it
};

// The place of the terminal with this ID. By the ID alone, so that it stays the same when the fleet
// grows.
Place MakePlace(std::uint32_t device);

}  // namespace gatelog::sim
