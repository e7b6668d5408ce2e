#pragma once

#include "api/rpc/stream_registry.h"
#include "base/executor.h"
#include "core/fleet/fleet.h"
#include "core/live/status_hub.h"
#include "gsdk/connect.grpc.pb.h"
#include "ports/device_searcher.h"

namespace gatelog::api {

// gsdk.connect.Connect: which devices the gateway is linked to and how, which may call in, and
// which there are.
//
// gRPC calls it on its own threads; all work is posted to the loop. Everything it is given must
// outlive the server.
class ConnectService final : public gsdk::connect::Connect::CallbackService {
 public:
  ConnectService(TimedExecutor& loop, core::Fleet& fleet, core::StatusHub& status,
                 ports::DeviceSearcher& searcher);

  // Ends the open streams with UNAVAILABLE. Any thread, before the server's Shutdown.
  void Shutdown() { streams_.Shutdown(); }

 private:
  using To = ports::Relinking::To;
  using Context = grpc::CallbackServerContext;
  using Unary = grpc::ServerUnaryReactor;

  Unary* Connect(Context* context, const gsdk::connect::ConnectRequest* request,
                 gsdk::connect::ConnectResponse* response) override;
  Unary* AddAsyncConnection(Context* context,
                            const gsdk::connect::AddAsyncConnectionRequest* request,
                            gsdk::connect::AddAsyncConnectionResponse* response) override;
  Unary* DeleteAsyncConnection(Context* context,
                               const gsdk::connect::DeleteAsyncConnectionRequest* request,
                               gsdk::connect::DeleteAsyncConnectionResponse* response) override;
  Unary* SetAcceptFilter(Context* context, const gsdk::connect::SetAcceptFilterRequest* request,
                         gsdk::connect::SetAcceptFilterResponse* response) override;
  Unary* GetAcceptFilter(Context* context, const gsdk::connect::GetAcceptFilterRequest* request,
                         gsdk::connect::GetAcceptFilterResponse* response) override;
  Unary* GetPendingList(Context* context, const gsdk::connect::GetPendingListRequest* request,
                        gsdk::connect::GetPendingListResponse* response) override;
  Unary* GetDeviceList(Context* context, const gsdk::connect::GetDeviceListRequest* request,
                       gsdk::connect::GetDeviceListResponse* response) override;
  Unary* Disconnect(Context* context, const gsdk::connect::DisconnectRequest* request,
                    gsdk::connect::DisconnectResponse* response) override;
  Unary* DisconnectAll(Context* context, const gsdk::connect::DisconnectAllRequest* request,
                       gsdk::connect::DisconnectAllResponse* response) override;
  Unary* SearchDevice(Context* context, const gsdk::connect::SearchDeviceRequest* request,
                      gsdk::connect::SearchDeviceResponse* response) override;
  Unary* GetSlaveDevice(Context* context, const gsdk::connect::GetSlaveDeviceRequest* request,
                        gsdk::connect::GetSlaveDeviceResponse* response) override;
  Unary* SetSlaveDevice(Context* context, const gsdk::connect::SetSlaveDeviceRequest* request,
                        gsdk::connect::SetSlaveDeviceResponse* response) override;
  Unary* SetConnectionMode(Context* context, const gsdk::connect::SetConnectionModeRequest* request,
                           gsdk::connect::SetConnectionModeResponse* response) override;
  Unary* SetConnectionModeMulti(Context* context,
                                const gsdk::connect::SetConnectionModeMultiRequest* request,
                                gsdk::connect::SetConnectionModeMultiResponse* response) override;
  Unary* EnableSSL(Context* context, const gsdk::connect::EnableSSLRequest* request,
                   gsdk::connect::EnableSSLResponse* response) override;
  Unary* EnableSSLMulti(Context* context, const gsdk::connect::EnableSSLMultiRequest* request,
                        gsdk::connect::EnableSSLMultiResponse* response) override;
  Unary* DisableSSL(Context* context, const gsdk::connect::DisableSSLRequest* request,
                    gsdk::connect::DisableSSLResponse* response) override;
  Unary* DisableSSLMulti(Context* context, const gsdk::connect::DisableSSLMultiRequest* request,
                         gsdk::connect::DisableSSLMultiResponse* response) override;
  grpc::ServerWriteReactor<gsdk::connect::StatusChange>* SubscribeStatus(
      Context* context, const gsdk::connect::SubscribeStatusRequest* request) override;

  template <typename Request, typename Response>
  Unary* RelinkOne(const Request& request, Response* response, absl::StatusOr<To> to);
  template <typename Request, typename Response>
  Unary* RelinkEach(const Request& request, Response* response, absl::StatusOr<To> to);

  TimedExecutor& loop_;
  core::Fleet& fleet_;
  core::StatusHub& status_;
  ports::DeviceSearcher& searcher_;
  StreamRegistry streams_{kStreamsMax};
};

}  // namespace gatelog::api
