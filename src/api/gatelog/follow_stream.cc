#include "api/gatelog/follow_stream.h"

#include <algorithm>
#include <string>
#include <utility>

#include "api/gatelog/events_service.h"
#include "api/gatelog/wire_event.h"
#include "api/rpc/wire.h"

namespace gatelog::api {
namespace {

constexpr std::size_t kCursorSizeMax = 64;  // of its field in a message

grpc::ByteBuffer Finished(std::string message, const model::Cursor& cursor) {
  AppendText(model::FormatCursor(cursor), message);
  const grpc::Slice slice = SliceOf(std::move(message));
  return {&slice, 1};
}

// Cuts a batch into messages that clients can receive. Each carries the cursor of its last event,
// so that a client that resumes after any of them misses nothing.
std::deque<grpc::ByteBuffer> ToResponses(const core::FollowBatch& batch) {
  std::size_t left = 0;
  for (const ports::StoredEvent& event : batch.events) left += WireSize(event);
  std::deque<grpc::ByteBuffer> responses;
  std::string message;
  message.reserve(std::min(left, kMessageBytesMax) + kCursorSizeMax);
  std::uint64_t last = 0;
  for (const ports::StoredEvent& event : batch.events) {
    if (message.size() + WireSize(event) > kMessageBytesMax && !message.empty()) {
      responses.push_back(Finished(std::exchange(message, {}), {batch.cursor.incarnation, last}));
      message.reserve(std::min(left, kMessageBytesMax) + kCursorSizeMax);
    }
    left -= WireSize(event);
    AppendStoredEvent(event, message);
    last = event.seq;
  }
  responses.push_back(Finished(std::move(message), batch.cursor));
  return responses;
}

}  // namespace

void FollowStream::Follow(core::EventReader& reader, model::Cursor cursor,
                          ports::EventFilter filter, bool tell_cursor) {
  {
    MutexLock lock(mutex_);
    if (tell_cursor) ready_.push_back(Finished({}, cursor));
    following_ = reader.Follow(cursor, std::move(filter), kFollowBatchMax);
  }
  Wake();
}

bool FollowStream::Next(grpc::ByteBuffer& message, bool& more) {
  bool has_message = false;
  {
    MutexLock lock(mutex_);
    if (!ready_.empty()) {
      message = std::move(ready_.front());
      ready_.pop_front();
      has_message = true;
      more = !ready_.empty();
    }
  }
  if (!more) Ask();
  return has_message;
}

void FollowStream::Ask() {
  std::shared_ptr<core::EventReader::Following> following;
  {
    MutexLock lock(mutex_);
    if (following_ == nullptr || asked_) return;
    asked_ = true;
    following = following_;
  }
  std::weak_ptr<FollowStream> weak = std::static_pointer_cast<FollowStream>(shared_from_this());
  following->Next([weak](absl::StatusOr<core::FollowBatch> batch) {
    if (const auto stream = weak.lock()) stream->Deliver(std::move(batch));
  });
}

void FollowStream::Deliver(absl::StatusOr<core::FollowBatch> batch) {
  if (!batch.ok()) return End(ToGrpcStatus(batch.status()));
  std::deque<grpc::ByteBuffer> responses = ToResponses(*batch);
  {
    MutexLock lock(mutex_);
    asked_ = false;
    ready_ = std::move(responses);
  }
  Wake();
}

void FollowStream::End(grpc::Status status) {
  std::shared_ptr<core::EventReader::Following> following;
  {
    MutexLock lock(mutex_);
    following = std::move(following_);
  }
  if (following != nullptr) following->Stop();
  ServerStream::End(std::move(status));
}

}  // namespace gatelog::api
