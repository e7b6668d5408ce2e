#include "apps/gatelogd/gateway.h"

#include <sys/stat.h>
#include <syslog.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/gatelog/devices_service.h"
#include "api/gatelog/events_service.h"
#include "api/gatelog/store_service.h"
#include "api/gsdk/admin_service.h"
#include "api/gsdk/connect_service.h"
#include "api/gsdk/device_service.h"
#include "api/gsdk/event_service.h"
#include "api/gsdk/terminal_services.h"
#include "api/gsdk/thermal_service.h"
#include "api/gsdk/tna_service.h"
#include "api/http/http_server.h"
#include "api/http/metrics.h"
#include "api/rpc/grpc_server.h"
#include "apps/gatelogd/open_store.h"
#include "apps/gatelogd/version.h"
#include "base/certificate.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/listen_address.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/status_macros.h"
#include "base/worker.h"
#include "core/access/device_calls.h"
#include "core/access/log_access.h"
#include "core/fleet/fleet.h"
#include "core/ingest/ingest.h"
#include "core/live/live_hub.h"
#include "core/live/status_hub.h"
#include "core/query/event_reader.h"
#include "core/retention/retention.h"
#include "core/sealing/sealing.h"
#include "device/terminal/terminal_dialer.h"
#include "device/terminal/terminal_listener.h"
#include "device/terminal/terminal_searcher.h"
#include "device/terminal/tls_context.h"
#include "evidence/seal_key.h"

namespace gatelog::gatelogd {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kStopGrace{
    1'000};                           // for calls that are being answered when the gateway stops
constexpr milliseconds kTick{1'000};  // how often idle followers and the store are looked at
constexpr milliseconds kMetricsTimeout{1'000};

core::Fleet::Options FleetOptions(const config::Config& config) {
  core::Fleet::Options options;
  options.reconnect = {config.device_reconnect_min, config.device_reconnect_max};
  options.collection.collector.page_records = config.device_page_records;
  options.collect = config.device_collect;
  options.report_attempts = config.device_report_attempts;
  options.collection.images.images_per_read = config.device_images_per_read;
  options.image_reads = config.device_image_reads;
  options.clock_drift_limit = config.device_clock_drift_max;
  return options;
}

terminal::TerminalOptions LinkOptions(const config::Config& config) {
  terminal::TerminalOptions options;
  options.gateway_name = absl::StrCat("gatelog ", kVersion);
  options.connect_timeout = config.device_connect_timeout;
  options.handshake_timeout = config.device_connect_timeout;
  options.request_timeout = config.device_request_timeout;
  options.keep_alive_interval = config.device_keep_alive;
  return options;
}

absl::Status SetLogLevelFrom(const std::string& name) {
  constexpr std::pair<const char*, LogLevel> kLevels[] = {{"trace", LogLevel::kTrace},
                                                          {"debug", LogLevel::kDebug},
                                                          {"info", LogLevel::kInfo},
                                                          {"warn", LogLevel::kWarn},
                                                          {"error", LogLevel::kError}};
  for (const auto& [known, level] : kLevels) {
    if (name != known) continue;
    SetLogLevel(level);
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the log level '", name, "' is none of trace, debug, info, warn, error"));
}

constexpr mode_t kCertificateDirectoryMode = 0750;
constexpr mode_t kHeadsFileMode = 0644;
constexpr std::size_t kCaFileMax = 64 * 1024;  // bytes

std::vector<core::Sealing::Keeper> HeadKeepers(const config::Config& config) {
  std::vector<core::Sealing::Keeper> keepers;
  if (const std::string& file = config.seal_heads_file; !file.empty()) {
    keepers.push_back({"the file " + file, [file](const std::string& line) {
                         return AppendLine(file, line, kHeadsFileMode);
                       }});
  }
  if (config.seal_heads_syslog) {
    keepers.push_back({"the system log", [](const std::string& line) {
                         syslog(LOG_AUTHPRIV | LOG_NOTICE, "%s", line.c_str());
                         return absl::OkStatus();
                       }});
  }
  return keepers;
}

}  // namespace

// In the order of making; destroyed the other way round.
struct Gateway::Parts {
  explicit Parts(const config::Config& given) : config(given) {}

  absl::Status OpenStore();
  absl::Status LoadSealKey();
  absl::Status MakeCore();
  absl::Status LoadDeviceTls();
  absl::Status LoadCallers();
  absl::Status ListenForDevices();
  absl::Status ListenAt(const std::string& address, asio::ssl::context* tls);
  absl::Status Serve();
  absl::Status ServeGrpc();
  absl::Status ServeHttp();
  void Tick();
  void Stop();

  const config::Config config;
  SystemClock clock;
  std::unique_ptr<OpenedStore> store;
  std::optional<ServerCertificate> certificate;
  std::optional<evidence::SealKey> seal_key;

  Loop loop;
  std::unique_ptr<Worker> writer = std::make_unique<Worker>();
  std::unique_ptr<Worker> registry_worker = std::make_unique<Worker>();
  std::unique_ptr<Worker> upkeep_worker = std::make_unique<Worker>();
  std::unique_ptr<Worker> readers;
  core::LiveHub live{loop};
  core::StatusHub status;
  std::unique_ptr<core::Ingest> ingest;
  std::unique_ptr<core::EventReader> reader;
  std::unique_ptr<asio::ssl::context> device_tls;
  std::string device_ca;                   // DER
  terminal::TerminalOptions link_options;  // of links to terminals, whoever opens them
  std::unique_ptr<terminal::TerminalDialer> terminals;
  std::unique_ptr<core::Fleet> fleet;
  std::vector<std::unique_ptr<ports::DeviceListener>> listeners;
  std::unique_ptr<terminal::TerminalSearcher> searcher;
  std::unique_ptr<core::LogAccess> access;
  std::unique_ptr<core::DeviceCalls> calls;
  std::unique_ptr<core::Sealing> sealing;
  std::unique_ptr<core::Retention> retention;

  std::unique_ptr<api::EventService> event_service;
  std::unique_ptr<api::ConnectService> connect_service;
  std::unique_ptr<api::DeviceService> device_service;
  std::unique_ptr<api::TnaService> tna_service;
  std::unique_ptr<api::ThermalService> thermal_service;
  std::vector<std::unique_ptr<api::ForwardedService>> terminal_services;
  api::AdminService admin_service{kVersion, kBuildDate};
  std::unique_ptr<api::EventsService> events_service;
  std::unique_ptr<api::DevicesService> devices_service;
  std::unique_ptr<api::StoreService> store_service;
  std::unique_ptr<api::GrpcServer> grpc;
  std::unique_ptr<api::HttpServer> http;

  std::string grpc_address;
  std::string http_address;
  std::string ca_file;
};

absl::Status Gateway::Parts::OpenStore() {
  GATELOG_ASSIGN_OR_RETURN(store, gatelogd::OpenStore(config));
  GATELOG_RETURN_IF_ERROR(LoadSealKey());
  GATELOG_ASSIGN_OR_RETURN(
      certificate, LoadOrMakeServerCertificate(std::filesystem::path(config.data_dir) / "cert",
                                               NamesOfThisMachine(), clock));
  for (const std::string& warning : certificate->warnings) LogWarn(warning);
  if (!config.grpc_plaintext) ca_file = certificate->ca_file.string();
  return LoadDeviceTls();
}

absl::Status Gateway::Parts::LoadDeviceTls() {
  GATELOG_ASSIGN_OR_RETURN(device_tls,
                           terminal::MakeGatewayTls(certificate->certificate, certificate->key));
  GATELOG_ASSIGN_OR_RETURN(const std::string ca, ReadFile(certificate->ca_file, kCaFileMax));
  GATELOG_ASSIGN_OR_RETURN(device_ca, terminal::CertificateDer(ca));
  return absl::OkStatus();
}

absl::Status Gateway::Parts::LoadSealKey() {
  std::filesystem::path file = config.seal_key_file;
  if (file.empty()) {
    // The directory of certificates may not be there yet, or never be.
    const std::filesystem::path directory = std::filesystem::path(config.data_dir) / "cert";
    if (mkdir(directory.c_str(), kCertificateDirectoryMode) != 0 && errno != EEXIST) {
      return absl::PermissionDeniedError(
          absl::StrCat("Cannot make ", directory.string(), ": ", std::strerror(errno), "."));
    }
    file = directory / "seal.key";
  }
  std::filesystem::path public_file = file;
  public_file.replace_extension(".pub");
  GATELOG_ASSIGN_OR_RETURN(seal_key, evidence::SealKey::LoadOrMake(file, public_file));
  return absl::OkStatus();
}

absl::Status Gateway::Parts::MakeCore() {
  GATELOG_ASSIGN_OR_RETURN(std::vector<ports::Registration> registrations,
                           store->registry().Load());
  GATELOG_ASSIGN_OR_RETURN(std::vector<ports::LogState> states, store->events().LoadLogStates());
  GATELOG_ASSIGN_OR_RETURN(std::vector<ports::LogTotals> totals, store->events().ReadTotals());
  readers = std::make_unique<Worker>(config.store_readers);
  ingest = std::make_unique<core::Ingest>(store->events(), *writer, loop, core::Ingest::Options{});
  reader = std::make_unique<core::EventReader>(store->events(), *readers, clock,
                                               std::max<std::size_t>(config.store_readers / 2, 1));
  ingest->OnCommitted([this](std::uint64_t seq) { reader->OnCommitted(seq); });
  link_options = LinkOptions(config);
  terminals = std::make_unique<terminal::TerminalDialer>(
      loop.context(), link_options,
      terminal::TerminalDialer::Security{
          .tls = device_tls.get(),
          .trust = [this](model::DeviceId id) { return fleet->callers().FindTrust(id); }});
  core::Fleet::Options fleet_options = FleetOptions(config);
  fleet_options.ca_certificate = device_ca;
  fleet =
      std::make_unique<core::Fleet>(core::Fleet::Parts{.loop = loop,
                                                       .registry_worker = *registry_worker,
                                                       .clock = clock,
                                                       .dialers = {{"terminal", terminals.get()}},
                                                       .registry = store->registry(),
                                                       .ingest = *ingest,
                                                       .live = live,
                                                       .status = status},
                                    std::move(fleet_options));
  GATELOG_RETURN_IF_ERROR(LoadCallers());
  GATELOG_RETURN_IF_ERROR(ListenForDevices());
  searcher = std::make_unique<terminal::TerminalSearcher>(
      loop.context(), static_cast<std::uint16_t>(config.device_search_port));
  access = std::make_unique<core::LogAccess>(loop, *fleet, *reader, core::LogAccess::Options{});
  calls = std::make_unique<core::DeviceCalls>(loop, *fleet, core::DeviceCalls::Options{});
  sealing = std::make_unique<core::Sealing>(
      store->evidence(), *writer, loop, *std::move(seal_key), HeadKeepers(config),
      core::Sealing::Options{.interval = config.seal_interval});
  retention = std::make_unique<core::Retention>(
      store->retention(), *writer, loop, clock,
      core::Retention::Options{.events_days = config.retention_events_days,
                               .images_days = config.retention_images_days,
                               .people_days = config.retention_people_days});
  // Nor does what is held in memory tell of those who are gone.
  sealing->OnForgotten([this] { fleet->ReloadNewest(); });
  retention->OnPruned([this] { fleet->ReloadNewest(); });
  access->OnCleared([this](model::DeviceId device, model::EventId last, auto done) {
    sealing->RecordCleared(device, last, "", std::move(done));  // nobody is asked who he is yet
  });
  loop.Start();
  loop.RunAndWait([&] {
    fleet->Start(std::move(registrations), std::move(states), std::move(totals));
    sealing->Start();
    retention->Start();
    Tick();
  });
  return absl::OkStatus();
}

absl::Status Gateway::Parts::LoadCallers() {
  GATELOG_ASSIGN_OR_RETURN(ports::AcceptFilter filter, store->registry().LoadAcceptFilter());
  GATELOG_ASSIGN_OR_RETURN(const std::vector<ports::DeviceTrust> trust,
                           store->registry().LoadTrust());
  fleet->callers().Start(std::move(filter), trust);
  return absl::OkStatus();
}

absl::Status Gateway::Parts::ListenForDevices() {
  GATELOG_RETURN_IF_ERROR(ListenAt(config.device_listen, nullptr));
  return ListenAt(config.device_listen_tls, device_tls.get());
}

absl::Status Gateway::Parts::ListenAt(const std::string& address, asio::ssl::context* tls) {
  if (address.empty()) return absl::OkStatus();
  terminal::TerminalListener::Options options;
  GATELOG_ASSIGN_OR_RETURN(options.address, ParseListenAddress(address));
  options.link = link_options;
  options.tls = tls;
  listeners.push_back(
      std::make_unique<terminal::TerminalListener>(loop.context(), std::move(options)));
  return absl::OkStatus();
}

void Gateway::Parts::Tick() {
  reader->Tick();
  ingest->Tick();
  loop.PostAfter(kTick, [this] { Tick(); });
}

absl::Status Gateway::Parts::Serve() {
  GATELOG_RETURN_IF_ERROR(ServeGrpc());
  GATELOG_RETURN_IF_ERROR(ServeHttp());
  // Last: a gateway that cannot start takes no calls.
  loop.RunAndWait([this] {
    for (const auto& listener : listeners) fleet->callers().Listen(*listener);
  });
  return absl::OkStatus();
}

absl::Status Gateway::Parts::ServeGrpc() {
  event_service = std::make_unique<api::EventService>(loop, *fleet, *access, live);
  connect_service = std::make_unique<api::ConnectService>(loop, *fleet, status, *searcher);
  device_service = std::make_unique<api::DeviceService>(loop, *calls, *fleet);
  tna_service = std::make_unique<api::TnaService>(loop, *calls, *access);
  thermal_service = std::make_unique<api::ThermalService>(loop, *calls, *access);
  terminal_services = api::MakeTerminalServices(loop, *calls);
  events_service = std::make_unique<api::EventsService>(*reader);
  devices_service = std::make_unique<api::DevicesService>(loop, *fleet, clock);
  store_service = std::make_unique<api::StoreService>(store->upkeep(), *upkeep_worker, loop,
                                                      *sealing, *retention);
  api::GrpcServer::Options options;
  GATELOG_ASSIGN_OR_RETURN(options.address, ParseListenAddress(config.grpc_address));
  options.health = {::gsdk::event::Event::service_full_name(),
                    ::gsdk::connect::Connect::service_full_name(),
                    device_service->full_name(),
                    tna_service->full_name(),
                    thermal_service->full_name(),
                    ::gsdk::admin::Admin::service_full_name(),
                    ::gatelog::v1::Events::service_full_name(),
                    ::gatelog::v1::Devices::service_full_name(),
                    ::gatelog::v1::Store::service_full_name()};
  options.older_names_lack = "gsdk.";
  if (!config.grpc_plaintext)
    options.tls = api::GrpcServer::Tls{certificate->certificate, certificate->key};
  if (!IsLoopback(options.address)) {
    LogWarn(
        "The gRPC services can be reached from other machines, and clients are not asked who they "
        "are.",
        {{"address", config.grpc_address}});
  }
  std::vector<grpc::Service*> services = {
      event_service.get(),  connect_service.get(), device_service.get(),
      tna_service.get(),    thermal_service.get(), &admin_service,
      events_service.get(), devices_service.get(), store_service.get()};
  for (const auto& service : terminal_services) {
    services.push_back(service.get());
    options.health.push_back(service->full_name());
  }
  GATELOG_ASSIGN_OR_RETURN(grpc, api::GrpcServer::Start(options, services));
  options.address.port = static_cast<std::uint16_t>(grpc->port());
  grpc_address = FormatListenAddress(options.address);
  grpc->SetServing(true);
  return absl::OkStatus();
}

absl::Status Gateway::Parts::ServeHttp() {
  api::HttpServer::Options options;
  GATELOG_ASSIGN_OR_RETURN(options.address, ParseListenAddress(config.http_address));
  api::HttpServer::Sources sources;
  sources.unready_reasons = [this] {
    std::vector<std::string> reasons;
    if (const absl::Status health = ingest->health(); !health.ok()) {
      reasons.push_back(absl::StrCat("The store does not take events: ", health.message()));
    }
    return reasons;
  };
  sources.metrics = [this]() -> absl::StatusOr<api::MetricsSample> {
    GATELOG_ASSIGN_OR_RETURN(api::MetricsSample sample,
                             api::SampleCore(loop, *fleet, *ingest, live, kMetricsTimeout));
    sample.follow_streams = events_service->follow_streams();
    sample.reads_refused = events_service->reads_refused();
    sample.counts_refused = events_service->counts_refused();
    sample.device_calls = calls->counts();
    sample.devices_max = config.metrics_devices_max;
    return sample;
  };
  GATELOG_ASSIGN_OR_RETURN(http, api::HttpServer::Start(options, std::move(sources)));
  options.address.port = static_cast<std::uint16_t>(http->port());
  http_address = FormatListenAddress(options.address);
  return absl::OkStatus();
}

void Gateway::Parts::Stop() {
  http.reset();
  if (grpc != nullptr) {
    grpc->SetServing(false);
    event_service->Shutdown();
    connect_service->Shutdown();
    events_service->Shutdown();
    store_service->Shutdown();
    grpc->Shutdown(kStopGrace);
  }
  // From here on nothing new begins; what was handed to the writer is committed.
  loop.Stop();
  if (sealing != nullptr) sealing->SealNow();
  writer.reset();
  registry_worker.reset();
  upkeep_worker.reset();
  readers.reset();
}

Gateway::Gateway(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Gateway::~Gateway() { parts_->Stop(); }

absl::StatusOr<std::unique_ptr<Gateway>> Gateway::Start(const config::Config& config) {
  GATELOG_RETURN_IF_ERROR(SetLogLevelFrom(config.log_level));
  // Whose destructor stops what has been started, also when a later step fails.
  std::unique_ptr<Gateway> gateway(new Gateway(std::make_unique<Parts>(config)));
  GATELOG_RETURN_IF_ERROR(gateway->parts_->OpenStore());
  GATELOG_RETURN_IF_ERROR(gateway->parts_->MakeCore());
  GATELOG_RETURN_IF_ERROR(gateway->parts_->Serve());
  return gateway;
}

const std::string& Gateway::grpc_address() const { return parts_->grpc_address; }
const std::string& Gateway::http_address() const { return parts_->http_address; }
const std::string& Gateway::ca_file() const { return parts_->ca_file; }

}  // namespace gatelog::gatelogd
