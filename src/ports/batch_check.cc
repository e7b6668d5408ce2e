#include "ports/batch_check.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace gatelog::ports {
namespace {

absl::Status Invalid(model::DeviceId log_device, const std::string& what) {
  return absl::InvalidArgumentError(
      absl::StrCat("A batch of log device ", log_device, " ", what, "."));
}

absl::Status CheckState(const Batch& batch) {
  const LogState& after = batch.after;
  if (after.log_device != batch.log_device)
    return Invalid(batch.log_device, "names another one in its state");
  const bool opens = after.epoch == batch.expected_epoch + 1;
  if (after.epoch == 0 || (!opens && after.epoch != batch.expected_epoch)) {
    return Invalid(batch.log_device,
                   absl::StrCat("steps from epoch ", batch.expected_epoch, " to ", after.epoch));
  }
  if (after.next < (opens ? after.epoch_first : batch.expected_next)) {
    return Invalid(batch.log_device, absl::StrCat("goes back to ID ", after.next));
  }
  if (after.anchors.size() > model::kAnchorCount) {
    return Invalid(batch.log_device, absl::StrCat("has ", after.anchors.size(), " anchors"));
  }
  return absl::OkStatus();
}

// A stretch of IDs, both ends in it.
struct Range {
  model::EventId first;
  model::EventId last;
};

absl::Status CheckGaps(const Batch& batch, model::EventId lower, std::vector<Range>& ranges) {
  for (const model::Gap& gap : batch.gaps) {
    if (gap.log_device != batch.log_device || gap.epoch != batch.after.epoch) {
      return Invalid(batch.log_device, "has a gap of another log or epoch");
    }
    if (gap.first > gap.last || gap.first < lower || gap.last >= batch.after.next) {
      return Invalid(batch.log_device,
                     absl::StrCat("has a gap from ", gap.first, " to ", gap.last, " outside ",
                                  lower, " to ", batch.after.next, " (exclusive)"));
    }
    ranges.push_back({gap.first, gap.last});
  }
  std::sort(ranges.begin(), ranges.end(), [](Range a, Range b) { return a.first < b.first; });
  for (std::size_t i = 1; i < ranges.size(); ++i) {
    if (ranges[i].first <= ranges[i - 1].last) {
      return Invalid(batch.log_device, absl::StrCat("has two gaps over ID ", ranges[i].first));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckBatch(const Batch& batch) {
  GATELOG_RETURN_IF_ERROR(CheckState(batch));
  const bool opens = batch.after.epoch != batch.expected_epoch;
  const model::EventId lower = opens ? batch.after.epoch_first : batch.expected_next;
  std::vector<Range> gaps;
  GATELOG_RETURN_IF_ERROR(CheckGaps(batch, lower, gaps));

  // Walks events and gaps together; `next` is the lowest ID not yet accounted for.
  model::EventId next = lower;
  auto gap = gaps.begin();
  for (const model::Event& event : batch.events) {
    for (; gap != gaps.end() && gap->first == next; ++gap) next = gap->last + 1;
    if (event.id != next || event.id >= batch.after.next) {
      return Invalid(batch.log_device,
                     absl::StrCat("has ID ", event.id, " where ", next,
                                  " is due: events ascend, and IDs between them are in gaps"));
    }
    ++next;
  }
  for (; gap != gaps.end() && gap->first == next; ++gap) next = gap->last + 1;
  if (gap != gaps.end() || next != batch.after.next) {
    return Invalid(batch.log_device,
                   absl::StrCat("leaves ID ", next, " neither stored nor in a gap"));
  }
  return absl::OkStatus();
}

absl::Status CheckImageBatch(const ImageBatch& batch) {
  if (batch.epoch == 0) return Invalid(batch.log_device, "of images names no epoch");
  if (batch.image_next < batch.expected_image_next) {
    return Invalid(batch.log_device, absl::StrCat("of images goes back to ID ", batch.image_next));
  }
  for (const model::ImageAbsence& absence : batch.absences) {
    if (absence.reason == model::ImageAbsenceReason::kEpochOver) {
      return Invalid(batch.log_device, "of images ends an epoch, which only events do");
    }
  }
  return absl::OkStatus();
}

}  // namespace gatelog::ports
