#include "core/fleet/log_collection.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "model/event.h"

namespace gatelog::core {

LogCollection::LogCollection(TimedExecutor& loop, const Clock& clock, Ingest& ingest,
                             ImageTurns& turns, ports::LogState state, ports::LogTotals totals,
                             Options options)
    : loop_(loop),
      clock_(clock),
      ingest_(ingest),
      turns_(turns),
      options_(options),
      collector_(totals.log_device, std::move(state), options.collector),
      images_(totals.log_device, collector_.state(), options.images),
      totals_(totals) {}

LogCollection::~LogCollection() {
  if (ask_again_) loop_.Cancel(*ask_again_);
  EndImageTurn();
}

void LogCollection::Attach(ports::DeviceLink& link, const model::LogStatus& status) {
  link_ = &link;
  ++links_;
  recognised_ = false;
  CarryOut(images_.OnConnected());
  CarryOut(collector_.OnConnected(status));
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

void LogCollection::OnPush(model::EventId id) { CarryOut(collector_.OnPush(id)); }

void LogCollection::OnStatus(const model::LogStatus& status) {
  CarryOut(collector_.OnStatus(status));
}

void LogCollection::WhenStored(ports::Reply<absl::StatusOr<model::LogStatus>> reply) {
  waiting_.push_back(std::move(reply));
  // An image may have come since the device was last asked.
  CarryOut(images_.OnTick());
}

void LogCollection::CarryOut(Collector::Output output) {
  if (output.commit) Commit(*std::move(output.commit));
  if (output.reload) ReloadLater();
  if (output.load) Load(*output.load);
  if (output.read && link_ != nullptr) Read(*output.read);
  if (!output.drop_link.ok()) on_broken_(output.drop_link);
  CarryOut(images_.OnEvents(collector_.state(), ImagesMayBeRead()));
}

void LogCollection::Read(const Collector::ReadRequest& request) {
  link_->ReadLog(
      request.from, request.max, [this, link = links_](absl::StatusOr<ports::LogPage> page) {
        if (link != links_ || link_ == nullptr) return;
        if (!page.ok()) {
          LogWarn(
              "A device did not give its log; it is asked again.",
              {{"device", totals_.log_device}, {"error", std::string(page.status().message())}});
          collector_.OnReadFailed();
          return;
        }
        CarryOut(collector_.OnPage(*page, clock_.Now()));
      });
}

void LogCollection::Load(const Collector::LoadRequest& request) {
  ingest_.LoadAnchors(totals_.log_device, request.ranges,
                      [this, request](absl::StatusOr<std::vector<model::Anchor>> anchors) {
                        if (anchors.ok()) {
                          std::sort(anchors->begin(), anchors->end(),
                                    [](const auto& a, const auto& b) { return a.id < b.id; });
                          CarryOut(collector_.OnLoaded(*anchors));
                          return;
                        }
                        loop_.PostAfter(options_.retry_store, [this, request] { Load(request); });
                      });
}

void LogCollection::Commit(ports::Batch batch) {
  ports::LogTotals added;
  added.events = batch.events.size();
  added.gaps = batch.gaps.size();
  for (const model::Gap& gap : batch.gaps) added.missing += gap.last - gap.first + 1;
  added.epochs = batch.after.epoch == batch.expected_epoch ? 0 : 1;
  if (added.epochs > 0 && batch.expected_epoch > 0) {
    LogInfo("A device's log has begun anew; its records belong to a new epoch from here on.",
            {{"device", totals_.log_device}, {"epoch", batch.after.epoch}});
  }
  for (const model::Event& event : batch.events) added.images_wanted += event.has_image ? 1 : 0;
  for (const model::Gap& gap : batch.gaps) {
    LogWarn("Records could not be stored; the gap is recorded.",
            {{"device", gap.log_device},
             {"epoch", gap.epoch},
             {"first", gap.first},
             {"last", gap.last},
             {"reason", model::GapReasonName(gap.reason)}});
  }
  ImageCollector::Stored stored = ImageCollector::StoredBy(batch);
  ingest_.Submit(std::move(batch),
                 [this, added, stored = std::move(stored)](const absl::Status& status) mutable {
                   OnCommitted(added, std::move(stored), status);
                 });
}

void LogCollection::OnCommitted(const ports::LogTotals& added, ImageCollector::Stored stored,
                                const absl::Status& status) {
  if (status.ok()) {
    // With its epoch an image that was not stored is absent for good.
    if (added.epochs > 0) {
      totals_.images_absent =
          std::max(totals_.images_absent, totals_.images_wanted - totals_.images);
    }
    totals_.images_wanted += added.images_wanted;
    totals_.events += added.events;
    totals_.gaps += added.gaps;
    totals_.missing += added.missing;
    totals_.epochs += added.epochs;
    images_.OnStored(std::move(stored));
  } else {
    RefuseWaiting(status);
  }
  CarryOut(collector_.OnCommitted(status));
}

void LogCollection::RefuseWaiting(const absl::Status& status) {
  for (auto& reply : std::exchange(waiting_, {})) {
    reply(absl::FailedPreconditionError("the store does not take the device's log: " +
                                        std::string(status.message())));
  }
}

void LogCollection::ReloadLater() {
  loop_.PostAfter(options_.retry_store, [this] { Reload(); });
}

void LogCollection::Reload() {
  ingest_.LoadState(totals_.log_device, [this](absl::StatusOr<ports::LogState> state) {
    if (!state.ok()) {
      ReloadLater();
      return;
    }
    CarryOut(collector_.OnReloaded(*std::move(state)));
  });
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
  if (output.reload) loop_.PostAfter(options_.retry_store, [this] { ReloadImages(); });
  if (output.ask_again) {
    if (ask_again_) loop_.Cancel(*ask_again_);
    ask_again_ = loop_.PostAfter(*output.ask_again, [this] {
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
  image_turn_ = turns_.Take([this, request] {
    const auto answer = [this, link = links_](absl::StatusOr<std::vector<std::string>> images) {
      if (link != links_ || link_ == nullptr) return;
      if (!images.ok()) {
        EndImageTurn();
        CarryOut(images_.OnReadFailed());
        return;
      }
      ImageCollector::Output output = images_.OnImages(*images, clock_.Now());
      // The turn lasts until what was read is stored.
      if (!output.commit) EndImageTurn();
      CarryOut(std::move(output));
    };
    link_->ReadImages(request.from, request.max, answer);
  });
}

void LogCollection::EndImageTurn() {
  if (image_turn_) turns_.End(*std::exchange(image_turn_, std::nullopt));
}

void LogCollection::LoadImageEvents(const ImageCollector::LoadRequest& request) {
  ingest_.LoadEventsWithImage(
      totals_.log_device, {request.epoch, request.first, request.last}, request.limit,
      [this, request](absl::StatusOr<std::vector<ports::StoredEvent>> events) {
        if (events.ok()) {
          CarryOut(images_.OnLoaded(*std::move(events)));
          return;
        }
        loop_.PostAfter(options_.retry_store, [this, request] { LoadImageEvents(request); });
      });
}

void LogCollection::CommitImages(ports::ImageBatch batch) {
  const auto stored = batch.images.size();
  const auto absent = batch.absences.size();
  ingest_.SubmitImages(std::move(batch), [this, stored, absent](const absl::Status& status) {
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
  });
}

void LogCollection::ReloadImages() {
  ingest_.LoadState(totals_.log_device, [this](absl::StatusOr<ports::LogState> state) {
    if (state.ok()) {
      CarryOut(images_.OnReloaded(*state));
      return;
    }
    loop_.PostAfter(options_.retry_store, [this] { ReloadImages(); });
  });
}

}  // namespace gatelog::core
