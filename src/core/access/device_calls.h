#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/executor.h"
#include "core/fleet/fleet.h"
#include "model/identity.h"
#include "ports/device_link.h"

namespace gatelog::core {

// Limits of all calls together; further ones: kResourceExhausted.
inline constexpr std::size_t kDeviceCallsMax = 4'096;                     // open at a time
inline constexpr std::size_t kDeviceCallBytesMax = 256u * 1024u * 1024u;  // of their requests

// How long a device may take to answer a call.
enum class CallKind {
  kCommand,  // reads and sets something small
  kLong,     // goes over many users, or a whole memory
};

// Calls services that devices serve themselves: users, schedules, doors, settings. Requests and
// responses pass through as they are.
//
// Threads: the loop's thread, replies too, each exactly once, from inside Call where nothing is
// sent. Errors: those of Fleet::Link and of DeviceLink::Call; kDeadlineExceeded when the time is
// over: whether the device has done what was asked is then not known.
class DeviceCalls {
 public:
  struct Options {
    std::chrono::milliseconds command_timeout{10'000};
    std::chrono::milliseconds long_timeout{20'000};
  };

  struct Counts {
    std::uint64_t made = 0;    // since the gateway started, as failed
    std::uint64_t failed = 0;  // answered with an error, of the device or of the gateway
    std::uint64_t open = 0;
  };

  // Both outlive it.
  DeviceCalls(TimedExecutor& loop, Fleet& fleet, Options options)
      : loop_(loop), fleet_(fleet), options_(options) {}

  // A slave is called by the link of its master. `method` as for DeviceLink::Call.
  void Call(model::DeviceId device, std::string_view method, std::string request, CallKind kind,
            ports::Reply<absl::StatusOr<std::string>> reply);

  // Any thread.
  Counts counts() const { return {made_, failed_, open_}; }

 private:
  absl::StatusOr<ports::DeviceLink*> LinkOf(model::DeviceId device);
  absl::Status CheckRoom(std::size_t size) const;

  TimedExecutor& loop_;
  Fleet& fleet_;
  const Options options_;
  std::atomic<std::uint64_t> made_ = 0;
  std::atomic<std::uint64_t> failed_ = 0;
  std::atomic<std::uint64_t> open_ = 0;
  std::size_t open_bytes_ = 0;
};

}  // namespace gatelog::core
