#include "core/fleet/log_collection.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "model/event.h"

namespace gatelog::core {

LogCollection::LogCollection(TimedExecutor& loop, const Clock& clock, Ingest& ingest,
                             ports::LogState state, ports::LogTotals totals, Options options)
    : loop_(loop),
      clock_(clock),
      ingest_(ingest),
      options_(options),
      collector_(totals.log_device, std::move(state), options.collector),
      totals_(totals) {}

void LogCollection::Attach(ports::DeviceLink& link, const model::LogStatus& status) {
  link_ = &link;
  ++links_;
  ++reads_;
  images_wanted_ = link.identity().image_logs;
  images_under_way_ = false;
  CarryOut(collector_.OnConnected(status));
}

void LogCollection::Detach() {
  if (link_ == nullptr) return;
  link_ = nullptr;
  collector_.OnLinkLost();
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
  AnswerWaiting();
}

void LogCollection::CarryOut(Collector::Output output) {
  if (output.commit) Commit(*std::move(output.commit));
  if (output.reload) ReloadLater();
  if (output.load) Load(*output.load);
  if (output.read && link_ != nullptr) Read(*output.read);
  if (!output.drop_link.ok()) on_broken_(output.drop_link);
  AnswerWaiting();
  FetchImages();
}

void LogCollection::Read(const Collector::ReadRequest& request) {
  link_->ReadLog(
      request.from, request.max, [this, read = ++reads_](absl::StatusOr<ports::LogPage> page) {
        // One of an older link, or one that has come before.
        if (read != reads_ || link_ == nullptr) return;
        ++reads_;
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
  Log(LogLevel::kTrace, "A batch goes to the store.",
      {{"device", totals_.log_device},
       {"epoch", batch.after.epoch},
       {"from", batch.expected_next},
       {"next", batch.after.next},
       {"events", batch.events.size()},
       {"gaps", batch.gaps.size()}});
  ports::LogTotals added;
  added.events = batch.events.size();
  added.gaps = batch.gaps.size();
  for (const model::Gap& gap : batch.gaps) added.missing += gap.last - gap.first + 1;
  added.epochs = batch.after.epoch == batch.expected_epoch ? 0 : 1;
  if (added.epochs > 0 && batch.expected_epoch > 0) {
    LogInfo("A device's log has begun anew; its records belong to a new epoch from here on.",
            {{"device", totals_.log_device}, {"epoch", batch.after.epoch}});
  }
  const bool with_images = std::any_of(batch.events.begin(), batch.events.end(),
                                       [](const model::Event& event) { return event.has_image; });
  for (const model::Gap& gap : batch.gaps) {
    LogWarn("Records could not be stored; the gap is recorded.",
            {{"device", gap.log_device},
             {"epoch", gap.epoch},
             {"first", gap.first},
             {"last", gap.last},
             {"reason", model::GapReasonName(gap.reason)}});
  }
  ingest_.Submit(std::move(batch), [this, added, with_images](const absl::Status& status) {
    OnCommitted(added, with_images, status);
  });
}

void LogCollection::OnCommitted(const ports::LogTotals& added, bool with_images,
                                const absl::Status& status) {
  if (status.ok()) {
    totals_.events += added.events;
    totals_.gaps += added.gaps;
    totals_.missing += added.missing;
    totals_.epochs += added.epochs;
    images_wanted_ |= with_images;
  } else {
    for (auto& reply : std::exchange(waiting_, {})) {
      reply(absl::FailedPreconditionError("the store does not take the device's log: " +
                                          std::string(status.message())));
    }
  }
  CarryOut(collector_.OnCommitted(status));
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

void LogCollection::FetchImages() {
  if (link_ == nullptr || !images_wanted_ || images_under_way_ || !collector_.caught_up()) return;
  const ports::LogState& state = collector_.state();
  if (!link_->identity().image_logs || state.image_next >= state.next) {
    images_wanted_ = false;
    return;
  }
  images_under_way_ = true;
  images_wanted_ = false;
  link_->ReadImages(state.image_next, options_.images_per_read,
                    [this, link = links_, from = state.image_next,
                     limit = state.next](absl::StatusOr<std::vector<std::string>> images) {
                      if (link != links_ || link_ == nullptr) return;
                      OnImages(from, limit, std::move(images));
                    });
}

// `limit`: events from here on were not stored when the images were asked for.
void LogCollection::OnImages(model::EventId from, model::EventId limit,
                             absl::StatusOr<std::vector<std::string>> images) {
  const ports::LogState& state = collector_.state();
  if (!images.ok() || state.image_next != from) {
    images_under_way_ = false;
    images_wanted_ = true;
    return;
  }
  const bool all = images->size() < options_.images_per_read;
  ports::ImageBatch batch{totals_.log_device, state.epoch, from, all ? limit : from, {}};
  for (const std::string& payload : *images) {
    absl::StatusOr<model::Image> image = model::ParseImage(payload);
    if (!image.ok() || image->id < from || image->id >= limit) continue;
    if (!all) batch.image_next = image->id + 1;
    batch.images.push_back(*std::move(image));
  }
  if (batch.image_next == from) batch.image_next = limit;
  const auto count = batch.images.size();
  const auto next = batch.image_next;
  images_wanted_ |= !all;
  ingest_.SubmitImages(std::move(batch), [this, link = links_, count, next,
                                          epoch = state.epoch](const absl::Status& status) {
    if (status.ok()) totals_.images += count;
    if (status.ok() && collector_.state().epoch == epoch) {
      collector_.OnImagesCommitted(next);
    }
    if (link != links_) return;
    images_under_way_ = false;
    if (status.ok()) {
      FetchImages();
      return;
    }
    images_wanted_ = true;
    loop_.PostAfter(options_.retry_store, [this] { FetchImages(); });
  });
}

void LogCollection::AnswerWaiting() {
  if (waiting_.empty() || !collector_.caught_up()) return;
  for (auto& reply : std::exchange(waiting_, {})) reply(collector_.log());
}

}  // namespace gatelog::core
