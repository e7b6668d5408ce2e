#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "apps/gatelog/failure.h"
#include "apps/gatelog/interrupt.h"
#include "gatelog/v1/devices.grpc.pb.h"
#include "gatelog/v1/events.grpc.pb.h"
#include "gatelog/v1/store.grpc.pb.h"
#include "gsdk/connect.grpc.pb.h"
#include "gsdk/device.grpc.pb.h"
#include "gsdk/event.grpc.pb.h"

namespace gatelog::cli {

inline constexpr const char* kDefaultGateway = "localhost:4000";
inline constexpr int kDefaultTimeout_s = 30;
inline constexpr int kTimeoutMax_s = 24 * 60 * 60;

struct ConnectionOptions {
  std::string gateway = kDefaultGateway;
  std::string ca_file;  // empty: look for it
  int timeout_s = kDefaultTimeout_s;
};

// Where the CA of a gateway on this host may be, best first: $GATELOG_DATA_DIR, $XDG_DATA_HOME,
// ~/.local/share, /var/lib. `environment` gives a variable's value or an empty text.
std::vector<std::string> CaPlaces(
    const std::function<std::string(const std::string&)>& environment);

// The link to one gateway. Calls may come from several threads.
class Connection {
 public:
  // Connects and checks the gateway's certificate. Errors are sentences, see failure.h.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const ConnectionOptions& options,
                                                          Interrupt& interrupt);

  v1::Devices::Stub& devices() { return *devices_; }
  v1::Events::Stub& events() { return *events_; }
  v1::Store::Stub& store() { return *store_; }
  gsdk::event::Event::Stub& event() { return *event_; }
  gsdk::connect::Connect::Stub& connect() { return *connect_; }
  gsdk::device::Device::Stub& device() { return *device_; }

  // Makes one call and waits for its answer: Call(events(), &v1::Events::Stub::Query, request).
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Call(Stub& stub,
                                grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                                const Request& request, int timeout_s_min = 0) {
    grpc::ClientContext context;
    const int timeout_s = std::max(options_.timeout_s, timeout_s_min);
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(timeout_s));
    const Interrupt::Call call(interrupt_, context);
    Response response;
    const grpc::Status status = (stub.*method)(&context, request, &response);
    if (!status.ok()) return Explain(status, timeout_s);
    return response;
  }

  // How a stream ended. Ended by Ctrl-C is OK: the person has seen enough.
  absl::Status StreamEnd(const grpc::Status& status) const;
  absl::Status Explain(const grpc::Status& status, int timeout_s) const;

 private:
  Connection(const ConnectionOptions& options, std::string ca_file, Interrupt& interrupt,
             std::shared_ptr<grpc::Channel> channel);
  absl::Status WaitUntilConnected();

  const ConnectionOptions options_;
  const std::string ca_file_;
  Interrupt& interrupt_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::Devices::Stub> devices_;
  const std::unique_ptr<v1::Events::Stub> events_;
  const std::unique_ptr<v1::Store::Stub> store_;
  const std::unique_ptr<gsdk::event::Event::Stub> event_;
  const std::unique_ptr<gsdk::connect::Connect::Stub> connect_;
  const std::unique_ptr<gsdk::device::Device::Stub> device_;
};

}  // namespace gatelog::cli
