#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "api/rpc/server_stream.h"
#include "base/executor.h"
#include "gatelog/v1/store.pb.h"
#include "ports/store_upkeep.h"

namespace gatelog::api {

// The turn of one call to care for the store; none while another call has it. Given back when
// destroyed.
class UpkeepTurn {
 public:
  explicit UpkeepTurn(std::shared_ptr<std::atomic<bool>> busy)
      : busy_(std::move(busy)), taken_(!busy_->exchange(true)) {}
  ~UpkeepTurn() {
    if (taken_) *busy_ = false;
  }
  UpkeepTurn(const UpkeepTurn&) = delete;
  UpkeepTurn& operator=(const UpkeepTurn&) = delete;

  bool taken() const { return taken_; }

 private:
  const std::shared_ptr<std::atomic<bool>> busy_;
  const bool taken_;
};

// A call whose work runs on a worker and tells of its progress. Of the progress the newest is kept,
// so a slow client costs no memory.
template <typename Message>
class UpkeepStream : public ServerStream<Message> {
 public:
  UpkeepStream(ports::StoreUpkeep& upkeep, Executor& worker,
               std::shared_ptr<std::atomic<bool>> busy)
      : upkeep_(upkeep), worker_(worker), turn_(std::move(busy)) {}

  // Once, after Start.
  void Run() {
    if (!turn_.taken()) {
      return this->End({grpc::StatusCode::FAILED_PRECONDITION,
                        "Another backup or check is under way. Try again when it has ended."});
    }
    Post([](UpkeepStream& self) {
      if (self.ended_) return;
      self.working_ = true;
      if (!self.ended_) self.Work();
      self.working_ = false;
    });
  }

  void End(grpc::Status status) override {
    ended_ = true;
    if (working_) upkeep_.GiveUp();
    ServerStream<Message>::End(std::move(status));
  }

 protected:
  // On the worker: the whole work, with what it tells.
  virtual void Work() = 0;

  // Runs `task(UpkeepStream&)` on the worker, unless the stream is gone by then.
  template <typename Run>
  void Post(Run task) {
    auto weak = std::weak_ptr<UpkeepStream>(
        std::static_pointer_cast<UpkeepStream>(this->shared_from_this()));
    worker_.Post([weak = std::move(weak), task = std::move(task)]() mutable {
      if (const auto self = weak.lock()) task(*self);
    });
  }

  // The client is to hear of it, unless something newer comes first. False: nobody listens.
  bool Tell(Message message) {
    {
      MutexLock lock(mutex_);
      told_ = std::move(message);
    }
    this->Wake();
    return !ended_;
  }
  bool TakeTold(Message& message) {
    MutexLock lock(mutex_);
    if (!told_) return false;
    message = *std::move(told_);
    told_.reset();
    return true;
  }
  ports::StoreUpkeep& upkeep() { return upkeep_; }

 private:
  ports::StoreUpkeep& upkeep_;
  Executor& worker_;
  const UpkeepTurn turn_;
  std::atomic<bool> ended_ = false;
  std::atomic<bool> working_ = false;
  Mutex mutex_;
  std::optional<Message> told_ GUARDED_BY(mutex_);
};

// Tells of the copy being made, then sends it chunk by chunk; a chunk is read when the one before
// has been written.
class BackupStream final : public UpkeepStream<gatelog::v1::BackupResponse> {
 public:
  using UpkeepStream::UpkeepStream;

 private:
  void Work() override;
  bool Next(gatelog::v1::BackupResponse& message, bool& more) override;
  void ReadChunk();

  Mutex mutex_;
  std::unique_ptr<ports::StoreCopy> copy_ GUARDED_BY(mutex_);
  bool reading_ GUARDED_BY(mutex_) = false;
  std::optional<std::string> chunk_ GUARDED_BY(mutex_);  // empty: the end
  bool all_sent_ GUARDED_BY(mutex_) = false;
};

class CheckStream final : public UpkeepStream<gatelog::v1::CheckResponse> {
 public:
  using UpkeepStream::UpkeepStream;

 private:
  void Work() override;
  bool Next(gatelog::v1::CheckResponse& message, bool& more) override;

  Mutex mutex_;
  std::optional<gatelog::v1::CheckResponse> report_ GUARDED_BY(mutex_);
  bool reported_ GUARDED_BY(mutex_) = false;
};

}  // namespace gatelog::api
