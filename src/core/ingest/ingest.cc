#include "core/ingest/ingest.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/log.h"
#include "base/status_macros.h"

namespace gatelog::core {
namespace {

// The batches or image batches of what waits, without their callbacks.
template <typename Pending>
auto BatchesOf(std::vector<Pending>& pending) {
  std::vector<decltype(pending.front().batch)> batches;
  batches.reserve(pending.size());
  for (Pending& one : pending) batches.push_back(std::move(one.batch));
  return batches;
}

// A refused transaction refuses each of its batches.
std::vector<absl::Status> Outcomes(absl::StatusOr<std::vector<absl::Status>> results,
                                   std::size_t count) {
  if (results.ok()) return *std::move(results);
  return std::vector<absl::Status>(count, results.status());
}

template <typename Pending>
void PostOutcomes(Executor& loop, std::vector<Pending> pending,
                  std::vector<absl::Status> outcomes) {
  loop.Post([pending = std::move(pending), outcomes = std::move(outcomes)]() mutable {
    for (std::size_t i = 0; i < pending.size(); ++i) pending[i].done(std::move(outcomes[i]));
  });
}

}  // namespace

Ingest::Ingest(ports::EventStore& store, Executor& writer, Executor& loop, Options options)
    : store_(store), writer_(writer), loop_(loop), options_(options) {}

void Ingest::Submit(ports::Batch batch, absl::AnyInvocable<void(absl::Status)> done) {
  MutexLock lock(mutex_);
  waiting_.push_back({std::move(batch), std::move(done)});
  Wake();
}

void Ingest::SubmitImages(ports::ImageBatch batch, absl::AnyInvocable<void(absl::Status)> done) {
  MutexLock lock(mutex_);
  waiting_images_.push_back({std::move(batch), std::move(done)});
  Wake();
}

void Ingest::Wake() {
  if (posted_) return;
  posted_ = true;
  writer_.Post([this] { CommitWaiting(); });
}

// Commits once; what came meanwhile gets a turn of its own, so that loads posted to the writer are
// not starved.
void Ingest::CommitWaiting() {
  std::vector<Pending> events;
  std::vector<PendingImages> images;
  {
    MutexLock lock(mutex_);
    events = TakeWaiting();
    images.assign(std::make_move_iterator(waiting_images_.begin()),
                  std::make_move_iterator(waiting_images_.end()));
    waiting_images_.clear();
    posted_ = false;
    if (!waiting_.empty()) Wake();
  }
  if (!events.empty()) CommitEvents(std::move(events));
  if (!images.empty()) CommitImages(std::move(images));
}

std::vector<Ingest::Pending> Ingest::TakeWaiting() {
  std::vector<Pending> taken;
  std::size_t events = 0;
  while (!waiting_.empty() && (taken.empty() || events < options_.events_per_commit_max)) {
    events += waiting_.front().batch.events.size();
    taken.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  return taken;
}

void Ingest::CommitEvents(std::vector<Pending> pending) {
  const std::vector<ports::Batch> batches = BatchesOf(pending);
  absl::StatusOr<std::vector<absl::Status>> results = store_.Commit(batches);
  if (!results.ok()) ++failures_;
  SetHealth(results.status());
  if (results.ok()) {
    ++commits_;
    for (std::size_t i = 0; i < batches.size(); ++i) {
      if ((*results)[i].ok()) events_committed_ += batches[i].events.size();
    }
  }
  // Also after an error: part of what was waiting may have become visible.
  if (on_committed_) on_committed_(store_.last_seq());
  PostOutcomes(loop_, std::move(pending), Outcomes(std::move(results), batches.size()));
}

void Ingest::CommitImages(std::vector<PendingImages> pending) {
  const std::vector<ports::ImageBatch> batches = BatchesOf(pending);
  absl::StatusOr<std::vector<absl::Status>> results = store_.CommitImages(batches);
  if (!results.ok()) ++failures_;
  SetHealth(results.status());
  PostOutcomes(loop_, std::move(pending), Outcomes(std::move(results), batches.size()));
}

void Ingest::LoadState(model::DeviceId device,
                       absl::AnyInvocable<void(absl::StatusOr<ports::LogState>)> reply) {
  LoadKnown(device, [reply = std::move(reply)](absl::StatusOr<Known> known) mutable {
    if (known.ok()) {
      reply(std::move(known->state));
    } else {
      reply(known.status());
    }
  });
}

void Ingest::LoadKnown(model::DeviceId device,
                       absl::AnyInvocable<void(absl::StatusOr<Known>)> reply) {
  MutexLock lock(mutex_);
  waiting_known_.push_back({device, std::move(reply)});
  if (waiting_known_.size() == 1) writer_.Post([this] { AnswerKnown(); });
}

void Ingest::AnswerKnown() {
  std::vector<PendingKnown> pending;
  {
    MutexLock lock(mutex_);
    pending.swap(waiting_known_);
  }
  absl::StatusOr<std::map<model::DeviceId, Known>> known = ReadKnown();
  loop_.Post([pending = std::move(pending), known = std::move(known)]() mutable {
    for (PendingKnown& one : pending) {
      if (!known.ok()) {
        one.reply(known.status());
        continue;
      }
      Known& of_log = (*known)[one.device];
      of_log.state.log_device = of_log.totals.log_device = one.device;
      one.reply(of_log);
    }
  });
}

absl::StatusOr<std::map<model::DeviceId, Ingest::Known>> Ingest::ReadKnown() {
  GATELOG_ASSIGN_OR_RETURN(std::vector<ports::LogState> states, store_.LoadLogStates());
  GATELOG_ASSIGN_OR_RETURN(const std::vector<ports::LogTotals> totals, store_.ReadTotals());
  std::map<model::DeviceId, Known> known;
  for (ports::LogState& state : states) known[state.log_device].state = std::move(state);
  for (const ports::LogTotals& of_log : totals) known[of_log.log_device].totals = of_log;
  return known;
}

void Ingest::LoadAnchors(
    model::DeviceId device, std::vector<ports::RecordRange> ranges,
    absl::AnyInvocable<void(absl::StatusOr<std::vector<model::Anchor>>)> reply) {
  writer_.Post([this, device, ranges = std::move(ranges), reply = std::move(reply)]() mutable {
    absl::StatusOr<std::vector<model::Anchor>> anchors = store_.ReadAnchors(device, ranges);
    loop_.Post([reply = std::move(reply), anchors = std::move(anchors)]() mutable {
      reply(std::move(anchors));
    });
  });
}

void Ingest::LoadEventsWithImage(
    model::DeviceId device, ports::RecordRange range, std::uint32_t limit,
    absl::AnyInvocable<void(absl::StatusOr<std::vector<ports::StoredEvent>>)> reply) {
  ports::EventQuery query;
  query.filter.log_devices = {device};
  query.filter.epoch = range.epoch;
  query.filter.first_id = range.first;
  query.filter.last_id = range.last;
  query.filter.has_image = true;
  query.limit = limit;
  LoadEvents(std::move(query), std::move(reply));
}

void Ingest::LoadNewest(
    model::DeviceId device,
    absl::AnyInvocable<void(absl::StatusOr<std::vector<ports::StoredEvent>>)> reply) {
  ports::EventQuery query;
  query.filter.log_devices = {device};
  query.order = ports::Order::kNewestFirst;
  query.limit = 1;
  LoadEvents(std::move(query), std::move(reply));
}

void Ingest::LoadEvents(
    ports::EventQuery query,
    absl::AnyInvocable<void(absl::StatusOr<std::vector<ports::StoredEvent>>)> reply) {
  writer_.Post([this, query = std::move(query), reply = std::move(reply)]() mutable {
    absl::StatusOr<ports::EventPage> page = store_.Read(query);
    loop_.Post([reply = std::move(reply), page = std::move(page)]() mutable {
      if (page.ok()) {
        reply(std::move(page->events));
      } else {
        reply(page.status());
      }
    });
  });
}

void Ingest::Tick() {
  {
    MutexLock lock(mutex_);
    if (asking_) return;
    asking_ = true;
  }
  writer_.Post([this] {
    SetHealth(store_.Commit({}).status());
    MutexLock lock(mutex_);
    asking_ = false;
  });
}

void Ingest::SetHealth(const absl::Status& status) {
  MutexLock lock(mutex_);
  // The kind of failure counts: a full disk may get space, a broken one does not heal.
  if (status.code() != health_.code()) {
    if (status.ok()) {
      LogInfo("The store takes events again.");
    } else {
      LogError("The store does not take events; nothing is acknowledged until it does.",
               {{"error", status.ToString()}});
    }
  }
  health_ = status;
}

absl::Status Ingest::health() const {
  MutexLock lock(mutex_);
  return health_;
}

}  // namespace gatelog::core
