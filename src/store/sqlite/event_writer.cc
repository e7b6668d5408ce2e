#include "store/sqlite/event_writer.h"

#include <limits>
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "ports/batch_check.h"
#include "store/sqlite/image_tables.h"
#include "store/sqlite/log_state_table.h"

namespace gatelog::store {
namespace {

std::int64_t FlagsOf(const model::Event& event) {
  return (event.has_image ? kFlagHasImage : 0) |
         (event.changed_on_device ? kFlagChangedOnDevice : 0);
}

bool OpensEpoch(const ports::Batch& batch) { return batch.after.epoch != batch.expected_epoch; }

ports::Phase PhaseOf(const ports::Batch& batch, const model::Event& event) {
  return event.id < batch.live_from ? ports::Phase::kBacklog : ports::Phase::kLive;
}

evidence::EventPlace PlaceOf(const ports::Batch& batch, const model::Event& event,
                             std::uint64_t seq) {
  return {.seq = seq,
          .log_device = batch.log_device,
          .epoch = batch.after.epoch,
          .id = event.id,
          .arrival_ms = batch.arrival.time_since_epoch().count(),
          .phase = static_cast<std::uint8_t>(PhaseOf(batch, event))};
}

void BindEvent(const ports::Batch& batch, const model::Event& event, Statement& insert) {
  insert.Bind(2, batch.log_device);
  insert.Bind(3, batch.after.epoch);
  insert.Bind(4, event.id);
  insert.Bind(5, event.timestamp);
  insert.Bind(6, event.device);
  insert.Bind(7, event.code);
  insert.Bind(8, event.sub_code);
  insert.Bind(10, event.entity_id);
  insert.Bind(11, event.tna_key);
  insert.Bind(12, FlagsOf(event));
  insert.Bind(13, event.temperature);
  insert.Bind(14, batch.arrival.time_since_epoch().count());
  insert.Bind(15, static_cast<int>(PhaseOf(batch, event)));
  insert.BindBlob(16, event.payload);
}

IndexedEvent IndexedOf(const ports::Batch& batch, const model::Event& event, std::int64_t person) {
  return {.log_device = batch.log_device,
          .epoch = batch.after.epoch,
          .id = event.id,
          .timestamp = event.timestamp,
          .device = event.device,
          .code = event.code,
          .sub_code = event.sub_code,
          .person = person,
          .has_image = event.has_image};
}

}  // namespace

evidence::GapEntry GapEntryOf(const model::Gap& gap, ChainWriter& chain) {
  return {.log_device = gap.log_device,
          .epoch = gap.epoch,
          .first = gap.first,
          .last = gap.last,
          .reason = static_cast<std::uint8_t>(gap.reason),
          .found_ms = gap.found.time_since_epoch().count(),
          .raw = chain.leaves().GapRaw(chain.store_salt(), {gap.log_device, gap.epoch, gap.first},
                                       gap.raw)};
}

absl::Status EventWriter::Write(const ports::Batch& batch, std::uint64_t& seq,
                                absl::Status& refusal) {
  refusal = ports::CheckBatch(batch);
  if (!refusal.ok()) return absl::OkStatus();
  model::Generation generation = 0;
  GATELOG_RETURN_IF_ERROR(CheckFence(batch, generation, refusal));
  if (!refusal.ok()) return absl::OkStatus();

  LogChange change{.events = batch.events.size(), .gaps = batch.gaps.size()};
  for (const model::Gap& gap : batch.gaps)
    change.missing += std::uint64_t{gap.last} - gap.first + 1;
  for (const model::Event& event : batch.events) change.images_wanted += event.has_image ? 1 : 0;
  if (OpensEpoch(batch)) {
    GATELOG_ASSIGN_OR_RETURN(change.images_absent,
                             CountUnsettledImages(Lookup(seq), batch.log_device));
    GATELOG_RETURN_IF_ERROR(OpenEpoch(batch, change.images_absent));
  } else if (generation != batch.after.generation) {
    GATELOG_RETURN_IF_ERROR(
        chain_.AddEntry(evidence::GenerationEntry{.log_device = batch.log_device,
                                                  .epoch = batch.after.epoch,
                                                  .generation = batch.after.generation}));
  }
  GATELOG_RETURN_IF_ERROR(WriteEvents(batch, seq));
  GATELOG_RETURN_IF_ERROR(WriteGaps(batch));
  chain_.Touch(batch.log_device, batch.after.epoch);
  ports::LogState after = batch.after;
  GATELOG_ASSIGN_OR_RETURN(after.anchors, erased_anchors_.Clean(Lookup(seq), batch));
  return WriteLogState(database_, after, OpensEpoch(batch), change);
}

absl::StatusOr<ports::Erased> EventWriter::Erase(const std::string& user_id,
                                                 const std::string& by) {
  // Also if the transaction fails later: then it is read again.
  people_.OnGone(user_id);
  return EraseUser(database_, chain_, index_, erased_anchors_, user_id, by);
}

absl::StatusOr<ErasedPeople> EventWriter::ErasePeople(std::uint64_t first_seq,
                                                      std::uint64_t end_seq,
                                                      const std::string& by) {
  GATELOG_ASSIGN_OR_RETURN(
      ErasedPeople erased,
      store::ErasePeople(database_, chain_, index_, erased_anchors_, first_seq, end_seq, by));
  OnPeopleGone(erased.gone);
  return erased;
}

void EventWriter::OnPeopleGone(const std::vector<std::string>& user_ids) {
  for (const std::string& user_id : user_ids) people_.OnGone(user_id);
}

absl::Status EventWriter::CheckFence(const ports::Batch& batch, model::Generation& generation,
                                     absl::Status& refusal) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database_.Prepare("SELECT epoch, next, generation FROM log_state WHERE log_device = ?1"));
  select.Bind(1, batch.log_device);
  GATELOG_ASSIGN_OR_RETURN(const bool known, select.Step());
  const std::int64_t epoch = known ? select.Integer(0) : 0;
  const std::int64_t next = known ? select.Integer(1) : 0;
  generation = known ? static_cast<model::Generation>(select.Integer(2)) : 0;
  if (epoch != batch.expected_epoch || next != batch.expected_next) {
    refusal = absl::FailedPreconditionError(absl::StrCat(
        "Log device ", batch.log_device, " stands at epoch ", epoch, ", next ID ", next,
        ", not at epoch ", batch.expected_epoch, ", next ID ", batch.expected_next, "."));
  }
  return absl::OkStatus();
}

absl::Status EventWriter::OpenEpoch(const ports::Batch& batch, std::uint64_t images_unsettled) {
  // Before the new state is written: the epoch that ends keeps where it stood.
  GATELOG_ASSIGN_OR_RETURN(
      Statement end,
      database_.Prepare(
          "UPDATE epoch SET (next, generation, events, gaps, missing) = (SELECT next, generation, "
          "epoch_events, epoch_gaps, epoch_missing FROM log_state WHERE log_device = ?1) "
          "WHERE log_device = ?1 AND epoch = ?2"));
  end.Bind(1, batch.log_device);
  end.Bind(2, batch.expected_epoch);
  GATELOG_RETURN_IF_ERROR(end.Run());
  GATELOG_ASSIGN_OR_RETURN(
      Statement insert,
      database_.Prepare("INSERT INTO epoch (log_device, epoch, first, generation, opened_ms) "
                        "VALUES (?1, ?2, ?3, ?4, ?5)"));
  insert.Bind(1, batch.log_device);
  insert.Bind(2, batch.after.epoch);
  insert.Bind(3, batch.after.epoch_first);
  insert.Bind(4, static_cast<std::int64_t>(batch.after.generation));
  insert.Bind(5, batch.arrival.time_since_epoch().count());
  GATELOG_RETURN_IF_ERROR(insert.Run());
  return chain_.AddEntry(evidence::EpochEntry{.log_device = batch.log_device,
                                              .epoch = batch.after.epoch,
                                              .first = batch.after.epoch_first,
                                              .generation = batch.after.generation,
                                              .opened_ms = batch.arrival.time_since_epoch().count(),
                                              .images_unsettled = images_unsettled});
}

absl::Status EventWriter::WriteEvents(const ports::Batch& batch, std::uint64_t& seq) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement insert,
      database_.Prepare(
          "INSERT INTO event VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, "
          "?14, ?15, ?16, ?17)"));
  for (const model::Event& event : batch.events) {
    insert.Bind(1, static_cast<std::int64_t>(seq + 1));
    BindEvent(batch, event, insert);
    std::int64_t person_id = 0;
    std::string_view salt = chain_.store_salt();
    GATELOG_ASSIGN_OR_RETURN(const PeopleOfEvents::Row* person, PersonOf(event, batch.arrival));
    if (person == nullptr) {
      insert.BindNull(9);
    } else {
      person_id = person->id;
      insert.Bind(9, person_id);
      salt = {person->salt.data(), person->salt.size()};
    }
    insert.Bind(17, chain_.AddEvent(PlaceOf(batch, event, seq + 1), event.payload, salt));
    GATELOG_RETURN_IF_ERROR(insert.Run());
    index_.Add(++seq, IndexedOf(batch, event, person_id));
  }
  return absl::OkStatus();
}

absl::Status EventWriter::WriteGaps(const ports::Batch& batch) {
  if (batch.gaps.empty()) return absl::OkStatus();
  GATELOG_ASSIGN_OR_RETURN(
      Statement insert, database_.Prepare("INSERT INTO gap VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"));
  for (const model::Gap& gap : batch.gaps) {
    insert.Bind(1, gap.log_device);
    insert.Bind(2, gap.epoch);
    insert.Bind(3, gap.first);
    insert.Bind(4, gap.last);
    insert.Bind(5, static_cast<int>(gap.reason));
    insert.Bind(6, gap.found.time_since_epoch().count());
    insert.BindBlob(7, gap.raw);
    GATELOG_RETURN_IF_ERROR(insert.Run());
    GATELOG_RETURN_IF_ERROR(chain_.AddEntry(GapEntryOf(gap, chain_)));
  }
  return absl::OkStatus();
}

absl::StatusOr<const PeopleOfEvents::Row*> EventWriter::PersonOf(const model::Event& event,
                                                                 Timestamp arrival) {
  if (event.user_id.empty()) {
    model::SplitPersonalPart(event.payload, split_);
    if (split_.personal_part.empty()) return nullptr;
  }
  GATELOG_ASSIGN_OR_RETURN(const PeopleOfEvents::Row* row,
                           people_.Of(event.user_id, PeriodOf(arrival)));
  if (!IsPersonNumber(row->id)) {
    return absl::DataLossError(absl::StrCat(database_.path(), " is damaged (the number of person ",
                                            row->id, "); keep a copy of it and restore a backup."));
  }
  return row;
}

absl::Status EventWriter::WriteImages(const ports::ImageBatch& batch, absl::Status& refusal) {
  refusal = ports::CheckImageBatch(batch);
  if (!refusal.ok()) return absl::OkStatus();
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database_.Prepare("SELECT epoch, image_next FROM log_state WHERE log_device = ?1"));
  select.Bind(1, batch.log_device);
  GATELOG_ASSIGN_OR_RETURN(const bool known, select.Step());
  if (!known || select.Integer(0) != batch.epoch ||
      select.Integer(1) != batch.expected_image_next) {
    refusal = absl::FailedPreconditionError(
        absl::StrCat("The images of log device ", batch.log_device, " do not stand at epoch ",
                     batch.epoch, ", next ID ", batch.expected_image_next, "."));
    return absl::OkStatus();
  }
  return WriteImageBatch(Lookup(std::numeric_limits<std::int64_t>::max()), chain_, batch);
}

}  // namespace gatelog::store
