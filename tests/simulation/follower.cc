#include "tests/simulation/follower.h"

#include <optional>
#include <string_view>
#include <utility>

#include "model/cursor.h"

namespace gatelog::simulation {
namespace {

constexpr std::uint32_t kBatchMax = 100;
constexpr std::chrono::milliseconds kRetry{500};

// The cursor that a refusal names as the first valid one.
std::optional<model::Cursor> FirstValid(std::string_view refusal) {
  constexpr std::string_view kBefore = "the first valid one is ";
  const std::size_t found = refusal.find(kBefore);
  if (found == std::string_view::npos) return std::nullopt;
  refusal.remove_prefix(found + kBefore.size());
  const auto cursor = model::ParseCursor(refusal.substr(0, refusal.find(' ')));
  return cursor.ok() ? std::optional(*cursor) : std::nullopt;
}

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
    if (absl::IsOutOfRange(batch.status())) OnRefused(batch.status());
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

void Follower::OnRefused(const absl::Status& refusal) {
  const auto first_valid =
      FirstValid(std::string_view(refusal.message().data(), refusal.message().size()));
  const bool right = first_valid && first_valid->incarnation == cursor_.incarnation &&
                     first_valid->seq > cursor_.seq && first_valid->seq + 1 == store_.first_seq();
  if (!right) {
    error_ = refusal.ToString();
    return;
  }
  counts_.Note(Fault::kFollowerOvertaken);
  missed_.push_back({cursor_.seq + 1, first_valid->seq});
  cursor_ = *first_valid;
}

}  // namespace gatelog::simulation
