// The codes that clients of the event API know by name: each must be in the table, under that name.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/event_code.h"

namespace gatelog::model {
namespace {

struct MainCode {
  std::uint32_t code;
  std::string_view category;
  std::string_view name;  // after "BS2_EVENT_"
};

constexpr MainCode kMainCodes[] = {
    {0x1000, "Auth", "VERIFY_SUCCESS"},
    {0x1100, "Auth", "VERIFY_FAIL"},
    {0x1200, "Auth", "VERIFY_DURESS"},
    {0x1300, "Auth", "IDENTIFY_SUCCESS"},
    {0x1400, "Auth", "IDENTIFY_FAIL"},
    {0x1500, "Auth", "IDENTIFY_DURESS"},
    {0x1600, "Auth", "DUAL_AUTH_SUCCESS"},
    {0x1700, "Auth", "DUAL_AUTH_FAIL"},
    {0x1800, "Auth", "AUTH_FAILED"},
    {0x1900, "Auth", "ACCESS_DENIED"},
    {0x1A00, "Auth", "FAKE_FINGER_DETECTED"},
    {0x2000, "User", "USER_ENROLL_SUCCESS"},
    {0x2100, "User", "USER_ENROLL_FAIL"},
    {0x2200, "User", "USER_UPDATE_SUCCESS"},
    {0x2300, "User", "USER_UPDATE_FAIL"},
    {0x2400, "User", "USER_DELETE_SUCCESS"},
    {0x2500, "User", "USER_DELETE_FAIL"},
    {0x2600, "User", "USER_DELETE_ALL_SUCCESS"},
    {0x2700, "User", "USER_ISSUE_AOC_SUCCESS"},
    {0x2800, "User", "USER_DUPLICATE_CREDENTIAL"},
    {0x3000, "Device", "DEVICE_SYSTEM_RESET"},
    {0x3100, "Device", "DEVICE_SYSTEM_STARTED"},
    {0x3200, "Device", "DEVICE_TIME_SET"},
    {0x3201, "Device", "DEVICE_TIMEZONE_SET"},
    {0x3202, "Device", "DEVICE_DST_SET"},
    {0x3300, "Device", "DEVICE_LINK_CONNECTED"},
    {0x3400, "Device", "DEVICE_LINK_DISCONNECTED"},
    {0x3500, "Device", "DEVICE_DHCP_SUCCESS"},
    {0x3600, "Device", "DEVICE_ADMIN_MENU"},
    {0x3700, "Device", "DEVICE_UI_LOCKED"},
    {0x3800, "Device", "DEVICE_UI_UNLOCKED"},
    {0x3B00, "Device", "DEVICE_TCP_CONNECTED"},
    {0x3C00, "Device", "DEVICE_TCP_DISCONNECTED"},
    {0x3D00, "Device", "DEVICE_RS485_CONNECTED"},
    {0x3E00, "Device", "DEVICE_RS485_DISCONNECTED"},
    {0x3F00, "Device", "DEVICE_INPUT_DETECTED"},
    {0x4000, "Device", "DEVICE_TAMPER_ON"},
    {0x4100, "Device", "DEVICE_TAMPER_OFF"},
    {0x4200, "Device", "DEVICE_EVENT_LOG_CLEARED"},
    {0x4300, "Device", "DEVICE_FIRMWARE_UPGRADED"},
    {0x4400, "Device", "DEVICE_RESOURCE_UPGRADED"},
    {0x4500, "Device", "DEVICE_CONFIG_RESET"},
    {0x4501, "Device", "DEVICE_DATABASE_RESET"},
    {0x4502, "Device", "DEVICE_FACTORY_RESET"},
    {0x4503, "Device", "DEVICE_CONFIG_RESET_EX"},
    {0x4600, "Device", "SUPERVISED_INPUT_SHORT"},
    {0x4700, "Device", "SUPERVISED_INPUT_OPEN"},
    {0x5000, "Door", "DOOR_UNLOCKED"},
    {0x5100, "Door", "DOOR_LOCKED"},
    {0x5200, "Door", "DOOR_OPENED"},
    {0x5300, "Door", "DOOR_CLOSED"},
    {0x5400, "Door", "DOOR_FORCED_OPEN"},
    {0x5500, "Door", "DOOR_HELD_OPEN"},
    {0x5600, "Door", "DOOR_FORCED_OPEN_ALARM"},
    {0x5700, "Door", "DOOR_FORCED_OPEN_ALARM_CLEAR"},
    {0x5800, "Door", "DOOR_HELD_OPEN_ALARM"},
    {0x5900, "Door", "DOOR_HELD_OPEN_ALARM_CLEAR"},
    {0x5A00, "Door", "DOOR_APB_ALARM"},
    {0x5B00, "Door", "DOOR_APB_ALARM_CLEAR"},
    {0x5C00, "Door", "DOOR_RELEASE"},
    {0x5D00, "Door", "DOOR_LOCK"},
    {0x5E00, "Door", "DOOR_UNLOCK"},
    {0x6000, "Zone", "ZONE_APB_VIOLATION"},
    {0x6100, "Zone", "ZONE_APB_ALARM"},
    {0x6200, "Zone", "ZONE_APB_ALARM_CLEAR"},
    {0x6300, "Zone", "ZONE_TIMED_APB_VIOLATION"},
    {0x6400, "Zone", "ZONE_TIMED_APB_ALARM"},
    {0x6500, "Zone", "ZONE_TIMED_APB_ALARM_CLEAR"},
    {0x6600, "Zone", "ZONE_FIRE_ALARM_INPUT"},
    {0x6700, "Zone", "ZONE_FIRE_ALARM"},
    {0x6800, "Zone", "ZONE_FIRE_ALARM_CLEAR"},
    {0x6900, "Zone", "ZONE_SCHEDULED_LOCK_VIOLATION"},
    {0x6A00, "Zone", "ZONE_SCHEDULED_LOCK_START"},
    {0x6B00, "Zone", "ZONE_SCHEDULED_LOCK_END"},
    {0x6C00, "Zone", "ZONE_SCHEDULED_UNLOCK_START"},
    {0x6D00, "Zone", "ZONE_SCHEDULED_UNLOCK_END"},
    {0x6E00, "Zone", "ZONE_SCHEDULED_LOCK_ALARM"},
    {0x6F00, "Zone", "ZONE_SCHEDULED_LOCK_ALARM_CLEAR"},
    {0x9000, "Zone", "ZONE_INTRUSION_ALARM_VIOLATION"},
    {0x9100, "Zone", "ZONE_INTRUSION_ALARM_ARM_GRANTED"},
    {0x9200, "Zone", "ZONE_INTRUSION_ALARM_ARM_SUCCESS"},
    {0x9300, "Zone", "ZONE_INTRUSION_ALARM_ARM_FAIL"},
    {0x9400, "Zone", "ZONE_INTRUSION_ALARM_DISARM_GRANTED"},
    {0x9500, "Zone", "ZONE_INTRUSION_ALARM_DISARM_SUCCESS"},
    {0x9600, "Zone", "ZONE_INTRUSION_ALARM_DISARM_FAIL"},
    {0x9800, "Zone", "ZONE_INTRUSION_ALARM"},
    {0x9900, "Zone", "ZONE_INTRUSION_ALARM_CLEAR"},
    {0x9A00, "Zone", "ZONE_INTRUSION_ALARM_ARM_DENIED"},
    {0x9B00, "Zone", "ZONE_INTRUSION_ALARM_DISARM_DENIED"},
    {0x7000, "Lift", "FLOOR_ACTIVATED"},
    {0x7100, "Lift", "FLOOR_DEACTIVATED"},
    {0x7200, "Lift", "FLOOR_RELEASE"},
    {0x7300, "Lift", "FLOOR_ACTIVATE"},
    {0x7400, "Lift", "FLOOR_DEACTIVATE"},
    {0x7500, "Lift", "LIFT_ALARM_INPUT"},
    {0x7600, "Lift", "LIFT_ALARM"},
    {0x7700, "Lift", "LIFT_ALARM_CLEAR"},
    {0x7800, "Lift", "ALL_FLOOR_ACTIVATED"},
    {0x7900, "Lift", "ALL_FLOOR_DEACTIVATED"},
};

// Sub codes that have a meaning of their own under each of some main codes.
struct SubCodes {
  std::vector<std::uint32_t> main_codes;
  std::string_view prefix;  // after "BS2_SUB_EVENT_"
  struct Name {
    std::uint32_t sub_code;
    std::string_view name;  // after the prefix
  };
  std::vector<Name> names;
};

const std::vector<SubCodes>& AllSubCodes() {
  static const auto* const codes = new std::vector<SubCodes>{
      {{0x1000, 0x1200},
       "VERIFY_",
       {{0x01, "ID_PIN"},
        {0x02, "ID_FINGER"},
        {0x03, "ID_FINGER_PIN"},
        {0x04, "ID_FACE"},
        {0x05, "ID_FACE_PIN"},
        {0x06, "CARD"},
        {0x07, "CARD_PIN"},
        {0x08, "CARD_FINGER"},
        {0x09, "CARD_FINGER_PIN"},
        {0x0A, "CARD_FACE"},
        {0x0B, "CARD_FACE_PIN"},
        {0x0C, "AOC"},
        {0x0D, "AOC_PIN"},
        {0x0E, "AOC_FINGER"},
        {0x0F, "AOC_FINGER_PIN"},
        {0x10, "CARD_FACE_FINGER"},
        {0x11, "CARD_FINGER_FACE"},
        {0x12, "ID_FACE_FINGER"},
        {0x13, "ID_FINGER_FACE"}}},
      {{0x1300, 0x1500},
       "IDENTIFY_",
       {{0x01, "FINGER"},
        {0x02, "FINGER_PIN"},
        {0x03, "FACE"},
        {0x04, "FACE_PIN"},
        {0x05, "FACE_FINGER"},
        {0x06, "FACE_FINGER_PIN"},
        {0x07, "FINGER_FACE"},
        {0x08, "FINGER_FACE_PIN"}}},
      {{0x1700}, "DUAL_AUTH_FAIL_", {{0x01, "TIMEOUT"}, {0x02, "ACCESS_GROUP"}}},
      {{0x1100, 0x1400, 0x2800},
       "CREDENTIAL_",
       {{0x01, "ID"},
        {0x02, "CARD"},
        {0x03, "PIN"},
        {0x04, "FINGER"},
        {0x05, "FACE"},
        {0x06, "AOC_PIN"},
        {0x07, "AOC_FINGER"}}},
      {{0x1800},
       "AUTH_FAIL_",
       {{0x01, "INVALID_AUTH_MODE"}, {0x02, "INVALID_CREDENTIAL"}, {0x03, "TIMEOUT"}}},
      {{0x1900},
       "ACCESS_DENIED_",
       {{0x01, "ACCESS_GROUP"},
        {0x02, "DISABLED"},
        {0x03, "EXPIRED"},
        {0x04, "ON_BLACKLIST"},
        {0x05, "APB"},
        {0x06, "TIMED_APB"},
        {0x07, "SCHEDULED_LOCK"},
        {0x0A, "FACE_DETECTION"},
        {0x0C, "FAKE_FINGER"},
        {0x0E, "INTRUSION_ALARM"},
        {0x0F, "INTERLOCK"},
        {0x13, "HIGH_TEMPERATURE"},
        {0x15, "UNMASKED_FACE"}}},
  };
  return *codes;
}

TEST(EventCodePageTest, EveryMainCodeHasItsNameAndCategory) {
  for (const MainCode& known : kMainCodes) {
    const EventCode* entry = FindEventCode(known.code, 0);
    // Some main codes never come without a sub code.
    if (entry == nullptr) entry = FindEventCode(known.code, 1);
    ASSERT_NE(entry, nullptr) << known.name;
    EXPECT_EQ(entry->name, "BS2_EVENT_" + std::string(known.name));
    EXPECT_EQ(entry->category, known.category) << known.name;
  }
}

TEST(EventCodePageTest, EverySubCodeHasItsNameUnderItsMainCodes) {
  for (const SubCodes& group : AllSubCodes()) {
    for (const std::uint32_t main_code : group.main_codes) {
      for (const SubCodes::Name& known : group.names) {
        const EventCode* entry = FindEventCode(main_code, known.sub_code);
        ASSERT_NE(entry, nullptr) << std::hex << main_code << " " << known.name;
        EXPECT_EQ(entry->sub_name,
                  "BS2_SUB_EVENT_" + std::string(group.prefix) + std::string(known.name));
      }
    }
  }
}

}  // namespace
}  // namespace gatelog::model
