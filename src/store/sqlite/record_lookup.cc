#include "store/sqlite/record_lookup.h"

#include <algorithm>
#include <iterator>

#include "base/status_macros.h"
#include "store/sqlite/posting_table.h"

namespace gatelog::store {
namespace {

// Where a record lies, as a segment's lists tell: records of a log go up as seq does.
enum class Place {
  kBefore,
  kInside,
  kBehind,
  kNowhere,
  kUnknown,  // the segment has nothing of the log
};

absl::StatusOr<Place> PlaceOf(Database& database, const ClosedSegment& segment,
                              const model::RecordKey& key, std::uint64_t& seq) {
  const std::int64_t epoch_key = LogKey(key.log_device, key.epoch);
  bool any_below = false;
  bool any_above = false;
  bool here = false;
  const auto take = [&](const StoredList& list) -> absl::Status {
    any_below = any_below || list.key < epoch_key;
    any_above = any_above || list.key > epoch_key;
    here = here || list.key == epoch_key;
    return absl::OkStatus();
  };
  GATELOG_RETURN_IF_ERROR(
      VisitLists(database, segment, LogKeys(ListKind::kLog, key.log_device), take));
  if (here) {
    GATELOG_ASSIGN_OR_RETURN(const std::vector<Posting> list,
                             ReadList(database, segment, ListKind::kLog, epoch_key));
    const auto at =
        std::lower_bound(list.begin(), list.end(), key.id,
                         [](const Posting& posting, model::EventId id) { return posting.id < id; });
    if (at != list.end() && at->id == key.id) {
      seq = segment.first_seq + at->offset;
      return Place::kInside;
    }
    if (at == list.begin()) return any_below ? Place::kNowhere : Place::kBefore;
    return at == list.end() && !any_above ? Place::kBehind : Place::kNowhere;
  }
  if (any_below && any_above) return Place::kNowhere;
  if (any_below) return Place::kBehind;
  return any_above ? Place::kBefore : Place::kUnknown;
}

}  // namespace

std::uint32_t RecordLookup::EndIn(const MemorySegment& segment) const {
  if (last_seq < segment.first_seq()) return 0;
  return static_cast<std::uint32_t>(std::min(segment.end_seq(), last_seq + 1) -
                                    segment.first_seq());
}

absl::StatusOr<std::optional<std::uint64_t>> RecordLookup::Find(const model::RecordKey& key) const {
  for (auto segment = view.memory.rbegin(); segment != view.memory.rend(); ++segment) {
    const std::optional<std::uint32_t> offset = (*segment)->FindNotAbove(key, EndIn(**segment));
    if (!offset) continue;
    const IndexedEvent event = (*segment)->At(*offset);
    if (event.epoch != key.epoch || event.id != key.id) return std::nullopt;
    return (*segment)->first_seq() + *offset;
  }
  return FindClosed(key);
}

// Segments that have nothing of the log say nothing about where to go on; where every log has
// events in most segments, this takes a few looks.
absl::StatusOr<std::optional<std::uint64_t>> RecordLookup::FindClosed(
    const model::RecordKey& key) const {
  std::size_t low = 0;
  std::size_t high = view.closed->size();  // the record is within [low, high)
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    std::size_t looked_at = middle;
    Place place = Place::kUnknown;
    std::uint64_t seq = 0;
    for (; looked_at < high; ++looked_at) {
      GATELOG_ASSIGN_OR_RETURN(place, PlaceOf(database, (*view.closed)[looked_at], key, seq));
      if (place != Place::kUnknown) break;
    }
    if (place == Place::kNowhere) return std::nullopt;
    if (place == Place::kInside) return seq;
    if (place == Place::kBehind) {
      low = looked_at + 1;
    } else {
      high = middle;
    }
  }
  return std::nullopt;
}

absl::StatusOr<std::optional<std::uint64_t>> RecordLookup::FindLatest(model::DeviceId log_device,
                                                                      model::Epoch newest,
                                                                      model::EventId id) const {
  for (model::Epoch epoch = newest; epoch > 0; --epoch) {
    GATELOG_ASSIGN_OR_RETURN(const std::optional<std::uint64_t> seq, Find({log_device, epoch, id}));
    if (seq) return seq;
  }
  return std::nullopt;
}

absl::Status RecordLookup::VisitImages(model::DeviceId log_device, model::Epoch epoch,
                                       model::EventId first,
                                       absl::FunctionRef<absl::Status(model::EventId)> take) const {
  const std::int64_t key = LogKey(log_device, epoch);
  for (const ClosedSegment& segment : *view.closed) {
    GATELOG_ASSIGN_OR_RETURN(const std::vector<Posting> list,
                             ReadList(database, segment, ListKind::kImage, key));
    for (const Posting& posting : list) {
      if (posting.id >= first) GATELOG_RETURN_IF_ERROR(take(posting.id));
    }
  }
  for (const auto& segment : view.memory) {
    const std::uint32_t end = EndIn(*segment);
    for (std::uint32_t offset = 0; offset < end; ++offset) {
      if (segment->KeyOf(ListKind::kImage, offset) != key) continue;
      if (segment->IdAt(offset) >= first) GATELOG_RETURN_IF_ERROR(take(segment->IdAt(offset)));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::uint64_t>> RecordLookup::EventsOf(std::int64_t person) const {
  std::vector<std::uint64_t> seqs;
  for (const ClosedSegment& segment : *view.closed) {
    GATELOG_ASSIGN_OR_RETURN(const std::vector<Posting> list,
                             ReadList(database, segment, ListKind::kPerson, person));
    for (const Posting& posting : list) seqs.push_back(segment.first_seq + posting.offset);
  }
  for (const auto& segment : view.memory) {
    const std::uint32_t end = EndIn(*segment);
    for (std::uint32_t offset = 0; offset < end; ++offset) {
      if (segment->KeyOf(ListKind::kPerson, offset) == person) {
        seqs.push_back(segment->first_seq() + offset);
      }
    }
  }
  return seqs;
}

absl::Status RecordLookup::KeepGone(std::unordered_set<std::int64_t>& people,
                                    std::uint64_t first_seq) const {
  for (auto segment = view.memory.rbegin(); segment != view.memory.rend(); ++segment) {
    for (std::uint32_t offset = EndIn(**segment); offset > 0 && !people.empty(); --offset) {
      if ((*segment)->first_seq() + offset - 1 < first_seq) break;
      const auto person = (*segment)->KeyOf(ListKind::kPerson, offset - 1);
      if (person) people.erase(*person);
    }
  }
  for (auto segment = view.closed->rbegin(); segment != view.closed->rend(); ++segment) {
    if (segment->end_seq() <= first_seq) break;
    for (auto person = people.begin(); person != people.end();) {
      GATELOG_ASSIGN_OR_RETURN(const std::vector<Posting> list,
                               ReadList(database, *segment, ListKind::kPerson, *person));
      const bool lives = !list.empty() && segment->first_seq + list.back().offset >= first_seq;
      person = lives ? people.erase(person) : std::next(person);
    }
  }
  return absl::OkStatus();
}

}  // namespace gatelog::store
