#include "api/rpc/older_paths.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "api/rpc/call.h"
#include "api/rpc/grpc_status.h"
#include "api/rpc/relayed_call.h"

namespace gatelog::api {
namespace {

class RefusedCall final : public grpc::ServerGenericBidiReactor {
 public:
  explicit RefusedCall(const absl::Status& status) { Finish(ToGrpcStatus(status)); }

 private:
  void OnDone() override { delete this; }
};

// "/package.Service/Method" without the slash in front.
std::string_view NameIn(std::string_view path) {
  path.remove_prefix(path.starts_with('/') ? 1 : 0);
  return path;
}

}  // namespace

void OlderPaths::Open(const std::shared_ptr<grpc::Channel>& channel) {
  MutexLock lock(mutex_);
  stub_ = std::make_shared<grpc::GenericStub>(channel);
}

void OlderPaths::Close() {
  MutexLock lock(mutex_);
  stub_ = nullptr;
}

// One dot: a package and a service, where the full names have two. Nothing is passed on twice,
// since what is passed on begins with the prefix.
bool OlderPaths::IsOlder(std::string_view path) const {
  const std::string_view name = NameIn(path);
  const std::string_view service = name.substr(0, name.find('/'));
  return !prefix_.empty() && !service.starts_with(prefix_) &&
         std::count(service.begin(), service.end(), '.') == 1;
}

grpc::ServerGenericBidiReactor* OlderPaths::CreateReactor(
    grpc::GenericCallbackServerContext* context) {
  const std::string& path = context->method();
  if (!IsOlder(path)) {
    return new RefusedCall(absl::UnimplementedError(
        fmt::format("{} is not served in this version of gatelog.", NameIn(path))));
  }
  std::shared_ptr<grpc::GenericStub> stub;
  {
    MutexLock lock(mutex_);
    stub = stub_;
  }
  if (stub == nullptr) return new RefusedCall(absl::UnavailableError(kStoppingMessage));
  return RelayedCall::Start(*stub, fmt::format("/{}{}", prefix_, NameIn(path)), *context);
}

}  // namespace gatelog::api
