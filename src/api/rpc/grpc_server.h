#pragma once

#include <grpcpp/server.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "api/rpc/older_paths.h"
#include "base/listen_address.h"

namespace gatelog::api {

// What clients of the established API count on.
inline constexpr int kReceiveSizeMax = 75'497'472;      // bytes of one request
inline constexpr int kStreamsPerConnectionMax = 1'024;  // further calls wait at the client
inline constexpr std::chrono::seconds kPeerCheck{
    60};  // a silent peer is asked whether it is there,
inline constexpr std::chrono::seconds kPeerTimeout{20};  // and given up after this

// The gRPC server: TLS 1.2 or newer, or plaintext if asked for; reflection; grpc.health.v1.
// Connections are never closed for being idle or old. What no service has is answered UNIMPLEMENTED
// in a sentence.
class GrpcServer {
 public:
  struct Tls {
    std::string certificate;  // PEM, with its chain
    std::string key;          // PEM
  };

  struct Options {
    ListenAddress address{"127.0.0.1", 4000};  // port 0: the system chooses
    std::string option = "--grpc";             // the flag that chooses the address, for messages
    std::vector<std::string> health = {};  // full names of services that health checks may ask for
    std::optional<Tls> tls = {};           // none: plaintext
    // What the names of services lack in calls of older clients, which are served too.
    std::string older_names_lack = {};
  };

  // Serves at once. The services must outlive the server. Errors are sentences: kAlreadyExists: the
  // port is taken; kInvalidArgument, kPermissionDenied: no such address, or not permitted;
  // kInternal: the key or certificate is unusable.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(
      const Options& options, const std::vector<grpc::Service*>& services);
  ~GrpcServer();

  int port() const { return port_; }

  // What the health service answers, for the whole server and for each of Options::health; at
  // first, that it serves.
  void SetServing(bool serving);

  // Takes no more calls, lets those under way end for `grace`, then cancels them. End the services'
  // own streams before. Blocks until no call is left; whatever answers calls must still run.
  void Shutdown(std::chrono::milliseconds grace);

 private:
  GrpcServer(std::unique_ptr<grpc::Server> server, std::unique_ptr<OlderPaths> older_paths,
             int port, std::vector<std::string> health);

  std::unique_ptr<OlderPaths> older_paths_;
  std::unique_ptr<grpc::Server> server_;
  const int port_;
  const std::vector<std::string> health_;
};

}  // namespace gatelog::api
