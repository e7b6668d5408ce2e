#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "model/event.h"
#include "store/sqlite/index_key.h"

namespace gatelog::store {

// What the index knows of an event.
struct IndexedEvent {
  model::DeviceId log_device = 0;
  model::Epoch epoch = 0;
  model::EventId id = 0;
  std::uint32_t timestamp = 0;
  model::DeviceId device = 0;
  std::uint32_t code = 0;
  std::uint32_t sub_code = 0;
  std::int64_t person = 0;  // 0: nobody known
  bool has_image = false;
};

// How events are indexed. Tests make everything small.
struct IndexShape {
  std::uint32_t segment_events = 1u << 18;  // at least 1
  std::size_t block_bytes = 1'300;          // of short lists, together in a row; three fill a page
  std::size_t short_list_bytes = 1'000;     // a longer list is kept in windows
  std::uint64_t entries_per_commit_min = 4'096;  // that are written into lists: some 0.3 ms
};

// A segment is read window by window, and its long lists are kept so.
inline constexpr std::uint32_t kWindowsMax = 16;
inline constexpr std::uint32_t kWordBits = 64;
constexpr std::uint32_t WindowEvents(std::uint32_t segment_events) {
  const std::uint32_t share = (segment_events + kWindowsMax - 1) / kWindowsMax;
  return (share + kWordBits - 1) / kWordBits * kWordBits;
}

// For each event the one before it that may have the same key, so that those of one key are found
// without looking at the others. One thread adds; others visit meanwhile.
class OffsetChains {
 public:
  explicit OffsetChains(std::uint32_t capacity)
      : heads_(std::bit_ceil(std::max(capacity / kEventsPerHead, 1u))), before_(capacity) {
    for (std::atomic<std::uint32_t>& head : heads_) head.store(kNone, std::memory_order_relaxed);
  }

  // Offsets ascend.
  void Add(std::uint32_t key, std::uint32_t offset) {
    std::atomic<std::uint32_t>& head = heads_[HeadOf(key)];
    before_[offset] = head.load(std::memory_order_relaxed);
    head.store(offset, std::memory_order_release);  // so that who comes by it sees what is before
  }
  // Calls take(offset) with all that were added under the key, and with some of other keys,
  // descending.
  template <typename Take>
  void Visit(std::uint32_t key, Take take) const {
    std::uint32_t offset = heads_[HeadOf(key)].load(std::memory_order_acquire);
    for (; offset != kNone; offset = before_[offset]) take(offset);
  }

 private:
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
  static constexpr std::uint32_t kEventsPerHead = 4;

  std::size_t HeadOf(std::uint32_t key) const {
    constexpr std::uint32_t kSpread = 0x9E3779B1;  // neighbours come far from each other
    const std::uint32_t spread = key * kSpread;
    return (spread ^ spread >> 16) & (heads_.size() - 1);
  }

  std::vector<std::atomic<std::uint32_t>> heads_;
  std::vector<std::uint32_t> before_;
};

// The index of a segment whose lists are not written yet: what is known of each event, in columns
// that are looked through from end to end, which costs a commit next to nothing; and chains of the
// events of one person and of one log, which are asked for most.
//
// The committing thread writes, in front of what readers look at: they look at no event beyond the
// newest visible seq, which they have read before. Only persons change later, when they are erased.
class MemorySegment {
 public:
  MemorySegment(std::uint64_t first_seq, std::uint32_t capacity);

  std::uint64_t first_seq() const { return first_seq_; }
  std::uint32_t capacity() const { return capacity_; }
  std::uint64_t end_seq() const { return first_seq_ + capacity_; }

  // The committing thread's. Offsets ascend.
  void Set(std::uint32_t offset, const IndexedEvent& event);
  // The same segment with its events below `end` alone. Those behind it cannot be taken out of this
  // one: who reads it may be on its way through them.
  std::shared_ptr<MemorySegment> CopyBelow(std::uint32_t end) const;
  // Takes the people out of the events of [first, end).
  void ErasePeople(const std::set<std::int64_t>& people, std::uint64_t first, std::uint64_t end);

  IndexedEvent At(std::uint32_t offset) const;
  // False: no such event is in the table, which only a damaged store has.
  bool Has(std::uint32_t offset) const { return (flags_[offset] & kPresent) != 0; }
  // The key under which a list of the kind has the event; nothing: none has it.
  std::optional<std::int64_t> KeyOf(ListKind kind, std::uint32_t offset) const;
  model::EventId IdAt(std::uint32_t offset) const { return ids_[offset]; }
  std::uint32_t TimestampAt(std::uint32_t offset) const { return timestamps_[offset]; }

  // Sets in `bits`, whose first is the event `first`, those of [first, end) that are under a key of
  // the range. In lists with IDs only those within [first_id, last_id].
  void Mark(const KeyRange& range, model::EventId first_id, model::EventId last_id,
            std::uint32_t first, std::uint32_t end, std::uint64_t* bits) const;

  // False: there is no chain for keys of such a range. Else calls take(offset, id) with each event
  // below `end` that is under a key of the range, descending.
  template <typename Take>
  bool VisitChain(const KeyRange& range, std::uint32_t end, Take take) const;
  // False: no event's device time is in one of these hours.
  bool MayHaveHours(const KeyRange& range) const {
    return range.last >= first_second_.load(std::memory_order_relaxed) / kHourSeconds &&
           range.first <= last_second_.load(std::memory_order_relaxed) / kHourSeconds;
  }

  // The newest event of the log below `end` whose epoch and ID are not above these.
  std::optional<std::uint32_t> FindNotAbove(const model::RecordKey& key, std::uint32_t end) const;

 private:
  static constexpr std::uint8_t kPresent = 1;
  static constexpr std::uint8_t kImage = 2;

  std::uint32_t PersonAt(std::uint32_t offset) const {
    return people_[offset].load(std::memory_order_relaxed);
  }

  const std::uint64_t first_seq_;
  const std::uint32_t capacity_;
  std::vector<std::uint32_t> log_devices_;
  std::vector<std::uint32_t> epochs_;
  std::vector<std::uint32_t> ids_;
  std::vector<std::uint32_t> timestamps_;
  std::vector<std::uint32_t> devices_;
  std::vector<std::uint32_t> codes_;  // code << 8 | sub code
  std::vector<std::atomic<std::uint32_t>> people_;
  std::vector<std::uint8_t> flags_;
  OffsetChains of_person_;
  OffsetChains of_log_;  // by log device
  // Of what was set, also if it is not visible yet.
  std::atomic<std::uint32_t> first_second_ = std::numeric_limits<std::uint32_t>::max();
  std::atomic<std::uint32_t> last_second_ = 0;
};

template <typename Take>
bool MemorySegment::VisitChain(const KeyRange& range, std::uint32_t end, Take take) const {
  if (range.kind == ListKind::kPerson && range.first == range.last && range.first > 0 &&
      range.first <= std::numeric_limits<std::uint32_t>::max()) {
    const auto person = static_cast<std::uint32_t>(range.first);
    of_person_.Visit(person, [&](std::uint32_t offset) {
      if (offset < end && PersonAt(offset) == person) take(offset, ids_[offset]);
    });
    return true;
  }
  const bool of_log = range.kind == ListKind::kLog || range.kind == ListKind::kImage;
  if (!of_log || range.first < 0 || range.first >> 32 != range.last >> 32) return false;
  const std::uint8_t flags = range.kind == ListKind::kImage ? kPresent | kImage : kPresent;
  of_log_.Visit(static_cast<std::uint32_t>(range.first >> 32), [&](std::uint32_t offset) {
    if (offset >= end) return;
    const std::int64_t key = LogKey(log_devices_[offset], epochs_[offset]);
    if (key >= range.first && key <= range.last && (flags_[offset] & flags) == flags) {
      take(offset, ids_[offset]);
    }
  });
  return true;
}

// Whether the index can have a person of this number.
constexpr bool IsPersonNumber(std::int64_t person) { return person >= 0 && person <= 0xFFFFFFFF; }

}  // namespace gatelog::store
