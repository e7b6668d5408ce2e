#include "store/sqlite/event_index.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "store/sqlite/event_row.h"

namespace gatelog::store {
namespace {

// How many events a commit writes into lists, each counted in each list, per event that it commits:
// several times as many as a segment has on average, so that one is closed long before the next is
// full.
constexpr std::uint64_t kPace = 16;
// As many full segments in memory show that the pace is too slow for what devices send.
constexpr std::uint64_t kWaitingMax = 3;
constexpr std::uint64_t kHaste = 4;

constexpr std::int64_t kRowsPerDeletion = 200;

// Where the events that are in no closed segment begin.
absl::StatusOr<std::uint64_t> FirstUnclosed(Database& database,
                                            const std::vector<ClosedSegment>& closed,
                                            std::uint64_t last_seq) {
  if (!closed.empty()) return closed.back().end_seq();
  GATELOG_ASSIGN_OR_RETURN(Statement select,
                           database.Prepare("SELECT seq FROM event ORDER BY seq LIMIT 1"));
  GATELOG_ASSIGN_OR_RETURN(const bool any, select.Step());
  return any ? std::min(static_cast<std::uint64_t>(select.Integer(0)), last_seq + 1) : last_seq + 1;
}

// Calls take(seq, event) with the events of [first, last].
template <typename Take>
absl::Status VisitEvents(Database& database, std::uint64_t first, std::uint64_t last, Take take) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database.Prepare("SELECT seq, log_device, epoch, id, timestamp, device, code, sub_code, "
                       "person, flags FROM event WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq"));
  select.Bind(1, static_cast<std::int64_t>(first));
  select.Bind(2, static_cast<std::int64_t>(last));
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return absl::OkStatus();
    const IndexedEvent event{.log_device = static_cast<model::DeviceId>(select.Integer(1)),
                             .epoch = static_cast<model::Epoch>(select.Integer(2)),
                             .id = static_cast<model::EventId>(select.Integer(3)),
                             .timestamp = static_cast<std::uint32_t>(select.Integer(4)),
                             .device = static_cast<model::DeviceId>(select.Integer(5)),
                             .code = static_cast<std::uint32_t>(select.Integer(6)),
                             .sub_code = static_cast<std::uint32_t>(select.Integer(7)),
                             .person = select.Integer(8),
                             .has_image = (select.Integer(9) & kFlagHasImage) != 0};
    if (!IsPersonNumber(event.person)) {
      return absl::DataLossError(absl::StrCat(database.path(), " is damaged (the person of event ",
                                              select.Integer(0),
                                              "); keep a copy of it and restore a backup."));
    }
    take(static_cast<std::uint64_t>(select.Integer(0)), event);
  }
}

}  // namespace

absl::StatusOr<IndexView> LoadIndex(Database& database, std::uint64_t last_seq,
                                    const IndexShape& shape) {
  IndexView view;
  GATELOG_ASSIGN_OR_RETURN(std::vector<ClosedSegment> closed, ReadClosedSegments(database));
  GATELOG_ASSIGN_OR_RETURN(std::uint64_t first, FirstUnclosed(database, closed, last_seq));
  view.closed = std::make_shared<std::vector<ClosedSegment>>(std::move(closed));
  GATELOG_RETURN_IF_ERROR(
      VisitEvents(database, first, last_seq, [&](std::uint64_t seq, const IndexedEvent& event) {
        while (view.memory.empty() || view.memory.back()->end_seq() <= seq) {
          view.memory.push_back(std::make_shared<MemorySegment>(first, shape.segment_events));
          first += shape.segment_events;
        }
        view.memory.back()->Set(static_cast<std::uint32_t>(seq - view.memory.back()->first_seq()),
                                event);
      }));
  return view;
}

absl::StatusOr<std::shared_ptr<MemorySegment>> ReadSegment(Database& database,
                                                           std::uint64_t first_seq,
                                                           std::uint32_t events) {
  auto segment = std::make_shared<MemorySegment>(first_seq, events);
  GATELOG_RETURN_IF_ERROR(VisitEvents(database, first_seq, segment->end_seq() - 1,
                                      [&](std::uint64_t seq, const IndexedEvent& event) {
                                        segment->Set(static_cast<std::uint32_t>(seq - first_seq),
                                                     event);
                                      }));
  return segment;
}

absl::Status CloseFullSegments(Database& database, const IndexShape& shape) {
  GATELOG_ASSIGN_OR_RETURN(
      const std::int64_t newest,
      database.QueryInteger(
          "SELECT first_seq + events - 1 FROM block ORDER BY number DESC LIMIT 1"));
  const auto last_seq = static_cast<std::uint64_t>(newest);
  GATELOG_ASSIGN_OR_RETURN(const std::vector<ClosedSegment> closed, ReadClosedSegments(database));
  GATELOG_ASSIGN_OR_RETURN(std::uint64_t first, FirstUnclosed(database, closed, last_seq));
  constexpr std::uint64_t kToldFrom = 4;  // segments
  const bool told = (last_seq + 1 - first) / shape.segment_events >= kToldFrom;
  if (told) {
    LogInfo("The events that are stored already are put into lists, once.",
            {{"events", last_seq + 1 - first}});
  }
  std::uint64_t closed_now = 0;
  for (; first + shape.segment_events <= last_seq + 1; first += shape.segment_events) {
    GATELOG_ASSIGN_OR_RETURN(const std::shared_ptr<MemorySegment> segment,
                             ReadSegment(database, first, shape.segment_events));
    GATELOG_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(database));
    GATELOG_RETURN_IF_ERROR(DeleteUnclosed(database, first));
    SegmentClosing closing(segment, shape);
    GATELOG_RETURN_IF_ERROR(
        closing.WriteSome(database, std::numeric_limits<std::uint64_t>::max()).status());
    GATELOG_RETURN_IF_ERROR(transaction.Commit());
    constexpr std::uint64_t kToldEvery = 16;
    if (told && ++closed_now % kToldEvery == 0) {
      LogInfo("Events are put into lists.", {{"done", segment->end_seq() - 1}, {"of", last_seq}});
    }
  }
  return absl::OkStatus();
}

absl::Status EventIndex::Load(Database& database, std::uint64_t last_seq) {
  GATELOG_ASSIGN_OR_RETURN(next_, LoadIndex(database, last_seq, shape_));
  next_seq_ = last_seq + 1;
  closing_.reset();
  closed_.reset();
  deleted_.reset();
  erasures_.clear();
  closing_went_on_ = false;
  to_be_deleted_ = true;
  Publish();
  return absl::OkStatus();
}

std::shared_ptr<const IndexView> EventIndex::view() const {
  MutexLock lock(mutex_);
  return view_;
}

void EventIndex::Publish() {
  auto view = std::make_shared<const IndexView>(next_);
  changed_ = false;
  MutexLock lock(mutex_);
  view_ = std::move(view);
}

void EventIndex::Add(std::uint64_t seq, const IndexedEvent& event) {
  if (next_.memory.empty() || next_.memory.back()->end_seq() <= seq) {
    next_.memory.push_back(std::make_shared<MemorySegment>(seq, shape_.segment_events));
    changed_ = true;
  }
  MemorySegment& open = *next_.memory.back();
  open.Set(static_cast<std::uint32_t>(seq - open.first_seq()), event);
  next_seq_ = seq + 1;
}

std::uint64_t EventIndex::WaitingSegments() const {
  return static_cast<std::uint64_t>(
      std::count_if(next_.memory.begin(), next_.memory.end(),
                    [this](const auto& segment) { return IsFull(*segment); }));
}

absl::Status EventIndex::CloseSome(Database& database, std::uint64_t events) {
  const std::uint64_t waiting = WaitingSegments();
  if (waiting == 0) return absl::OkStatus();
  closing_went_on_ = true;
  if (to_be_deleted_) {
    GATELOG_RETURN_IF_ERROR(DeleteUnclosed(database, unclosed_seq()));
    closing_.reset();
    to_be_deleted_ = false;
  }
  if (!closing_) closing_.emplace(next_.memory.front(), shape_);
  const std::uint64_t entries = std::max(shape_.entries_per_commit_min,
                                         events * kPace * (waiting > kWaitingMax ? kHaste : 1));
  GATELOG_ASSIGN_OR_RETURN(const bool all, closing_->WriteSome(database, entries));
  if (all) closed_ = closing_->closed();
  return absl::OkStatus();
}

absl::Status EventIndex::ErasePeople(Database& database, const std::set<std::int64_t>& people,
                                     std::uint64_t first, std::uint64_t end) {
  for (const ClosedSegment& segment : *next_.closed) {
    GATELOG_RETURN_IF_ERROR(ErasePostings(database, segment, people, first, end, shape_));
  }
  erasures_.push_back({people, first, end});
  // What of them is written already of a segment that is being closed; it begins anew.
  if (!closing_ && !to_be_deleted_) return absl::OkStatus();
  closing_.reset();
  to_be_deleted_ = true;
  return DeleteUnclosed(database, unclosed_seq());
}

bool EventIndex::HasBefore(std::uint64_t first_seq) const {
  return !next_.closed->empty() && next_.closed->front().end_seq() <= first_seq;
}

absl::Status EventIndex::DeleteSomeBefore(Database& database, std::uint64_t first_seq) {
  if (!HasBefore(first_seq)) return absl::OkStatus();
  const std::uint64_t segment = next_.closed->front().first_seq;
  GATELOG_ASSIGN_OR_RETURN(const bool all, DeleteSegment(database, segment, kRowsPerDeletion));
  if (all) deleted_ = segment;
  return absl::OkStatus();
}

void EventIndex::OnCommitted() {
  for (const Erasure& erasure : erasures_) {
    for (const auto& segment : next_.memory) {
      segment->ErasePeople(erasure.people, erasure.first, erasure.end);
    }
  }
  erasures_.clear();
  closing_went_on_ = false;
  if (closed_ || deleted_) {
    auto closed = std::make_shared<std::vector<ClosedSegment>>(*next_.closed);
    if (deleted_) closed->erase(closed->begin());
    if (closed_) {
      closed->push_back(*closed_);
      next_.memory.erase(next_.memory.begin());
      closing_.reset();
    }
    next_.closed = std::move(closed);
    closed_.reset();
    deleted_.reset();
    changed_ = true;
  }
  if (changed_) Publish();
}

void EventIndex::OnRolledBack(std::uint64_t last_seq) {
  const bool added = std::exchange(next_seq_, last_seq + 1) != last_seq + 1;
  while (!next_.memory.empty() && next_.memory.back()->first_seq() > last_seq) {
    next_.memory.pop_back();
  }
  if (added && !next_.memory.empty() && next_.memory.back()->end_seq() > next_seq_) {
    std::shared_ptr<MemorySegment>& open = next_.memory.back();
    open = open->CopyBelow(static_cast<std::uint32_t>(next_seq_ - open->first_seq()));
    Publish();
  }
  erasures_.clear();
  closed_.reset();
  deleted_.reset();
  if (!std::exchange(closing_went_on_, false)) return;
  // What was written of it is not in the tables, or only in part.
  closing_.reset();
  to_be_deleted_ = true;
}

}  // namespace gatelog::store
