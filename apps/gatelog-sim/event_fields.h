#pragma once

#include <cstdint>

#include "apps/gatelog-sim/random.h"
#include "apps/gatelog-sim/site.h"
#include "gsdk/event.pb.h"

// Which fields an event of each code carries, and legal values for them.
namespace gatelog::sim {

using gsdk::event::EventLog;

// Whom or what a record names. A record never names a user and a door at once: that takes two
// records.
enum class Subject { kNobody, kUser, kDoor, kZone, kLift };

Subject SubjectOf(std::uint32_t code, std::uint32_t sub_code);

// The record was made by somebody whose temperature was found too high.
bool IsFever(std::uint32_t code, std::uint32_t sub_code);

// The zone of this site that events of a zone code belong to.
std::uint32_t ZoneOf(std::uint32_t code);

// Makes `event` one that happened at `place` with this code: fills every field that such an event
// carries but ID, timestamp and hasImage. deviceID is the terminal itself. `person` is named only
// where the code names a user.
void FillEvent(std::uint32_t code, std::uint32_t sub_code, const Place& place, const Person& person,
               Random& random, EventLog& event);

}  // namespace gatelog::sim
