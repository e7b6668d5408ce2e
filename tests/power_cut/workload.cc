#include "tests/power_cut/workload.h"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "tests/support/records.h"

namespace gatelog::power_cut {
namespace {

constexpr model::DeviceId kFirstDevice = 541'000'001;
constexpr int kDevices = 4;
constexpr int kEventsMax = 24;  // of one batch
constexpr int kGapMax = 5;      // records
constexpr int kImageEvents = 6;
constexpr int kOldMax = 12;  // hours, that is blocks
constexpr int kUsers = 22;   // whom SomeEvent names

}  // namespace

absl::Status Workload::Begin(store::SqliteStore& store) {
  logs_.clear();
  for (int i = 0; i < kDevices; ++i) {
    const model::DeviceId device = kFirstDevice + static_cast<model::DeviceId>(i) * 10;
    logs_[device] = {.log_device = device};
  }
  GATELOG_ASSIGN_OR_RETURN(std::vector<ports::LogState> states, store.LoadLogStates());
  for (ports::LogState& state : states) logs_[state.log_device] = std::move(state);
  return absl::OkStatus();
}

absl::Status Workload::Step(store::SqliteStore& store, store::SqliteRegistry& registry) {
  const std::uint64_t block = store.chain_head().block;
  clock_.Move(std::chrono::hours(block - hours_));
  hours_ = block;
  switch (random_() % 14) {
    case 0:
      return ChangeRegistry(registry);
    case 1:
    case 2:
      return CommitImages(store);
    case 3:
    case 4:
      return Seal(store);
    case 5:
    case 6:
      return Prune(store);
    case 7:
      return Forget(store);
    default:
      return CommitEvents(store);
  }
}

ports::Batch Workload::SomeBatch(const ports::LogState& state) {
  testing::BatchMaker maker(state);
  if (state.epoch == 0 || random_() % 20 == 0) {
    maker.OpenEpoch(static_cast<model::EventId>(Some(100)), random_());
  }
  for (int parts = Some(3); parts > 0; --parts) {
    if (random_() % 4 == 0) {
      maker.AddGap(static_cast<std::uint32_t>(Some(kGapMax)),
                   static_cast<model::GapReason>(Some(5)));
    } else {
      maker.AddSome(Some(kEventsMax));
    }
  }
  return maker.Make();
}

absl::Status Workload::CommitEvents(store::SqliteStore& store) {
  std::vector<ports::Batch> batches;
  for (const auto& [device, state] : logs_) {
    if (random_() % 3 != 0) continue;
    batches.push_back(SomeBatch(state));
    // A gateway that was thought dead repeats itself.
    if (random_() % 8 == 0) batches.push_back(batches.back());
  }
  if (batches.empty()) batches.push_back(SomeBatch(logs_.begin()->second));
  GATELOG_ASSIGN_OR_RETURN(const std::vector<absl::Status> results, store.Commit(batches));
  for (std::size_t i = 0; i < batches.size(); ++i) {
    const ports::Batch& batch = batches[i];
    const bool repeated = i > 0 && batches[i - 1].log_device == batch.log_device;
    if (results[i].ok() == repeated) {
      return absl::InternalError(absl::StrCat("batch ", i, ": ", results[i].ToString()));
    }
    if (repeated) continue;
    const model::EventId image_next = batch.after.epoch == batch.expected_epoch
                                          ? logs_[batch.log_device].image_next
                                          : batch.after.epoch_first;
    logs_[batch.log_device] = batch.after;
    logs_[batch.log_device].image_next = image_next;
  }
  return absl::OkStatus();
}

absl::Status Workload::CommitImages(store::SqliteStore& store) {
  auto log = logs_.begin();
  std::advance(log, Some(kDevices) - 1);
  ports::LogState& state = log->second;
  if (state.epoch == 0) return CommitEvents(store);
  ports::ImageBatch batch{.log_device = state.log_device,
                          .epoch = state.epoch,
                          .expected_image_next = state.image_next,
                          .image_next = state.image_next};
  for (int i = 0; i < kImageEvents && batch.image_next < state.next; ++i, ++batch.image_next) {
    model::Image image = testing::ImageOf(testing::SomeEvent(state.log_device, batch.image_next));
    image.payload.append(static_cast<std::size_t>(Some(9000)), 'j');  // also overflow pages
    batch.images.push_back(std::move(image));
  }
  GATELOG_ASSIGN_OR_RETURN(const std::vector<absl::Status> results,
                           store.CommitImages(std::span(&batch, 1)));
  GATELOG_RETURN_IF_ERROR(results[0]);
  state.image_next = batch.image_next;
  return absl::OkStatus();
}

absl::Status Workload::ChangeRegistry(store::SqliteRegistry& registry) {
  const auto device = static_cast<model::DeviceId>(Some(6));
  if (random_() % 3 == 0) return registry.Remove(device);
  ports::Registration registration{.id = device};
  registration.address.host = absl::StrCat("192.0.2.", random_() % 200);
  registration.address.key = std::string(16, static_cast<char>(random_() % 256));
  return registry.Save(registration);
}

absl::Status Workload::Seal(store::SqliteStore& store) { return store.AppendSeal(key_).status(); }

absl::Status Workload::Prune(store::SqliteStore& store) {
  const auto some_time_ago = [this] { return clock_.Now() - std::chrono::hours(Some(kOldMax)); };
  ports::PruneLimits limits;
  if (random_() % 2 == 0) limits.events_before = some_time_ago();
  if (random_() % 2 == 0) limits.images_before = some_time_ago();
  if (random_() % 2 == 0) limits.people_before = some_time_ago();
  return store.PruneSome(limits, "a test").status();
}

absl::Status Workload::Forget(store::SqliteStore& store) {
  const absl::Status forgotten =
      store.Forget(absl::StrCat("user-", Some(kUsers)), "a test", key_).status();
  return absl::IsNotFound(forgotten) ? absl::OkStatus() : forgotten;
}

}  // namespace gatelog::power_cut
