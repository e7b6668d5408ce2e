#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "store/sqlite/event_matcher.h"
#include "store/sqlite/memory_segment.h"
#include "store/sqlite/posting_table.h"
#include "store/sqlite/sqlite_database.h"

namespace gatelog::store {

// Which events of one segment may match: a bit for each, window by window, those that are in lists
// of every choice. Exactly one of `closed` and `memory` is there.
class SegmentCandidates {
 public:
  SegmentCandidates(Database& database, const EventMatcher& matcher, const ClosedSegment* closed,
                    const MemorySegment* memory);

  // Reads what is needed of all windows, of events below `end`. Before anything else.
  absl::Status Load(std::uint32_t end);
  // If they are few, all of them, ascending. Nothing: they are to be looked for in the windows.
  std::optional<std::span<const std::uint32_t>> Few() const;

  std::uint64_t first_seq() const { return first_seq_; }
  std::uint32_t window_events() const { return window_events_; }
  // False: none of the window can match.
  bool MayHave(std::uint32_t window) const { return (windows_ >> window & 1) != 0; }
  // The events of [first, end), which lie within the window. The first bit is the window's first
  // event; what lies outside may have bits as well. Valid until the next call.
  absl::StatusOr<std::span<const std::uint64_t>> Window(std::uint32_t window, std::uint32_t first,
                                                        std::uint32_t end);

 private:
  static constexpr std::size_t kFewMax = 64;

  // The lists of one choice that are short, as bits of the whole segment; parts of the others, and
  // ranges by which a segment of memory is looked through.
  struct Chosen {
    const EventMatcher::Choice* choice = nullptr;
    std::vector<std::uint64_t> bits = {};
    std::uint64_t windows = 0;
    struct Long {
      ListKind kind;
      std::int64_t key;
      std::uint64_t windows;  // not read yet
    };
    std::vector<Long> parts = {};
    std::vector<KeyRange> scans = {};
    std::vector<std::uint32_t> few = {};  // as long as `bits` is empty, those that are to be set
  };

  absl::Status LoadChoice(const EventMatcher::Choice& choice);
  // Of the segment in memory, events below `end`.
  void LoadChoiceFromMemory(const EventMatcher::Choice& choice, std::uint32_t end);
  void AddChosen(Chosen chosen);
  std::vector<std::uint64_t>& BitsOf(Chosen& chosen) const;
  void AddStretch(ListKind kind, std::uint32_t first, std::uint32_t count, model::EventId id,
                  Chosen& chosen) const;
  absl::Status ReadParts(std::uint32_t window, Chosen& chosen);

  Database& database_;
  const EventMatcher& matcher_;
  const ClosedSegment* const closed_;
  const MemorySegment* const memory_;
  const std::uint64_t first_seq_;
  const std::uint32_t events_;
  const std::uint32_t window_events_;
  std::uint64_t windows_ = 0;
  std::vector<Chosen> chosen_;
  std::vector<std::uint64_t> window_;
};

}  // namespace gatelog::store
