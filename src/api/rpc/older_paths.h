#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/mutex.h"

namespace gatelog::api {

// Takes the calls whose path no service has. Clients of older versions of the API call the services
// by names without their first part, "/event.Event/GetLog" for "/gsdk.event.Event/GetLog": these
// are passed on to the same server under the full name, streams too, with their deadline, metadata
// and cancellation, and what comes back is passed back as it is. All others are answered
// UNIMPLEMENTED in a sentence that names what is not served.
class OlderPaths final : public grpc::CallbackGenericService {
 public:
  // `prefix` is what older names lack, such as "gsdk."; empty: nothing is passed on.
  explicit OlderPaths(std::string prefix) : prefix_(std::move(prefix)) {}

  // The way to the server itself, once it is there; until then, and after Close, calls are answered
  // UNAVAILABLE. Any thread.
  void Open(const std::shared_ptr<grpc::Channel>& channel) GATELOG_EXCLUDES(mutex_);
  // After the last call has ended, before the server is destroyed.
  void Close() GATELOG_EXCLUDES(mutex_);

 private:
  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* context)
      GATELOG_EXCLUDES(mutex_) override;
  bool IsOlder(std::string_view path) const;

  const std::string prefix_;
  Mutex mutex_;
  std::shared_ptr<grpc::GenericStub> stub_ GUARDED_BY(mutex_);
};

}  // namespace gatelog::api
