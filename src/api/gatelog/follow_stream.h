#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <deque>
#include <memory>

#include "absl/status/statusor.h"
#include "api/rpc/server_stream.h"
#include "core/query/event_reader.h"

namespace gatelog::api {

// One follower. The next batch is read while the last one is written and no further one is, so a
// slow client is waited for and holds two batches at most.
class FollowStream final : public ServerStream<grpc::ByteBuffer> {
 public:
  // Once, after Start. `tell_cursor`: the first message holds the cursor alone, so that a client
  // that began "now" can resume from there before anything has happened.
  void Follow(core::EventReader& reader, model::Cursor cursor, ports::EventFilter filter,
              bool tell_cursor);

  // Also ends the read that is under way.
  void End(grpc::Status status) override;

 private:
  bool Next(grpc::ByteBuffer& message, bool& more) override;
  void Ask();
  // On a reader's thread.
  void Deliver(absl::StatusOr<core::FollowBatch> batch);

  Mutex mutex_;
  std::shared_ptr<core::EventReader::Following> following_ GUARDED_BY(mutex_);
  bool asked_ GUARDED_BY(mutex_) = false;
  std::deque<grpc::ByteBuffer> ready_ GUARDED_BY(mutex_);  // encoded gatelog.v1.FollowResponses
};

}  // namespace gatelog::api
