#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "apps/gatelog/event_view.h"
#include "apps/gatelog/failure.h"
#include "apps/gatelog/session.h"
#include "base/status_macros.h"

namespace gatelog::cli {
namespace {

using gsdk::event::Event;
using gsdk::event::EventLog;

constexpr std::uint32_t kLogPageSize = 16'384;
constexpr std::uint32_t kLogLimitDefault = 1'000;
constexpr int kQueueSize = 1'024;         // events that may wait in the gateway for this program
constexpr int kClearTimeout_s = 10 * 60;  // the gateway stores the whole log first

struct GetOptions {
  std::uint32_t device = 0;
  std::uint32_t from = 0;
  std::uint32_t limit = kLogLimitDefault;
};

absl::Status Get(Session& session, const GetOptions& options) {
  GATELOG_ASSIGN_OR_RETURN(Connection * gateway, session.gateway());
  const Interrupt::Watch watch(session.interrupt());
  RecordWriter writer = session.Writer(EventLayout(session.TimeTitle("TIME")));
  gsdk::event::GetLogRequest request;
  request.set_deviceid(options.device);
  request.set_starteventid(options.from);
  bool more = true;
  while (more && (options.limit == 0 || writer.count() < options.limit)) {
    if (session.interrupt().requested()) return Interrupted();
    const auto left = static_cast<std::uint32_t>(options.limit - writer.count());
    request.set_maxnumoflog(options.limit == 0 ? kLogPageSize : std::min(kLogPageSize, left));
    GATELOG_ASSIGN_OR_RETURN(const gsdk::event::GetLogResponse response,
                             gateway->Call(gateway->event(), &Event::Stub::GetLog, request));
    for (const EventLog& event : response.events()) {
      GATELOG_RETURN_IF_ERROR(writer.Add(EventRecord(event, session.zone())));
      request.set_starteventid(event.id() + 1);
    }
    more = static_cast<std::uint32_t>(response.events_size()) == request.maxnumoflog() &&
           request.starteventid() != 0;
  }
  GATELOG_RETURN_IF_ERROR(writer.Finish());
  if (writer.count() == 0) session.Say("The log has no such records.");
  if (more && writer.count() > 0) {
    session.Say(absl::StrCat("These are the first ", FormatCount(writer.count()),
                             ". There may be more: --from ", request.starteventid(),
                             ", or --limit 0 for all."));
  }
  return absl::OkStatus();
}

absl::Status Clear(Session& session, std::uint32_t device) {
  GATELOG_RETURN_IF_ERROR(session.Confirm(absl::StrCat(
      "Clear the log on device ", device, "? The gateway stores every record first.")));
  GATELOG_ASSIGN_OR_RETURN(Connection * gateway, session.gateway());
  gsdk::event::ClearLogRequest request;
  request.set_deviceid(device);
  const auto response =
      gateway->Call(gateway->event(), &Event::Stub::ClearLog, request, kClearTimeout_s);
  if (!response.ok()) return response.status();
  session.Say(absl::StrCat("The log on device ", device, " is cleared."));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::uint32_t>> AllDevices(Connection& gateway) {
  GATELOG_ASSIGN_OR_RETURN(
      const gsdk::connect::GetDeviceListResponse response,
      gateway.Call(gateway.connect(), &gsdk::connect::Connect::Stub::GetDeviceList,
                   gsdk::connect::GetDeviceListRequest()));
  std::vector<std::uint32_t> devices;
  for (const auto& info : response.deviceinfos()) devices.push_back(info.deviceid());
  if (devices.empty()) {
    return Failed("The gateway has no devices yet. Add one: gatelog device add ADDRESS.");
  }
  return devices;
}

// Fails only when no device can be monitored.
absl::Status EnableMonitoring(Session& session, Connection& gateway,
                              const std::vector<std::uint32_t>& devices) {
  absl::Status last;
  std::size_t enabled = 0;
  for (const std::uint32_t device : devices) {
    gsdk::event::EnableMonitoringRequest request;
    request.set_deviceid(device);
    const auto response = gateway.Call(gateway.event(), &Event::Stub::EnableMonitoring, request);
    if (response.ok()) {
      ++enabled;
      continue;
    }
    if (ExitCodeOf(response.status()) != kExitFailed) return response.status();
    if (!last.ok()) session.Say(std::string(last.message()));
    last = Failed(absl::StrCat("Device ", device,
                               " is not watched: ", std::string(response.status().message())));
  }
  if (enabled > 0 && !last.ok()) session.Say(std::string(last.message()));
  return enabled > 0 ? absl::OkStatus() : last;
}

absl::Status Watch(Session& session, std::vector<std::uint32_t> devices, std::uint32_t limit) {
  GATELOG_ASSIGN_OR_RETURN(Connection * gateway, session.gateway());
  const bool all = devices.empty();
  if (all) {
    GATELOG_ASSIGN_OR_RETURN(devices, AllDevices(*gateway));
  }
  gsdk::event::SubscribeRealtimeLogRequest request;
  request.set_queuesize(kQueueSize);
  if (!all) request.mutable_deviceids()->Add(devices.begin(), devices.end());
  grpc::ClientContext context;
  const Interrupt::Call call(session.interrupt(), context);
  // Subscribed before monitoring begins, so that no event falls between.
  const auto stream = gateway->event().SubscribeRealtimeLog(&context, request);
  const auto finish = [&](absl::Status status) {
    context.TryCancel();
    const grpc::Status ignored = stream->Finish();
    return status;
  };
  if (absl::Status enabled = EnableMonitoring(session, *gateway, devices); !enabled.ok()) {
    return finish(std::move(enabled));
  }
  RecordWriter writer = session.LiveWriter(EventLayout(session.TimeTitle("TIME")));
  EventLog event;
  while (stream->Read(&event)) {
    if (absl::Status added = writer.Add(EventRecord(event, session.zone())); !added.ok()) {
      return finish(std::move(added));
    }
    if (limit != 0 && writer.count() >= limit) return finish(writer.Finish());
  }
  GATELOG_RETURN_IF_ERROR(writer.Finish());
  return gateway->StreamEnd(stream->Finish());
}

}  // namespace

void AddLogCommands(CLI::App& app, Session& session) {
  CLI::App* noun = app.add_subcommand("log", "The logs that devices hold");
  noun->require_subcommand(1);

  auto options = std::make_shared<GetOptions>();
  CLI::App* get = AddVerb(*noun, "get", "Read a device's log, oldest first",
                          "  gatelog log get 541000001\n"
                          "  gatelog log get 541000001 --from 40000 --limit 0 -o csv > log.csv\n");
  get->add_option("ID", options->device, "the device's ID")->required();
  get->add_option("--from", options->from, "ID of the first record to read (default: the oldest)");
  get->add_option("--limit", options->limit, "at most so many records; 0: all")
      ->capture_default_str();
  get->callback([&session, options] {
    session.run = [&session, options] { return Get(session, *options); };
  });

  auto device = std::make_shared<std::uint32_t>();
  CLI::App* clear = AddVerb(*noun, "clear", "Store everything in a device's log, then clear it",
                            "  gatelog log clear 541000001\n"
                            "  gatelog log clear 541000001 --yes\n");
  clear->add_option("ID", *device, "the device's ID")->required();
  clear->callback(
      [&session, device] { session.run = [&session, device] { return Clear(session, *device); }; });

  auto devices = std::make_shared<std::vector<std::uint32_t>>();
  auto limit = std::make_shared<std::uint32_t>(0);
  CLI::App* watch =
      AddVerb(*noun, "watch", "Turn monitoring on, which stays on, and show events as they happen",
              "  gatelog log watch\n"
              "  gatelog log watch 541000001 541000002 -o jsonl\n");
  watch->add_option("ID", *devices, "the devices' IDs (default: all)");
  watch->add_option("--limit", *limit, "end after so many events; 0: go on until Ctrl-C")
      ->capture_default_str();
  watch->callback([&session, devices, limit] {
    session.run = [&session, devices, limit] { return Watch(session, *devices, *limit); };
  });
}

}  // namespace gatelog::cli
