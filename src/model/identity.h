#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

namespace gatelog::model {

// A terminal's serial number.
using DeviceId = std::uint32_t;

// A record's number in its log device's counter. From 1; 0 is no record.
using EventId = std::uint32_t;

// One life of a log device's counter, numbered by us from 1. 0 is no epoch.
using Epoch = std::uint32_t;

// Chosen by a terminal when its counter starts anew. 0: the device family has no generations.
using Generation = std::uint64_t;

// What a stored record is identified by (G2).
struct RecordKey {
  DeviceId log_device = 0;
  Epoch epoch = 0;
  EventId id = 0;

  auto operator<=>(const RecordKey&) const = default;
};

// What a device says of itself when a link comes up. Texts come from the device: show them escaped.
struct DeviceIdentity {
  DeviceId id = 0;
  std::string mac_address;
  std::string model_name;
  std::string firmware_version;
  std::string kernel_version;
  std::string core_version;
  std::string board_version;
  std::uint32_t type = 0xFF;      // gsdk.device.Type
  bool image_logs = false;        // the device records images
  std::string capability_info;    // an encoded gsdk.device.CapabilityInfo
  std::string device_capability;  // an encoded gsdk.device.DeviceCapability
  std::vector<DeviceId> rs485_slaves;
  std::vector<DeviceId> wiegand_slaves;
};

}  // namespace gatelog::model
