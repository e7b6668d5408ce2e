#include "tests/simulation/follower.h"

#include <utility>

namespace gatelog::simulation {
namespace {

constexpr std::uint32_t kBatchMax = 100;
constexpr std::chrono::milliseconds kRetry{500};

}  // namespace

void Follower::Connect(core::EventReader& reader) {
  Disconnect();
  reader_ = &reader;
  following_ = reader.Follow(cursor_, {}, kBatchMax);
  link_ = std::make_shared<bool>(true);
  Next();
}

void Follower::Disconnect() {
  if (link_ != nullptr) *link_ = false;
  following_.reset();
  link_.reset();
  reader_ = nullptr;
}

void Follower::Next() {
  following_->Next([this, link = link_](absl::StatusOr<core::FollowBatch> batch) {
    if (*link) OnBatch(std::move(batch));
  });
}

void Follower::OnBatch(absl::StatusOr<core::FollowBatch> batch) {
  if (!batch.ok()) {
    // A store that fails for a while ends the call; the client comes again with its cursor.
    if (batch.status().code() == absl::StatusCode::kOutOfRange) error_ = batch.status().ToString();
    time_.Schedule(kRetry, [this, link = link_] {
      if (*link) Connect(*reader_);
    });
    return;
  }
  for (const ports::StoredEvent& event : batch->events) {
    shown_.push_back({event.seq, {event.log_device, event.epoch, event.event.id}});
  }
  cursor_ = batch->cursor;
  Next();
}

}  // namespace gatelog::simulation
