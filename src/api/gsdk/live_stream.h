#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <cstddef>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "api/rpc/server_stream.h"
#include "core/fleet/fleet.h"
#include "core/live/live_hub.h"
#include "gsdk/event.pb.h"

namespace gatelog::api {

// One client's live events: the payloads that the hub shares, written as they are.
class LiveStream final : public ServerStream<grpc::ByteBuffer> {
 public:
  // Once, before Start. kInvalidArgument: more filter values than can exist; kResourceExhausted:
  // too many subscribers.
  absl::Status Subscribe(core::LiveHub& hub,
                         const gsdk::event::SubscribeRealtimeLogRequest& request);

 private:
  bool Next(grpc::ByteBuffer& message, bool& more) override;
  void Take();  // the next payloads out of the queue, once all before are written

  Mutex subscription_mutex_;
  std::shared_ptr<core::LiveSubscription> subscription_ GUARDED_BY(subscription_mutex_);
  std::vector<core::LivePayload> taken_;
  std::size_t written_ = 0;  // of taken_
};

}  // namespace gatelog::api
