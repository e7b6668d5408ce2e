#include "tests/simulation/modelled_link.h"

#include <algorithm>
#include <utility>

#include "gsdk/event.pb.h"

namespace gatelog::simulation {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kOvertakenMax{400};    // how much later a frame comes that is not in order
constexpr milliseconds kDialMax{20};          //
constexpr milliseconds kLinkRecordMax{12};    // when a device writes that a gateway has come
constexpr milliseconds kFlapMax{300};         //
constexpr std::uint32_t kConnected = 0x3B00;  // the record that a gateway has come

}  // namespace

ModelledLink::ModelledLink(ModelledDevice& device, ports::DeviceLinkObserver& observer,
                           testing::VirtualTime& time, Random& random, FaultCounts& counts)
    : device_(&device),
      observer_(observer),
      time_(time),
      random_(random),
      counts_(counts),
      healthy_since_(device.faults() == LinkFaults() ? time.now() : milliseconds::max()) {
  identity_.id = device.id();
  identity_.image_logs = device.traits().images;
  device.link_ = this;
  device.log_.hidden_from = 0;  // or its push would be lost, which is another fault
  ScheduleKeepAlive();
  if (device.traits().logs_links) {
    time_.Schedule(UpTo(random_, kLinkRecordMax), [this, alive = alive_] {
      if (*alive && device_ != nullptr) device_->Write(kConnected);
    });
  }
  if (Happens(device.faults().flap, Fault::kLinkFlapping)) {
    time_.Schedule(UpTo(random_, kFlapMax), [this, alive = alive_] {
      if (*alive && device_ != nullptr) Cut();
    });
  }
}

ModelledLink::~ModelledLink() {
  if (device_ != nullptr) device_->link_ = nullptr;
  *alive_ = false;
}

bool ModelledLink::Happens(std::uint64_t once_in, Fault fault) {
  if (once_in == 0 || !OneIn(random_, once_in)) return false;
  counts_.Note(fault, identity_.id);
  return true;
}

milliseconds ModelledLink::Delay() {
  const milliseconds delay =
      device_ == nullptr ? milliseconds(0) : UpTo(random_, device_->faults().delay_max);
  if (delay > kLateReply) counts_.Note(Fault::kReplyDelayed, identity_.id);
  return delay;
}

// The work is done on the device, later; the reply comes to the gateway, later still.
template <typename T>
void ModelledLink::Request(ports::Reply<absl::StatusOr<T>> reply, Work<T> work) {
  auto shared = std::make_shared<ports::Reply<absl::StatusOr<T>>>(std::move(reply));
  const std::uint64_t request = ++requests_;
  open_[request] = [shared](absl::Status status) { (*shared)(std::move(status)); };
  to_device_ = std::max(to_device_, time_.now() + Delay());
  time_.Schedule(to_device_ - time_.now(),
                 [this, alive = alive_, request, shared, work = std::move(work)]() mutable {
                   if (!*alive || device_ == nullptr) return;
                   if (Happens(device_->faults().lose_link, Fault::kLinkLost)) {
                     Cut();
                   } else if (Happens(device_->faults().die, Fault::kLinkDead)) {
                     Die();
                   } else {
                     Answer<T>(request, std::move(shared), work());
                   }
                 });
}

template <typename T>
void ModelledLink::Answer(std::uint64_t request,
                          std::shared_ptr<ports::Reply<absl::StatusOr<T>>> reply,
                          absl::StatusOr<T> result) {
  if constexpr (std::is_same_v<T, ports::LogPage>) {
    // Of other requests a second reply would break what the port promises.
    if (Happens(device_->faults().repeat_page, Fault::kReplyRepeated)) {
      ToGateway([reply, result] { (*reply)(result); });
    }
  }
  ToGateway([this, request, reply, result = std::move(result)]() mutable {
    if (open_.erase(request) > 0) (*reply)(std::move(result));
  });
}

void ModelledLink::ToGateway(Task task) {
  milliseconds at = time_.now() + Delay();
  if (device_ != nullptr && Happens(device_->faults().overtake, Fault::kReplyOvertaken)) {
    at += UpTo(random_, kOvertakenMax);
  } else {
    at = to_gateway_ = std::max(to_gateway_, at);
  }
  time_.Schedule(at - time_.now(), [alive = alive_, task = std::move(task)]() mutable {
    if (*alive) task();
  });
}

void ModelledLink::ArmPushes(ports::Reply<absl::StatusOr<model::LogStatus>> reply) {
  Request<model::LogStatus>(std::move(reply), [this]() -> absl::StatusOr<model::LogStatus> {
    armed_ = true;
    return device_->status();
  });
}

absl::StatusOr<ports::LogPage> ModelledLink::Page(model::EventId from, std::uint32_t max) {
  if (Happens(device_->faults().refuse_read, Fault::kReadRefused)) {
    return absl::InternalError("the device is busy");
  }
  if (max > 1 && Happens(device_->faults().cut_page, Fault::kPageCut)) {
    max = 1 + Below(random_, max);
  }
  ports::LogPage page;
  page.status = device_->status();
  const auto& records = device_->records();
  for (auto it = records.lower_bound(from);
       it != records.end() && it->first <= page.status.last && page.size() < max; ++it) {
    page.Append(it->first, device_->PayloadOf(it->second));
  }
  return page;
}

void ModelledLink::ReadLog(model::EventId from, std::uint32_t max,
                           ports::Reply<absl::StatusOr<ports::LogPage>> reply) {
  Request<ports::LogPage>(std::move(reply), [this, from, max] { return Page(from, max); });
}

void ModelledLink::ReadImages(model::EventId from, std::uint32_t max,
                              ports::Reply<absl::StatusOr<std::vector<std::string>>> reply) {
  using Images = std::vector<std::string>;
  Request<Images>(std::move(reply), [this, from, max]() -> absl::StatusOr<Images> {
    Images images;
    const auto& standing = device_->images();
    for (auto it = standing.lower_bound(from); it != standing.end() && images.size() < max; ++it) {
      images.push_back(it->second);
    }
    return images;
  });
}

void ModelledLink::ClearLog(model::EventId expected_last,
                            ports::Reply<absl::StatusOr<model::LogStatus>> reply) {
  Request<model::LogStatus>(std::move(reply),
                            [this, expected_last]() -> absl::StatusOr<model::LogStatus> {
                              if (device_->status().last != expected_last) {
                                return absl::FailedPreconditionError("the log has changed");
                              }
                              device_->Clear();
                              return device_->status();
                            });
}

void ModelledLink::GetImageFilters(ports::Reply<absl::StatusOr<std::vector<std::string>>> reply) {
  reply(absl::UnimplementedError("not asked for by what is simulated"));
}

void ModelledLink::SetImageFilters(std::vector<std::string> /*filters*/,
                                   ports::Reply<absl::Status> reply) {
  reply(absl::UnimplementedError("not asked for by what is simulated"));
}

void ModelledLink::Relink(const ports::Relinking& /*how*/,
                          ports::Reply<absl::StatusOr<std::string>> reply) {
  reply(absl::UnimplementedError("not asked for by what is simulated"));
}

void ModelledLink::Call(std::string_view /*method*/, std::string /*request*/,
                        ports::Reply<absl::StatusOr<std::string>> reply) {
  reply(absl::UnimplementedError("not asked for by what is simulated"));
}

void ModelledLink::Push(model::EventId id, std::string payload) {
  if (!armed_) return;
  if (pushes_lost_) {
    counts_.Note(Fault::kPushLost, identity_.id);
    return;
  }
  if (Happens(device_->faults().lose_push, Fault::kPushLost)) return;
  if (Happens(device_->faults().double_push, Fault::kPushDoubled)) {
    ToGateway([this, id, payload] { observer_.OnPush(id, payload); });
  }
  ToGateway([this, id, payload = std::move(payload)] { observer_.OnPush(id, payload); });
  if (Happens(device_->faults().forge_push, Fault::kPushForged)) {
    // Well made, and most often of the very record that comes next.
    const model::EventId forged = OneIn(random_, 3) ? Below(random_, 100'000) + 1 : id + 1;
    ::gsdk::event::EventLog event;
    event.set_id(forged);
    event.set_deviceid(identity_.id);
    event.set_eventcode(0x1300);
    event.set_userid("forged");
    ToGateway(
        [this, forged, bytes = event.SerializeAsString()] { observer_.OnPush(forged, bytes); });
  }
}

void ModelledLink::Cut() {
  device_->link_ = nullptr;
  device_ = nullptr;
  ToGateway([this] { TellLost(); });
}

void ModelledLink::Die() {
  device_->link_ = nullptr;
  device_ = nullptr;
  time_.Schedule(kSilenceMax, [this, alive = alive_] {
    if (*alive) TellLost();
  });
}

// What is open is answered first; either may destroy this link.
void ModelledLink::TellLost() {
  const auto alive = alive_;
  auto open = std::move(open_);
  for (auto& [request, fail] : open) {
    fail(absl::UnavailableError("the link was lost"));
    if (!*alive) return;
  }
  observer_.OnLost(absl::UnavailableError("the link was lost"));
}

void ModelledLink::ScheduleKeepAlive() {
  time_.Schedule(kKeepAlive, [this, alive = alive_] {
    if (!*alive || device_ == nullptr) return;
    if (!Happens(device_->faults().lose_keep_alive, Fault::kKeepAliveLost)) {
      ToGateway([this, status = device_->status()] { observer_.OnStatus(status, time_.Now()); });
    }
    ScheduleKeepAlive();
  });
}

std::unique_ptr<ports::DeviceDialer::Attempt> ModelledDialer::Dial(
    const ports::DeviceAddress& address, ports::DeviceLinkObserver& observer,
    ports::Reply<absl::StatusOr<std::unique_ptr<ports::DeviceLink>>> reply) {
  class ModelledAttempt final : public Attempt {
   public:
    ~ModelledAttempt() override { *alive = false; }
    std::shared_ptr<bool> alive = std::make_shared<bool>(true);
  };
  auto attempt = std::make_unique<ModelledAttempt>();
  time_.Schedule(UpTo(random_, kDialMax),
                 [this, port = address.port, &observer, alive = attempt->alive,
                  reply = std::move(reply)]() mutable {
                   if (*alive) reply(Answer(*devices_.at(port), observer));
                 });
  return attempt;
}

absl::StatusOr<std::unique_ptr<ports::DeviceLink>> ModelledDialer::Answer(
    ModelledDevice& device, ports::DeviceLinkObserver& observer) {
  if (!device.reachable()) return absl::UnavailableError("nobody answers");
  if (device.busy()) {
    counts_.Note(Fault::kDeviceBusy, device.id());
    return absl::UnavailableError("the device is held by another gateway");
  }
  return std::make_unique<ModelledLink>(device, observer, time_, random_, counts_);
}

}  // namespace gatelog::simulation
