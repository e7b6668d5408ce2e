#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "model/event.h"
#include "ports/event_store.h"

namespace gatelog::postgres {

// What of an event is searched by, as the columns of the table event have it.
struct TailEvent {
  std::int64_t arrival_ms = 0;
  model::DeviceId log_device = 0;
  model::Epoch epoch = 0;
  model::EventId id = 0;
  std::uint32_t timestamp = 0;
  model::DeviceId device = 0;
  std::uint32_t entity = 0;
  std::uint32_t temperature = 0;
  std::int32_t person = 0;  // 0: nobody known
  std::uint16_t code = 0;
  std::uint8_t sub_code = 0;
  std::uint8_t tna_key = 0;
  std::uint8_t flags = 0;
  std::uint8_t phase = 0;
};

// How many events of an hour have a code and sub code.
struct HourKey {
  std::int64_t hour = 0;  // since 1970
  std::uint32_t code = 0;
  std::uint32_t sub_code = 0;

  bool operator==(const HourKey&) const = default;
};
struct HourKeyHash {
  std::size_t operator()(const HourKey& key) const {
    const std::uint64_t packed =
        static_cast<std::uint64_t>(key.hour) << 24 | std::uint64_t{key.code} << 8 | key.sub_code;
    return static_cast<std::size_t>((packed * 0x9E37'79B9'7F4A'7C15) >> 16);
  }
};
using HourCounts = std::unordered_map<HourKey, std::uint64_t, HourKeyHash>;

inline constexpr std::int64_t kHourSeconds = 3'600;

// The events of a segment that has no indexes yet, in memory: what stands in for the indexes until
// they are built. One thread adds; any thread reads what was published before.
class Tail {
 public:
  explicit Tail(std::size_t capacity) : capacity_(capacity) {}

  // Of events that are committed and follow those before.
  void Add(std::span<const TailEvent> events) GATELOG_EXCLUDES(mutex_);

  HourCounts hours() const GATELOG_EXCLUDES(mutex_);

 private:
  const std::size_t capacity_;
  mutable Mutex mutex_;
  HourCounts hours_ GUARDED_BY(mutex_);
};

}  // namespace gatelog::postgres
