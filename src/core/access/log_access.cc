#include "core/access/log_access.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/fleet/sure_reply.h"

namespace gatelog::core {

namespace {

// One record that is no event would make a client refuse the whole reply.
void LeaveOutUnreadable(ports::LogPage& page) {
  bool readable = true;
  for (std::size_t i = 0; i < page.size() && readable; ++i) {
    readable = model::IsReadableEvent(page[i].payload);
  }
  if (readable) return;
  ports::LogPage kept;
  kept.status = page.status;
  for (std::size_t i = 0; i < page.size(); ++i) {
    if (model::IsReadableEvent(page[i].payload)) kept.Append(page[i].id, page[i].payload);
  }
  page = std::move(kept);
}

absl::Status LinkEnded(model::DeviceId device) {
  return absl::UnavailableError(
      absl::StrCat("the gateway ended the link to device ", device, " before it answered"));
}

}  // namespace

struct LogAccess::LogRead {
  model::DeviceId device;
  model::EventId from;
  std::uint32_t remaining;  // 0: no bound
  bool bounded;
  std::optional<model::EventId> last;  // of the log when the read began
  OnPage on_page;
  ports::Reply<absl::Status> done;
};

struct LogAccess::ImageRead {
  model::DeviceId device;
  model::EventId from;
  std::uint32_t remaining;
  bool bounded;
  OnImages on_images;
  ports::Reply<absl::Status> done;
};

struct LogAccess::Clearing {
  model::DeviceId device;
  int attempts = 0;
  std::optional<TimerId> timer;
  ports::Reply<absl::Status> reply;
};

LogAccess::LogAccess(TimedExecutor& loop, Fleet& fleet, EventReader& reader, Options options)
    : loop_(loop), fleet_(fleet), reader_(reader), options_(options) {}

template <typename T>
ports::Reply<T> LogAccess::Timely(model::DeviceId device, ports::Reply<T> reply) {
  const double seconds = static_cast<double>(options_.timeout.count()) / 1000;
  return SureReply<T>(loop_, std::move(reply), LinkEnded(device), options_.timeout,
                      absl::DeadlineExceededError(absl::StrCat(
                          "device ", device, " did not answer within ", seconds, " s")));
}

void LogAccess::ReadLog(model::DeviceId device, model::EventId from, std::uint32_t max,
                        OnPage on_page, ports::Reply<absl::Status> done) {
  NextPage(std::make_shared<LogRead>(
      LogRead{device, from, max, max != 0, std::nullopt, std::move(on_page), std::move(done)}));
}

void LogAccess::NextPage(std::shared_ptr<LogRead> read) {
  const absl::StatusOr<ports::DeviceLink*> link = fleet_.Link(read->device);
  if (!link.ok()) {
    read->done(link.status());
    return;
  }
  const std::uint32_t asked =
      read->bounded ? std::min(read->remaining, ports::kReadRecordsMax) : ports::kReadRecordsMax;
  using Page = absl::StatusOr<ports::LogPage>;
  ports::Reply<Page> on_page = [this, read, asked](Page page) {
    if (!page.ok()) {
      read->done(page.status());
      return;
    }
    if (!read->last) read->last = page->status.last;
    const std::size_t count = page->size();
    const model::EventId reached = count == 0 ? 0 : (*page)[count - 1].id;
    LeaveOutUnreadable(*page);
    if (read->bounded) read->remaining -= static_cast<std::uint32_t>(page->size());
    if (!page->empty() && !read->on_page(*page)) {
      read->done(absl::OkStatus());
      return;
    }
    const bool wanted = read->bounded ? read->remaining > 0 : reached < *read->last;
    if (count < asked || !wanted) {
      read->done(absl::OkStatus());
      return;
    }
    read->from = reached + 1;
    NextPage(read);
  };
  (*link)->ReadLog(read->from, asked, Timely(read->device, std::move(on_page)));
}

void LogAccess::ReadImages(model::DeviceId device, model::EventId from, std::uint32_t max,
                           OnImages on_images, ports::Reply<absl::Status> done) {
  NextImages(std::make_shared<ImageRead>(
      ImageRead{device, from, max, max != 0, std::move(on_images), std::move(done)}));
}

void LogAccess::NextImages(std::shared_ptr<ImageRead> read) {
  const absl::StatusOr<ports::DeviceLink*> link = fleet_.Link(read->device);
  if (!link.ok()) {
    read->done(link.status());
    return;
  }
  const std::uint32_t asked =
      read->bounded ? std::min(read->remaining, ports::kReadImagesMax) : ports::kReadImagesMax;
  using Images = absl::StatusOr<std::vector<std::string>>;
  ports::Reply<Images> on_images = [this, read, asked](Images images) {
    if (!images.ok()) {
      read->done(images.status());
      return;
    }
    const auto count = static_cast<std::uint32_t>(images->size());
    const model::EventId reached = count == 0 ? 0 : model::ParseEventId(images->back());
    const bool go_on = count != 0 && read->on_images(*images);
    if (read->bounded) read->remaining -= std::min(count, read->remaining);
    if (!go_on || count < asked || reached < read->from ||
        (read->bounded && read->remaining == 0)) {
      read->done(absl::OkStatus());
      return;
    }
    read->from = reached + 1;
    NextImages(read);
  };
  (*link)->ReadImages(read->from, asked, Timely(read->device, std::move(on_images)));
}

void LogAccess::ClearLog(model::DeviceId device, ports::Reply<absl::Status> reply) {
  auto clearing = std::make_shared<Clearing>();
  clearing->device = device;
  clearing->reply = std::move(reply);
  clearing->timer = loop_.PostAfter(options_.timeout, [clearing, device] {
    clearing->timer.reset();
    if (clearing->reply) {
      std::exchange(clearing->reply, nullptr)(absl::DeadlineExceededError(
          absl::StrCat("the log of device ", device,
                       " was not stored in time and has not been cleared; "
                       "wait until the backlog is stored and try again")));
    }
  });
  TryClear(std::move(clearing));
}

void LogAccess::TryClear(std::shared_ptr<Clearing> clearing) {
  auto finish = [this](Clearing& finished, absl::Status status) {
    if (finished.timer) loop_.Cancel(*std::exchange(finished.timer, std::nullopt));
    if (finished.reply) std::exchange(finished.reply, nullptr)(std::move(status));
  };
  fleet_.WhenStored(
      clearing->device, [this, clearing, finish](absl::StatusOr<model::LogStatus> stored) {
        if (!clearing->reply) return;  // timed out meanwhile: nothing is cleared any more
        absl::StatusOr<ports::DeviceLink*> link = fleet_.Link(clearing->device);
        if (!stored.ok() || !link.ok()) {
          finish(*clearing, stored.ok() ? link.status() : stored.status());
          return;
        }
        using After = absl::StatusOr<model::LogStatus>;
        ports::Reply<After> cleared = [this, clearing, finish,
                                       last = stored->last](const After& after) {
          if (after.status().code() == absl::StatusCode::kFailedPrecondition &&
              ++clearing->attempts < options_.clear_attempts) {
            TryClear(clearing);
            return;
          }
          if (after.ok() && on_cleared_) {
            on_cleared_(clearing->device, last, [clearing, finish](absl::Status recorded) {
              finish(*clearing, std::move(recorded));
            });
            return;
          }
          finish(*clearing, after.status());
        };
        (*link)->ClearLog(stored->last,
                          SureReply<After>(loop_, std::move(cleared), LinkEnded(clearing->device)));
      });
}

void LogAccess::GetImageFilters(model::DeviceId device,
                                ports::Reply<absl::StatusOr<std::vector<std::string>>> reply) {
  const absl::StatusOr<ports::DeviceLink*> link = fleet_.Link(device);
  if (!link.ok()) {
    reply(link.status());
    return;
  }
  (*link)->GetImageFilters(Timely(device, std::move(reply)));
}

void LogAccess::SetImageFilters(model::DeviceId device, std::vector<std::string> filters,
                                ports::Reply<absl::Status> reply) {
  const absl::StatusOr<ports::DeviceLink*> link = fleet_.Link(device);
  if (!link.ok()) {
    reply(link.status());
    return;
  }
  (*link)->SetImageFilters(std::move(filters), Timely(device, std::move(reply)));
}

}  // namespace gatelog::core
