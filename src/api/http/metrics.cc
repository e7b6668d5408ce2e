#include "api/http/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <future>
#include <memory>
#include <utility>

namespace gatelog::api {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

class Families {
 public:
  void Counter(const char* name, const char* help, std::uint64_t value) {
    Begin(name, help, MetricType::Counter);
    Value(static_cast<double>(value), {});
  }
  void Gauge(const char* name, const char* help, std::uint64_t value) {
    Begin(name, help, MetricType::Gauge);
    Value(static_cast<double>(value), {});
  }
  // Starts a family; its values follow, each with a label.
  void Begin(const char* name, const char* help, MetricType type) {
    families_.push_back({.name = name, .help = help, .type = type, .metric = {}});
  }
  void Value(double value, std::vector<ClientMetric::Label> labels) {
    MetricFamily& family = families_.back();
    ClientMetric metric;
    metric.label = std::move(labels);
    family.type == MetricType::Counter ? metric.counter.value = value : metric.gauge.value = value;
    family.metric.push_back(std::move(metric));
  }

  std::string Text() const { return prometheus::TextSerializer().Serialize(families_); }

 private:
  std::vector<MetricFamily> families_;
};

// A figure of each device, and over all of them their sum.
struct DeviceMetric {
  const char* name;        // of the device's
  const char* total_name;  // of the sum; none: not summed
  const char* help;
  std::uint64_t (*value)(const core::DeviceSnapshot&);
};

using Snapshot = core::DeviceSnapshot;

// All gauges: a device that is removed and added again may show less than before.
constexpr std::array kDeviceMetrics = {
    DeviceMetric{"gatelog_device_connected", nullptr,
                 "1 while the gateway is linked to the device.",
                 [](const Snapshot& d) -> std::uint64_t {
                   return d.state == core::LinkState::kConnected ? 1 : 0;
                 }},
    DeviceMetric{"gatelog_device_lag_records", "gatelog_lag_records",
                 "Records known to be on the device and not yet stored.",
                 [](const Snapshot& d) -> std::uint64_t { return d.lag; }},
    DeviceMetric{"gatelog_device_stored_events", "gatelog_stored_events",
                 "Events of the device in the store.",
                 [](const Snapshot& d) -> std::uint64_t { return d.stored; }},
    DeviceMetric{"gatelog_device_missing_records", "gatelog_missing_records",
                 "Records of the device inside gaps.",
                 [](const Snapshot& d) -> std::uint64_t { return d.missing; }},
    DeviceMetric{"gatelog_device_gaps", "gatelog_gaps", "Gaps in the device's stored log.",
                 [](const Snapshot& d) -> std::uint64_t { return d.gaps; }},
    DeviceMetric{"gatelog_device_images_stored", "gatelog_images_stored",
                 "Images of the device in the store.",
                 [](const Snapshot& d) -> std::uint64_t { return d.images; }},
    DeviceMetric{"gatelog_device_images_lag", "gatelog_images_lag",
                 "Images that events promise and that are still to be collected.",
                 [](const Snapshot& d) -> std::uint64_t { return d.images_lag; }},
    DeviceMetric{"gatelog_device_images_absent", "gatelog_images_absent",
                 "Images that events promise and that will not be stored any more.",
                 [](const Snapshot& d) -> std::uint64_t { return d.images_absent; }},
    DeviceMetric{"gatelog_device_images_unreadable", "gatelog_images_unreadable",
                 "Images that the device gave and that could not be decoded, since the start.",
                 [](const Snapshot& d) -> std::uint64_t { return d.images_unreadable; }},
    DeviceMetric{"gatelog_device_failed_attempts", "gatelog_failed_attempts",
                 "Attempts to connect that failed since the last success.",
                 [](const Snapshot& d) -> std::uint64_t { return d.failed_attempts; }},
    DeviceMetric{"gatelog_device_reads_repeated", "gatelog_reads_repeated",
                 "Reads of the log or its images that failed and were repeated, since the start.",
                 [](const Snapshot& d) -> std::uint64_t { return d.reads_repeated; }},
};

double Seconds(std::chrono::milliseconds time) { return static_cast<double>(time.count()) / 1000; }

void AddStates(const std::vector<Snapshot>& devices, Families& families) {
  std::array<std::uint64_t, 3> states{};
  for (const Snapshot& device : devices) ++states.at(static_cast<std::size_t>(device.state));
  families.Begin("gatelog_devices", "Devices by the state of their link.", MetricType::Gauge);
  constexpr std::array kNames = {"disconnected", "connecting", "connected"};  // as core::LinkState
  for (std::size_t i = 0; i < states.size(); ++i) {
    families.Value(static_cast<double>(states.at(i)), {{"state", kNames.at(i)}});
  }
}

void AddCallIns(const MetricsSample& sample, Families& families) {
  families.Begin("gatelog_call_ins_total", "Links that devices opened, or tried to.",
                 MetricType::Counter);
  const core::Callers::Counts& counts = sample.call_ins;
  const std::pair<const char*, std::uint64_t> results[] = {{"linked", counts.links},
                                                           {"not_allowed", counts.not_allowed},
                                                           {"failed", counts.failed},
                                                           {"beyond_limit", counts.refused},
                                                           {"superfluous", counts.superfluous}};
  for (const auto& [result, count] : results) {
    families.Value(static_cast<double>(count), {{"result", result}});
  }
  families.Gauge("gatelog_devices_pending", "Devices that called and were not let in.",
                 sample.devices_pending);
  families.Counter("gatelog_devices_pending_forgotten_total",
                   "Of these: forgotten because there were too many.", counts.pending_forgotten);
}

void AddTotals(const std::vector<Snapshot>& devices, Families& families) {
  for (const DeviceMetric& metric : kDeviceMetrics) {
    if (metric.total_name == nullptr) continue;
    std::uint64_t sum = 0;
    for (const Snapshot& device : devices) sum += metric.value(device);
    families.Gauge(metric.total_name, metric.help, sum);
  }
  std::uint64_t beyond = 0;
  std::chrono::milliseconds largest{0};
  for (const Snapshot& device : devices) {
    beyond += device.clock_drift.beyond() ? 1 : 0;
    if (const auto drift = device.clock_drift.last()) {
      largest = std::max(largest, std::chrono::abs(*drift));
    }
  }
  families.Gauge("gatelog_devices_clock_beyond_limit",
                 "Devices whose clock is further from the gateway's than the limit.", beyond);
  families.Begin("gatelog_clock_drift_seconds_max",
                 "How far the clock furthest from the gateway's is from it, either way.",
                 MetricType::Gauge);
  families.Value(Seconds(largest), {});
}

void AddEachDevice(const std::vector<Snapshot>& devices, Families& families) {
  if (devices.empty()) return;
  for (const DeviceMetric& metric : kDeviceMetrics) {
    families.Begin(metric.name, metric.help, MetricType::Gauge);
    for (const Snapshot& device : devices) {
      families.Value(static_cast<double>(metric.value(device)),
                     {{"device", std::to_string(device.id)}});
    }
  }
  families.Begin("gatelog_device_clock_drift_seconds",
                 "The device's clock less the gateway's, as last measured.", MetricType::Gauge);
  for (const Snapshot& device : devices) {
    if (const auto drift = device.clock_drift.last()) {
      families.Value(Seconds(*drift), {{"device", std::to_string(device.id)}});
    }
  }
}

}  // namespace

absl::StatusOr<MetricsSample> SampleCore(TimedExecutor& loop, core::Fleet& fleet,
                                         const core::Ingest& ingest, const core::LiveHub& live,
                                         std::chrono::milliseconds timeout) {
  MetricsSample sample;
  sample.events_committed = ingest.events_committed();
  sample.commits = ingest.commits();
  sample.commit_failures = ingest.failures();
  sample.store_takes_events = ingest.health().ok();
  sample.live_published = live.published();
  sample.live_dropped = live.dropped();
  sample.live_subscribers = live.subscribers();
  // Shared, because the task may run after we have given up.
  struct OfFleet {
    std::vector<core::DeviceSnapshot> devices;
    core::Callers::Counts call_ins;
    std::size_t pending;
  };
  auto asked = std::make_shared<std::promise<OfFleet>>();
  std::future<OfFleet> answer = asked->get_future();
  loop.Post([asked, &fleet] {
    asked->set_value({fleet.List(), fleet.callers().counts(), fleet.callers().pending().size()});
  });
  if (answer.wait_for(timeout) != std::future_status::ready) {
    return absl::DeadlineExceededError("The gateway's loop does not answer in time.");
  }
  OfFleet of_fleet = answer.get();
  sample.devices = std::move(of_fleet.devices);
  sample.call_ins = of_fleet.call_ins;
  sample.devices_pending = of_fleet.pending;
  return sample;
}

std::string ToPrometheus(const MetricsSample& sample) {
  Families families;
  families.Counter("gatelog_events_committed_total",
                   "Events committed to the store since the start.", sample.events_committed);
  families.Counter("gatelog_commits_total", "Transactions that the store committed.",
                   sample.commits);
  families.Counter("gatelog_commit_failures_total", "Transactions that the store refused.",
                   sample.commit_failures);
  families.Gauge("gatelog_store_takes_events",
                 "1 while the store takes events, 0 while nothing is acknowledged.",
                 sample.store_takes_events ? 1 : 0);
  families.Counter("gatelog_live_published_total", "Live events, counted once each.",
                   sample.live_published);
  families.Counter("gatelog_live_dropped_total",
                   "Live events that full queues of slow subscribers discarded.",
                   sample.live_dropped);
  families.Gauge("gatelog_live_subscribers", "Clients subscribed to live events.",
                 sample.live_subscribers);
  families.Gauge("gatelog_follow_streams", "Clients that follow the stored events.",
                 sample.follow_streams);
  families.Begin("gatelog_calls_refused_total",
                 "Calls refused because too many of their kind waited for the store.",
                 MetricType::Counter);
  families.Value(static_cast<double>(sample.reads_refused), {{"kind", "read"}});
  families.Value(static_cast<double>(sample.counts_refused), {{"kind", "count"}});
  families.Counter("gatelog_device_calls_total", "Calls of services that devices serve themselves.",
                   sample.device_calls.made);
  families.Counter("gatelog_device_call_failures_total",
                   "Those of them that ended with an error, the device's or the gateway's.",
                   sample.device_calls.failed);
  families.Gauge("gatelog_device_calls_open", "Those of them that wait for the device.",
                 sample.device_calls.open);
  AddCallIns(sample, families);
  AddStates(sample.devices, families);
  AddTotals(sample.devices, families);
  const bool each = sample.devices.size() <= sample.devices_max;
  families.Gauge("gatelog_device_series_left_out",
                 "Devices without series of their own, because there are more than "
                 "metrics.devices_max.",
                 each ? 0 : sample.devices.size());
  if (each) AddEachDevice(sample.devices, families);
  return families.Text();
}

}  // namespace gatelog::api
