#include "core/fleet/log_collection.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "model/event.h"

namespace gatelog::core {
namespace {

std::optional<ports::StoredEvent> NewestOf(const ports::Batch& batch) {
  if (batch.events.empty()) return std::nullopt;
  ports::StoredEvent newest{.log_device = batch.log_device,
                            .epoch = batch.after.epoch,
                            .arrival = batch.arrival,
                            .event = batch.events.back()};
  newest.event.payload.clear();
  return newest;
}

void TellOfGaps(const ports::Batch& batch) {
  for (const model::Gap& gap : batch.gaps) {
    LogWarn("Records could not be stored; the gap is recorded.",
            {{"device", gap.log_device},
             {"epoch", gap.epoch},
             {"first", gap.first},
             {"last", gap.last},
             {"reason", model::GapReasonName(gap.reason)}});
  }
}

}  // namespace

LogCollection::LogCollection(Parts parts, model::DeviceId log_device,
                             std::optional<Ingest::Known> known, Options options)
    : parts_(parts),
      options_(options),
      collector_(log_device, known ? std::move(known->state) : ports::LogState{},
                 options.collector),
      images_(log_device, collector_.state(), options.images),
      totals_(known ? known->totals : ports::LogTotals{.log_device = log_device}),
      known_(known.has_value()) {
  if (!known_) LoadKnown();
}

LogCollection::~LogCollection() {
  if (ask_again_) parts_.loop.Cancel(*ask_again_);
  EndImageTurn();
}

void LogCollection::Later(std::chrono::milliseconds delay, void (LogCollection::*work)()) {
  parts_.loop.PostAfter(delay, IfAlive([this, work] { (this->*work)(); }));
}

void LogCollection::LoadKnown() {
  parts_.ingest.LoadKnown(totals_.log_device, IfAlive([this](absl::StatusOr<Ingest::Known> known) {
                            if (!known.ok()) {
                              Later(options_.retry_store, &LogCollection::LoadKnown);
                              return;
                            }
                            known_ = true;
                            totals_ = known->totals;
                            CarryOut(images_.OnReloaded(known->state));
                            CarryOut(collector_.OnReloaded(std::move(known->state)));
                            LoadNewest([] {});
                            if (link_ != nullptr) Begin();
                          }));
}

void LogCollection::LoadNewest(Task then) {
  if (totals_.events == 0 || newest_) {
    then();
    return;
  }
  auto take = IfAlive([this](absl::StatusOr<std::vector<ports::StoredEvent>> events) {
    if (!events.ok() || events->empty() || newest_) return;
    newest_ = std::move(events->front());
    newest_->event.payload.clear();
  });
  parts_.ingest.LoadNewest(totals_.log_device,
                           [take = std::move(take), then = std::move(then)](
                               absl::StatusOr<std::vector<ports::StoredEvent>> events) mutable {
                             take(std::move(events));
                             then();
                           });
}

void LogCollection::Attach(ports::DeviceLink& link, const model::LogStatus& status) {
  link_ = &link;
  ++links_;
  ++reads_;
  recognised_ = false;
  attached_ = status;
  if (known_) Begin();
}

void LogCollection::Begin() {
  CarryOut(images_.OnConnected());
  CarryOut(collector_.OnConnected(attached_));
}

void LogCollection::Detach() {
  if (link_ == nullptr) return;
  link_ = nullptr;
  collector_.OnLinkLost();
  images_.OnLinkLost();
  EndImageTurn();
  for (auto& reply : std::exchange(waiting_, {})) {
    reply(absl::UnavailableError("the link to the device was lost before its log was stored"));
  }
}

void LogCollection::OnPush(const model::Anchor& record) {
  attached_.last = std::max(attached_.last, record.id);
  CarryOut(collector_.OnPush(record.id, record));
}

void LogCollection::OnStatus(const model::LogStatus& status) {
  attached_ = status;
  CarryOut(collector_.OnStatus(status));
}

void LogCollection::WhenStored(ports::Reply<absl::StatusOr<model::LogStatus>> reply) {
  waiting_.push_back(std::move(reply));
  // An image may have come since the device was last asked.
  CarryOut(images_.OnTick());
}

void LogCollection::WhenCommitted(Task then) {
  when_committed_ = std::move(then);
  if (!committing()) parts_.loop.Post(std::exchange(when_committed_, nullptr));
}

void LogCollection::EndCommit() {
  --commits_;
  if (commits_ == 0 && when_committed_) {
    parts_.loop.Post(std::exchange(when_committed_, nullptr));
  }
}

void LogCollection::CarryOut(Collector::Output output) {
  if (output.commit) Commit(*std::move(output.commit));
  if (output.reload) Later(options_.retry_store, &LogCollection::Reload);
  if (output.load) Load(*output.load);
  if (output.read && link_ != nullptr) Read(*output.read);
  if (!output.drop_link.ok()) on_broken_(output.drop_link);
  CarryOut(images_.OnEvents(collector_.state(), ImagesMayBeRead()));
}

void LogCollection::Read(const Collector::ReadRequest& request) {
  link_->ReadLog(request.from, request.max,
                 IfAlive([this, read = ++reads_](absl::StatusOr<ports::LogPage> page) {
                   // One of an older link, or one that has come before.
                   if (read != reads_ || link_ == nullptr) return;
                   ++reads_;
                   if (page.ok()) {
                     CarryOut(collector_.OnPage(*page, parts_.clock.Now()));
                     return;
                   }
                   collector_.OnReadFailed();
                   OnReadFailed(page.status());
                 }));
}

void LogCollection::OnReadFailed(const absl::Status& status) {
  LogWarn("A device did not give its log or its images; it is asked again.",
          {{"device", totals_.log_device}, {"error", std::string(status.message())}});
  ++reads_repeated_;
  on_read_error_(status);
}

void LogCollection::Load(const Collector::LoadRequest& request) {
  parts_.ingest.LoadAnchors(
      totals_.log_device, request.ranges,
      IfAlive([this, request](absl::StatusOr<std::vector<model::Anchor>> anchors) {
        if (anchors.ok()) {
          std::sort(anchors->begin(), anchors->end(),
                    [](const auto& a, const auto& b) { return a.id < b.id; });
          CarryOut(collector_.OnLoaded(*anchors));
          return;
        }
        parts_.loop.PostAfter(options_.retry_store, IfAlive([this, request] { Load(request); }));
      }));
}

void LogCollection::Commit(ports::Batch batch) {
  Log(LogLevel::kTrace, "A batch goes to the store.",
      {{"device", totals_.log_device},
       {"epoch", batch.after.epoch},
       {"from", batch.expected_next},
       {"next", batch.after.next},
       {"events", batch.events.size()},
       {"gaps", batch.gaps.size()}});
  Added added{.images = ImageCollector::StoredBy(batch), .newest = NewestOf(batch)};
  added.totals.events = batch.events.size();
  added.totals.gaps = batch.gaps.size();
  for (const model::Gap& gap : batch.gaps) added.totals.missing += gap.last - gap.first + 1;
  for (const model::Event& event : batch.events) {
    added.totals.images_wanted += event.has_image ? 1 : 0;
  }
  added.totals.epochs = batch.after.epoch == batch.expected_epoch ? 0 : 1;
  if (added.totals.epochs > 0 && batch.expected_epoch > 0) {
    LogInfo("A device's log has begun anew; its records belong to a new epoch from here on.",
            {{"device", totals_.log_device}, {"epoch", batch.after.epoch}});
  }
  TellOfGaps(batch);
  ++commits_;
  parts_.ingest.Submit(
      std::move(batch),
      IfAlive([this, added = std::move(added)](const absl::Status& status) mutable {
        OnCommitted(std::move(added), status);
      }));
}

void LogCollection::OnCommitted(Added added, const absl::Status& status) {
  if (status.ok()) {
    totals_.events += added.totals.events;
    totals_.gaps += added.totals.gaps;
    totals_.missing += added.totals.missing;
    totals_.epochs += added.totals.epochs;
    // With its epoch an image that was not stored is absent for good.
    if (added.totals.epochs > 0) {
      totals_.images_absent =
          std::max(totals_.images_absent, totals_.images_wanted - totals_.images);
    }
    totals_.images_wanted += added.totals.images_wanted;
    if (added.newest) newest_ = std::move(added.newest);
    images_.OnStored(std::move(added.images));
  } else {
    RefuseWaiting(status);
  }
  CarryOut(collector_.OnCommitted(status));
  EndCommit();
}

void LogCollection::RefuseWaiting(const absl::Status& status) {
  for (auto& reply : std::exchange(waiting_, {})) {
    reply(absl::FailedPreconditionError("the store does not take the device's log: " +
                                        std::string(status.message())));
  }
}

void LogCollection::Reload() {
  parts_.ingest.LoadState(totals_.log_device,
                          IfAlive([this](absl::StatusOr<ports::LogState> state) {
                            if (!state.ok()) {
                              Later(options_.retry_store, &LogCollection::Reload);
                              return;
                            }
                            CarryOut(collector_.OnReloaded(*std::move(state)));
                          }));
}

void LogCollection::AnswerWaiting() {
  if (waiting_.empty() || !collector_.caught_up()) return;
  const bool with_images = link_ != nullptr && link_->identity().image_logs;
  if (with_images && !images_.caught_up()) return;
  for (auto& reply : std::exchange(waiting_, {})) reply(collector_.log());
}

void LogCollection::CarryOut(ImageCollector::Output output) {
  if (output.commit) CommitImages(*std::move(output.commit));
  if (output.load) LoadImageEvents(*output.load);
  if (output.reload) Later(options_.retry_store, &LogCollection::ReloadImages);
  if (output.ask_again) {
    if (ask_again_) parts_.loop.Cancel(*ask_again_);
    ask_again_ = parts_.loop.PostAfter(*output.ask_again, [this] {
      ask_again_.reset();
      CarryOut(images_.OnTick());
    });
  }
  if (output.read) ReadImages(*output.read);
  AnswerWaiting();
}

bool LogCollection::ImagesMayBeRead() {
  recognised_ |= collector_.caught_up();
  return link_ != nullptr && recognised_ && collector_.lag() <= options_.images_wait_records;
}

void LogCollection::ReadImages(const ImageCollector::ReadRequest& request) {
  using Images = absl::StatusOr<std::vector<std::string>>;
  image_turn_ = parts_.image_turns.Take([this, request] {
    link_->ReadImages(request.from, request.max, IfAlive([this, link = links_](Images images) {
                        if (link != links_ || link_ == nullptr) return;
                        if (!images.ok()) {
                          EndImageTurn();
                          OnReadFailed(images.status());
                          CarryOut(images_.OnReadFailed());
                          return;
                        }
                        auto output = images_.OnImages(*images, parts_.clock.Now());
                        // The turn lasts until what was read is stored.
                        if (!output.commit) EndImageTurn();
                        CarryOut(std::move(output));
                      }));
  });
}

void LogCollection::EndImageTurn() {
  if (image_turn_) parts_.image_turns.End(*std::exchange(image_turn_, std::nullopt));
}

void LogCollection::LoadImageEvents(const ImageCollector::LoadRequest& request) {
  parts_.ingest.LoadEventsWithImage(
      totals_.log_device, {request.epoch, request.first, request.last}, request.limit,
      IfAlive([this, request](absl::StatusOr<std::vector<ports::StoredEvent>> events) {
        if (events.ok()) {
          CarryOut(images_.OnLoaded(*std::move(events)));
          return;
        }
        parts_.loop.PostAfter(options_.retry_store,
                              IfAlive([this, request] { LoadImageEvents(request); }));
      }));
}

void LogCollection::CommitImages(ports::ImageBatch batch) {
  const auto stored = batch.images.size();
  const auto absent = batch.absences.size();
  ++commits_;
  parts_.ingest.SubmitImages(std::move(batch),
                             IfAlive([this, stored, absent](const absl::Status& status) {
                               EndImageTurn();
                               if (status.ok()) {
                                 totals_.images += stored;
                                 totals_.images_absent += absent;
                               } else {
                                 RefuseWaiting(status);
                               }
                               CarryOut(images_.OnCommitted(status));
                               if (collector_.state().epoch == images_.epoch()) {
                                 collector_.OnImagesCommitted(images_.image_next());
                               }
                               EndCommit();
                             }));
}

void LogCollection::ReloadImages() {
  parts_.ingest.LoadState(totals_.log_device,
                          IfAlive([this](absl::StatusOr<ports::LogState> state) {
                            if (state.ok()) {
                              CarryOut(images_.OnReloaded(*state));
                              return;
                            }
                            Later(options_.retry_store, &LogCollection::ReloadImages);
                          }));
}

}  // namespace gatelog::core
