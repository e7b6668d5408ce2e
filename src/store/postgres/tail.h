#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
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
  // A view: of what is being committed, or of a tail's own memory. Its data is null where the tail
  // does not have it.
  std::string_view payload = {};
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

// What a search of a tail looks for: a filter whose users are people's numbers.
struct TailFilter {
  const ports::EventFilter& wanted;
  const std::vector<std::int32_t>& people;  // 0: nobody known
};

// Between which times events lie, inclusive.
struct TimeBounds {
  std::int64_t timestamp_min = std::numeric_limits<std::int64_t>::max();
  std::int64_t timestamp_max = std::numeric_limits<std::int64_t>::min();
  std::int64_t arrival_min = std::numeric_limits<std::int64_t>::max();
  std::int64_t arrival_max = std::numeric_limits<std::int64_t>::min();
};

// The events of a segment that has no indexes yet, in memory: reads are answered from here until
// they are built. One thread adds; any thread reads what was added before.
class Tail {
 public:
  // Payloads of a segment beyond so many bytes are not kept, but looked up in the table, which
  // takes a scan of it.
  static constexpr std::size_t kPayloadBytesMax = 128 * 1024 * 1024;

  explicit Tail(std::size_t capacity, std::size_t payload_bytes_max = kPayloadBytesMax);

  // Of events that are committed and follow those before.
  void Add(std::span<const TailEvent> events) GATELOG_EXCLUDES(mutex_);

  HourCounts hours() const GATELOG_EXCLUDES(mutex_);
  TimeBounds bounds() const GATELOG_EXCLUDES(mutex_);

  // Whether it has every payload, so that it can tell of cards.
  bool has_payloads() const { return has_payloads_.load(std::memory_order_acquire); }

  // Sets those of the people's numbers of whom an event tells; higher ones than there are places
  // for are left out.
  void MarkPeople(std::vector<bool>& people) const;

  // Of a place below its size.
  TailEvent At(std::size_t place) const;

  // The events that match, `limit` at most, as places from `first` up to `last` or down to it;
  // 0 is the segment's first event. It takes about a nanosecond for each event that it passes by.
  std::vector<std::size_t> Search(const TailFilter& filter, std::size_t first, std::size_t last,
                                  bool newest_first, std::size_t limit) const;

 private:
  template <typename T>
  using Column = std::unique_ptr<T[]>;  // memory that nothing was written to costs nothing

  bool Matches(const TailFilter& filter, std::size_t place) const;
  bool HasCard(const std::vector<std::string>& cards, std::size_t place) const;

  const char* KeepPayload(std::string_view payload);

  const std::size_t capacity_;
  const std::size_t payload_bytes_max_;
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
  Column<const char*> payload_;
  Column<std::uint16_t> payload_size_;
  std::atomic<bool> has_payloads_ = true;

  // The adding thread's: the memory that payloads are in, of which the last chunk has some left.
  std::vector<std::unique_ptr<char[]>> chunks_;
  std::size_t chunk_left_ = 0;

  mutable Mutex mutex_;
  HourCounts hours_ GUARDED_BY(mutex_);
  TimeBounds bounds_ GUARDED_BY(mutex_);
};

}  // namespace gatelog::postgres
