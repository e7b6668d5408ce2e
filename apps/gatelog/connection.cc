#include "apps/gatelog/connection.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"

namespace gatelog::cli {
namespace {

constexpr int kConnectTimeout_s = 10;
constexpr int kStateCheck_ms = 100;             // how soon Ctrl-C is noticed while connecting
constexpr int kReconnectBackoffMax_ms = 2'000;  // a person waits for the gateway to come back
constexpr char kCaInDataDir[] = "cert/ca.crt";

absl::StatusOr<std::string> ReadCaFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file) {
    return UsageError(
        absl::StrCat("The CA file ", path, " cannot be read: ", strerror(errno), "."));
  }
  text << file.rdbuf();
  if (!absl::StrContains(text.str(), "BEGIN CERTIFICATE")) {
    return UsageError(absl::StrCat("The CA file ", path, " holds no certificate."));
  }
  return std::move(text).str();
}

absl::StatusOr<std::string> FindCa() {
  const auto environment = [](const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return std::string(value != nullptr ? value : "");
  };
  const std::vector<std::string> places = CaPlaces(environment);
  for (const std::string& place : places) {
    std::error_code ignored;
    if (std::filesystem::exists(place, ignored)) return place;
  }
  return Failed(
      absl::StrCat("No CA file to check the gateway with; looked for ", absl::StrJoin(places, ", "),
                   ". gatelogd makes one on its first start. Name it with --ca FILE or "
                   "GATELOG_CA."),
      kExitUnreachable);
}

}  // namespace

std::vector<std::string> CaPlaces(
    const std::function<std::string(const std::string&)>& environment) {
  std::vector<std::string> places;
  if (const std::string directory = environment("GATELOG_DATA_DIR"); !directory.empty()) {
    places.push_back(absl::StrCat(directory, "/", kCaInDataDir));
  }
  if (const std::string data = environment("XDG_DATA_HOME"); !data.empty()) {
    places.push_back(absl::StrCat(data, "/gatelog/", kCaInDataDir));
  }
  if (const std::string home = environment("HOME"); !home.empty()) {
    places.push_back(absl::StrCat(home, "/.local/share/gatelog/", kCaInDataDir));
  }
  places.push_back(absl::StrCat("/var/lib/gatelog/", kCaInDataDir));
  return places;
}

Connection::Connection(const ConnectionOptions& options, std::string ca_file, Interrupt& interrupt,
                       std::shared_ptr<grpc::Channel> channel)
    : options_(options),
      ca_file_(std::move(ca_file)),
      interrupt_(interrupt),
      channel_(std::move(channel)),
      devices_(v1::Devices::NewStub(channel_)),
      events_(v1::Events::NewStub(channel_)),
      store_(v1::Store::NewStub(channel_)),
      event_(gsdk::event::Event::NewStub(channel_)),
      connect_(gsdk::connect::Connect::NewStub(channel_)),
      device_(gsdk::device::Device::NewStub(channel_)) {}

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const ConnectionOptions& options,
                                                             Interrupt& interrupt) {
  std::string ca_file = options.ca_file;
  if (ca_file.empty()) {
    GATELOG_ASSIGN_OR_RETURN(ca_file, FindCa());
  }
  grpc::SslCredentialsOptions tls;
  GATELOG_ASSIGN_OR_RETURN(tls.pem_root_certs, ReadCaFile(ca_file));
  grpc::ChannelArguments arguments;
  // A page of the longest log is larger than the default of 4 MiB; the page size is the limit.
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectBackoffMax_ms);
  auto channel = grpc::CreateCustomChannel(options.gateway, grpc::SslCredentials(tls), arguments);
  std::unique_ptr<Connection> connection(
      new Connection(options, ca_file, interrupt, std::move(channel)));
  GATELOG_RETURN_IF_ERROR(connection->WaitUntilConnected());
  return connection;
}

absl::Status Connection::WaitUntilConnected() {
  const Interrupt::Watch watch(interrupt_);
  const auto now = [] { return std::chrono::system_clock::now(); };
  const auto deadline =
      now() + std::chrono::seconds(std::min(kConnectTimeout_s, options_.timeout_s));
  while (now() < deadline) {
    if (interrupt_.requested()) return Interrupted();
    const grpc_connectivity_state state = channel_->GetState(true);
    if (state == GRPC_CHANNEL_READY) return absl::OkStatus();
    if (state == GRPC_CHANNEL_TRANSIENT_FAILURE || state == GRPC_CHANNEL_SHUTDOWN) break;
    channel_->WaitForStateChange(state, now() + std::chrono::milliseconds(kStateCheck_ms));
  }
  // The channel does not say why; a call that fails at once does.
  grpc::ClientContext context;
  context.set_deadline(now() + std::chrono::seconds(1));
  v1::ListResponse response;
  const grpc::Status status = devices_->List(&context, v1::ListRequest(), &response);
  if (status.ok()) return absl::OkStatus();
  return FromConnect(status.error_message(), options_.gateway, ca_file_);
}

absl::Status Connection::StreamEnd(const grpc::Status& status) const {
  if (interrupt_.requested()) return absl::OkStatus();
  return FromCall(status, options_.gateway, options_.timeout_s);
}

absl::Status Connection::Explain(const grpc::Status& status, int timeout_s) const {
  if (interrupt_.requested()) return Interrupted();
  return FromCall(status, options_.gateway, timeout_s);
}

}  // namespace gatelog::cli
