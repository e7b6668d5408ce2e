#include "store/sqlite/memory_segment.h"

#include <algorithm>

namespace gatelog::store {
namespace {

// Sets the bit of each event of [first, end) that `is` says yes to, a word at a time and without
// branches, as most windows are looked through for little.
template <typename Is>
void MarkWhere(std::uint32_t first, std::uint32_t end, std::uint64_t* bits, Is is) {
  for (std::uint32_t offset = first; offset < end; ++bits) {
    const std::uint32_t stop = std::min(end, offset + kWordBits);
    std::uint64_t word = 0;
    for (std::uint32_t bit = 0; offset < stop; ++bit, ++offset) {
      word |= static_cast<std::uint64_t>(is(offset)) << bit;
    }
    *bits |= word;
  }
}

// Whether a column's number is within a range of keys, which may reach beyond the column's numbers.
struct Within {
  explicit Within(const KeyRange& range)
      : first(static_cast<std::uint32_t>(std::clamp<std::int64_t>(range.first, 0, 0xFFFFFFFF))),
        count(static_cast<std::uint32_t>(std::clamp<std::int64_t>(range.last, 0, 0xFFFFFFFF)) -
              first),
        any(range.first <= 0xFFFFFFFF && range.last >= 0 && range.first <= range.last) {}

  bool operator()(std::uint32_t number) const { return number - first <= count; }

  std::uint32_t first;
  std::uint32_t count;
  bool any;
};

}  // namespace

MemorySegment::MemorySegment(std::uint64_t first_seq, std::uint32_t capacity)
    : first_seq_(first_seq),
      capacity_(capacity),
      log_devices_(capacity),
      epochs_(capacity),
      ids_(capacity),
      timestamps_(capacity),
      devices_(capacity),
      codes_(capacity),
      people_(capacity),
      flags_(capacity),
      of_person_(capacity),
      of_log_(capacity) {}

void MemorySegment::Set(std::uint32_t offset, const IndexedEvent& event) {
  log_devices_[offset] = event.log_device;
  epochs_[offset] = event.epoch;
  ids_[offset] = event.id;
  timestamps_[offset] = event.timestamp;
  devices_[offset] = event.device;
  codes_[offset] = static_cast<std::uint32_t>(CodeKey(event.code, event.sub_code));
  people_[offset].store(static_cast<std::uint32_t>(event.person), std::memory_order_relaxed);
  flags_[offset] = static_cast<std::uint8_t>(kPresent | (event.has_image ? kImage : 0));
  if (event.timestamp < first_second_.load(std::memory_order_relaxed)) {
    first_second_.store(event.timestamp, std::memory_order_relaxed);
  }
  if (event.timestamp > last_second_.load(std::memory_order_relaxed)) {
    last_second_.store(event.timestamp, std::memory_order_relaxed);
  }
  if (event.person != 0) of_person_.Add(static_cast<std::uint32_t>(event.person), offset);
  of_log_.Add(event.log_device, offset);
}

std::shared_ptr<MemorySegment> MemorySegment::CopyBelow(std::uint32_t end) const {
  auto copy = std::make_shared<MemorySegment>(first_seq_, capacity_);
  for (std::uint32_t offset = 0; offset < end; ++offset) {
    if (Has(offset)) copy->Set(offset, At(offset));
  }
  return copy;
}

void MemorySegment::ErasePeople(const std::set<std::int64_t>& people, std::uint64_t first,
                                std::uint64_t end) {
  if (first >= end_seq() || end <= first_seq_) return;
  const std::uint64_t from = std::max(first, first_seq_) - first_seq_;
  const std::uint64_t to = std::min(end, end_seq()) - first_seq_;
  for (std::uint64_t offset = from; offset < to; ++offset) {
    if (people_[offset] != 0 && people.contains(people_[offset])) {
      people_[offset].store(0, std::memory_order_relaxed);
    }
  }
}

IndexedEvent MemorySegment::At(std::uint32_t offset) const {
  return {.log_device = log_devices_[offset],
          .epoch = epochs_[offset],
          .id = ids_[offset],
          .timestamp = timestamps_[offset],
          .device = devices_[offset],
          .code = codes_[offset] >> 8,
          .sub_code = codes_[offset] & 0xFF,
          .person = PersonAt(offset),
          .has_image = (flags_[offset] & kImage) != 0};
}

std::optional<std::int64_t> MemorySegment::KeyOf(ListKind kind, std::uint32_t offset) const {
  if (!Has(offset)) return std::nullopt;
  switch (kind) {
    case ListKind::kPerson:
      if (const std::uint32_t person = PersonAt(offset); person != 0) return person;
      return std::nullopt;
    case ListKind::kCode:
      return codes_[offset];
    case ListKind::kLog:
      return LogKey(log_devices_[offset], epochs_[offset]);
    case ListKind::kDevice:
      if (devices_[offset] != log_devices_[offset]) return devices_[offset];
      return std::nullopt;
    case ListKind::kImage:
      if ((flags_[offset] & kImage) != 0) return LogKey(log_devices_[offset], epochs_[offset]);
      return std::nullopt;
    case ListKind::kHour:
      return timestamps_[offset] / kHourSeconds;
  }
  return std::nullopt;
}

void MemorySegment::Mark(const KeyRange& range, model::EventId first_id, model::EventId last_id,
                         std::uint32_t first, std::uint32_t end, std::uint64_t* bits) const {
  const Within within(range);
  switch (range.kind) {
    case ListKind::kPerson:
      if (!within.any) return;
      return MarkWhere(first, end, bits, [&](std::uint32_t i) { return within(PersonAt(i)); });
    case ListKind::kCode:
      if (!within.any) return;
      return MarkWhere(first, end, bits, [&](std::uint32_t i) { return within(codes_[i]); });
    case ListKind::kDevice:
      if (!within.any) return;
      return MarkWhere(first, end, bits, [&](std::uint32_t i) { return within(devices_[i]); });
    case ListKind::kHour: {
      KeyRange seconds = range;
      constexpr std::int64_t kHoursMax = 0xFFFFFFFF / kHourSeconds;
      seconds.first = std::clamp<std::int64_t>(range.first, 0, kHoursMax + 1) * kHourSeconds;
      seconds.last = (std::clamp<std::int64_t>(range.last, -1, kHoursMax) + 1) * kHourSeconds - 1;
      const Within of_hours(seconds);
      if (!of_hours.any) return;
      return MarkWhere(first, end, bits, [&](std::uint32_t i) { return of_hours(timestamps_[i]); });
    }
    case ListKind::kLog:
    case ListKind::kImage: {
      const std::uint8_t flags = range.kind == ListKind::kImage ? kPresent | kImage : kPresent;
      return MarkWhere(first, end, bits, [&, flags](std::uint32_t i) {
        const std::int64_t key = LogKey(log_devices_[i], epochs_[i]);
        return key >= range.first && key <= range.last && ids_[i] >= first_id &&
               ids_[i] <= last_id && (flags_[i] & flags) == flags;
      });
    }
  }
}

std::optional<std::uint32_t> MemorySegment::FindNotAbove(const model::RecordKey& key,
                                                         std::uint32_t end) const {
  for (std::uint32_t offset = end; offset > 0; --offset) {
    const std::uint32_t i = offset - 1;
    if (log_devices_[i] != key.log_device || !Has(i)) continue;
    const bool above = epochs_[i] > key.epoch || (epochs_[i] == key.epoch && ids_[i] > key.id);
    if (!above) return i;
  }
  return std::nullopt;
}

}  // namespace gatelog::store
