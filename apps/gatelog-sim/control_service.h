#pragma once

#include <grpcpp/grpcpp.h>

#include <asio/io_context.hpp>
#include <memory>

#include "absl/status/statusor.h"
#include "apps/gatelog-sim/fleet.h"
#include "simulator/v1/control.grpc.pb.h"

namespace gatelog::sim {

// proto/simulator/v1/control.proto. Calls come on gRPC's threads and are answered on the loop's,
// where the fleet lives. `context` and `fleet` outlive it.
class ControlService final : public simulator::v1::Control::CallbackService {
 public:
  ControlService(asio::io_context& context, Fleet& fleet) : context_(context), fleet_(fleet) {}

#define GATELOG_CONTROL_METHOD(name)                                          \
  grpc::ServerUnaryReactor* name(grpc::CallbackServerContext* call,           \
                                 const simulator::v1::name##Request* request, \
                                 simulator::v1::name##Response* response) override;
  GATELOG_CONTROL_METHOD(ListTerminals)
  GATELOG_CONTROL_METHOD(InjectEvent)
  GATELOG_CONTROL_METHOD(Disconnect)
  GATELOG_CONTROL_METHOD(HalfOpen)
  GATELOG_CONTROL_METHOD(SlowLink)
  GATELOG_CONTROL_METHOD(Reboot)
  GATELOG_CONTROL_METHOD(FactoryReset)
  GATELOG_CONTROL_METHOD(JumpClock)
  GATELOG_CONTROL_METHOD(DropImages)
  GATELOG_CONTROL_METHOD(HoldImages)
  GATELOG_CONTROL_METHOD(PutImage)
  GATELOG_CONTROL_METHOD(SetRate)
#undef GATELOG_CONTROL_METHOD

 private:
  template <typename Work>
  grpc::ServerUnaryReactor* OnLoop(grpc::CallbackServerContext* call, Work work);
  template <typename Work>
  grpc::ServerUnaryReactor* OnTerminal(grpc::CallbackServerContext* call, std::uint32_t device_id,
                                       Work work);

  asio::io_context& context_;
  Fleet& fleet_;
};

// The service behind a port. Plain text, loopback only.
class ControlServer {
 public:
  // kFailedPrecondition in one sentence when the address cannot be used.
  static absl::StatusOr<std::unique_ptr<ControlServer>> Start(asio::io_context& context,
                                                              Fleet& fleet, const std::string& host,
                                                              std::uint16_t port);

  int port() const { return port_; }
  // Waits for open calls, which need the loop to run; so not from the loop's thread.
  void Stop();

 private:
  ControlServer(asio::io_context& context, Fleet& fleet) : service_(context, fleet) {}

  ControlService service_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

}  // namespace gatelog::sim
