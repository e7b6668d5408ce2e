#include "apps/gatelog-sim/event_fields.h"

#include <algorithm>
#include <string>

namespace gatelog::sim {
namespace {

constexpr std::size_t kCardDataSize = 32;
constexpr std::uint32_t kInterlockDoorsMax = 4;
constexpr std::uint32_t kInputPortCount = 4;

bool IsOneOf(std::uint32_t value, std::initializer_list<std::uint32_t> values) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

// Authentication events where the terminal could not tell who it was.
bool IsStranger(std::uint32_t code, std::uint32_t sub_code) {
  switch (code) {
    case 0x1100:  // a typed ID, card or QR code that nobody has; other credentials belong to a
                  // claimed user
      return IsOneOf(sub_code, {0x01, 0x02, 0x08, 0x09, 0x0A, 0x0B, 0x0C, 0x0D});
    case 0x1800:
      return IsOneOf(sub_code, {0x00, 0x02, 0x07});
    case 0x1400:
    case 0x1A00:
    case 0x1B00:
    case 0x1C00:
    case 0x1E00:
      return true;
    default:
      return false;
  }
}

bool IsThermalPass(std::uint32_t code, std::uint32_t sub_code) {
  return code == 0x1B00 && (sub_code == 0x01 || sub_code == 0x03);
}

bool CarriesTemperature(std::uint32_t code, std::uint32_t sub_code, const Place& place) {
  return place.thermal && (IsFever(code, sub_code) || IsThermalPass(code, sub_code) ||
                           code == 0x1000 || code == 0x1300);
}

// 32 bytes with the card's number at the end, as a reader pads it.
std::string CardData(Random& random) {
  std::string data(kCardDataSize, '\0');
  const std::uint32_t number_size = random.Percent(50) ? 4 : 7;
  for (std::size_t i = kCardDataSize - number_size; i < kCardDataSize; ++i) {
    data[i] = static_cast<char>(random.Between(1, 255));
  }
  return data;
}

template <typename T>
const T& Pick(const std::vector<T>& values, Random& random) {
  return values[random.Below(static_cast<std::uint32_t>(values.size()))];
}

std::uint32_t PickInputDevice(const Place& place, Random& random) {
  return place.slaves.empty() || random.Percent(50) ? place.device : Pick(place.slaves, random);
}

void FillInput(std::uint32_t code, std::uint32_t sub_code, const Place& place, Random& random,
               EventLog& event) {
  gsdk::event::DetectInputInfo& input = *event.mutable_inputinfo();
  input.set_iodeviceid(PickInputDevice(place, random));
  input.set_port(random.Below(kInputPortCount));
  if (code == 0x4600) {
    input.set_value(gsdk::event::SUPERVISED_SHORT);
  } else if (code == 0x4700) {
    input.set_value(gsdk::event::SUPERVISED_OPEN);
  } else {
    // The odd sub codes tell of an input or output that went off.
    input.set_value((sub_code & 1) == 0 ? gsdk::event::CLOSED : gsdk::event::OPEN);
  }
}

void FillZoneDetails(std::uint32_t code, const Place& place, Random& random, EventLog& event) {
  if (code == 0x9300 || code == 0x9800) {
    gsdk::event::AlarmZoneInfo& alarm = *event.mutable_alarmzoneinfo();
    alarm.set_zoneid(event.entityid());
    // Either a door or an input is at fault.
    if (random.Percent(50) && !place.doors.empty()) {
      alarm.set_doorid(Pick(place.doors, random));
    } else {
      alarm.set_iodeviceid(PickInputDevice(place, random));
      alarm.set_port(random.Below(kInputPortCount));
    }
  } else if (code == 0xA000) {
    gsdk::event::InterlockZoneInfo& interlock = *event.mutable_interlockzoneinfo();
    interlock.set_zoneid(event.entityid());
    const auto doors =
        random.Between(2, std::min<std::uint32_t>(kInterlockDoorsMax,
                                                  static_cast<std::uint32_t>(place.doors.size())));
    for (std::uint32_t i = 0; i < doors; ++i) interlock.add_doorids(place.doors[i]);
  }
}

}  // namespace

bool IsFever(std::uint32_t code, std::uint32_t sub_code) {
  return (code == 0x1900 && sub_code == 0x13) ||
         ((code == 0x1C00 || code == 0x1D00) && (sub_code == 0 || sub_code == 0x13));
}

Subject SubjectOf(std::uint32_t code, std::uint32_t sub_code) {
  if (code >= 0x1000 && code < 0x1F00)
    return IsStranger(code, sub_code) ? Subject::kNobody : Subject::kUser;
  // Removing all users and loading them again concern no single one.
  if (code >= 0x2000 && code < 0x2B00) return code == 0x2600 ? Subject::kNobody : Subject::kUser;
  if (code >= 0x5000 && code < 0x6000) return Subject::kDoor;
  if (code >= 0x6000 && code < 0x7000) return Subject::kZone;
  if (code >= 0x7000 && code < 0x8000) return Subject::kLift;
  if (code >= 0x8000 && code < 0xBC00) return Subject::kZone;
  return Subject::kNobody;
}

std::uint32_t ZoneOf(std::uint32_t code) {
  struct Range {
    std::uint32_t below;
    std::uint32_t zone;
  };
  // Anti-passback, timed anti-passback, fire, scheduled lock, global anti-passback, entrance limit,
  // intrusion, interlock, authentication limit, occupancy, muster, lift lock.
  static constexpr Range kZones[] = {{0x6300, 1}, {0x6600, 2}, {0x6900, 3},  {0x7000, 4},
                                     {0x8100, 1}, {0x9000, 5}, {0xA000, 6},  {0xA500, 7},
                                     {0xA700, 8}, {0xB000, 9}, {0xB500, 10}, {0xBC00, 11}};
  for (const Range& range : kZones) {
    if (code < range.below) return range.zone;
  }
  return 0;
}

void FillEvent(std::uint32_t code, std::uint32_t sub_code, const Place& place, const Person& person,
               Random& random, EventLog& event) {
  event.Clear();
  event.set_deviceid(place.device);
  event.set_eventcode(code);
  event.set_subcode(sub_code);
  switch (SubjectOf(code, sub_code)) {
    case Subject::kUser:
      event.set_userid(person.user_id);
      break;
    case Subject::kDoor:
      event.set_entityid(Pick(place.doors, random));
      break;
    case Subject::kZone:
      event.set_entityid(ZoneOf(code));
      break;
    case Subject::kLift:
      event.set_entityid(Pick(place.lifts, random));
      break;
    case Subject::kNobody:
      break;
  }
  // Sub code 1 says outright that it was done from the server.
  if (IsOneOf(code, {0x2000, 0x2200, 0x2400, 0x2600, 0x2900}))
    event.set_changedondevice(sub_code != 1);
  if (CarriesTemperature(code, sub_code, place)) {
    event.set_temperature(IsFever(code, sub_code) ? random.Between(3805, 3960)
                                                  : random.Between(3570, 3745));
  }
  if (code == 0x1100 && sub_code == 0x02) event.set_carddata(CardData(random));
  if (code == 0x3F00 || code == 0x4600 || code == 0x4700)
    FillInput(code, sub_code, place, random, event);
  FillZoneDetails(code, place, random, event);
}

}  // namespace gatelog::sim
