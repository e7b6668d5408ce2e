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

// What a search of a tail looks for: a filter whose users are people's numbers. Cards are not in a
// tail.
struct TailFilter {
  const ports::EventFilter& wanted;
  const std::vector<std::int32_t>& people;  // 0: nobody known
};

// The events of a segment that has no indexes yet, in memory: what stands in for the indexes until
// they are built. One thread adds; any thread reads what was added before.
class Tail {
 public:
  explicit Tail(std::size_t capacity);

  // Of events that are committed and follow those before.
  void Add(std::span<const TailEvent> events) GATELOG_EXCLUDES(mutex_);

  HourCounts hours() const GATELOG_EXCLUDES(mutex_);

  // The events that match, `limit` at most, as places from `first` up to `last` or down to it;
  // 0 is the segment's first event. It takes about a nanosecond for each event that it passes by.
  std::vector<std::size_t> Search(const TailFilter& filter, std::size_t first, std::size_t last,
                                  bool newest_first, std::size_t limit) const;

 private:
  template <typename T>
  using Column = std::unique_ptr<T[]>;  // memory that nothing was written to costs nothing

  bool Matches(const TailFilter& filter, std::size_t place) const;

  const std::size_t capacity_;
  std::atomic<std::size_t> size_ = 0;  // rows below it are not written any more
  Column<std::int64_t> arrival_ms_;
  Column<std::uint32_t> log_device_;
  Column<std::uint32_t> epoch_;
  Column<std::uint32_t> id_;
  Column<std::uint32_t> timestamp_;
  Column<std::uint32_t> device_;
  Column<std::uint32_t> entity_;
  Column<std::uint32_t> temperature_;
  Column<std::uint32_t> person_;
  Column<std::uint32_t> code_;
  Column<std::uint8_t> sub_code_;
  Column<std::uint8_t> tna_key_;
  Column<std::uint8_t> flags_;
  Column<std::uint8_t> phase_;

  mutable Mutex mutex_;
  HourCounts hours_ GUARDED_BY(mutex_);
};

}  // namespace gatelog::postgres
