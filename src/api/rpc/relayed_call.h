#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/client_callback.h>

#include <cstddef>
#include <string>

#include "base/happens_before.h"
#include "base/mutex.h"

namespace gatelog::api {

// One call, of any kind, that came to this server and goes on to another path: messages, metadata,
// deadline and cancellation that way; headers, messages, status with its details and trailers back.
// At most one message waits in each direction.
//
// Deletes itself when gRPC is done with both ends. gRPC's threads.
class RelayedCall {
 public:
  // The reactor of the call that came. `context` lives until gRPC is done with it.
  static grpc::ServerGenericBidiReactor* Start(grpc::GenericStub& stub, const std::string& path,
                                               grpc::GenericCallbackServerContext& context);

 private:
  // The end at which the call came.
  class Near final : public grpc::ServerGenericBidiReactor {
   public:
    explicit Near(RelayedCall& call) : call_(call) {}
    void OnReadDone(bool ok) override { Taken().OnRequest(ok); }
    void OnWriteDone(bool ok) override { Taken().OnResponseWritten(ok); }
    void OnCancel() override { Taken().Cancel(); }
    void OnDone() override { delete &Taken(); }

   private:
    // The call, with all that was done for it before.
    RelayedCall& Taken() {
      happens_before::Acquire(this);
      return call_;
    }
    RelayedCall& call_;
  };

  // The end at which it goes on.
  class Far final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
   public:
    explicit Far(RelayedCall& call) : call_(call) {}
    void OnReadInitialMetadataDone(bool ok) override { Taken().OnHeaders(ok); }
    void OnReadDone(bool ok) override { Taken().OnResponse(ok); }
    void OnWriteDone(bool ok) override { Taken().OnRequestWritten(ok); }
    void OnWritesDoneDone(bool /*ok*/) override { Taken().Release(); }
    void OnDone(const grpc::Status& status) override { Taken().OnFarDone(status); }

   private:
    // The call, with all that was done for it before.
    RelayedCall& Taken() {
      happens_before::Acquire(this);
      return call_;
    }
    RelayedCall& call_;
  };

  explicit RelayedCall(grpc::GenericCallbackServerContext& context) : near_context_(context) {}

  // Before something is handed to gRPC, and at the end of a reaction.
  void Hand() {
    happens_before::Release(&near_);
    happens_before::Release(&far_);
  }

  void CopyMetadata();
  void Cancel();
  void OnRequest(bool ok) GATELOG_EXCLUDES(mutex_);
  void OnRequestWritten(bool ok);
  void OnHeaders(bool ok) GATELOG_EXCLUDES(mutex_);
  void OnResponse(bool ok) GATELOG_EXCLUDES(mutex_);
  void OnResponseWritten(bool ok);
  void EndResponses() GATELOG_EXCLUDES(mutex_);
  void Release() GATELOG_EXCLUDES(mutex_);
  void OnFarDone(const grpc::Status& status);

  grpc::GenericCallbackServerContext& near_context_;
  grpc::ClientContext far_context_;
  Near near_{*this};
  Far far_{*this};
  grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;

  // The far end is held while something may still be done with it: until the responses have ended,
  // and while a request is on its way. Then its status comes, and the near end is finished.
  Mutex mutex_;
  std::size_t uses_ GUARDED_BY(mutex_) = 1;
  bool responses_ended_ GUARDED_BY(mutex_) = false;
  bool headers_passed_ GUARDED_BY(mutex_) = false;
  bool response_waits_ GUARDED_BY(mutex_) = false;  // for the headers
};

}  // namespace gatelog::api
