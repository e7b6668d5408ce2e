#include "core/access/stored_log.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "base/status_macros.h"
#include "model/gap.h"

namespace gatelog::core {
namespace {

constexpr std::uint32_t kPageEvents = 8'192;
constexpr std::uint32_t kGapsMax = 1'000;  // of the log; with more, its device is asked

absl::Status NotWhole() { return absl::NotFoundError("the store has not all of the log"); }

// What the store can sort out of what no filter matches. Not by user: an event that a person was
// erased from would not be seen, and the device still has it as it was.
ports::EventFilter Common(const std::vector<RecordFilter>& filters) {
  ports::EventFilter common;
  const auto all = [&filters](std::uint32_t RecordFilter::*field) {
    return std::all_of(filters.begin(), filters.end(),
                       [field](const RecordFilter& filter) { return filter.*field != 0; });
  };
  const bool codes = all(&RecordFilter::code);
  const bool keys = all(&RecordFilter::tna_key);
  const bool begins = all(&RecordFilter::start_time);
  const bool ends = all(&RecordFilter::end_time);
  for (const RecordFilter& filter : filters) {
    if (codes) common.codes.emplace_back(filter.code);
    if (keys) common.tna_keys.push_back(filter.tna_key);
    const std::int64_t begin = filter.start_time;
    const std::int64_t end = std::int64_t{filter.end_time} + 1;
    if (begins) common.from_s = common.from_s == 0 ? begin : std::min(common.from_s, begin);
    if (ends) common.to_s = std::max(common.to_s, end);
  }
  return common;
}

}  // namespace

StoredLogReader::StoredLogReader(model::DeviceId log_device, model::Epoch epoch,
                                 model::EventId first, model::EventId last, model::EventId from,
                                 std::vector<RecordFilter> filters)
    : log_device_(log_device),
      epoch_(epoch),
      first_(first),
      last_(last),
      filters_(std::move(filters)),
      next_id_(std::max(from, first)) {
  done_ = next_id_ > last_;
  query_.filter = Common(filters_);
  query_.filter.log_devices = {log_device_};
  query_.filter.epoch = epoch_;
  query_.filter.first_id = next_id_;
  query_.filter.last_id = last_;
  query_.limit = kPageEvents;
}

absl::StatusOr<std::vector<std::string>> StoredLogReader::Next(ports::EventStore& store,
                                                               std::stop_token stop) {
  query_.stop = std::move(stop);
  if (oldest_seq_ == 0) GATELOG_RETURN_IF_ERROR(CheckWhole(store));
  GATELOG_ASSIGN_OR_RETURN(ports::EventPage page, store.Read(query_));
  // Asked afterwards: what was pruned before the read would be missing from it.
  if (store.first_seq() > oldest_seq_) return NotWhole();
  std::vector<std::string> records;
  for (ports::StoredEvent& event : page.events) {
    if (event.erased) return NotWhole();
    if (MatchesAny(filters_, event.event)) records.push_back(std::move(event.event.payload));
  }
  query_.after_seq = page.seq_reached;
  done_ = !page.more;
  if (!page.events.empty()) next_id_ = page.events.back().event.id + 1;
  if (done_) next_id_ = last_ + 1;
  query_.filter.first_id = next_id_;  // the narrower way for a store that goes by the log's IDs
  return records;
}

// Everything from the epoch's beginning to `next` is either stored or inside a gap. What is not
// stored must be what the device cannot give either: unreadable records. And the oldest record that
// the device holds must not have been pruned; then none after it has been.
absl::Status StoredLogReader::CheckWhole(ports::EventStore& store) {
  GATELOG_ASSIGN_OR_RETURN(const ports::StoredEvent oldest, OldestOf(store));
  GATELOG_ASSIGN_OR_RETURN(const std::uint64_t unreadable, CountUnreadable(store, oldest.event.id));
  if (unreadable != oldest.event.id - first_) return NotWhole();
  oldest_seq_ = oldest.seq;
  return absl::OkStatus();
}

absl::StatusOr<ports::StoredEvent> StoredLogReader::OldestOf(ports::EventStore& store) {
  ports::EventQuery query;
  query.filter.log_devices = {log_device_};
  query.filter.epoch = epoch_;
  query.filter.first_id = first_;
  query.filter.last_id = last_;
  query.limit = 1;
  query.stop = query_.stop;
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(ports::EventPage page, store.Read(query));
    if (!page.events.empty()) return std::move(page.events.front());
    if (!page.more) return NotWhole();
    query.after_seq = page.seq_reached;
  }
}

absl::StatusOr<std::uint64_t> StoredLogReader::CountUnreadable(ports::EventStore& store,
                                                               model::EventId end) {
  const model::DeviceId devices[] = {log_device_};
  GATELOG_ASSIGN_OR_RETURN(const std::vector<model::Gap> gaps,
                           store.ReadGaps(devices, {log_device_, epoch_, 0}, kGapsMax));
  std::uint64_t unreadable = 0;
  for (const model::Gap& gap : gaps) {
    if (gap.epoch != epoch_ || gap.last < first_ || gap.first > last_) continue;
    if (gap.reason != model::GapReason::kUnreadable) return NotWhole();
    if (gap.last < end) unreadable += std::uint64_t{gap.last} - gap.first + 1;
  }
  if (gaps.size() == kGapsMax) return NotWhole();
  return unreadable;
}

}  // namespace gatelog::core
