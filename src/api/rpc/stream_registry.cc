#include "api/rpc/stream_registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "api/rpc/call.h"

namespace gatelog::api {

absl::Status StreamRegistry::Add(std::weak_ptr<EndableStream> stream) {
  MutexLock lock(mutex_);
  if (stopped_) return absl::UnavailableError(kStoppingMessage);
  std::erase_if(streams_, [](const auto& weak) { return weak.expired(); });
  if (streams_.size() >= streams_max_) {
    return absl::ResourceExhaustedError(
        fmt::format("{} streams are open already, which is the limit. End one that is not needed.",
                    streams_max_));
  }
  streams_.push_back(std::move(stream));
  return absl::OkStatus();
}

void StreamRegistry::Shutdown() {
  std::vector<std::weak_ptr<EndableStream>> streams;
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    streams.swap(streams_);
  }
  for (const auto& weak : streams) {
    if (const auto stream = weak.lock())
      stream->End({grpc::StatusCode::UNAVAILABLE, kStoppingMessage});
  }
}

std::size_t StreamRegistry::size() const {
  MutexLock lock(mutex_);
  return static_cast<std::size_t>(std::count_if(streams_.begin(), streams_.end(),
                                                [](const auto& weak) { return !weak.expired(); }));
}

}  // namespace gatelog::api
