#pragma once

#include <grpcpp/support/status.h>

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "api/rpc/grpc_status.h"
#include "base/mutex.h"

namespace gatelog::api {

// A stream that the gateway can end by itself.
class EndableStream {
 public:
  virtual ~EndableStream() = default;
  virtual void End(grpc::Status status) = 0;
};

// The open streams of one service, bounded, so that they can be ended before the server stops. Any
// thread.
class StreamRegistry {
 public:
  explicit StreamRegistry(std::size_t streams_max) : streams_max_(streams_max) {}

  // kUnavailable after Shutdown, kResourceExhausted when streams_max are open.
  absl::Status Add(std::weak_ptr<EndableStream> stream) GATELOG_EXCLUDES(mutex_);

  // Ends every stream with UNAVAILABLE; later ones end at once.
  void Shutdown() GATELOG_EXCLUDES(mutex_);

  std::size_t size() const GATELOG_EXCLUDES(mutex_);

 private:
  const std::size_t streams_max_;
  mutable Mutex mutex_;
  bool stopped_ GUARDED_BY(mutex_) = false;
  std::vector<std::weak_ptr<EndableStream>> streams_ GUARDED_BY(mutex_);
};

inline constexpr std::size_t kStreamsMax = 4'096;  // of one service

}  // namespace gatelog::api
