#include "api/gsdk/tna_service.h"

#include <memory>
#include <utility>

#include "api/rpc/call.h"
#include "model/event.h"

namespace gatelog::api {
namespace {

namespace tn = gsdk::tna;

// A read under way: what has been gathered, and the call it is for.
struct Reading {
  Reading(UnaryCall<tn::GetTNALogResponse> answer, std::uint32_t wanted)
      : call(std::move(answer)), max(wanted) {}

  bool complete() const {
    return max != 0 && static_cast<std::uint32_t>(reply.tnaevents_size()) >= max;
  }

  // Whether to go on.
  bool Gather(const ports::LogPage& page) {
    for (std::size_t i = 0; i < page.size() && !complete(); ++i) {
      const absl::StatusOr<model::Event> event = model::ParseEvent(page[i].payload);
      if (!event.ok() || event->tna_key == 0) continue;
      tn::TNALog* record = reply.add_tnaevents();
      record->set_id(event->id);
      record->set_timestamp(event->timestamp);
      record->set_deviceid(event->device);
      record->set_userid(event->user_id);
      record->set_eventcode(event->code);
      record->set_subcode(event->sub_code);
      record->set_tnakey(static_cast<tn::Key>(event->tna_key));
    }
    return !complete() && !call.cancelled();
  }

  void Finish(const absl::Status& status) {
    if (!status.ok() && !complete()) return call.Finish(status);
    call.Reply(std::move(reply));
  }

  UnaryCall<tn::GetTNALogResponse> call;
  tn::GetTNALogResponse reply;
  const std::uint32_t max;  // 0: all
};

}  // namespace

TnaService::TnaService(TimedExecutor& loop, core::LogAccess& access)
    : loop_(loop), access_(access) {
  RefuseAllBut("gsdk.tna.TNA", {"GetTNALog"}, "it reads devices' logs and does not change devices");
}

// The request's filter is documented as without effect, and has none.
grpc::ServerUnaryReactor* TnaService::GetTNALog(grpc::CallbackServerContext*,
                                                const tn::GetTNALogRequest* request,
                                                tn::GetTNALogResponse* response) {
  return StartCallOn(loop_, *request, response, [this](const auto& wanted, auto call) {
    auto reading = std::make_shared<Reading>(std::move(call), wanted.maxnumoflog());
    constexpr std::uint32_t kAll = 0;
    access_.ReadLog(
        wanted.deviceid(), wanted.starteventid(), kAll,
        [reading](ports::LogPage& page) { return reading->Gather(page); },
        [reading](absl::Status status) { reading->Finish(status); });
  });
}

}  // namespace gatelog::api
