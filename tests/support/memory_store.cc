#include "tests/support/memory_store.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace gatelog::testing {
namespace {

template <typename T>
bool IsAnyOf(const std::vector<T>& wanted, const T& value) {
  return wanted.empty() || std::find(wanted.begin(), wanted.end(), value) != wanted.end();
}

model::EventId LowestOf(const ports::Batch& batch) {
  return batch.after.epoch == batch.expected_epoch ? batch.expected_next : batch.after.epoch_first;
}

// Events and gaps must cover [LowestOf, after.next) without overlap or hole.
absl::Status CheckCover(const ports::Batch& batch) {
  std::vector<std::pair<model::EventId, model::EventId>> covered;  // first, last
  for (const model::Event& event : batch.events) covered.emplace_back(event.id, event.id);
  if (!std::is_sorted(covered.begin(), covered.end())) {
    return absl::InvalidArgumentError("the events do not ascend");
  }
  for (const model::Gap& gap : batch.gaps) {
    if (gap.log_device != batch.log_device || gap.epoch != batch.after.epoch ||
        gap.first > gap.last) {
      return absl::InvalidArgumentError("a gap is of another log or epoch, or upside down");
    }
    covered.emplace_back(gap.first, gap.last);
  }
  std::sort(covered.begin(), covered.end());
  std::uint64_t next = LowestOf(batch);
  for (const auto& [first, last] : covered) {
    if (first != next)
      return absl::InvalidArgumentError(absl::StrCat("ID ", next, " is due, not ", first));
    next = std::uint64_t{last} + 1;
  }
  if (next != batch.after.next) {
    return absl::InvalidArgumentError(
        absl::StrCat("ends before ID ", next, ", not ", batch.after.next));
  }
  return absl::OkStatus();
}

absl::Status CheckBatch(const ports::Batch& batch) {
  const ports::LogState& after = batch.after;
  if (after.log_device != batch.log_device) return absl::InvalidArgumentError("another log device");
  if (after.epoch == 0 ||
      (after.epoch != batch.expected_epoch && after.epoch != batch.expected_epoch + 1)) {
    return absl::InvalidArgumentError("no such step of the epoch");
  }
  if (after.next < LowestOf(batch)) return absl::InvalidArgumentError("the next ID goes back");
  if (after.anchors.size() > model::kAnchorCount)
    return absl::InvalidArgumentError("too many anchors");
  return CheckCover(batch);
}

}  // namespace

bool Matches(const ports::EventFilter& filter, const ports::StoredEvent& stored) {
  const model::Event& event = stored.event;
  const bool code_fits =
      filter.codes.empty() ||
      std::any_of(filter.codes.begin(), filter.codes.end(), [&](const ports::CodeChoice& choice) {
        return choice.code == event.code && IsAnyOf(choice.sub_codes, event.sub_code);
      });
  const bool measured = filter.temperature_from != 0 || filter.temperature_to != 0;
  return code_fits && IsAnyOf(filter.log_devices, stored.log_device) &&
         IsAnyOf(filter.devices, event.device) && IsAnyOf(filter.users, event.user_id) &&
         (filter.users.empty() || !event.user_id.empty() || !stored.erased) &&
         (filter.cards.empty() ||
          (!model::CardNumber(event.payload).empty() &&
           IsAnyOf(filter.cards, std::string(model::CardNumber(event.payload))))) &&
         IsAnyOf(filter.entities, event.entity_id) && IsAnyOf(filter.tna_keys, event.tna_key) &&
         (!filter.epoch || stored.epoch == *filter.epoch) &&
         (!filter.phase || stored.phase == *filter.phase) &&
         (filter.first_id == 0 || event.id >= filter.first_id) &&
         (filter.last_id == 0 || event.id <= filter.last_id) &&
         (filter.from_s == 0 || event.timestamp >= filter.from_s) &&
         (filter.to_s == 0 || event.timestamp < filter.to_s) &&
         (filter.arrival_from == Timestamp{} || stored.arrival >= filter.arrival_from) &&
         (filter.arrival_to == Timestamp{} || stored.arrival < filter.arrival_to) &&
         (!measured || event.temperature != 0) && event.temperature >= filter.temperature_from &&
         (filter.temperature_to == 0 || event.temperature <= filter.temperature_to) &&
         (!filter.has_image || event.has_image) &&
         (!filter.changed_on_device || event.changed_on_device);
}

std::vector<ports::EventCount> CountOf(const ports::CountQuery& query,
                                       const std::vector<ports::StoredEvent>& events) {
  std::map<ports::EventCount, std::uint64_t> counts;  // by a row whose own count is 0
  for (const ports::StoredEvent& stored : events) {
    if (!Matches(query.filter, stored)) continue;
    const model::Event& event = stored.event;
    ports::EventCount row;
    if (query.by_span_s != 0) row.span_s = event.timestamp - event.timestamp % query.by_span_s;
    if (query.by_code) row.code = event.code;
    if (query.by_sub_code) row.sub_code = event.sub_code;
    if (query.by_device) row.device = event.device;
    if (query.by_entity) row.entity = event.entity_id;
    if (query.by_user) row.user_id = event.user_id;
    ++counts[row];
  }
  std::vector<ports::EventCount> rows;
  for (const auto& [row, count] : counts) {
    rows.push_back(row);
    rows.back().events = count;
  }
  return rows;
}

void MemoryStore::FailNextCommit(absl::Status status, Outcome outcome) {
  MutexLock lock(mutex_);
  next_failure_ = {std::move(status), outcome};
}

void MemoryStore::FailAll(absl::Status status) {
  MutexLock lock(mutex_);
  failing_ = std::move(status);
}

MemoryStore::Calls MemoryStore::calls() const {
  MutexLock lock(mutex_);
  return calls_;
}

std::vector<ports::StoredEvent> MemoryStore::events() const {
  MutexLock lock(mutex_);
  return events_;
}

std::vector<model::Gap> MemoryStore::gaps() const {
  MutexLock lock(mutex_);
  std::vector<model::Gap> gaps;
  for (const auto& [key, gap] : gaps_) gaps.push_back(gap);
  return gaps;
}

std::map<model::RecordKey, model::Image> MemoryStore::images() const {
  MutexLock lock(mutex_);
  return images_;
}

std::map<model::RecordKey, model::ImageAbsenceReason> MemoryStore::absences() const {
  MutexLock lock(mutex_);
  return absences_;
}

std::uint64_t MemoryStore::last_seq() const {
  MutexLock lock(mutex_);
  return events_.size();
}

std::uint64_t MemoryStore::first_seq() const {
  MutexLock lock(mutex_);
  return first_seq_;
}

void MemoryStore::PruneBefore(std::uint64_t first) {
  MutexLock lock(mutex_);
  first_seq_ = std::max(first_seq_, first);
}

void MemoryStore::LookAtMost(std::uint64_t events) {
  MutexLock lock(mutex_);
  looked_at_max_ = events;
}

absl::StatusOr<std::vector<ports::LogState>> MemoryStore::LoadLogStates() {
  MutexLock lock(mutex_);
  ++calls_.reads;
  GATELOG_RETURN_IF_ERROR(failing_);
  std::vector<ports::LogState> states;
  for (const auto& [log_device, state] : states_) states.push_back(state);
  return states;
}

template <typename Batches, typename CommitBatch>
absl::StatusOr<std::vector<absl::Status>> MemoryStore::CommitAll(const Batches& batches,
                                                                 CommitBatch commit) {
  GATELOG_RETURN_IF_ERROR(failing_);
  const std::optional<Failure> failure = std::exchange(next_failure_, std::nullopt);
  if (failure && failure->outcome == Outcome::kNothingWritten) return failure->status;
  std::vector<absl::Status> results;
  for (const auto& batch : batches) results.push_back(commit(batch));
  if (failure) return failure->status;
  return results;
}

absl::StatusOr<std::vector<absl::Status>> MemoryStore::Commit(
    std::span<const ports::Batch> batches) {
  if (look_) look_();
  MutexLock lock(mutex_);
  if (batches.empty()) {
    GATELOG_RETURN_IF_ERROR(failing_);
    return std::vector<absl::Status>();
  }
  ++calls_.commits;
  return CommitAll(batches, [this](const ports::Batch& batch)
                                GATELOG_REQUIRES(mutex_) { return CommitOne(batch); });
}

absl::StatusOr<std::vector<absl::Status>> MemoryStore::CommitImages(
    std::span<const ports::ImageBatch> batches) {
  if (look_) look_();
  MutexLock lock(mutex_);
  ++calls_.image_commits;
  return CommitAll(batches, [this](const ports::ImageBatch& batch)
                                GATELOG_REQUIRES(mutex_) { return CommitImagesOne(batch); });
}

absl::Status MemoryStore::CommitOne(const ports::Batch& batch) {
  GATELOG_RETURN_IF_ERROR(CheckBatch(batch));
  const auto known = states_.find(batch.log_device);
  const ports::LogState before = known == states_.end() ? ports::LogState{} : known->second;
  if (before.epoch != batch.expected_epoch || before.next != batch.expected_next) {
    return absl::FailedPreconditionError(
        absl::StrCat("the log stands at epoch ", before.epoch, ", next ID ", before.next));
  }
  const bool opens = batch.after.epoch != before.epoch;
  if (!opens && batch.after.epoch_first != before.epoch_first) {
    return absl::FailedPreconditionError("another epoch of the same number");
  }
  for (const model::Event& event : batch.events) {
    const std::uint64_t seq = events_.size() + 1;
    events_.push_back(
        {.seq = seq,
         .log_device = batch.log_device,
         .epoch = batch.after.epoch,
         .arrival = batch.arrival,
         .phase = event.id < batch.live_from ? ports::Phase::kBacklog : ports::Phase::kLive,
         .event = event});
    seqs_[{batch.log_device, batch.after.epoch, event.id}] = seq;
  }
  for (const model::Gap& gap : batch.gaps) gaps_[{gap.log_device, gap.epoch, gap.first}] = gap;
  ports::LogState after = batch.after;
  after.image_next = opens ? after.epoch_first : before.image_next;
  // What is over is known here best: of two writers one may be behind.
  after.past = before.past;
  if (opens && before.epoch != 0) {
    after.past.push_back({before.epoch, before.epoch_first, before.next, before.generation});
  }
  states_[batch.log_device] = std::move(after);
  return absl::OkStatus();
}

absl::Status MemoryStore::CommitImagesOne(const ports::ImageBatch& batch) {
  if (batch.epoch == 0 || batch.image_next < batch.expected_image_next) {
    return absl::InvalidArgumentError("no epoch, or the next ID goes back");
  }
  for (const model::ImageAbsence& absence : batch.absences) {
    if (absence.reason == model::ImageAbsenceReason::kEpochOver) {
      return absl::InvalidArgumentError("only events end an epoch");
    }
  }
  const auto state = states_.find(batch.log_device);
  if (state == states_.end() || state->second.epoch != batch.epoch ||
      state->second.image_next != batch.expected_image_next) {
    return absl::FailedPreconditionError("the images do not stand there");
  }
  for (const model::Image& image : batch.images) {
    const model::RecordKey key{batch.log_device, batch.epoch, image.id};
    const model::Event* const event = Find(key);
    if (event != nullptr && IsImageOf(image, *event)) images_.emplace(key, image);
  }
  for (const model::ImageAbsence& absence : batch.absences) {
    const model::RecordKey key{batch.log_device, batch.epoch, absence.id};
    const model::Event* const event = Find(key);
    if (event == nullptr || !event->has_image) continue;
    if (!images_.contains(key)) absences_.emplace(key, absence.reason);
  }
  state->second.image_next = batch.image_next;
  return absl::OkStatus();
}

absl::StatusOr<ports::EventPage> MemoryStore::Read(const ports::EventQuery& query) {
  MutexLock lock(mutex_);
  ++calls_.reads;
  GATELOG_RETURN_IF_ERROR(failing_);
  if (query.limit < 1 || query.limit > ports::kQueryLimitMax) {
    return absl::InvalidArgumentError("no such limit");
  }
  if (query.stop.stop_requested()) return absl::CancelledError("stopped");
  const bool newest_first = query.order == ports::Order::kNewestFirst;
  std::uint64_t newest = events_.size();
  if (query.before_seq != 0) newest = std::min(newest, query.before_seq - 1);

  ports::EventPage page;
  const std::uint64_t after = std::max(query.after_seq, first_seq_ - 1);
  page.seq_reached = newest_first ? after + 1 : std::max(newest, after);
  const std::uint64_t count = newest > after ? newest - after : 0;
  for (std::uint64_t i = 0; i < count && !page.more; ++i) {
    const std::uint64_t seq = newest_first ? newest - i : after + 1 + i;
    const ports::StoredEvent& event = events_[seq - 1];
    const bool matches = Matches(query.filter, event);
    if (matches) page.events.push_back(event);
    const bool full = matches && page.events.size() == query.limit;
    const bool looked_enough = i + 1 == looked_at_max_ && i + 1 < count;
    page.more = full || looked_enough;
    if (page.more) page.seq_reached = seq;
  }
  return page;
}

absl::StatusOr<std::vector<ports::EventCount>> MemoryStore::Count(const ports::CountQuery& query) {
  MutexLock lock(mutex_);
  ++calls_.reads;
  GATELOG_RETURN_IF_ERROR(failing_);
  constexpr std::uint32_t kDay = 86'400;
  const std::uint32_t span = query.by_span_s;
  if (span != 0 && (span < ports::kCountSpanMin || kDay % span != 0)) {
    return absl::InvalidArgumentError("no such span");
  }
  if (query.stop.stop_requested()) return absl::CancelledError("stopped");
  std::vector<ports::EventCount> rows = CountOf(
      query, {events_.begin() + static_cast<std::ptrdiff_t>(first_seq_ - 1), events_.end()});
  if (rows.size() > ports::kCountRowsMax) return absl::ResourceExhaustedError("too many rows");
  return rows;
}

absl::StatusOr<std::vector<model::Anchor>> MemoryStore::ReadAnchors(
    model::DeviceId log_device, std::span<const ports::RecordRange> ranges) {
  MutexLock lock(mutex_);
  ++calls_.reads;
  GATELOG_RETURN_IF_ERROR(failing_);
  std::vector<model::Anchor> anchors;
  for (const ports::RecordRange& range : ranges) {
    const auto end = seqs_.upper_bound({log_device, range.epoch, range.last});
    for (auto seq = seqs_.lower_bound({log_device, range.epoch, range.first}); seq != end; ++seq) {
      const ports::StoredEvent& stored = events_[seq->second - 1];
      const bool person_is_gone = stored.erased || seq->second < first_seq_;
      const model::Anchor anchor = AnchorOf(stored.event);
      anchors.push_back(person_is_gone ? WithoutPerson(anchor) : anchor);
    }
  }
  return anchors;
}

absl::StatusOr<std::vector<model::Gap>> MemoryStore::ReadGaps(
    std::span<const model::DeviceId> log_devices, const model::RecordKey& after,
    std::uint32_t limit) {
  MutexLock lock(mutex_);
  ++calls_.reads;
  GATELOG_RETURN_IF_ERROR(failing_);
  const std::vector<model::DeviceId> wanted(log_devices.begin(), log_devices.end());
  std::vector<model::Gap> gaps;
  for (auto gap = gaps_.upper_bound(after); gap != gaps_.end() && gaps.size() < limit; ++gap) {
    if (IsAnyOf(wanted, gap->second.log_device)) gaps.push_back(gap->second);
  }
  return gaps;
}

absl::StatusOr<std::pair<model::RecordKey, model::Image>> MemoryStore::ReadImage(
    const model::RecordKey& key) {
  MutexLock lock(mutex_);
  ++calls_.reads;
  GATELOG_RETURN_IF_ERROR(failing_);
  for (auto image = images_.rbegin(); image != images_.rend(); ++image) {  // later epochs first
    const model::RecordKey& found = image->first;
    if (found.log_device == key.log_device && found.id == key.id &&
        (key.epoch == 0 || found.epoch == key.epoch) && Find(found) != nullptr) {
      return std::make_pair(found, image->second);
    }
  }
  return absl::NotFoundError(WhyNotStored(key));
}

const model::Event* MemoryStore::Find(const model::RecordKey& key) const {
  const auto seq = seqs_.find(key);
  if (seq == seqs_.end() || seq->second < first_seq_) return nullptr;
  return &events_[seq->second - 1].event;
}

std::string MemoryStore::WhyNotStored(const model::RecordKey& key) const {
  for (auto found = seqs_.rbegin(); found != seqs_.rend(); ++found) {  // later epochs first
    const model::RecordKey& event = found->first;
    if (event.log_device != key.log_device || event.id != key.id ||
        (key.epoch != 0 && event.epoch != key.epoch) || Find(event) == nullptr) {
      continue;
    }
    if (!events_[found->second - 1].event.has_image) return EventWithoutImageSentence(event);
    const auto absence = absences_.find(event);
    if (absence != absences_.end()) return ImageAbsentSentence(event, absence->second);
    return event.epoch < states_.at(event.log_device).epoch
               ? ImageAbsentSentence(event, model::ImageAbsenceReason::kEpochOver)
               : ImageAwaitedSentence(event);
  }
  return NoSuchEventSentence(key);
}

absl::StatusOr<std::vector<ports::LogTotals>> MemoryStore::ReadTotals() {
  MutexLock lock(mutex_);
  ++calls_.reads;
  GATELOG_RETURN_IF_ERROR(failing_);
  std::map<model::DeviceId, ports::LogTotals> totals;
  for (const auto& [log_device, state] : states_) {
    totals[log_device].log_device = log_device;
    totals[log_device].epochs = state.epoch;
  }
  for (const ports::StoredEvent& stored : events_) {
    const model::RecordKey key{stored.log_device, stored.epoch, stored.event.id};
    ports::LogTotals& of_log = totals[stored.log_device];
    ++of_log.events;
    if (!stored.event.has_image) continue;
    ++of_log.images_wanted;
    const bool over = stored.epoch < states_.at(stored.log_device).epoch;
    if (!images_.contains(key) && (over || absences_.contains(key))) ++of_log.images_absent;
  }
  for (const auto& [key, image] : images_) ++totals[key.log_device].images;
  for (const auto& [key, gap] : gaps_) {
    ++totals[key.log_device].gaps;
    totals[key.log_device].missing += std::uint64_t{gap.last} - gap.first + 1;
  }
  std::vector<ports::LogTotals> all;
  for (const auto& [log_device, of_log] : totals) all.push_back(of_log);
  return all;
}

absl::StatusOr<std::vector<ports::Registration>> MemoryStore::Load() {
  MutexLock lock(mutex_);
  GATELOG_RETURN_IF_ERROR(failing_);
  std::vector<ports::Registration> registrations;
  for (const auto& [id, registration] : registrations_) registrations.push_back(registration);
  return registrations;
}

absl::Status MemoryStore::Save(const ports::Registration& registration) {
  MutexLock lock(mutex_);
  GATELOG_RETURN_IF_ERROR(failing_);
  registrations_[registration.id] = registration;
  return absl::OkStatus();
}

absl::Status MemoryStore::Remove(model::DeviceId id) {
  MutexLock lock(mutex_);
  GATELOG_RETURN_IF_ERROR(failing_);
  registrations_.erase(id);
  return absl::OkStatus();
}

absl::StatusOr<ports::AcceptFilter> MemoryStore::LoadAcceptFilter() {
  MutexLock lock(mutex_);
  GATELOG_RETURN_IF_ERROR(failing_);
  return accept_filter_;
}

absl::Status MemoryStore::SaveAcceptFilter(const ports::AcceptFilter& filter) {
  MutexLock lock(mutex_);
  GATELOG_RETURN_IF_ERROR(failing_);
  accept_filter_ = filter;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<ports::DeviceTrust>> MemoryStore::LoadTrust() {
  MutexLock lock(mutex_);
  GATELOG_RETURN_IF_ERROR(failing_);
  std::vector<ports::DeviceTrust> all;
  for (const auto& [id, trust] : trust_) all.push_back(trust);
  return all;
}

absl::Status MemoryStore::SaveTrust(const ports::DeviceTrust& trust) {
  MutexLock lock(mutex_);
  GATELOG_RETURN_IF_ERROR(failing_);
  trust_.erase(trust.id);
  if (!trust.key.empty() || !trust.certificate.empty()) trust_[trust.id] = trust;
  return absl::OkStatus();
}

}  // namespace gatelog::testing
