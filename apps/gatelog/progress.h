#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "gatelog/v1/devices.pb.h"

namespace gatelog::cli {

// How far the gateway has come with storing one device's log.
struct Progress {
  std::uint64_t held = 0;  // records on the device
  std::uint64_t done = 0;  // of them, stored or known missing
  bool known = false;      // the device has said what its log holds
  double percent = 0;      // 100 only when nothing is left
};
Progress ProgressOf(const v1::Device& device);

// Connected, and every record on the device stored; a device that is not collected does not count
// as unfinished.
bool IsStored(const v1::Device& device);

// Events per second of each device, smoothed over a few readings.
class RateMeter {
 public:
  void Read(const v1::Device& device, std::chrono::steady_clock::time_point now);
  // 0 before the second reading.
  double RateOf(std::uint32_t device) const;

 private:
  struct Reading {
    std::uint64_t stored = 0;
    std::chrono::steady_clock::time_point at;
    double rate = 0;
  };
  std::map<std::uint32_t, Reading> readings_;
};

// "541000001  ████████░░░░  66%  8,112 of 12,290  3,400/s". Never wider than `width` columns.
std::string ProgressLine(const v1::Device& device, double rate, std::size_t width);

// At most `height` lines: with more devices than that, the unfinished ones and a line about the
// others.
std::vector<std::string> ProgressLines(const std::vector<v1::Device>& devices,
                                       const RateMeter& rates, std::size_t width,
                                       std::size_t height);

}  // namespace gatelog::cli
