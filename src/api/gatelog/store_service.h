#pragma once

#include <atomic>
#include <memory>

#include "api/rpc/stream_registry.h"
#include "base/executor.h"
#include "core/retention/retention.h"
#include "core/sealing/sealing.h"
#include "gatelog/v1/store.grpc.pb.h"
#include "ports/store_upkeep.h"

namespace gatelog::api {

inline constexpr std::size_t kBackupChunkBytes = 1024 * 1024;  // clients take 4 MiB

// gatelog.v1.Store: care for the store while it is in use.
//
// gRPC calls it on its own threads; all work runs on `worker`, a thread for nothing else, since a
// call may last as long as reading the whole store takes; Forget and Prune are passed on to the
// loop. What it is given must outlive the server.
class StoreService final : public gatelog::v1::Store::CallbackService {
 public:
  StoreService(ports::StoreUpkeep& upkeep, Executor& worker, Executor& loop, core::Sealing& sealing,
               core::Retention& retention)
      : upkeep_(upkeep), worker_(worker), loop_(loop), sealing_(sealing), retention_(retention) {}

  // Ends the call under way with UNAVAILABLE. Any thread, before the server's Shutdown.
  void Shutdown() { streams_.Shutdown(); }

 private:
  using Context = grpc::CallbackServerContext;

  grpc::ServerWriteReactor<gatelog::v1::BackupResponse>* Backup(
      Context* context, const gatelog::v1::BackupRequest* request) override;
  grpc::ServerWriteReactor<gatelog::v1::CheckResponse>* Check(
      Context* context, const gatelog::v1::CheckRequest* request) override;

  grpc::ServerUnaryReactor* Forget(Context* context, const gatelog::v1::ForgetRequest* request,
                                   gatelog::v1::ForgetResponse* response) override;
  grpc::ServerUnaryReactor* Prune(Context* context, const gatelog::v1::PruneRequest* request,
                                  gatelog::v1::PruneResponse* response) override;

  ports::StoreUpkeep& upkeep_;
  Executor& worker_;
  Executor& loop_;
  core::Sealing& sealing_;
  core::Retention& retention_;
  // Shared with the call under way, whose end frees it.
  const std::shared_ptr<std::atomic<bool>> busy_ = std::make_shared<std::atomic<bool>>(false);
  StreamRegistry streams_{kStreamsMax};
};

}  // namespace gatelog::api
