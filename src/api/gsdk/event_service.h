#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "api/rpc/stream_registry.h"
#include "base/executor.h"
#include "core/access/log_access.h"
#include "core/fleet/fleet.h"
#include "core/live/live_hub.h"
#include "gsdk/event.grpc.pb.h"

namespace gatelog::api {

// Records travel as the bytes that the device sent: these methods see requests and replies encoded.
using RawEventService = gsdk::event::Event::WithRawCallbackMethod_GetLog<
    gsdk::event::Event::WithRawCallbackMethod_GetLogWithFilter<
        gsdk::event::Event::WithRawCallbackMethod_GetImageLog<
            gsdk::event::Event::WithRawCallbackMethod_SubscribeRealtimeLog<
                gsdk::event::Event::CallbackService>>>>;

// gsdk.event.Event: the devices' logs, read through their links, and live events.
//
// gRPC calls it on its own threads; all work is posted to the loop. Everything it is given must
// outlive the server.
class EventService final : public RawEventService {
 public:
  EventService(TimedExecutor& loop, core::Fleet& fleet, core::LogAccess& access,
               core::LiveHub& live)
      : loop_(loop), fleet_(fleet), access_(access), live_(live) {}

  // Ends the open streams with UNAVAILABLE. Any thread, before the server's Shutdown.
  void Shutdown() { streams_.Shutdown(); }

 private:
  using Context = grpc::CallbackServerContext;
  using Bytes = grpc::ByteBuffer;
  using Unary = grpc::ServerUnaryReactor;

  Unary* GetLog(Context* context, const Bytes* request, Bytes* response) override;
  Unary* GetLogWithFilter(Context* context, const Bytes* request, Bytes* response) override;
  Unary* GetImageLog(Context* context, const Bytes* request, Bytes* response) override;
  grpc::ServerWriteReactor<Bytes>* SubscribeRealtimeLog(Context* context,
                                                        const Bytes* request) override;

  Unary* EnableMonitoring(Context* context, const gsdk::event::EnableMonitoringRequest* request,
                          gsdk::event::EnableMonitoringResponse* response) override;
  Unary* EnableMonitoringMulti(Context* context,
                               const gsdk::event::EnableMonitoringMultiRequest* request,
                               gsdk::event::EnableMonitoringMultiResponse* response) override;
  Unary* DisableMonitoring(Context* context, const gsdk::event::DisableMonitoringRequest* request,
                           gsdk::event::DisableMonitoringResponse* response) override;
  Unary* DisableMonitoringMulti(Context* context,
                                const gsdk::event::DisableMonitoringMultiRequest* request,
                                gsdk::event::DisableMonitoringMultiResponse* response) override;
  Unary* GetImageFilter(Context* context, const gsdk::event::GetImageFilterRequest* request,
                        gsdk::event::GetImageFilterResponse* response) override;
  Unary* SetImageFilter(Context* context, const gsdk::event::SetImageFilterRequest* request,
                        gsdk::event::SetImageFilterResponse* response) override;
  Unary* SetImageFilterMulti(Context* context,
                             const gsdk::event::SetImageFilterMultiRequest* request,
                             gsdk::event::SetImageFilterMultiResponse* response) override;
  Unary* ClearLog(Context* context, const gsdk::event::ClearLogRequest* request,
                  gsdk::event::ClearLogResponse* response) override;
  Unary* ClearLogMulti(Context* context, const gsdk::event::ClearLogMultiRequest* request,
                       gsdk::event::ClearLogMultiResponse* response) override;

  TimedExecutor& loop_;
  core::Fleet& fleet_;
  core::LogAccess& access_;
  core::LiveHub& live_;
  StreamRegistry streams_{kStreamsMax};
};

// The filters of GetLogWithFilter in core's terms. kInvalidArgument: more than kRecordFiltersMax;
// kUnimplemented: one by what events do not tell.
absl::StatusOr<std::vector<core::RecordFilter>> ToRecordFilters(
    const google::protobuf::RepeatedPtrField<gsdk::event::EventFilter>& filters);

// Image filters encoded for the device. kInvalidArgument: more than kImageFiltersMax, an event code
// beyond 16 bits. Whether it has the schedules the device says.
absl::StatusOr<std::vector<std::string>> ToImageFilters(
    const google::protobuf::RepeatedPtrField<gsdk::event::ImageFilter>& filters);

}  // namespace gatelog::api
