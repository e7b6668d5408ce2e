#include "api/http/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <array>
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
    Value(value, {});
  }
  void Gauge(const char* name, const char* help, std::uint64_t value) {
    Begin(name, help, MetricType::Gauge);
    Value(value, {});
  }
  // Starts a family; its values follow, each with a label.
  void Begin(const char* name, const char* help, MetricType type) {
    families_.push_back({.name = name, .help = help, .type = type, .metric = {}});
  }
  void Value(std::uint64_t value, std::vector<ClientMetric::Label> labels) {
    MetricFamily& family = families_.back();
    ClientMetric metric;
    metric.label = std::move(labels);
    const auto number = static_cast<double>(value);
    family.type == MetricType::Counter ? metric.counter.value = number
                                       : metric.gauge.value = number;
    family.metric.push_back(std::move(metric));
  }

  std::string Text() const { return prometheus::TextSerializer().Serialize(families_); }

 private:
  std::vector<MetricFamily> families_;
};

struct DeviceMetric {
  const char* name;
  const char* help;
  std::uint64_t (*value)(const core::DeviceSnapshot&);
};

// All gauges: a device that is removed and added again may show less than before.
constexpr std::array kDeviceMetrics = {
    DeviceMetric{"gatelog_device_connected", "1 while the gateway is linked to the device.",
                 [](const core::DeviceSnapshot& d) -> std::uint64_t {
                   return d.state == core::LinkState::kConnected ? 1 : 0;
                 }},
    DeviceMetric{"gatelog_device_lag_records",
                 "Records known to be on the device and not yet stored.",
                 [](const core::DeviceSnapshot& d) -> std::uint64_t { return d.lag; }},
    DeviceMetric{"gatelog_device_stored_events", "Events of the device in the store.",
                 [](const core::DeviceSnapshot& d) -> std::uint64_t { return d.stored; }},
    DeviceMetric{"gatelog_device_missing_records", "Records of the device inside gaps.",
                 [](const core::DeviceSnapshot& d) -> std::uint64_t { return d.missing; }},
    DeviceMetric{"gatelog_device_gaps", "Gaps in the device's stored log.",
                 [](const core::DeviceSnapshot& d) -> std::uint64_t { return d.gaps; }},
    DeviceMetric{"gatelog_device_failed_attempts",
                 "Attempts to connect that failed since the last success.",
                 [](const core::DeviceSnapshot& d) -> std::uint64_t { return d.failed_attempts; }},
};

void AddDevices(const std::vector<core::DeviceSnapshot>& devices, Families& families) {
  std::array<std::uint64_t, 3> states{};
  for (const core::DeviceSnapshot& device : devices)
    ++states.at(static_cast<std::size_t>(device.state));
  families.Begin("gatelog_devices", "Devices by the state of their link.", MetricType::Gauge);
  constexpr std::array kNames = {"disconnected", "connecting", "connected"};  // as core::LinkState
  for (std::size_t i = 0; i < states.size(); ++i)
    families.Value(states.at(i), {{"state", kNames.at(i)}});
  if (devices.empty()) return;
  for (const DeviceMetric& metric : kDeviceMetrics) {
    families.Begin(metric.name, metric.help, MetricType::Gauge);
    for (const core::DeviceSnapshot& device : devices) {
      families.Value(metric.value(device), {{"device", std::to_string(device.id)}});
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
  auto devices = std::make_shared<std::promise<std::vector<core::DeviceSnapshot>>>();
  std::future<std::vector<core::DeviceSnapshot>> answer = devices->get_future();
  loop.Post([devices, &fleet] { devices->set_value(fleet.List()); });
  if (answer.wait_for(timeout) != std::future_status::ready) {
    return absl::DeadlineExceededError("The gateway's loop does not answer in time.");
  }
  sample.devices = answer.get();
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
  AddDevices(sample.devices, families);
  return families.Text();
}

}  // namespace gatelog::api
