#include "tests/simulation/modelled_device.h"

#include <algorithm>
#include <utility>

#include "gsdk/event.pb.h"

namespace gatelog::simulation {
namespace {

using std::chrono::milliseconds;

constexpr std::uint32_t kLogCleared = 0x4200;
constexpr milliseconds kKeepAlive{10'000};

}  // namespace

// One session. Frames arrive in order in both directions, late; when the link is cut, what is under
// way is gone.
class ModelledLink final : public ports::DeviceLink {
 public:
  ModelledLink(ModelledDevice& device, ports::DeviceLinkObserver& observer,
               testing::VirtualTime& time, Random& random)
      : device_(&device), observer_(observer), time_(time), random_(random) {
    identity_.id = device.id();
    device.link_ = this;
    ScheduleKeepAlive();
  }
  ~ModelledLink() override {
    if (device_ != nullptr) device_->link_ = nullptr;
    *alive_ = false;
  }

  const model::DeviceIdentity& identity() const override { return identity_; }

  void ArmPushes(ports::Reply<absl::StatusOr<model::LogStatus>> reply) override {
    Request([reply = std::move(reply)](ModelledLink& link) mutable -> Task {
      link.armed_ = true;
      return
          [reply = std::move(reply), status = link.device_->status()]() mutable { reply(status); };
    });
  }

  void ReadLog(model::EventId from, std::uint32_t max,
               ports::Reply<absl::StatusOr<ports::LogPage>> reply) override {
    Request([from, max, reply = std::move(reply)](ModelledLink& link) mutable -> Task {
      if (link.Happens(link.device_->faults().fail_read)) {
        return [reply = std::move(reply)]() mutable {
          reply(absl::InternalError("the device is busy"));
        };
      }
      ports::LogPage page;
      const auto& records = link.device_->records();
      for (auto it = records.lower_bound(from); it != records.end() && page.size() < max; ++it) {
        page.Append(it->first, it->second.payload);
      }
      page.status = link.device_->status();
      return
          [reply = std::move(reply), page = std::move(page)]() mutable { reply(std::move(page)); };
    });
  }

  void ReadImages(model::EventId, std::uint32_t,
                  ports::Reply<absl::StatusOr<std::vector<std::string>>> reply) override {
    reply(std::vector<std::string>());
  }

  void ClearLog(model::EventId expected_last,
                ports::Reply<absl::StatusOr<model::LogStatus>> reply) override {
    Request([expected_last, reply = std::move(reply)](ModelledLink& link) mutable -> Task {
      absl::StatusOr<model::LogStatus> result =
          absl::FailedPreconditionError("the log has changed");
      if (link.device_->status().last == expected_last) {
        link.device_->Clear(true);
        result = link.device_->status();
      }
      return [reply = std::move(reply), result = std::move(result)]() mutable {
        reply(std::move(result));
      };
    });
  }

  void GetImageFilters(ports::Reply<absl::StatusOr<std::vector<std::string>>> reply) override {
    reply(std::vector<std::string>());
  }
  void SetImageFilters(std::vector<std::string>, ports::Reply<absl::Status> reply) override {
    reply(absl::UnimplementedError("no images here"));
  }

  void Push(model::EventId id, std::string payload) {
    if (!armed_ || Happens(device_->faults().lose_push)) return;
    const int copies = Happens(device_->faults().double_push) ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
      ToGateway([this, id, payload] { observer_.OnPush(id, payload); });
    }
    if (Happens(device_->faults().forge_push)) {
      ToGateway([this, forged = static_cast<model::EventId>(random_() % 100'000)] {
        observer_.OnPush(forged, "forged");
      });
    }
  }

  void Cut() {
    device_->link_ = nullptr;
    device_ = nullptr;
    ToGateway([this] { observer_.OnLost(absl::UnavailableError("the link was cut")); });
  }

 private:
  using Work = absl::AnyInvocable<Task(ModelledLink&)>;

  bool Happens(std::uint64_t once_in) { return once_in != 0 && OneIn(random_, once_in); }

  milliseconds Delay() {
    const auto spread = device_ == nullptr ? 1 : device_->faults().delay_max.count() + 1;
    return milliseconds(static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(spread)));
  }

  // The work is done on the device, later; what it returns is done at the gateway, later still.
  void Request(Work work) {
    to_device_ = std::max(to_device_, time_.now() + Delay());
    time_.Schedule(to_device_ - time_.now(),
                   [this, alive = alive_, work = std::move(work)]() mutable {
                     if (!*alive || device_ == nullptr) return;
                     if (Happens(device_->faults().lose_link)) {
                       Cut();
                       return;
                     }
                     ToGateway(work(*this));
                   });
  }

  void ToGateway(Task task) {
    to_gateway_ = std::max(to_gateway_, time_.now() + Delay());
    time_.Schedule(to_gateway_ - time_.now(), [alive = alive_, task = std::move(task)]() mutable {
      if (*alive) task();
    });
  }

  void ScheduleKeepAlive() {
    time_.Schedule(kKeepAlive, [this, alive = alive_] {
      if (!*alive || device_ == nullptr) return;
      ToGateway([this, status = device_->status()] { observer_.OnStatus(status, time_.Now()); });
      ScheduleKeepAlive();
    });
  }

  ModelledDevice* device_;  // nullptr: cut
  ports::DeviceLinkObserver& observer_;
  testing::VirtualTime& time_;
  Random& random_;
  model::DeviceIdentity identity_;
  bool armed_ = false;
  milliseconds to_device_{0};
  milliseconds to_gateway_{0};
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

ModelledDevice::ModelledDevice(model::DeviceId id, bool generations, std::shared_ptr<Ledger> ledger,
                               testing::VirtualTime& time, Random& random)
    : id_(id),
      generations_(generations),
      capacity_(50 + random() % 2'000),
      time_(time),
      random_(random),
      ledger_(std::move(ledger)) {
  log_.generation = NewGeneration();
  log_.life = random();
}

ModelledDevice::~ModelledDevice() { CutLink(); }

model::Generation ModelledDevice::NewGeneration() { return generations_ ? random_() | 1 : 0; }

std::uint32_t ModelledDevice::clock_s() const {
  return static_cast<std::uint32_t>(time_.Now().time_since_epoch().count() / 1'000 +
                                    clock_offset_s_);
}

model::LogStatus ModelledDevice::status() const {
  model::LogStatus status;
  status.first = log_.records.empty() ? 0 : log_.records.begin()->first;
  status.last = log_.next_id - 1;
  status.generation = log_.generation;
  return status;
}

void ModelledDevice::Append(std::string payload, bool readable) {
  const model::EventId id = log_.next_id++;
  const std::uint64_t serial = ledger_->last_serial;
  ledger_->written[serial] = {log_.life, id, payload, readable};
  log_.records[id] = {payload, readable, serial};
  while (log_.records.size() > capacity_) log_.records.erase(log_.records.begin());
  if (link_ != nullptr) link_->Push(id, std::move(payload));
}

void ModelledDevice::Write(std::uint32_t code) {
  ::gsdk::event::EventLog event;
  event.set_id(log_.next_id);
  event.set_timestamp(clock_s());
  event.set_deviceid(id_);
  event.set_eventcode(code);
  // Unique, so that every stored event can be traced to the record it came from.
  event.set_userid("r" + std::to_string(id_) + "." + std::to_string(++ledger_->last_serial));
  Append(event.SerializeAsString(), true);
}

void ModelledDevice::WriteUnreadable() {
  Append("\xff\xff not an event " + std::to_string(++ledger_->last_serial), false);
}

void ModelledDevice::SkipIds(std::uint32_t count) { log_.next_id += count; }

void ModelledDevice::Clear(bool /*by_command*/) {
  log_.records.clear();
  Write(kLogCleared);
}

void ModelledDevice::Empty() { log_.records.clear(); }

void ModelledDevice::FactoryReset() {
  log_ = Log{{}, 1, NewGeneration(), random_()};
  CutLink();
}

void ModelledDevice::LoseNewest(std::uint32_t count) {
  ledger_->rewritten_lives.insert(log_.life);
  for (; count > 0 && log_.records.size() > 1; --count) {
    log_.next_id = log_.records.rbegin()->first;
    ledger_->written.erase(log_.records.rbegin()->second.serial);
    log_.records.erase(log_.next_id);
  }
  CutLink();
}

void ModelledDevice::SwapWith(ModelledDevice& spare) {
  std::swap(log_, spare.log_);
  CutLink();
}

void ModelledDevice::CutLink() {
  if (link_ != nullptr) link_->Cut();
}

void ModelledDevice::set_reachable(bool reachable) {
  reachable_ = reachable;
  if (!reachable) CutLink();
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
  time_.Schedule(milliseconds(static_cast<std::int64_t>(random_() % 20)),
                 [this, port = address.port, &observer, alive = attempt->alive,
                  reply = std::move(reply)]() mutable {
                   if (!*alive) return;
                   ModelledDevice* device = devices_.at(port);
                   if (!device->reachable() || device->linked()) {
                     reply(absl::UnavailableError("nobody answers"));
                     return;
                   }
                   reply(std::make_unique<ModelledLink>(*device, observer, time_, random_));
                 });
  return attempt;
}

}  // namespace gatelog::simulation
