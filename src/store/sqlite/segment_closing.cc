#include "store/sqlite/segment_closing.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>

#include "base/status_macros.h"

namespace gatelog::store {
namespace {

constexpr std::uint64_t kSignBit = std::uint64_t{1} << 63;

}  // namespace

// By the bytes of the key from the lowest on, which keeps the order of offsets under one key, and
// skips the bytes that all keys have in common: a tenth of the time that std::stable_sort takes.
void SegmentClosing::Sort(ListKind kind) {
  entries_.clear();
  std::array<std::array<std::uint32_t, 256>, 8> counts{};
  for (std::uint32_t offset = 0; offset < segment_->capacity(); ++offset) {
    const std::optional<std::int64_t> key = segment_->KeyOf(kind, offset);
    if (!key) continue;
    entries_.push_back({static_cast<std::uint64_t>(*key) ^ kSignBit, offset});
    for (std::size_t byte = 0; byte < counts.size(); ++byte) {
      ++counts[byte][entries_.back().key >> (8 * byte) & 0xFF];
    }
  }
  std::vector<Entry> sorted(entries_.size());
  for (std::size_t byte = 0; byte < counts.size(); ++byte) {
    if (entries_.empty()) break;
    if (counts[byte][entries_[0].key >> (8 * byte) & 0xFF] == entries_.size()) continue;
    std::uint32_t first = 0;
    for (std::uint32_t& count : counts[byte]) first += std::exchange(count, first);
    for (const Entry& entry : entries_) {
      sorted[counts[byte][entry.key >> (8 * byte) & 0xFF]++] = entry;
    }
    entries_.swap(sorted);
  }
}

absl::Status SegmentClosing::WriteLong(Database& database, ListKind kind, std::int64_t key,
                                       std::span<const Posting> list) {
  const std::uint32_t size = WindowEvents(segment_->capacity());
  std::uint64_t windows = 0;
  std::vector<Posting> part;
  for (std::size_t i = 0; i < list.size();) {
    const std::uint32_t window = list[i].offset / size;
    part.clear();
    for (; i < list.size() && list[i].offset / size == window; ++i) {
      part.push_back({list[i].offset - window * size, list[i].id});
    }
    bytes_.clear();
    EncodeList(part, HasIds(kind), bytes_);
    GATELOG_RETURN_IF_ERROR(
        InsertPostings(database, segment_->first_seq(), kind, window + 1, key, bytes_));
    windows |= std::uint64_t{1} << window;
  }
  return blocks_->AddLong(database, key, windows);
}

absl::StatusOr<std::uint64_t> SegmentClosing::WriteList(Database& database) {
  const ListKind kind = kListKinds[kind_];
  const bool with_ids = HasIds(kind);
  const std::uint64_t sorted_key = entries_[at_].key;
  const auto key = static_cast<std::int64_t>(sorted_key ^ kSignBit);
  list_.clear();
  for (; at_ < entries_.size() && entries_[at_].key == sorted_key; ++at_) {
    const std::uint32_t offset = entries_[at_].offset;
    list_.push_back({offset, with_ids ? segment_->IdAt(offset) : 0});
  }
  bytes_.clear();
  EncodeList(list_, with_ids, bytes_);
  if (bytes_.size() <= shape_.short_list_bytes) {
    GATELOG_RETURN_IF_ERROR(blocks_->AddShort(database, key, bytes_));
  } else {
    GATELOG_RETURN_IF_ERROR(WriteLong(database, kind, key, list_));
  }
  return list_.size();
}

absl::StatusOr<bool> SegmentClosing::WriteDays(Database& database, std::uint64_t& done) {
  constexpr std::uint32_t kEventsPerTurn = 16'384;
  const std::uint32_t capacity = segment_->capacity();
  if (counted_ < capacity) {
    const std::uint32_t end = std::min(capacity, counted_ + kEventsPerTurn);
    for (; counted_ < end; ++counted_, ++done) {
      if (!segment_->Has(counted_)) continue;
      ++counts_[segment_->TimestampAt(counted_) / kHourSeconds]
               [*segment_->KeyOf(ListKind::kCode, counted_)];
    }
    if (counted_ < capacity) return false;
    closed_ = {.first_seq = segment_->first_seq(), .events = capacity};
    if (!counts_.empty()) {
      closed_.first_hour = counts_.begin()->first;
      closed_.last_hour = counts_.rbegin()->first;
    }
  }
  if (counts_.empty()) return true;
  const std::uint32_t day = counts_.begin()->first / kHoursPerDay;
  GATELOG_RETURN_IF_ERROR(InsertDay(database, segment_->first_seq(), day, counts_));
  constexpr std::uint64_t kDayCost = 8;  // as much as so many events in lists
  done += kDayCost;
  while (!counts_.empty() && counts_.begin()->first / kHoursPerDay == day) {
    done += counts_.begin()->second.size();
    counts_.erase(counts_.begin());
  }
  return counts_.empty();
}

absl::StatusOr<bool> SegmentClosing::WriteSome(Database& database, std::uint64_t entries) {
  constexpr std::uint64_t kListCost = 4;  // beside its events
  std::uint64_t done = 0;
  while (done < entries) {
    if (kind_ == std::size(kListKinds)) {
      GATELOG_ASSIGN_OR_RETURN(const bool all, WriteDays(database, done));
      if (!all) continue;
      GATELOG_RETURN_IF_ERROR(InsertClosedSegment(database, closed_));
      return true;
    }
    if (!blocks_) {
      Sort(kListKinds[kind_]);
      at_ = 0;
      blocks_.emplace(segment_->first_seq(), kListKinds[kind_], shape_.block_bytes);
      done += entries_.size() / 4;
      continue;
    }
    if (at_ < entries_.size()) {
      GATELOG_ASSIGN_OR_RETURN(const std::uint64_t events, WriteList(database));
      done += events + kListCost;
      continue;
    }
    GATELOG_RETURN_IF_ERROR(blocks_->Flush(database));
    blocks_.reset();
    ++kind_;
  }
  return false;
}

}  // namespace gatelog::store
