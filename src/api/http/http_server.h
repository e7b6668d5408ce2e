#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "api/http/metrics.h"
#include "base/listen_address.h"

namespace httplib {
class Server;
}  // namespace httplib

namespace gatelog::api {

inline constexpr std::size_t kHttpThreads = 4;
inline constexpr std::size_t kHttpQueueMax = 64;            // connections that wait for a thread
inline constexpr std::size_t kHttpBodySizeMax = 64 * 1024;  // bytes; nothing here takes a body yet
inline constexpr std::chrono::seconds kHttpTimeout{2};      // of reading, and of writing
inline constexpr std::chrono::seconds kHttpIdle{1};         // a kept connection holds its thread

// What operators' tools ask over HTTP: /healthz (the process answers), /readyz (it can do its work:
// 200, or 503 with the reasons, a sentence a line), /metrics. On loopback unless another address is
// given; plain HTTP without authentication.
class HttpServer {
 public:
  struct Options {
    ListenAddress address{"127.0.0.1", 8080};  // port 0: the system chooses
    std::string option = "--http";             // the flag that chooses the address, for messages
  };

  // Called on the server's threads, several at once; may block for about a second.
  struct Sources {
    std::function<std::vector<std::string>()> unready_reasons;  // none: ready
    std::function<absl::StatusOr<MetricsSample>()> metrics;
  };

  // Serves at once, on threads of its own. Errors as those of GrpcServer::Start.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const Options& options, Sources sources);

  // Closes the port, waits for requests under way.
  ~HttpServer();

  int port() const { return port_; }

 private:
  HttpServer(std::unique_ptr<httplib::Server> server, int port);

  std::unique_ptr<httplib::Server> server_;
  const int port_;
  std::thread thread_;
};

}  // namespace gatelog::api
