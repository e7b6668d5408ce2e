#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "apps/gatelog/output.h"
#include "gatelog/v1/devices.pb.h"

namespace gatelog::cli {

// How devices look in a list, no wider than a screen of 110 columns unless there is something to
// note. `now_ms` is the gateway's clock.
Layout DeviceLayout();
Record DeviceRecord(const v1::Device& device, std::int64_t now_ms);

// All that the gateway knows of one device without asking it.
std::vector<std::pair<std::string, std::string>> DevicePairs(const v1::Device& device,
                                                             std::int64_t now_ms,
                                                             absl::TimeZone zone);

// "+3 s", "-1 h 0 m", "0 s"; empty if it was not measured.
std::string DriftWords(const v1::Device& device);

}  // namespace gatelog::cli
