#pragma once

#include <atomic>
#include <cstdint>
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
  std::size_t short_list_bytes = 4'000;  // a longer list is kept in windows; this one fits a page
  std::uint64_t entries_per_commit_min = 4'096;  // that are written into lists: some 0.3 ms
};

// A segment is read window by window, and its long lists are kept so.
inline constexpr std::uint32_t kWindowsMax = 16;
inline constexpr std::uint32_t kWordBits = 64;
constexpr std::uint32_t WindowEvents(std::uint32_t segment_events) {
  const std::uint32_t share = (segment_events + kWindowsMax - 1) / kWindowsMax;
  return (share + kWordBits - 1) / kWordBits * kWordBits;
}

// The index of a segment whose lists are not written yet: what is known of each event, in columns
// that are looked through from end to end, which for so few events is as quick as lists are and
// costs a commit next to nothing.
//
// The committing thread writes, in front of what readers look at: they look at no event beyond the
// newest visible seq, which they have read before. Only persons change later, when they are erased.
class MemorySegment {
 public:
  MemorySegment(std::uint64_t first_seq, std::uint32_t capacity);

  std::uint64_t first_seq() const { return first_seq_; }
  std::uint32_t capacity() const { return capacity_; }
  std::uint64_t end_seq() const { return first_seq_ + capacity_; }

  // The committing thread's.
  void Set(std::uint32_t offset, const IndexedEvent& event);
  // Nothing is known of the events from here on any more.
  void Truncate(std::uint32_t offset);
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
};

// Whether the index can have a person of this number.
constexpr bool IsPersonNumber(std::int64_t person) { return person >= 0 && person <= 0xFFFFFFFF; }

}  // namespace gatelog::store
