#include "api/gatelog/follow_stream.h"

#include <utility>

#include "api/gatelog/events_service.h"
#include "api/gatelog/wire_event.h"

namespace gatelog::api {
namespace {

// Cuts a batch into messages that clients can receive. Each carries the cursor of its last event,
// so that a client that resumes after any of them misses nothing.
std::deque<v1::FollowResponse> ToResponses(const core::FollowBatch& batch) {
  std::deque<v1::FollowResponse> responses(1);
  std::size_t bytes = 0;
  for (const ports::StoredEvent& event : batch.events) {
    const std::size_t size = WireSize(event);
    if (bytes + size > kMessageBytesMax && bytes > 0) {
      v1::FollowResponse& full = responses.back();
      full.set_cursor(model::FormatCursor(
          {batch.cursor.incarnation, full.events(full.events_size() - 1).seq()}));
      responses.emplace_back();
      bytes = 0;
    }
    bytes += size;
    FillStoredEvent(event, *responses.back().add_events());
  }
  responses.back().set_cursor(model::FormatCursor(batch.cursor));
  return responses;
}

}  // namespace

void FollowStream::Follow(core::EventReader& reader, model::Cursor cursor,
                          ports::EventFilter filter, bool tell_cursor) {
  {
    MutexLock lock(mutex_);
    if (tell_cursor) ready_.emplace_back().set_cursor(model::FormatCursor(cursor));
    following_ = reader.Follow(cursor, std::move(filter), kFollowBatchMax);
  }
  Wake();
}

bool FollowStream::Next(v1::FollowResponse& message, bool& more) {
  std::shared_ptr<core::EventReader::Following> following;
  {
    MutexLock lock(mutex_);
    if (!ready_.empty()) {
      message = std::move(ready_.front());
      ready_.pop_front();
      more = !ready_.empty();
      return true;
    }
    if (following_ == nullptr || asked_) return false;
    asked_ = true;
    following = following_;
  }
  std::weak_ptr<FollowStream> weak = std::static_pointer_cast<FollowStream>(shared_from_this());
  following->Next([weak](absl::StatusOr<core::FollowBatch> batch) {
    if (const auto stream = weak.lock()) stream->Deliver(std::move(batch));
  });
  return false;
}

void FollowStream::Deliver(absl::StatusOr<core::FollowBatch> batch) {
  if (!batch.ok()) return End(ToGrpcStatus(batch.status()));
  {
    MutexLock lock(mutex_);
    asked_ = false;
    ready_ = ToResponses(*batch);
  }
  Wake();
}

}  // namespace gatelog::api
