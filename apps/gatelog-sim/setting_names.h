#pragma once

#include <string_view>

// The settings that a terminal keeps, and the message that each one is. What is not there has its
// default.
namespace gatelog::sim::setting {

// SettingStore::Area::kConfig
inline constexpr std::string_view kSystem = "system";       // gsdk.system.SystemConfig
inline constexpr std::string_view kDaylightSaving = "dst";  // gsdk.time.DSTConfig

inline constexpr std::string_view kTna = "tna";          // gsdk.tna.TNAConfig
inline constexpr std::string_view kThermal = "thermal";  // gsdk.thermal.ThermalConfig
inline constexpr std::string_view kCard = "card";        // gsdk.card.CardConfig
inline constexpr std::string_view kQr = "qr";            // gsdk.card.QRConfig
inline constexpr std::string_view kFinger = "finger";    // gsdk.finger.FingerConfig
inline constexpr std::string_view kFace = "face";        // gsdk.face.FaceConfig

// SettingStore::Area::kDatabase
inline constexpr std::string_view kSchedules = "schedules";  // gsdk.schedule.GetListResponse
inline constexpr std::string_view kHolidays = "holidays";    // gsdk.schedule.GetHolidayListResponse
inline constexpr std::string_view kDoors = "doors";          // gsdk.door.GetListResponse
inline constexpr std::string_view kBlacklist = "blacklist";  // gsdk.card.GetBlacklistResponse

// SettingStore::Area::kNetwork
inline constexpr std::string_view kLinkage = "linkage";  // gatelog.simulator.v1.Linkage

}  // namespace gatelog::sim::setting
