#include "store/sqlite/pruner.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "base/status_macros.h"
#include "model/event.h"
#include "store/sqlite/person_table.h"
#include "store/sqlite/pruned_records.h"
#include "store/sqlite/record_lookup.h"

namespace gatelog::store {
namespace {

using evidence::Pruned;

// Rows that one transaction deletes: so few that a commit behind it hardly waits. Events go in
// whole blocks, so it is more where one block has more: as many as one commit writes.
constexpr std::uint64_t kEventsPerStep = 500;
constexpr std::uint64_t kImagesPerStep = 64;
constexpr std::uint64_t kImageEntriesPerStep = 1'000;  // looked through

// What an event and an image take beside their payload: columns, lists, indexes. Something is left
// of an event.
constexpr std::uint64_t kEventBytes = 70 - kPrunedRecordBytes;
constexpr std::uint64_t kImageBytes = 60;

// By kind: the last block up to which there is nothing.
using Passed = std::map<Pruned, std::uint64_t>;

std::int64_t Milliseconds(Timestamp time) { return time.time_since_epoch().count(); }

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

absl::StatusOr<std::optional<Pruner::Plan>> PlanEvents(Database& database,
                                                       const PrunedThrough& through, Passed& passed,
                                                       Timestamp before) {
  GATELOG_ASSIGN_OR_RETURN(
      std::optional<Segment> segment,
      NextSegment(database, std::max(through.events_block, passed[Pruned::kEvents]), before));
  if (!segment) return std::nullopt;
  segment->first_block = through.events_block + 1;
  Pruner::Plan plan{.what = Pruned::kEvents, .segment = *segment, .nothing = segment->events == 0};
  plan.images_from = std::max(through.images_block, passed[Pruned::kImages]) + 1;
  GATELOG_ASSIGN_OR_RETURN(plan.segment.images,
                           CountImages(database, plan.images_from, segment->last_block));
  if (plan.segment.images == 0) plan.images_from = segment->last_block + 1;
  return plan;
}

absl::StatusOr<std::optional<Pruner::Plan>> PlanImages(Database& database,
                                                       const PrunedThrough& through, Passed& passed,
                                                       Timestamp before) {
  GATELOG_ASSIGN_OR_RETURN(
      const std::optional<Segment> segment,
      NextSegment(database, std::max(through.images_block, passed[Pruned::kImages]), before));
  if (!segment) return std::nullopt;
  return Pruner::Plan{.what = Pruned::kImages,
                      .segment = *segment,
                      .nothing = segment->images == 0,
                      .images_from = segment->first_block};
}

absl::StatusOr<std::optional<Pruner::Plan>> PlanPeople(Database& database,
                                                       const PrunedThrough& through, Passed& passed,
                                                       Timestamp before) {
  const std::uint64_t after =
      std::max({through.people_block, through.events_block, passed[Pruned::kPeople]});
  GATELOG_ASSIGN_OR_RETURN(const std::optional<Segment> segment,
                           NextSegment(database, after, before));
  if (!segment) return std::nullopt;
  return Pruner::Plan{.what = Pruned::kPeople,
                      .segment = *segment,
                      .nothing = segment->events == 0,
                      .images_from = segment->last_block + 1,
                      .people_from = std::max(through.people_seq, through.first_seq)};
}

absl::StatusOr<std::optional<Pruner::Plan>> NextPlan(Database& database,
                                                     const PrunedThrough& through, Passed& passed,
                                                     const ports::PruneLimits& limits) {
  std::optional<Pruner::Plan> plan;
  if (limits.events_before) {
    GATELOG_ASSIGN_OR_RETURN(plan, PlanEvents(database, through, passed, *limits.events_before));
  }
  if (!plan && limits.images_before) {
    GATELOG_ASSIGN_OR_RETURN(plan, PlanImages(database, through, passed, *limits.images_before));
  }
  if (!plan && limits.people_before) {
    GATELOG_ASSIGN_OR_RETURN(plan, PlanPeople(database, through, passed, *limits.people_before));
  }
  return plan;
}

void Advance(const Pruner::Plan& plan, PrunedThrough& through, Passed& passed) {
  const Segment& segment = plan.segment;
  if (plan.nothing) {
    passed[plan.what] = segment.last_block;
    return;
  }
  if (plan.what == Pruned::kEvents) {
    through.events_block = segment.last_block;
    through.first_seq = segment.next_seq;
  }
  if (plan.what == Pruned::kPeople) {
    through.people_block = segment.last_block;
    through.people_seq = segment.next_seq;
    return;
  }
  if (plan.images_from <= segment.last_block) {
    through.images_from = plan.images_from;
    through.images_block = segment.last_block;
  }
  passed[Pruned::kImages] = std::max(passed[Pruned::kImages], segment.last_block);
}

void AddSegment(const Segment& segment, ports::Pruned& pruned) {
  const Timestamp first{std::chrono::milliseconds(segment.first_ms)};
  const Timestamp last{std::chrono::milliseconds(segment.last_ms)};
  ++pruned.segments;
  pruned.oldest = pruned.oldest ? std::min(*pruned.oldest, first) : first;
  pruned.newest = pruned.newest ? std::max(*pruned.newest, last) : last;
}

}  // namespace

void AddTo(const Pruner::Plan& plan, ports::Pruned& pruned) {
  if (plan.what == Pruned::kEvents) pruned.events += plan.segment.events;
  if (plan.images_from <= plan.segment.last_block) pruned.images += plan.segment.images;
  AddSegment(plan.segment, pruned);
}

absl::Status Pruner::Load() {
  people_.reset();
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
  ports::PruneLimits others = limits;
  const bool under_way = people_ && people_->next_seq >= through_.first_seq &&
                         limits.people_before &&
                         people_->segment.last_ms < Milliseconds(*limits.people_before);
  if (under_way) {
    others.people_before.reset();
  } else {
    people_.reset();
  }
  GATELOG_ASSIGN_OR_RETURN(std::optional<Plan> plan,
                           NextPlan(database_, through_, passed_, others));
  if (!plan && under_way) {
    return Plan{.what = Pruned::kPeople,
                .segment = people_->segment,
                .images_from = people_->segment.last_block + 1,
                .people_from = people_->next_seq};
  }
  if (plan && plan->nothing) Advance(*plan, through_, passed_);
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
  Advance(plan, through_, passed_);
  if (plan.what == Pruned::kEvents) events_left_ = true;
  if (plan.images_from <= plan.segment.last_block) {
    images_left_ = true;
    images_at_ = plan.images_from;
  }
}

absl::Status Pruner::WritePeopleEntry(const Plan& plan, std::uint64_t next_seq,
                                      const std::string& by, ChainWriter& chain) {
  const Segment& segment = plan.segment;
  GATELOG_ASSIGN_OR_RETURN(
      const std::uint64_t first,
      BlockOfEvent(database_, plan.people_from, segment.first_block, segment.last_block));
  std::uint64_t last = segment.last_block;
  if (next_seq < segment.next_seq) {
    GATELOG_ASSIGN_OR_RETURN(
        last, BlockOfEvent(database_, next_seq - 1, segment.first_block, segment.last_block));
  }
  GATELOG_ASSIGN_OR_RETURN(const std::uint64_t first_seq, FirstSeqOf(database_, first));
  return chain.AddEntry(evidence::PruneEntry{.what = Pruned::kPeople,
                                             .first_block = first,
                                             .last_block = last,
                                             .removed = next_seq - first_seq,
                                             .by = by});
}

void Pruner::OnErased(const Plan& plan, const ErasedPeople& erased, ports::Pruned& pruned) {
  people_gone_ = people_gone_ || !erased.gone.empty();
  pruned.people += erased.events;
  pruned.images += erased.images;
  pruned.bytes += erased.image_bytes + erased.images * kImageBytes;
  const bool counted = people_ && people_->counted;
  if (erased.events > 0 && !counted) AddSegment(plan.segment, pruned);
  people_ = {.segment = plan.segment,
             .next_seq = erased.next_seq,
             .counted = counted || erased.events > 0};
  if (erased.next_seq < plan.segment.next_seq) return;
  Advance(plan, through_, passed_);
  people_.reset();
}

absl::StatusOr<Pruner::Deleted> Pruner::DeleteSome() {
  Deleted deleted;
  std::unordered_set<std::int64_t> people;
  if (images_left_) {
    GATELOG_RETURN_IF_ERROR(DeleteImages(deleted, people));
  } else if (events_left_) {
    GATELOG_RETURN_IF_ERROR(DeleteEvents(deleted, people));
  } else {
    // The lists of whole segments, whose rows are gone.
    GATELOG_RETURN_IF_ERROR(index_.DeleteSomeBefore(database_, through_.first_seq));
  }
  GATELOG_RETURN_IF_ERROR(DeletePeople(std::move(people), deleted));
  people_gone_ = people_gone_ || !deleted.people.empty();
  return deleted;
}

absl::StatusOr<std::uint64_t> Pruner::EndOfStep(std::uint64_t oldest) const {
  GATELOG_ASSIGN_OR_RETURN(const std::uint64_t first,
                           BlockOfEvent(database_, oldest, 1, through_.events_block));
  GATELOG_ASSIGN_OR_RETURN(Statement select,
                           database_.Prepare("SELECT first_seq + events FROM block WHERE number "
                                             "BETWEEN ?1 AND ?2 ORDER BY number"));
  select.Bind(1, static_cast<std::int64_t>(first));
  select.Bind(2, static_cast<std::int64_t>(through_.events_block));
  std::uint64_t end = oldest;
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return end;
    const auto next = static_cast<std::uint64_t>(select.Integer(0));
    if (end > oldest && next - oldest > kEventsPerStep) return end;
    end = next;
  }
}

// What is left of a block is then all of it, so that it verifies; a part of one is not ours, or was
// left by a version that deleted rows one by one, and goes with the first step.
absl::Status Pruner::DeleteEvents(Deleted& deleted, std::unordered_set<std::int64_t>& people) {
  GATELOG_ASSIGN_OR_RETURN(const std::int64_t lowest,
                           database_.QueryInteger("SELECT min(seq) FROM event"));
  const auto oldest = static_cast<std::uint64_t>(std::max<std::int64_t>(lowest, 1));
  GATELOG_ASSIGN_OR_RETURN(const std::uint64_t end, EndOfStep(oldest));
  GATELOG_ASSIGN_OR_RETURN(
      Statement remove,
      database_.Prepare("DELETE FROM event WHERE seq < ?1 RETURNING person, length(payload), "
                        "log_device, epoch, id, timestamp, code, sub_code, entity"));
  remove.Bind(1, static_cast<std::int64_t>(end));
  std::vector<PrunedRecord> records;
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, remove.Step());
    if (!row) break;
    if (!remove.IsNull(0)) people.insert(remove.Integer(0));
    deleted.bytes += static_cast<std::uint64_t>(remove.Integer(1)) + kEventBytes;
    records.push_back(PrunedRecordOf(remove));
  }
  events_left_ = end < through_.first_seq;
  GATELOG_RETURN_IF_ERROR(WritePrunedRecords(database_, records));
  return DeleteErased(oldest, end);
}

// Of each event that retention made tell of nobody a row is left, which would otherwise outlive it.
// Those of a user who was forgotten stay: only all of them together are what the entry says.
absl::Status Pruner::DeleteErased(std::uint64_t from, std::uint64_t end) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement remove,
      database_.Prepare("DELETE FROM erased WHERE seq >= ?1 AND seq < ?2 AND EXISTS (SELECT 1 FROM "
                        "entry AS e WHERE e.block = erased.block AND e.kind = ?3)"));
  remove.Bind(1, static_cast<std::int64_t>(from));
  remove.Bind(2, static_cast<std::int64_t>(end));
  remove.Bind(3, static_cast<int>(evidence::EntryKind::kPrune));
  return remove.Run();
}

absl::Status Pruner::DeleteImages(Deleted& deleted, std::unordered_set<std::int64_t>& people) {
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

absl::Status Pruner::DeletePeople(std::unordered_set<std::int64_t> people, Deleted& deleted) {
  if (people.empty()) return absl::OkStatus();
  // The oldest event whose row is there, which may be one that is to be deleted.
  GATELOG_ASSIGN_OR_RETURN(const std::int64_t oldest,
                           database_.QueryInteger("SELECT min(seq) FROM event"));
  const RecordLookup records{database_, index_.writing(), std::numeric_limits<std::int64_t>::max()};
  GATELOG_RETURN_IF_ERROR(records.KeepGone(
      people, oldest == 0 ? records.last_seq : static_cast<std::uint64_t>(oldest)));
  return store::DeletePeople(database_, people, deleted.people);
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

// Which images of each epoch are gone: those below.
using ImagesGone = std::map<std::pair<model::DeviceId, model::Epoch>, model::EventId>;

void NoteImages(const evidence::ImagesEntry& entry, ImagesGone& gone) {
  model::EventId& below = gone[{entry.log_device, entry.epoch}];
  for (const evidence::ImagesEntry::Image& image : entry.images) {
    below = std::max(below, image.id + 1);
  }
}

absl::Status AddImageBytes(Database& database, std::uint64_t from, std::uint64_t to,
                           ImagesGone& gone, ports::Pruned& pruned) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select, database.Prepare("SELECT length(payload) FROM image WHERE log_device = ?1 "
                                         "AND epoch = ?2 AND id = ?3"));
  const auto add = [&](std::uint64_t, const evidence::ImagesEntry& entry) -> absl::StatusOr<bool> {
    NoteImages(entry, gone);
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

// What the events of the plan tell of people, and images of theirs that would still be there.
absl::Status AddPeople(Database& database, const Pruner::Plan& plan, const ImagesGone& gone,
                       ports::Pruned& pruned) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select, database.Prepare("SELECT length(payload) FROM image WHERE log_device = ?1 "
                                         "AND epoch = ?2 AND id = ?3"));
  std::uint64_t people = 0;
  const auto add = [&](const TellingEvent& event) -> absl::StatusOr<bool> {
    ++people;
    select.Bind(1, event.key.log_device);
    select.Bind(2, event.key.epoch);
    select.Bind(3, event.key.id);
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    const auto below = gone.find({event.key.log_device, event.key.epoch});
    if (row && (below == gone.end() || event.key.id >= below->second)) {
      ++pruned.images;
      pruned.bytes += static_cast<std::uint64_t>(select.Integer(0)) + kImageBytes;
    }
    select.Reset();
    return true;
  };
  GATELOG_RETURN_IF_ERROR(VisitTelling(database, plan.people_from, plan.segment.next_seq, add));
  pruned.people += people;
  if (people > 0) AddSegment(plan.segment, pruned);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ports::Pruned> PreviewPrune(Database& database, const ports::PruneLimits& limits) {
  GATELOG_ASSIGN_OR_RETURN(Snapshot snapshot, Snapshot::Begin(database));
  GATELOG_ASSIGN_OR_RETURN(PrunedThrough through, ReadPrunedThrough(database));
  Passed passed;
  ImagesGone gone;
  // Rows of the newest prune may still be there.
  const auto note = [&](std::uint64_t, const evidence::ImagesEntry& entry) {
    NoteImages(entry, gone);
    return absl::StatusOr<bool>(true);
  };
  GATELOG_RETURN_IF_ERROR(VisitImages(database, through.images_from, through.images_block, note));
  ports::Pruned pruned;
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const std::optional<Pruner::Plan> plan,
                             NextPlan(database, through, passed, limits));
    if (!plan) return pruned;
    if (!plan->nothing && plan->what == Pruned::kPeople) {
      GATELOG_RETURN_IF_ERROR(AddPeople(database, *plan, gone, pruned));
    } else if (!plan->nothing) {
      AddTo(*plan, pruned);
      if (plan->what == Pruned::kEvents) {
        GATELOG_RETURN_IF_ERROR(
            AddEventBytes(database, through.first_seq, plan->segment.next_seq, pruned));
      }
      GATELOG_RETURN_IF_ERROR(
          AddImageBytes(database, plan->images_from, plan->segment.last_block, gone, pruned));
    }
    Advance(*plan, through, passed);
  }
}

}  // namespace gatelog::store
