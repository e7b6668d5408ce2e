#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ports/device_link.h"
#include "tests/simulation/modelled_device.h"
#include "tests/simulation/random.h"
#include "tests/support/virtual_time.h"

namespace gatelog::simulation {

// A link is taken for lost when nothing has come for so long.
inline constexpr std::chrono::milliseconds kSilenceMax{25'000};
inline constexpr std::chrono::milliseconds kKeepAlive{15'000};
inline constexpr std::chrono::milliseconds kLateReply{100};

// One session. Frames are late, and arrive in the order of their sending unless a fault says
// otherwise; when the link is cut, what is on its way to the device is gone.
class ModelledLink final : public ports::DeviceLink {
 public:
  ModelledLink(ModelledDevice& device, ports::DeviceLinkObserver& observer,
               testing::VirtualTime& time, Random& random, FaultCounts& counts);
  ~ModelledLink() override;

  const model::DeviceIdentity& identity() const override { return identity_; }
  void ArmPushes(ports::Reply<absl::StatusOr<model::LogStatus>> reply) override;
  void ReadLog(model::EventId from, std::uint32_t max,
               ports::Reply<absl::StatusOr<ports::LogPage>> reply) override;
  void ReadImages(model::EventId from, std::uint32_t max,
                  ports::Reply<absl::StatusOr<std::vector<std::string>>> reply) override;
  void ClearLog(model::EventId expected_last,
                ports::Reply<absl::StatusOr<model::LogStatus>> reply) override;
  void GetImageFilters(ports::Reply<absl::StatusOr<std::vector<std::string>>> reply) override;
  void SetImageFilters(std::vector<std::string> filters, ports::Reply<absl::Status> reply) override;
  void Relink(const ports::Relinking& how,
              ports::Reply<absl::StatusOr<std::string>> reply) override;
  void Call(std::string_view method, std::string request,
            ports::Reply<absl::StatusOr<std::string>> reply) override;

  // From the device.
  void Push(model::EventId id, std::string payload);
  void Cut();          // the gateway hears of it
  void Die();          // it does not
  void LosePushes() {  // every one from now on
    pushes_lost_ = true;
    OnFaults();
  }
  void OnFaults() { healthy_since_ = std::chrono::milliseconds::max(); }
  std::chrono::milliseconds healthy_since() const { return healthy_since_; }

 private:
  template <typename T>
  using Work = absl::AnyInvocable<absl::StatusOr<T>()>;

  bool Happens(std::uint64_t once_in, Fault fault);
  std::chrono::milliseconds Delay();
  template <typename T>
  void Request(ports::Reply<absl::StatusOr<T>> reply, Work<T> work);
  template <typename T>
  void Answer(std::uint64_t request, std::shared_ptr<ports::Reply<absl::StatusOr<T>>> reply,
              absl::StatusOr<T> result);
  void ToGateway(Task task);
  void ScheduleKeepAlive();
  void TellLost();
  absl::StatusOr<ports::LogPage> Page(model::EventId from, std::uint32_t max);

  ModelledDevice* device_;  // nullptr: cut
  ports::DeviceLinkObserver& observer_;
  testing::VirtualTime& time_;
  Random& random_;
  FaultCounts& counts_;
  model::DeviceIdentity identity_;
  bool armed_ = false;
  bool pushes_lost_ = false;
  std::chrono::milliseconds healthy_since_;
  std::chrono::milliseconds to_device_{0};
  std::chrono::milliseconds to_gateway_{0};
  std::uint64_t requests_ = 0;
  std::map<std::uint64_t, absl::AnyInvocable<void(absl::Status)>> open_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

// Links to modelled devices; the port of an address is the device's number in the fleet.
class ModelledDialer final : public ports::DeviceDialer {
 public:
  ModelledDialer(testing::VirtualTime& time, Random& random, FaultCounts& counts)
      : time_(time), random_(random), counts_(counts) {}

  void Add(std::uint16_t port, ModelledDevice& device) { devices_[port] = &device; }

  std::unique_ptr<Attempt> Dial(
      const ports::DeviceAddress& address, ports::DeviceLinkObserver& observer,
      ports::Reply<absl::StatusOr<std::unique_ptr<ports::DeviceLink>>> reply) override;

 private:
  absl::StatusOr<std::unique_ptr<ports::DeviceLink>> Answer(ModelledDevice& device,
                                                            ports::DeviceLinkObserver& observer);

  testing::VirtualTime& time_;
  Random& random_;
  FaultCounts& counts_;
  std::map<std::uint16_t, ModelledDevice*> devices_;
};

}  // namespace gatelog::simulation
