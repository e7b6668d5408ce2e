#include "api/gsdk/event_service.h"

#include <memory>
#include <utility>

#include "api/gsdk/live_stream.h"
#include "api/gsdk/multi_call.h"
#include "api/gsdk/record_reply.h"
#include "api/rpc/call.h"
#include "api/rpc/wire.h"
#include "model/event.h"

namespace gatelog::api {
namespace {

namespace ev = gsdk::event;
using RawCall = UnaryCall<grpc::ByteBuffer>;

// A read under way: what has been gathered, and the call it is for.
struct Reading {
  explicit Reading(RawCall answer) : call(std::move(answer)) {}

  // What on_page returns after an append: whether to go on.
  bool Keep(bool appended) {
    too_large = !appended;
    return appended && !call.cancelled();
  }

  // When the read is over. An end that we chose is no error.
  void Finish(const absl::Status& status) {
    if (too_large) return call.Finish(RecordReply::TooLarge());
    if (!status.ok()) return call.Finish(status);
    call.Reply(reply.Take());
  }

  RawCall call;
  RecordReply reply;
  bool too_large = false;
};

}  // namespace

EventService::Unary* EventService::GetLog(Context*, const Bytes* request, Bytes* response) {
  return StartCallOn(loop_, *request, response, [this](const Bytes& bytes, RawCall call) {
    ev::GetLogRequest wanted;
    if (absl::Status parsed = ParseRequest(bytes, wanted); !parsed.ok()) return call.Finish(parsed);
    auto reading = std::make_shared<Reading>(std::move(call));
    access_.ReadLog(
        wanted.deviceid(), wanted.starteventid(), wanted.maxnumoflog(),
        [reading](ports::LogPage& page) { return reading->Keep(reading->reply.AppendPage(page)); },
        [reading](absl::Status status) { reading->Finish(status); });
  });
}

EventService::Unary* EventService::GetLogWithFilter(Context*, const Bytes* request,
                                                    Bytes* response) {
  return StartCallOn(loop_, *request, response, [this](const Bytes& bytes, RawCall call) {
    ev::GetLogWithFilterRequest wanted;
    if (absl::Status parsed = ParseRequest(bytes, wanted); !parsed.ok()) return call.Finish(parsed);
    auto filters = ToRecordFilters(wanted.filters());
    if (!filters.ok()) return call.Finish(filters.status());
    if (filters->empty()) filters->emplace_back();  // matches all
    auto reading = std::make_shared<Reading>(std::move(call));
    access_.ReadMatching(
        wanted.deviceid(), wanted.starteventid(), wanted.maxnumoflog(), *std::move(filters),
        reading->call.stop_token(),
        [reading](std::vector<std::string>& records) {
          return reading->Keep(reading->reply.AppendMessages(records));
        },
        [reading](absl::Status status) { reading->Finish(status); });
  });
}

EventService::Unary* EventService::GetImageLog(Context*, const Bytes* request, Bytes* response) {
  return StartCallOn(loop_, *request, response, [this](const Bytes& bytes, RawCall call) {
    ev::GetImageLogRequest wanted;
    if (absl::Status parsed = ParseRequest(bytes, wanted); !parsed.ok()) return call.Finish(parsed);
    auto reading = std::make_shared<Reading>(std::move(call));
    access_.ReadImages(
        wanted.deviceid(), wanted.starteventid(), wanted.maxnumoflog(),
        [reading](std::vector<std::string>& images) {
          // One that cannot be read would make the client refuse the whole reply.
          std::erase_if(images,
                        [](const std::string& image) { return !model::ParseImage(image).ok(); });
          return reading->Keep(reading->reply.AppendMessages(images));
        },
        [reading](absl::Status status) { reading->Finish(status); });
  });
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* EventService::SubscribeRealtimeLog(
    Context*, const Bytes* request) {
  auto stream = std::make_shared<LiveStream>();
  LiveStream* bare = stream.get();
  ev::SubscribeRealtimeLogRequest wanted;
  absl::Status status = ParseRequest(*request, wanted);
  if (status.ok()) status = stream->Subscribe(live_, wanted);
  stream->Start(streams_);  // the headers say that the subscription is in force
  if (!status.ok()) stream->End(ToGrpcStatus(status));
  return bare;
}

EventService::Unary* EventService::EnableMonitoring(Context*,
                                                    const ev::EnableMonitoringRequest* request,
                                                    ev::EnableMonitoringResponse* response) {
  return StartCallOn(loop_, *request, response, [this](const auto& wanted, auto call) {
    fleet_.SetMonitoring(
        wanted.deviceid(), true,
        [call = std::move(call)](absl::Status status) mutable { call.ReplyEmpty(status); });
  });
}

EventService::Unary* EventService::EnableMonitoringMulti(
    Context*, const ev::EnableMonitoringMultiRequest* request,
    ev::EnableMonitoringMultiResponse* response) {
  return StartCallOn(loop_, *request, response, [this](const auto& wanted, auto call) {
    ForEachDevice(wanted.deviceids(), std::move(call), [this](model::DeviceId id, auto reply) {
      fleet_.SetMonitoring(id, true, std::move(reply));
    });
  });
}

EventService::Unary* EventService::DisableMonitoring(Context*,
                                                     const ev::DisableMonitoringRequest* request,
                                                     ev::DisableMonitoringResponse* response) {
  return StartCallOn(loop_, *request, response, [this](const auto& wanted, auto call) {
    fleet_.SetMonitoring(
        wanted.deviceid(), false,
        [call = std::move(call)](absl::Status status) mutable { call.ReplyEmpty(status); });
  });
}

EventService::Unary* EventService::DisableMonitoringMulti(
    Context*, const ev::DisableMonitoringMultiRequest* request,
    ev::DisableMonitoringMultiResponse* response) {
  return StartCallOn(loop_, *request, response, [this](const auto& wanted, auto call) {
    ForEachDevice(wanted.deviceids(), std::move(call), [this](model::DeviceId id, auto reply) {
      fleet_.SetMonitoring(id, false, std::move(reply));
    });
  });
}

EventService::Unary* EventService::GetImageFilter(Context*,
                                                  const ev::GetImageFilterRequest* request,
                                                  ev::GetImageFilterResponse* response) {
  return StartCallOn(loop_, *request, response, [this](const auto& wanted, auto call) {
    access_.GetImageFilters(
        wanted.deviceid(),
        [call = std::move(call)](absl::StatusOr<std::vector<std::string>> filters) mutable {
          if (!filters.ok()) return call.Finish(filters.status());
          ev::GetImageFilterResponse reply;
          for (const std::string& filter : *filters) {
            if (!reply.add_filters()->ParseFromString(filter)) {
              return call.Finish(
                  absl::InternalError("The device sent an image filter that cannot be read."));
            }
          }
          call.Reply(std::move(reply));
        });
  });
}

EventService::Unary* EventService::SetImageFilter(Context*,
                                                  const ev::SetImageFilterRequest* request,
                                                  ev::SetImageFilterResponse* response) {
  return StartCallOn(loop_, *request, response, [this](const auto& wanted, auto call) {
    auto filters = ToImageFilters(wanted.filters());
    if (!filters.ok()) return call.Finish(filters.status());
    access_.SetImageFilters(
        wanted.deviceid(), *std::move(filters),
        [call = std::move(call)](absl::Status status) mutable { call.ReplyEmpty(status); });
  });
}

EventService::Unary* EventService::SetImageFilterMulti(
    Context*, const ev::SetImageFilterMultiRequest* request,
    ev::SetImageFilterMultiResponse* response) {
  return StartCallOn(loop_, *request, response, [this](const auto& wanted, auto call) {
    const auto filters = ToImageFilters(wanted.filters());
    if (!filters.ok()) return call.Finish(filters.status());
    ForEachDevice(wanted.deviceids(), std::move(call),
                  [this, &filters](model::DeviceId id, auto reply) {
                    access_.SetImageFilters(id, *filters, std::move(reply));
                  });
  });
}

EventService::Unary* EventService::ClearLog(Context*, const ev::ClearLogRequest* request,
                                            ev::ClearLogResponse* response) {
  return StartCallOn(loop_, *request, response, [this](const auto& wanted, auto call) {
    access_.ClearLog(wanted.deviceid(), [call = std::move(call)](absl::Status status) mutable {
      call.ReplyEmpty(status);
    });
  });
}

EventService::Unary* EventService::ClearLogMulti(Context*, const ev::ClearLogMultiRequest* request,
                                                 ev::ClearLogMultiResponse* response) {
  return StartCallOn(loop_, *request, response, [this](const auto& wanted, auto call) {
    ForEachDevice(wanted.deviceids(), std::move(call), [this](model::DeviceId id, auto reply) {
      access_.ClearLog(id, std::move(reply));
    });
  });
}

}  // namespace gatelog::api
