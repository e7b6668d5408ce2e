#include "api/gatelog/store_service.h"

#include <utility>

#include "api/rpc/call.h"
#include "evidence/entry.h"

namespace gatelog::api {
namespace {

namespace v1 = gatelog::v1;

constexpr std::size_t kUserIdSizeMax = 4'096;  // bytes; what a record can hold

}  // namespace

grpc::ServerUnaryReactor* StoreService::Forget(grpc::CallbackServerContext*,
                                               const v1::ForgetRequest* request,
                                               v1::ForgetResponse* response) {
  return StartCallOn(loop_, *request, response, [this](const auto& wanted, auto call) {
    if (wanted.user_id().empty() || wanted.user_id().size() > kUserIdSizeMax) {
      return call.Finish(absl::InvalidArgumentError("user_id must name the user to be forgotten."));
    }
    if (wanted.requested_by().size() > evidence::kEntryTextMax) {
      return call.Finish(absl::InvalidArgumentError("requested_by is too long."));
    }
    sealing_.Forget(wanted.user_id(), wanted.requested_by(),
                    [call = std::move(call)](absl::StatusOr<ports::Erased> erased) mutable {
                      if (!erased.ok()) return call.Finish(erased.status());
                      v1::ForgetResponse reply;
                      reply.set_events(erased->events);
                      reply.set_images(erased->images);
                      reply.set_files_clean(erased->files_clean);
                      call.Reply(std::move(reply));
                    });
  });
}

}  // namespace gatelog::api
