#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api/rpc/call.h"
#include "core/access/log_access.h"
#include "model/event.h"

namespace gatelog::api {

// A reply made of some of the records of a device's log, under the IDs that they have there:
// `take(event, reply)` adds what it makes of a record and returns true, or leaves it out.
template <typename Response, typename Take>
class LogProjection {
 public:
  LogProjection(UnaryCall<Response> call, std::uint32_t max, Take take)
      : call_(std::move(call)), max_(max), take_(std::move(take)) {}

  // Whether to go on.
  bool Gather(const ports::LogPage& page) {
    for (std::size_t i = 0; i < page.size() && !complete(); ++i) {
      const absl::StatusOr<model::Event> event = model::ParseEvent(page[i].payload);
      if (event.ok() && take_(*event, reply_)) ++taken_;
    }
    return !complete() && !call_.cancelled();
  }

  void Finish(const absl::Status& status) {
    if (!status.ok() && !complete()) return call_.Finish(status);
    call_.Reply(std::move(reply_));
  }

 private:
  bool complete() const { return max_ != 0 && taken_ >= max_; }

  UnaryCall<Response> call_;
  const std::uint32_t max_;  // 0: all
  Take take_;
  Response reply_;
  std::uint32_t taken_ = 0;
};

// Answers the call with what `take` makes of the device's log. `wanted` has deviceID, startEventID
// (inclusive) and maxNumOfLog, which counts records of the reply; 0: all. Loop's thread.
template <typename Request, typename Response, typename Take>
void ProjectLog(core::LogAccess& access, const Request& wanted, UnaryCall<Response> call,
                Take take) {
  auto projection = std::make_shared<LogProjection<Response, Take>>(
      std::move(call), wanted.maxnumoflog(), std::move(take));
  constexpr std::uint32_t kAll = 0;
  access.ReadLog(
      wanted.deviceid(), wanted.starteventid(), kAll,
      [projection](ports::LogPage& page) { return projection->Gather(page); },
      [projection](absl::Status status) { projection->Finish(status); });
}

// What the records of all projections tell alike.
template <typename Record>
void SetCommonFields(const model::Event& event, Record& record) {
  record.set_id(event.id);
  record.set_timestamp(event.timestamp);
  record.set_deviceid(event.device);
  record.set_userid(event.user_id);
  record.set_eventcode(event.code);
  record.set_subcode(event.sub_code);
}

}  // namespace gatelog::api
