#pragma once

#include <deque>
#include <memory>

#include "absl/status/statusor.h"
#include "api/rpc/server_stream.h"
#include "core/query/event_reader.h"
#include "gatelog/v1/events.pb.h"

namespace gatelog::api {

// One follower. The store is read on only when the last message has been written, so a slow client
// is waited for and holds one batch at most.
class FollowStream final : public ServerStream<gatelog::v1::FollowResponse> {
 public:
  // Once, after Start. `tell_cursor`: the first message holds the cursor alone, so that a client
  // that began "now" can resume from there before anything has happened.
  void Follow(core::EventReader& reader, model::Cursor cursor, ports::EventFilter filter,
              bool tell_cursor);

 private:
  bool Next(gatelog::v1::FollowResponse& message, bool& more) override;
  // On a reader's thread.
  void Deliver(absl::StatusOr<core::FollowBatch> batch);

  Mutex mutex_;
  std::shared_ptr<core::EventReader::Following> following_ GUARDED_BY(mutex_);
  bool asked_ GUARDED_BY(mutex_) = false;
  std::deque<gatelog::v1::FollowResponse> ready_ GUARDED_BY(mutex_);
};

}  // namespace gatelog::api
