#include "api/rpc/grpc_server.h"

#include <fmt/format.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <mutex>
#include <utility>

#include "base/status_macros.h"
#include "grpc/health/v1/health.pb.h"

namespace gatelog::api {
namespace {

int Milliseconds(std::chrono::milliseconds time) { return static_cast<int>(time.count()); }

// Settings of the gRPC library that hold for the whole process.
void PrepareLibrary() {
  static std::once_flag once;
  std::call_once(once, [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    // Keeps the description of the health service in the program, where reflection looks for it.
    grpc::health::v1::HealthCheckRequest::descriptor();
  });
}

void Configure(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(kReceiveSizeMax);
  builder.SetMaxSendMessageSize(-1);
  // Otherwise a second gateway would share the port in silence, and clients would reach one or the
  // other.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kStreamsPerConnectionMax);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, Milliseconds(kPeerCheck));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Milliseconds(kPeerTimeout));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES,
                             0);  // clients may ping as often as they like
}

std::shared_ptr<grpc::ServerCredentials> Credentials(const std::optional<GrpcServer::Tls>& tls) {
  if (!tls) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions options;  // gRPC's minimum is TLS 1.2
  options.pem_key_cert_pairs.push_back({tls->key, tls->certificate});
  return grpc::SslServerCredentials(options);
}

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(
    const Options& options, const std::vector<grpc::Service*>& services) {
  // Asked first, because gRPC is content when one of a name's addresses is free, and does not say
  // why none is.
  GATELOG_RETURN_IF_ERROR(CheckCanListen(options.address, options.option));
  PrepareLibrary();
  grpc::ServerBuilder builder;
  Configure(builder);
  int port = 0;
  builder.AddListeningPort(FormatListenAddress(options.address), Credentials(options.tls), &port);
  for (grpc::Service* service : services) builder.RegisterService(service);
  auto older_paths = std::make_unique<OlderPaths>(options.older_names_lack);
  builder.RegisterCallbackGenericService(older_paths.get());
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server != nullptr && port != 0) {
    return std::unique_ptr<GrpcServer>(
        new GrpcServer(std::move(server), std::move(older_paths), port, options.health));
  }
  GATELOG_RETURN_IF_ERROR(CheckCanListen(options.address, options.option));  // taken meanwhile
  return absl::InternalError(
      fmt::format("The gRPC server did not start on {}{}.", FormatListenAddress(options.address),
                  options.tls ? "; its key or certificate may be unusable" : ""));
}

GrpcServer::GrpcServer(std::unique_ptr<grpc::Server> server,
                       std::unique_ptr<OlderPaths> older_paths, int port,
                       std::vector<std::string> health)
    : older_paths_(std::move(older_paths)),
      server_(std::move(server)),
      port_(port),
      health_(std::move(health)) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  older_paths_->Open(server_->InProcessChannel(arguments));
  SetServing(true);
}

GrpcServer::~GrpcServer() { Shutdown(std::chrono::milliseconds(0)); }

void GrpcServer::SetServing(bool serving) {
  grpc::HealthCheckServiceInterface* health = server_->GetHealthCheckService();
  if (health == nullptr) return;
  health->SetServingStatus(serving);
  for (const std::string& service : health_) health->SetServingStatus(service, serving);
}

void GrpcServer::Shutdown(std::chrono::milliseconds grace) {
  if (grpc::HealthCheckServiceInterface* health = server_->GetHealthCheckService())
    health->Shutdown();
  server_->Shutdown(std::chrono::system_clock::now() + grace);
  server_->Wait();
  older_paths_->Close();
}

}  // namespace gatelog::api
