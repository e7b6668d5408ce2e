#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/executor.h"
#include "core/access/device_calls.h"
#include "core/fleet/fleet.h"
#include "core/ingest/ingest.h"
#include "core/live/live_hub.h"

namespace gatelog::api {

// The gateway's figures at one moment.
struct MetricsSample {
  std::uint64_t events_committed = 0;  // since the start, as all counters
  std::uint64_t commits = 0;
  std::uint64_t commit_failures = 0;
  bool store_takes_events = true;
  std::uint64_t live_published = 0;
  std::uint64_t live_dropped = 0;
  std::uint64_t live_subscribers = 0;
  std::uint64_t follow_streams = 0;
  // Calls of gatelog.v1.Events refused because too many of their kind waited for the store.
  std::uint64_t reads_refused = 0;
  std::uint64_t counts_refused = 0;
  core::DeviceCalls::Counts device_calls = {};
  core::Callers::Counts call_ins = {};  // of links, by devices
  std::uint64_t devices_pending = 0;
  std::vector<core::DeviceSnapshot> devices;
  // With more of them, none has series of its own: 10,000 devices would make a scrape of megabytes.
  std::size_t devices_max = 1'000;
};

// Asks core for a sample. Blocks until the loop has answered, `timeout` at most: not from the
// loop's thread. kDeadlineExceeded: the loop is held up.
absl::StatusOr<MetricsSample> SampleCore(TimedExecutor& loop, core::Fleet& fleet,
                                         const core::Ingest& ingest, const core::LiveHub& live,
                                         std::chrono::milliseconds timeout);

// The sample in Prometheus' text format.
std::string ToPrometheus(const MetricsSample& sample);

}  // namespace gatelog::api
