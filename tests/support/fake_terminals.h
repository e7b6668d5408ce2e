#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/executor.h"
#include "model/event.h"
#include "ports/device_link.h"
#include "ports/device_listener.h"

namespace gatelog::testing {

class FakeLink;

// Devices in memory, each reached under the host "terminal-ID". They answer at once and never fail
// unless told to. Everything on the loop's thread.
class FakeTerminals final : public ports::DeviceDialer {
 public:
  struct Terminal {
    model::DeviceIdentity identity;
    std::map<model::EventId, std::string> log;  // encoded EventLogs
    std::vector<std::string> images;            // encoded ImageLogs, ascending
    std::vector<std::string> image_filters;
    model::EventId last = 0;
    model::Generation generation = 1;
    bool reachable = true;
    bool answers = true;  // else requests are never answered
    bool images_answered = true;
    bool reads_fail = false;
    // Answers calls; none: every method is unknown. `calls` are the methods asked for, in order.
    std::function<absl::StatusOr<std::string>(std::string_view method, std::string_view request)>
        service;
    std::vector<std::string> calls;
    bool dials_answered = true;  // else a dial waits without end
    std::uint32_t largest_read = 0;
    std::vector<ports::Relinking> relinked;  // what it was told
    FakeLink* link = nullptr;
  };

  explicit FakeTerminals(TimedExecutor& loop) : loop_(loop) {}

  Terminal& Add(model::DeviceId id);
  Terminal& at(model::DeviceId id) { return *terminals_.at(id); }

  // Appends to the log and pushes the record if asked to.
  void Record(model::DeviceId id, model::Event event);
  // The device has the event's image from now on.
  void ShowImage(model::DeviceId id, const model::Event& event);
  // A keep-alive that shows the log, and the device's clock.
  void KeepAlive(model::DeviceId id, Timestamp device_time);
  // Breaks the link.
  void Lose(model::DeviceId id);

  // The device calls from `host` and, if it is let in, proves itself. What Check says of it. It has
  // no link afterwards if the call was ended.
  absl::Status Call(model::DeviceId id, ports::CallGate& gate, const std::string& host = "10.0.0.7",
                    bool tls = false);

  static ports::DeviceAddress AddressOf(model::DeviceId id);

  std::unique_ptr<Attempt> Dial(
      const ports::DeviceAddress& address, ports::DeviceLinkObserver& observer,
      ports::Reply<absl::StatusOr<std::unique_ptr<ports::DeviceLink>>> reply) override;

 private:
  TimedExecutor& loop_;
  std::map<model::DeviceId, std::unique_ptr<Terminal>> terminals_;
};

}  // namespace gatelog::testing
