#include "api/gatelog/store_service.h"

#include <utility>

#include "api/gatelog/upkeep_stream.h"
#include "api/rpc/call.h"
#include "evidence/entry.h"

namespace gatelog::api {
namespace {

constexpr std::size_t kUserIdSizeMax = 4'096;  // bytes; what a record can hold

template <typename Stream>
Stream* Begin(ports::StoreUpkeep& upkeep, Executor& worker,
              const std::shared_ptr<std::atomic<bool>>& busy, StreamRegistry& streams) {
  auto stream = std::make_shared<Stream>(upkeep, worker, busy);
  stream->Start(streams);
  stream->Run();
  return stream.get();  // keeps itself alive
}

}  // namespace

grpc::ServerWriteReactor<gatelog::v1::BackupResponse>* StoreService::Backup(
    Context*, const gatelog::v1::BackupRequest*) {
  return Begin<BackupStream>(upkeep_, worker_, busy_, streams_);
}

grpc::ServerWriteReactor<gatelog::v1::CheckResponse>* StoreService::Check(
    Context*, const gatelog::v1::CheckRequest*) {
  return Begin<CheckStream>(upkeep_, worker_, busy_, streams_);
}

grpc::ServerUnaryReactor* StoreService::Forget(Context*, const gatelog::v1::ForgetRequest* request,
                                               gatelog::v1::ForgetResponse* response) {
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
                      gatelog::v1::ForgetResponse reply;
                      reply.set_events(erased->events);
                      reply.set_images(erased->images);
                      reply.set_files_clean(erased->files_clean);
                      call.Reply(std::move(reply));
                    });
  });
}

}  // namespace gatelog::api
