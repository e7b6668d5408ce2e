#include "core/access/device_calls.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/fleet/sure_reply.h"

namespace gatelog::core {

void DeviceCalls::Call(model::DeviceId device, std::string_view method, std::string request,
                       CallKind kind, ports::Reply<absl::StatusOr<std::string>> reply) {
  using Response = absl::StatusOr<std::string>;
  ++made_;
  const absl::StatusOr<ports::DeviceLink*> link = LinkOf(device);
  const absl::Status room = CheckRoom(request.size());
  if (!link.ok() || !room.ok()) {
    ++failed_;
    reply(link.ok() ? room : link.status());
    return;
  }
  const std::size_t size = request.size();
  ++open_;
  open_bytes_ += size;
  ports::Reply<Response> count = [this, size, reply = std::move(reply)](Response response) mutable {
    --open_;
    open_bytes_ -= size;
    if (!response.ok()) ++failed_;
    reply(std::move(response));
  };
  const std::chrono::milliseconds timeout =
      kind == CallKind::kLong ? options_.long_timeout : options_.command_timeout;
  (*link)->Call(method, std::move(request),
                SureReply<Response>(
                    loop_, std::move(count),
                    absl::UnavailableError(absl::StrCat("the gateway ended the link to device ",
                                                        device, " before it answered")),
                    timeout,
                    absl::DeadlineExceededError(
                        absl::StrCat("device ", device, " did not answer within ",
                                     static_cast<double>(timeout.count()) / 1000,
                                     " s; whether it has done what was asked is not known"))));
}

absl::StatusOr<ports::DeviceLink*> DeviceCalls::LinkOf(model::DeviceId device) {
  absl::StatusOr<ports::DeviceLink*> link = fleet_.Link(device);
  if (link.status().code() != absl::StatusCode::kNotFound) return link;
  const std::optional<model::DeviceId> master = fleet_.MasterOf(device);
  return master ? fleet_.Link(*master) : link;
}

absl::Status DeviceCalls::CheckRoom(std::size_t size) const {
  if (size > ports::kCallSizeMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("the request has ", size, " bytes; a device takes ", ports::kCallSizeMax));
  }
  if (open_ >= kDeviceCallsMax || open_bytes_ + size > kDeviceCallBytesMax) {
    return absl::ResourceExhaustedError(
        absl::StrCat(open_.load(), " calls of devices with ", open_bytes_,
                     " bytes are under way; try again when some are done"));
  }
  return absl::OkStatus();
}

}  // namespace gatelog::core
