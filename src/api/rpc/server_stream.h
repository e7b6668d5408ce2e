#pragma once

#include <grpcpp/support/server_callback.h>

#include <memory>
#include <optional>
#include <utility>

#include "api/rpc/stream_registry.h"
#include "base/happens_before.h"
#include "base/mutex.h"

namespace gatelog::api {

// A server stream whose messages come from elsewhere, when they come. Derived classes give the next
// message; this class writes one at a time, ends the stream once, and keeps itself alive until gRPC
// is done with it.
//
// A stream begins with its headers, so that a client can tell when it is in place. Any thread may
// call Wake and End.
template <typename Message>
class ServerStream : public grpc::ServerWriteReactor<Message>,
                     public EndableStream,
                     public std::enable_shared_from_this<ServerStream<Message>> {
 public:
  // Once, before the method returns the stream. The registry ends the stream when it shuts down.
  void Start(StreamRegistry& registry) {
    self_ = this->shared_from_this();
    if (absl::Status added = registry.Add(this->shared_from_this()); !added.ok()) {
      End(ToGrpcStatus(added));
    }
    happens_before::Release(this);
    this->StartSendInitialMetadata();
  }

  // There may be a message now.
  void Wake() GATELOG_EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      if (busy_ || finished_) {
        woken_ = true;
        return;
      }
      busy_ = true;
    }
    WriteNext();
  }

  // Ends the stream after the message that is being written. The first status counts.
  void End(grpc::Status status) override GATELOG_EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      if (finished_ || ending_) return;
      ending_ = std::move(status);
      if (busy_) return;  // whoever is busy sees it
      busy_ = true;
    }
    FinishIfEnding();
  }

  void OnSendInitialMetadataDone(bool ok) override { GoOn(ok); }
  void OnWriteDone(bool ok) override { GoOn(ok); }
  void OnCancel() override {
    happens_before::Acquire(this);
    End({grpc::StatusCode::CANCELLED, "The stream was cancelled."});
    happens_before::Release(this);
  }
  void OnDone() override {
    happens_before::Acquire(this);
    auto last = std::move(self_);
  }

 protected:
  // Fills in the next message; false if there is none now: then Wake must come when there is.
  // `more`: another one follows at once. One thread at a time, no lock held.
  virtual bool Next(Message& message, bool& more) = 0;

 private:
  // gRPC calls this after what StartWrite or Start did.
  void GoOn(bool ok) {
    happens_before::Acquire(this);
    if (!ok) {
      MutexLock lock(mutex_);
      if (!ending_) ending_ = grpc::Status(grpc::StatusCode::CANCELLED, "The client is gone.");
    }
    WriteNext();
  }

  // By whoever set busy_, or by gRPC's callback on its behalf. Nothing of the stream may be touched
  // after StartWrite.
  void WriteNext() GATELOG_EXCLUDES(mutex_) {
    for (;;) {
      {
        MutexLock lock(mutex_);
        woken_ = false;
      }
      if (FinishIfEnding()) return;
      bool more = false;
      if (Next(message_, more)) {
        grpc::WriteOptions options;
        // A hinted message waits for the next one, so that both are sent by one system call. With
        // gRPC 1.51 a hint on a stream's first message holds up the stream for ever.
        if (more && !first_) options.set_buffer_hint();
        first_ = false;
        happens_before::Release(this);
        this->StartWrite(&message_, options);
        return;
      }
      MutexLock lock(mutex_);
      if (!woken_ && !ending_) {
        busy_ = false;
        return;
      }
    }
  }

  bool FinishIfEnding() GATELOG_EXCLUDES(mutex_) {
    grpc::Status status;
    {
      MutexLock lock(mutex_);
      if (!ending_ || finished_) return finished_;
      finished_ = true;
      status = *ending_;
    }
    happens_before::Release(this);
    this->Finish(std::move(status));
    return true;
  }

  Message message_;
  bool first_ = true;
  std::shared_ptr<ServerStream> self_;

  Mutex mutex_;
  bool busy_ GUARDED_BY(mutex_) =
      true;  // a write is under way or being prepared; at first, the headers
  bool woken_ GUARDED_BY(mutex_) = false;
  bool finished_ GUARDED_BY(mutex_) = false;
  std::optional<grpc::Status> ending_ GUARDED_BY(mutex_);
};

}  // namespace gatelog::api
