#include "api/gatelog/store_service.h"

#include "api/gatelog/upkeep_stream.h"

namespace gatelog::api {
namespace {

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

}  // namespace gatelog::api
