#include "core/collector/image_collector.h"

#include <algorithm>
#include <utility>

namespace gatelog::core {
namespace {

using model::EventId;
using model::Image;
using model::ImageAbsenceReason;

model::Event WithoutPayload(const model::Event& event) {
  model::Event copy;
  copy.id = event.id;
  copy.timestamp = event.timestamp;
  copy.code = event.code;
  copy.sub_code = event.sub_code;
  copy.has_image = event.has_image;
  return copy;
}

}  // namespace

ImageCollector::Stored ImageCollector::StoredBy(const ports::Batch& batch) {
  Stored stored{.epoch = batch.after.epoch,
                .first = batch.after.epoch == batch.expected_epoch ? batch.expected_next
                                                                   : batch.after.epoch_first,
                .next = batch.after.next};
  for (const model::Event& event : batch.events) {
    if (!event.has_image) continue;
    stored.complete = stored.wanted.size() < kWantedMax;
    if (!stored.complete) break;
    stored.wanted.push_back({WithoutPayload(event), batch.arrival});
  }
  return stored;
}

ImageCollector::ImageCollector(model::DeviceId log_device, const ports::LogState& state,
                               Options options)
    : log_device_(log_device), options_(options), ask_again_(options.ask_again_min) {
  Restart(state.epoch, state.image_next, state.next);
}

void ImageCollector::Restart(model::Epoch epoch, EventId image_next, EventId next) {
  epoch_ = epoch;
  image_next_ = looked_at_ = image_next;
  next_ = next;
  wanted_.clear();
  gone_below_ = 0;
  beyond_.clear();
  AskFromTheFront();
}

void ImageCollector::AskFromTheFront() {
  asked_ = false;
  read_from_ = 0;
  ask_again_ = options_.ask_again_min;
}

ImageCollector::Output ImageCollector::OnConnected() {
  connected_ = true;
  AskFromTheFront();
  return Proceed();
}

void ImageCollector::OnLinkLost() {
  connected_ = false;
  may_read_ = false;
  read_.reset();
  // Another device may answer next.
  gone_below_ = 0;
  if (!load_) beyond_.clear();
}

void ImageCollector::OnStored(Stored stored) {
  if (stored.epoch != epoch_) Restart(stored.epoch, stored.first, stored.first);
  next_ = stored.next;
  const bool fits = stored.complete && wanted_.size() + stored.wanted.size() <= kWantedMax;
  if (looked_at_ != stored.first || !fits || load_) return;
  looked_at_ = stored.next;
  if (stored.wanted.empty()) return;
  std::move(stored.wanted.begin(), stored.wanted.end(), std::back_inserter(wanted_));
  AskFromTheFront();
}

ImageCollector::Output ImageCollector::OnEvents(const ports::LogState& state, bool may_read) {
  if (state.epoch != epoch_) Restart(state.epoch, state.image_next, state.next);
  next_ = state.next;
  may_read_ = may_read;
  return Proceed();
}

bool ImageCollector::caught_up() const {
  const bool under_way = read_ || load_ || commit_ || reloading_ || !beyond_.empty();
  return !under_way && looked_at_ >= next_ && (wanted_.empty() || (asked_ && !failed_));
}

ImageCollector::Output ImageCollector::Proceed() {
  if (!connected_ || !may_read_ || read_ || load_ || commit_ || reloading_) return {};
  if (!beyond_.empty()) return LoadBeyond();
  if (looked_at_ < next_ && wanted_.size() < kWantedMax) return LoadWanted();
  if (wanted_.empty()) return {};
  if (wanted_.front().event.id < gone_below_) return CommitGone();
  return asked_ ? Output{} : Read();
}

ImageCollector::Output ImageCollector::LoadWanted() {
  const auto free = static_cast<std::uint32_t>(kWantedMax - wanted_.size());
  load_ = LoadRequest{epoch_, looked_at_, next_ - 1, free};
  return {.load = load_};
}

// Images of events that come after those in wanted_: if one is of this epoch, what is missing
// before it is gone.
ImageCollector::Output ImageCollector::LoadBeyond() {
  load_ = LoadRequest{epoch_, beyond_.front().id, beyond_.back().id, kWantedMax};
  return {.load = load_};
}

ImageCollector::Output ImageCollector::CommitGone() {
  ports::ImageBatch batch = EmptyBatch(answered_);
  while (!wanted_.empty() && wanted_.front().event.id < gone_below_) {
    batch.absences.push_back({wanted_.front().event.id, wanted_.front().missing_as});
    wanted_.pop_front();
  }
  return Commit(std::move(batch));
}

ImageCollector::Output ImageCollector::Read() {
  read_ = ReadRequest{std::max(wanted_.front().event.id, read_from_), options_.images_per_read};
  read_epoch_ = epoch_;
  return {.read = read_};
}

ImageCollector::Output ImageCollector::Commit(ports::ImageBatch batch) {
  batch.image_next = SettledBelow();
  commit_.emplace();
  commit_->epoch = batch.epoch;
  commit_->image_next = batch.image_next;
  return {.commit = std::move(batch)};
}

ports::ImageBatch ImageCollector::EmptyBatch(Timestamp found) const {
  return {.log_device = log_device_,
          .epoch = epoch_,
          .expected_image_next = image_next_,
          .image_next = image_next_,
          .found = found};
}

EventId ImageCollector::SettledBelow() const {
  return wanted_.empty() ? looked_at_ : wanted_.front().event.id;
}

ImageCollector::Output ImageCollector::OnLoaded(std::vector<ports::StoredEvent> events) {
  if (!load_) return {};
  const LoadRequest request = *std::exchange(load_, std::nullopt);
  if (request.epoch != epoch_) return Proceed();
  if (beyond_.empty()) {
    TakeLoaded(request, std::move(events));
  } else {
    CompareBeyond(events);
  }
  return Proceed();
}

void ImageCollector::TakeLoaded(const LoadRequest& request,
                                std::vector<ports::StoredEvent> events) {
  looked_at_ = events.size() < request.limit ? request.last + 1 : events.back().event.id + 1;
  if (events.empty()) return;
  for (const ports::StoredEvent& stored : events) {
    wanted_.push_back({WithoutPayload(stored.event), stored.arrival});
  }
  AskFromTheFront();
}

void ImageCollector::CompareBeyond(std::span<const ports::StoredEvent> events) {
  const std::vector<Image> shown = std::exchange(beyond_, {});
  if (!connected_) return;
  for (const Image& image : shown) {
    const auto stored = std::find_if(events.begin(), events.end(),
                                     [&](const auto& one) { return IsImageOf(image, one.event); });
    if (stored == events.end()) continue;
    gone_below_ = image.id;
    AskFromTheFront();
    return;
  }
}

ImageCollector::Output ImageCollector::OnImages(std::span<const std::string> images,
                                                Timestamp now) {
  if (!read_) return {};
  const ReadRequest request = *std::exchange(read_, std::nullopt);
  failed_ = false;
  if (read_epoch_ != epoch_) return Proceed();
  answered_ = now;
  Answer answer = Sort(request, images);
  EndRoundOrReadOn(request, answer);
  beyond_ = std::move(answer.beyond);
  ports::ImageBatch batch = Settle(answer, now);
  if (!batch.images.empty()) ask_again_ = options_.ask_again_min;
  std::optional<std::chrono::milliseconds> ask_again;
  if (asked_ && !wanted_.empty()) ask_again = NextAskAgain();
  const bool settled = !batch.images.empty() || !batch.absences.empty();
  Output output = settled ? Commit(std::move(batch)) : Proceed();
  output.ask_again = ask_again;
  return output;
}

ImageCollector::Answer ImageCollector::Sort(const ReadRequest& request,
                                            std::span<const std::string> images) {
  Answer answer;
  answer.reached_end = images.size() < request.max;
  std::size_t bytes = 0;
  for (const std::string& payload : images) {
    absl::StatusOr<Image> image = model::ParseImage(payload);
    const EventId id = image.ok() ? image->id : model::ParseEventId(payload);
    if (!image.ok()) ++unreadable_;
    if (id < request.from) continue;  // also one whose ID cannot be told
    Wanted* const wanted = FindWanted(id);
    if (wanted != nullptr && !image.ok()) wanted->missing_as = ImageAbsenceReason::kUnreadable;
    if (image.ok() && wanted != nullptr && !IsImageOf(*image, wanted->event)) {
      wanted->missing_as = ImageAbsenceReason::kMismatched;
    } else if (image.ok() && wanted != nullptr) {
      bytes += payload.size();
      if (bytes > kBatchBytesMax && !answer.found.empty()) {
        answer.reached_end = false;
        break;
      }
      answer.found.emplace(id, *std::move(image));
    } else if (image.ok() && id >= looked_at_ && id < next_) {
      answer.beyond.push_back(*std::move(image));
    }
    answer.highest = std::max(answer.highest, id);
  }
  return answer;
}

ImageCollector::Wanted* ImageCollector::FindWanted(EventId id) {
  const auto found =
      std::lower_bound(wanted_.begin(), wanted_.end(), id,
                       [](const Wanted& wanted, EventId wish) { return wanted.event.id < wish; });
  return found == wanted_.end() || found->event.id != id ? nullptr : &*found;
}

// A round goes through all images that the device has from the first one wanted on.
void ImageCollector::EndRoundOrReadOn(const ReadRequest& request, Answer& answer) {
  if (!answer.reached_end && answer.highest < request.from) {
    // Nothing in it can be told by its ID: what is wanted next is asked for by its own.
    const auto following = std::find_if(wanted_.begin(), wanted_.end(), [&](const Wanted& wanted) {
      return wanted.event.id > request.from;
    });
    answer.reached_end = following == wanted_.end();
    if (!answer.reached_end) read_from_ = following->event.id;
  } else if (!answer.reached_end) {
    read_from_ = answer.highest + 1;
  }
  asked_ = answer.reached_end;
  if (asked_) read_from_ = 0;
}

// Takes what is final off the front of wanted_. What is found makes all before it final, so nothing
// that is found stays behind.
ports::ImageBatch ImageCollector::Settle(Answer& answer, Timestamp now) {
  ports::ImageBatch batch = EmptyBatch(now);
  const EventId newest = answer.found.empty() ? 0 : answer.found.rbegin()->first;
  for (; !wanted_.empty(); wanted_.pop_front()) {
    const Wanted& wanted = wanted_.front();
    const EventId id = wanted.event.id;
    if (const auto found = answer.found.find(id); found != answer.found.end()) {
      batch.images.push_back(std::move(found->second));
    } else if (id < newest || (answer.reached_end && now - wanted.arrival >= kFinalAfter)) {
      batch.absences.push_back({id, wanted.missing_as});
    } else {
      break;
    }
  }
  return batch;
}

std::chrono::milliseconds ImageCollector::NextAskAgain() {
  return std::exchange(ask_again_, std::min(2 * ask_again_, options_.ask_again_max));
}

ImageCollector::Output ImageCollector::OnReadFailed() {
  if (!read_) return {};
  read_.reset();
  failed_ = true;
  asked_ = true;
  read_from_ = 0;
  return {.ask_again = NextAskAgain()};
}

ImageCollector::Output ImageCollector::OnCommitted(const absl::Status& status) {
  if (!commit_) return {};
  const ports::ImageBatch batch = *std::exchange(commit_, std::nullopt);
  if (batch.epoch != epoch_) return Proceed();  // refused, because the epoch is over
  if (!status.ok()) {
    reloading_ = true;
    return {.reload = true};
  }
  image_next_ = batch.image_next;
  return Proceed();
}

ImageCollector::Output ImageCollector::OnReloaded(const ports::LogState& state) {
  reloading_ = false;
  Restart(state.epoch, state.image_next, state.next);
  return Proceed();
}

ImageCollector::Output ImageCollector::OnTick() {
  asked_ = false;
  read_from_ = 0;
  return Proceed();
}

}  // namespace gatelog::core
