#include "store/sqlite/event_scan.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "store/sqlite/segment_candidates.h"

namespace gatelog::store {
namespace {

// A stretch of the range and the segment it lies in; neither: in none.
struct Piece {
  SeqRange range;
  const ClosedSegment* closed = nullptr;
  const MemorySegment* memory = nullptr;
};

// In the order of seq.
std::vector<Piece> PiecesOf(const IndexView& view, SeqRange range) {
  std::vector<Piece> pieces;
  std::uint64_t due = range.first;
  const auto add = [&](std::uint64_t first, std::uint64_t end, const ClosedSegment* closed,
                       const MemorySegment* memory) {
    const std::uint64_t from = std::max(first, due);
    const std::uint64_t to = std::min(end - 1, range.last);
    if (from > to) return;
    if (from > due) pieces.push_back({{due, from - 1}});
    pieces.push_back({{from, to}, closed, memory});
    due = to + 1;
  };
  const auto first = std::lower_bound(
      view.closed->begin(), view.closed->end(), range.first,
      [](const ClosedSegment& segment, std::uint64_t seq) { return segment.end_seq() <= seq; });
  for (auto segment = first; segment != view.closed->end(); ++segment) {
    add(segment->first_seq, segment->end_seq(), &*segment, nullptr);
  }
  for (const auto& segment : view.memory) {
    add(segment->first_seq(), segment->end_seq(), nullptr, segment.get());
  }
  if (due <= range.last) pieces.push_back({{due, range.last}});
  return pieces;
}

// Whether so many of the events have a bit that to look at all rows, which lie beside each other,
// is faster than to look for each.
bool IsDense(std::span<const std::uint64_t> bits, std::uint32_t events) {
  constexpr std::uint32_t kDense = 4;
  const std::uint32_t enough = std::max(events / kDense, 1u);
  const auto words = static_cast<std::uint32_t>(
      std::count_if(bits.begin(), bits.end(), [](std::uint64_t word) { return word != 0; }));
  if (words * kWordBits < enough) return false;  // as mostly, without counting bits
  std::uint32_t count = 0;
  for (const std::uint64_t word : bits) count += static_cast<std::uint32_t>(std::popcount(word));
  return count >= enough;
}

class Scan {
 public:
  Scan(const IndexedEvents& events, const EventMatcher& matcher, EventColumns columns,
       ports::Order order, std::uint64_t looked_at_max, const StopGuard& stop,
       absl::FunctionRef<absl::StatusOr<bool>(const Statement&)> take)
      : events_(events),
        matcher_(matcher),
        columns_(SomeEventColumns(columns | matcher.columns())),
        newest_first_(order == ports::Order::kNewestFirst),
        left_(looked_at_max),
        stop_(stop),
        take_(take) {}

  absl::StatusOr<ScanEnd> Run(SeqRange range);

 private:
  // Each returns whether to go on; if not, reached_ is set.
  absl::StatusOr<bool> RunPiece(const Piece& piece);
  absl::StatusOr<bool> RunWindow(SegmentCandidates& candidates, std::uint32_t window,
                                 std::uint32_t first, std::uint32_t end);
  absl::StatusOr<bool> LookAtFew(std::span<const std::uint32_t> offsets, std::uint64_t first_seq,
                                 std::uint32_t first, std::uint32_t end);
  absl::StatusOr<bool> LookAtAll(SeqRange range);
  absl::StatusOr<bool> LookAtOne(std::uint64_t seq);
  absl::StatusOr<bool> LookAt(const Statement& row);

  const IndexedEvents& events_;
  const EventMatcher& matcher_;
  const std::string columns_;
  const bool newest_first_;
  std::uint64_t left_;
  const StopGuard& stop_;
  const absl::FunctionRef<absl::StatusOr<bool>(const Statement&)> take_;
  std::optional<Statement> one_;
  std::uint64_t reached_ = 0;
};

absl::StatusOr<bool> Scan::LookAt(const Statement& row) {
  GATELOG_RETURN_IF_ERROR(stop_.status());
  --left_;
  bool more = true;
  if (matcher_.Matches(row)) {
    GATELOG_ASSIGN_OR_RETURN(more, take_(row));
  }
  if (more && left_ > 0) return true;
  reached_ = SeqOf(row);
  return false;
}

absl::StatusOr<bool> Scan::LookAtAll(SeqRange range) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      events_.database.Prepare(absl::StrCat("SELECT ", columns_,
                                            " FROM event WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq",
                                            newest_first_ ? " DESC" : "")));
  select.Bind(1, static_cast<std::int64_t>(range.first));
  select.Bind(2, static_cast<std::int64_t>(range.last));
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return true;
    GATELOG_ASSIGN_OR_RETURN(const bool more, LookAt(select));
    if (!more) return false;
  }
}

absl::StatusOr<bool> Scan::LookAtOne(std::uint64_t seq) {
  if (!one_) {
    GATELOG_ASSIGN_OR_RETURN(
        Statement select,
        events_.database.Prepare(absl::StrCat("SELECT ", columns_, " FROM event WHERE seq = ?1")));
    one_.emplace(std::move(select));
  }
  one_->Bind(1, static_cast<std::int64_t>(seq));
  GATELOG_ASSIGN_OR_RETURN(const bool row, one_->Step());
  bool more = true;
  if (row) {
    GATELOG_ASSIGN_OR_RETURN(more, LookAt(*one_));
  }
  one_->Reset();
  return more;
}

absl::StatusOr<bool> Scan::RunWindow(SegmentCandidates& candidates, std::uint32_t window,
                                     std::uint32_t first, std::uint32_t end) {
  GATELOG_RETURN_IF_ERROR(stop_.status());
  if (!candidates.MayHave(window)) return true;
  GATELOG_ASSIGN_OR_RETURN(const std::span<const std::uint64_t> bits,
                           candidates.Window(window, first, end));
  const std::uint32_t begin = window * candidates.window_events();
  if (IsDense(bits, end - first)) {
    return LookAtAll({candidates.first_seq() + first, candidates.first_seq() + end - 1});
  }
  for (std::size_t i = 0; i < bits.size(); ++i) {
    const std::size_t at = newest_first_ ? bits.size() - 1 - i : i;
    for (std::uint64_t word = bits[at]; word != 0;) {
      const int bit = newest_first_ ? 63 - std::countl_zero(word) : std::countr_zero(word);
      word &= ~(std::uint64_t{1} << bit);
      const auto offset =
          static_cast<std::uint32_t>(begin + at * kWordBits + static_cast<std::size_t>(bit));
      if (offset < first || offset >= end) continue;
      GATELOG_ASSIGN_OR_RETURN(const bool more, LookAtOne(candidates.first_seq() + offset));
      if (!more) return false;
    }
  }
  return true;
}

absl::StatusOr<bool> Scan::LookAtFew(std::span<const std::uint32_t> offsets,
                                     std::uint64_t first_seq, std::uint32_t first,
                                     std::uint32_t end) {
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    const std::uint32_t offset = offsets[newest_first_ ? offsets.size() - 1 - i : i];
    if (offset < first || offset >= end) continue;
    GATELOG_ASSIGN_OR_RETURN(const bool more, LookAtOne(first_seq + offset));
    if (!more) return false;
  }
  return true;
}

absl::StatusOr<bool> Scan::RunPiece(const Piece& piece) {
  GATELOG_RETURN_IF_ERROR(stop_.status());
  const bool listed = piece.closed != nullptr || piece.memory != nullptr;
  if (!listed || matcher_.choices().empty()) return LookAtAll(piece.range);
  SegmentCandidates candidates(events_.database, matcher_, piece.closed, piece.memory);
  const auto first = static_cast<std::uint32_t>(piece.range.first - candidates.first_seq());
  const auto end = static_cast<std::uint32_t>(piece.range.last + 1 - candidates.first_seq());
  GATELOG_RETURN_IF_ERROR(candidates.Load(end));
  if (const auto few = candidates.Few()) return LookAtFew(*few, candidates.first_seq(), first, end);
  const std::uint32_t size = candidates.window_events();
  const std::uint32_t lowest = first / size;
  const std::uint32_t highest = (end - 1) / size;
  for (std::uint32_t i = 0; i <= highest - lowest; ++i) {
    const std::uint32_t window = newest_first_ ? highest - i : lowest + i;
    GATELOG_ASSIGN_OR_RETURN(const bool more,
                             RunWindow(candidates, window, std::max(first, window * size),
                                       std::min(end, (window + 1) * size)));
    if (!more) return false;
  }
  return true;
}

absl::StatusOr<ScanEnd> Scan::Run(SeqRange range) {
  if (range.last < range.first || !matcher_.possible()) return ScanEnd{};
  std::vector<Piece> pieces = PiecesOf(events_.view, range);
  if (newest_first_) std::reverse(pieces.begin(), pieces.end());
  for (const Piece& piece : pieces) {
    GATELOG_ASSIGN_OR_RETURN(const bool more, RunPiece(piece));
    if (!more) return ScanEnd{.to_the_end = false, .seq_reached = reached_};
  }
  return ScanEnd{};
}

}  // namespace

absl::StatusOr<ScanEnd> ScanEvents(const IndexedEvents& events, const EventMatcher& matcher,
                                   EventColumns columns, SeqRange range, ports::Order order,
                                   std::uint64_t looked_at_max, const StopGuard& stop,
                                   absl::FunctionRef<absl::StatusOr<bool>(const Statement&)> take) {
  return Scan(events, matcher, columns, order, looked_at_max, stop, take).Run(range);
}

}  // namespace gatelog::store
