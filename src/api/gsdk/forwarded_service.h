#pragma once

#include <google/protobuf/descriptor.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/impl/codegen/server_callback_handlers.h>
#include <grpcpp/impl/codegen/service_type.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/rpc/call.h"
#include "base/executor.h"
#include "core/access/device_calls.h"

namespace gatelog::api {

// What a Multi call has under way at a time: so many devices, and requests of so many bytes
// together (one at least).
inline constexpr std::size_t kMultiAtOnceMax = 256;
inline constexpr std::size_t kMultiBytesMax = 64u * 1024u * 1024u;

// A service of the API that the terminals serve themselves: requests and responses pass through as
// they are. A request goes to the device that its field 1 names; one of a Multi method to each
// device that its field 1 lists, as the request of the single method, and is answered as
// ForEachDevice does. Which methods there are the contract says; derived classes may serve some of
// them.
//
// gRPC calls it on its own threads; all work is posted to the loop. Everything it is given must
// outlive the server.
class ForwardedService : public grpc::Service {
 public:
  struct Refusal {
    std::string method;
    std::string reason;  // ends the sentence
  };

  struct Methods {
    std::vector<std::string> served = {};   // by the derived class, which calls Serve for each
    std::vector<std::string> lengthy = {};  // CallKind::kLong, also their Multi forms
    // UNIMPLEMENTED in a sentence; they need not be in the contract.
    std::vector<Refusal> refused = {};
  };

  ForwardedService(TimedExecutor& loop, core::DeviceCalls& calls,
                   const google::protobuf::ServiceDescriptor& contract, Methods methods);

  const std::string& full_name() const { return service_; }

 protected:
  // In the constructor. `handler(const Request*, Response*)` gives the call's reactor.
  template <typename Request, typename Response, typename Handler>
  void Serve(const std::string& method, Handler handler) {
    using Reactor = grpc::internal::CallbackUnaryHandler<Request, Response>;
    MarkMethodCallback(
        IndexOf(method),
        new Reactor([handler](grpc::CallbackServerContext*, const Request* request,
                              Response* response) { return handler(request, response); }));
  }

  TimedExecutor& loop() { return loop_; }

 private:
  using RawCall = UnaryCall<grpc::ByteBuffer>;
  struct MultiForward;

  // How one method goes to terminals.
  struct Route {
    std::string method;  // as DeviceLink::Call names it
    bool multi = false;
    core::CallKind kind = core::CallKind::kCommand;
  };

  // Index of a new method.
  int Add(const std::string& method);
  int IndexOf(const std::string& method) const;
  void ForwardMethod(int index, const google::protobuf::MethodDescriptor& method, bool lengthy);
  void Refuse(int index, const Refusal& refusal);

  grpc::ServerUnaryReactor* Start(const Route& route, const grpc::ByteBuffer& request,
                                  grpc::ByteBuffer* response);
  void Forward(const Route& route, std::string request, RawCall call);
  void ForwardMulti(const Route& route, std::string_view request, RawCall call);
  void NextOf(std::shared_ptr<MultiForward> multi);

  TimedExecutor& loop_;
  core::DeviceCalls& calls_;
  const std::string service_;      // full name
  std::deque<std::string> paths_;  // gRPC keeps pointers to them
  std::deque<Route> routes_;       // handlers refer to them
};

}  // namespace gatelog::api
