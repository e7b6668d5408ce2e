#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace gatelog::model {

// Changes with every change of event_codes.csv.
inline constexpr std::string_view kEventCodesTitle = "gatelog event codes";
inline constexpr std::string_view kEventCodesVersion = "1.0.0";
inline constexpr std::string_view kEventCodesDate = "2026-11-23";

// What a pair of event code and sub code means. Texts live as long as the program.
struct EventCode {
  std::uint32_t code = 0;        // the whole 16-bit main code; its low byte may carry meaning
  std::uint32_t sub_code = 0;    // 8 bits; 0 is a meaning of its own under some main codes
  std::string_view name;         // "BS2_EVENT_IDENTIFY_SUCCESS"
  std::string_view sub_name;     // "BS2_SUB_EVENT_IDENTIFY_FACE"; may be empty
  std::string_view category;     // "Auth", "User", "Device", "Door", "Zone" or "Lift"
  std::string_view level;        // "", "alert" or "alarm"
  std::string_view description;  // "identified by face"
};

// Every known pair, sorted by (code, sub code).
std::span<const EventCode> EventCodes();

// The exact pair, or nullptr. Any thread.
const EventCode* FindEventCode(std::uint32_t code, std::uint32_t sub_code);

// The description, or for an unknown pair its numbers: "event 0x4f30/0x02".
std::string DescribeEvent(std::uint32_t code, std::uint32_t sub_code);

// The category; for an unknown pair that of its main code, or empty.
std::string_view EventCategory(std::uint32_t code, std::uint32_t sub_code);

// "alarm", "alert" or empty; for an unknown pair that of its main code.
std::string_view EventLevel(std::uint32_t code, std::uint32_t sub_code);

}  // namespace gatelog::model
