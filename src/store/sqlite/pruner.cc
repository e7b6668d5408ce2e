#include "store/sqlite/pruner.h"

#include <algorithm>
#include <chrono>

#include "base/status_macros.h"
#include "model/event.h"
#include "store/sqlite/pruned_records.h"

namespace gatelog::store {
namespace {

using evidence::Pruned;

// Rows that one transaction deletes: so few that a commit behind it hardly waits.
constexpr std::uint64_t kEventsPerStep = 500;
constexpr std::uint64_t kImagesPerStep = 64;
constexpr std::uint64_t kImageEntriesPerStep = 1'000;  // looked through

// What an event and an image take beside their payload: columns, indexes. Something is left of an
// event.
constexpr std::uint64_t kEventBytes = 140 - kPrunedRecordBytes;
constexpr std::uint64_t kImageBytes = 60;

absl::StatusOr<std::optional<Pruner::Plan>> NextPlan(Database& database,
                                                     const PrunedThrough& through,
                                                     const ports::PruneLimits& limits) {
  if (limits.events_before) {
    GATELOG_ASSIGN_OR_RETURN(
        const std::optional<Segment> segment,
        NextSegment(database, Pruned::kEvents, through.events_block, *limits.events_before));
    if (segment) return Pruner::Plan{Pruned::kEvents, *segment, through.images_block + 1};
  }
  if (limits.images_before) {
    GATELOG_ASSIGN_OR_RETURN(
        const std::optional<Segment> segment,
        NextSegment(database, Pruned::kImages, through.images_block, *limits.images_before));
    if (segment) return Pruner::Plan{Pruned::kImages, *segment, segment->first_block};
  }
  return std::nullopt;
}

void Advance(const Pruner::Plan& plan, PrunedThrough& through) {
  if (plan.what == Pruned::kEvents) {
    through.events_block = plan.segment.last_block;
    through.first_seq = plan.segment.next_seq;
  }
  if (plan.images_from <= plan.segment.last_block) {
    through.images_from = plan.images_from;
    through.images_block = plan.segment.last_block;
  }
}

// Of a row that is deleted; from which columns on, the statement says.
PrunedRecord PrunedRecordOf(const Statement& row) {
  const auto number = [&row](int column) {
    return static_cast<std::uint32_t>(row.Integer(column));
  };
  model::Event event;
  event.id = number(4);
  event.timestamp = number(5);
  event.code = number(6);
  event.sub_code = number(7);
  event.entity_id = number(8);
  return {.log_device = number(2), .epoch = number(3), .anchor = model::AnchorOf(event)};
}

absl::StatusOr<std::uint64_t> CountImages(Database& database, std::uint64_t first,
                                          std::uint64_t last) {
  std::uint64_t images = 0;
  const auto count = [&](std::uint64_t, const evidence::ImagesEntry& entry) {
    images += entry.images.size();
    return absl::StatusOr<bool>(true);
  };
  GATELOG_RETURN_IF_ERROR(VisitImages(database, first, last, count));
  return images;
}

}  // namespace

void AddTo(const Pruner::Plan& plan, ports::Pruned& pruned) {
  const Segment& segment = plan.segment;
  const Timestamp first{std::chrono::milliseconds(segment.first_ms)};
  const Timestamp last{std::chrono::milliseconds(segment.last_ms)};
  ++pruned.segments;
  if (plan.what == Pruned::kEvents) pruned.events += segment.events;
  if (plan.images_from <= segment.last_block) pruned.images += segment.images;
  pruned.oldest = pruned.oldest ? std::min(*pruned.oldest, first) : first;
  pruned.newest = pruned.newest ? std::max(*pruned.newest, last) : last;
}

absl::Status Pruner::Load() {
  GATELOG_ASSIGN_OR_RETURN(through_, ReadPrunedThrough(database_));
  GATELOG_ASSIGN_OR_RETURN(
      Statement select, database_.Prepare("SELECT 1 FROM event WHERE seq < ?1 ORDER BY seq LIMIT "
                                          "1"));
  select.Bind(1, static_cast<std::int64_t>(through_.first_seq));
  GATELOG_ASSIGN_OR_RETURN(events_left_, select.Step());
  return FindImagesLeft();
}

absl::Status Pruner::FindImagesLeft() {
  images_left_ = false;
  images_at_ = through_.images_from;
  if (through_.images_block == 0) return absl::OkStatus();
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database_.Prepare("SELECT 1 FROM image WHERE log_device = ?1 AND epoch = ?2 AND id = ?3"));
  const auto look = [&](std::uint64_t block,
                        const evidence::ImagesEntry& entry) -> absl::StatusOr<bool> {
    images_at_ = block;
    for (const evidence::ImagesEntry::Image& image : entry.images) {
      select.Bind(1, entry.log_device);
      select.Bind(2, entry.epoch);
      select.Bind(3, image.id);
      GATELOG_ASSIGN_OR_RETURN(images_left_, select.Step());
      select.Reset();
      if (images_left_) return false;
    }
    return true;
  };
  return VisitImages(database_, through_.images_from, through_.images_block, look);
}

absl::StatusOr<std::optional<Pruner::Plan>> Pruner::Next(const ports::PruneLimits& limits) {
  GATELOG_ASSIGN_OR_RETURN(std::optional<Plan> plan, NextPlan(database_, through_, limits));
  if (!plan) return plan;
  GATELOG_ASSIGN_OR_RETURN(plan->segment.images,
                           CountImages(database_, plan->images_from, plan->segment.last_block));
  if (plan->segment.images == 0) plan->images_from = plan->segment.last_block + 1;
  return plan;
}

absl::Status Pruner::WriteEntries(const Plan& plan, const std::string& by, ChainWriter& chain) {
  if (plan.what == Pruned::kEvents) {
    GATELOG_RETURN_IF_ERROR(
        chain.AddEntry(evidence::PruneEntry{.what = Pruned::kEvents,
                                            .first_block = plan.segment.first_block,
                                            .last_block = plan.segment.last_block,
                                            .removed = plan.segment.events,
                                            .by = by}));
  }
  if (plan.images_from > plan.segment.last_block) return absl::OkStatus();
  return chain.AddEntry(evidence::PruneEntry{.what = Pruned::kImages,
                                             .first_block = plan.images_from,
                                             .last_block = plan.segment.last_block,
                                             .removed = plan.segment.images,
                                             .by = by});
}

void Pruner::OnCommitted(const Plan& plan) {
  Advance(plan, through_);
  if (plan.what == Pruned::kEvents) events_left_ = true;
  if (plan.images_from <= plan.segment.last_block) {
    images_left_ = true;
    images_at_ = plan.images_from;
  }
}

absl::StatusOr<Pruner::Deleted> Pruner::DeleteSome() {
  Deleted deleted;
  std::set<std::int64_t> people;
  if (images_left_) {
    GATELOG_RETURN_IF_ERROR(DeleteImages(deleted, people));
  } else if (events_left_) {
    GATELOG_RETURN_IF_ERROR(DeleteEvents(deleted, people));
  }
  GATELOG_RETURN_IF_ERROR(DeletePeople(people, deleted));
  return deleted;
}

absl::Status Pruner::DeleteEvents(Deleted& deleted, std::set<std::int64_t>& people) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement remove,
      database_.Prepare("DELETE FROM event WHERE seq IN (SELECT seq FROM event NOT INDEXED WHERE "
                        "seq < ?1 ORDER BY seq LIMIT ?2) RETURNING person, length(payload), "
                        "log_device, epoch, id, timestamp, code, sub_code, entity"));
  remove.Bind(1, static_cast<std::int64_t>(through_.first_seq));
  remove.Bind(2, static_cast<std::int64_t>(kEventsPerStep));
  std::vector<PrunedRecord> records;
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, remove.Step());
    if (!row) break;
    if (!remove.IsNull(0)) people.insert(remove.Integer(0));
    deleted.bytes += static_cast<std::uint64_t>(remove.Integer(1)) + kEventBytes;
    records.push_back(PrunedRecordOf(remove));
  }
  events_left_ = records.size() == kEventsPerStep;
  return WritePrunedRecords(database_, records);
}

absl::Status Pruner::DeleteImages(Deleted& deleted, std::set<std::int64_t>& people) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement remove,
      database_.Prepare("DELETE FROM image WHERE log_device = ?1 AND epoch = ?2 AND id = ?3 "
                        "RETURNING person, length(payload)"));
  std::uint64_t rows = 0;
  std::uint64_t entries = 0;
  bool enough = false;
  const std::uint64_t from = images_at_;
  const auto take = [&](std::uint64_t block,
                        const evidence::ImagesEntry& entry) -> absl::StatusOr<bool> {
    images_at_ = block;
    for (const evidence::ImagesEntry::Image& image : entry.images) {
      // The block is looked through again then, so each step deletes something or ends in another.
      enough = rows >= kImagesPerStep || (entries >= kImageEntriesPerStep && block != from);
      if (enough) return false;
      remove.Bind(1, entry.log_device);
      remove.Bind(2, entry.epoch);
      remove.Bind(3, image.id);
      GATELOG_ASSIGN_OR_RETURN(const bool row, remove.Step());
      if (row) {
        ++rows;
        if (!remove.IsNull(0)) people.insert(remove.Integer(0));
        deleted.bytes += static_cast<std::uint64_t>(remove.Integer(1)) + kImageBytes;
      }
      remove.Reset();
    }
    ++entries;
    return true;
  };
  GATELOG_RETURN_IF_ERROR(VisitImages(database_, images_at_, through_.images_block, take));
  images_left_ = enough;
  return absl::OkStatus();
}

absl::Status Pruner::DeletePeople(const std::set<std::int64_t>& people, Deleted& deleted) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement remove,
      database_.Prepare(
          "DELETE FROM person WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM event INDEXED BY "
          "event_person WHERE person = ?1) AND NOT EXISTS (SELECT 1 FROM image INDEXED BY "
          "image_person WHERE person = ?1) RETURNING user_id"));
  for (const std::int64_t person : people) {
    remove.Bind(1, person);
    GATELOG_ASSIGN_OR_RETURN(const bool gone, remove.Step());
    if (gone) deleted.people.emplace_back(remove.Bytes(0));
    remove.Reset();
  }
  return absl::OkStatus();
}

namespace {

absl::Status AddEventBytes(Database& database, std::uint64_t from, std::uint64_t to,
                           ports::Pruned& pruned) {
  GATELOG_ASSIGN_OR_RETURN(Statement select,
                           database.Prepare("SELECT sum(length(payload)), count(*) FROM event NOT "
                                            "INDEXED WHERE seq >= ?1 AND seq < ?2"));
  select.Bind(1, static_cast<std::int64_t>(from));
  select.Bind(2, static_cast<std::int64_t>(to));
  GATELOG_RETURN_IF_ERROR(select.Step().status());
  pruned.bytes += static_cast<std::uint64_t>(select.Integer(0)) +
                  static_cast<std::uint64_t>(select.Integer(1)) * kEventBytes;
  return absl::OkStatus();
}

absl::Status AddImageBytes(Database& database, std::uint64_t from, std::uint64_t to,
                           ports::Pruned& pruned) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select, database.Prepare("SELECT length(payload) FROM image WHERE log_device = ?1 "
                                         "AND epoch = ?2 AND id = ?3"));
  const auto add = [&](std::uint64_t, const evidence::ImagesEntry& entry) -> absl::StatusOr<bool> {
    for (const evidence::ImagesEntry::Image& image : entry.images) {
      select.Bind(1, entry.log_device);
      select.Bind(2, entry.epoch);
      select.Bind(3, image.id);
      GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
      if (row) pruned.bytes += static_cast<std::uint64_t>(select.Integer(0)) + kImageBytes;
      select.Reset();
    }
    return true;
  };
  return VisitImages(database, from, to, add);
}

}  // namespace

absl::StatusOr<ports::Pruned> PreviewPrune(Database& database, const ports::PruneLimits& limits) {
  GATELOG_ASSIGN_OR_RETURN(Snapshot snapshot, Snapshot::Begin(database));
  GATELOG_ASSIGN_OR_RETURN(PrunedThrough through, ReadPrunedThrough(database));
  ports::Pruned pruned;
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(std::optional<Pruner::Plan> plan, NextPlan(database, through, limits));
    if (!plan) return pruned;
    GATELOG_ASSIGN_OR_RETURN(plan->segment.images,
                             CountImages(database, plan->images_from, plan->segment.last_block));
    AddTo(*plan, pruned);
    if (plan->what == Pruned::kEvents) {
      GATELOG_RETURN_IF_ERROR(
          AddEventBytes(database, through.first_seq, plan->segment.next_seq, pruned));
    }
    GATELOG_RETURN_IF_ERROR(
        AddImageBytes(database, plan->images_from, plan->segment.last_block, pruned));
    Advance(*plan, through);
  }
}

}  // namespace gatelog::store
