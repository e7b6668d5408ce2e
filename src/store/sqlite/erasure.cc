#include "store/sqlite/erasure.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/personal_part.h"
#include "store/sqlite/event_writer.h"
#include "store/sqlite/log_state_table.h"

namespace gatelog::store {
namespace {

struct Person {
  std::int64_t id = 0;
  std::string salt;
};

absl::StatusOr<std::optional<Person>> FindPerson(Database& database, const std::string& user_id) {
  GATELOG_ASSIGN_OR_RETURN(Statement select,
                           database.Prepare("SELECT id, salt FROM person WHERE user_id = ?1"));
  select.BindText(1, user_id);
  GATELOG_ASSIGN_OR_RETURN(const bool found, select.Step());
  if (!found) return std::nullopt;
  return Person{select.Integer(0), std::string(select.Bytes(1))};
}

absl::Status EraseEvents(const RecordLookup& records, ChainWriter& chain, const Person& person,
                         evidence::ErasedEvents& erased, std::set<model::DeviceId>& logs) {
  Database& database = records.database;
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database.Prepare("SELECT log_device, payload FROM event WHERE seq = ?1 AND person = ?2"));
  GATELOG_ASSIGN_OR_RETURN(
      Statement update,
      database.Prepare("UPDATE event SET person = NULL, temperature = 0, flags = flags | ?2, "
                       "payload = ?3 WHERE seq = ?1"));
  GATELOG_ASSIGN_OR_RETURN(
      Statement insert,
      database.Prepare("INSERT INTO erased (seq, block, commitment) VALUES (?1, ?2, ?3)"));
  GATELOG_ASSIGN_OR_RETURN(const std::vector<std::uint64_t> seqs, records.EventsOf(person.id));
  model::SplitEvent split;
  for (const std::uint64_t seq : seqs) {
    select.Bind(1, static_cast<std::int64_t>(seq));
    select.Bind(2, person.id);
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) {  // retention has taken it
      select.Reset();
      continue;
    }
    logs.insert(static_cast<model::DeviceId>(select.Integer(0)));
    const std::string payload(select.Bytes(1));
    select.Reset();
    model::SplitPersonalPart(payload, split);
    const evidence::Digest commitment =
        chain.leaves().Personal(person.salt, seq, split.personal_part);
    update.Bind(1, static_cast<std::int64_t>(seq));
    update.Bind(2, kFlagErased);
    update.BindBlob(3, split.public_part);
    GATELOG_RETURN_IF_ERROR(update.Run());
    insert.Bind(1, static_cast<std::int64_t>(seq));
    insert.Bind(2, static_cast<std::int64_t>(chain.block()));
    insert.BindBlob(3, evidence::BytesOf(commitment));
    GATELOG_RETURN_IF_ERROR(insert.Run());
    erased.Add(seq);
  }
  return absl::OkStatus();
}

absl::Status EraseImages(Database& database, const ChainWriter& chain, const Person& person,
                         evidence::ErasedImages& erased) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database.Prepare("SELECT log_device, epoch, id FROM image WHERE person = ?1 "
                       "ORDER BY log_device, epoch, id"));
  GATELOG_ASSIGN_OR_RETURN(
      Statement insert,
      database.Prepare(
          "INSERT INTO erased_image (log_device, epoch, id, block) VALUES (?1, ?2, ?3, ?4)"));
  select.Bind(1, person.id);
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) break;
    const model::RecordKey key{static_cast<model::DeviceId>(select.Integer(0)),
                               static_cast<model::Epoch>(select.Integer(1)),
                               static_cast<model::EventId>(select.Integer(2))};
    insert.Bind(1, key.log_device);
    insert.Bind(2, key.epoch);
    insert.Bind(3, key.id);
    insert.Bind(4, static_cast<std::int64_t>(chain.block()));
    GATELOG_RETURN_IF_ERROR(insert.Run());
    erased.Add(key);
  }
  GATELOG_ASSIGN_OR_RETURN(Statement remove,
                           database.Prepare("DELETE FROM image WHERE person = ?1"));
  remove.Bind(1, person.id);
  return remove.Run();
}

absl::StatusOr<bool> IsErased(const RecordLookup& records, model::DeviceId log_device,
                              model::Epoch epoch, model::EventId id) {
  // The record that an anchor is of stands in the newest epoch that has the ID.
  GATELOG_ASSIGN_OR_RETURN(const std::optional<std::uint64_t> seq,
                           records.FindLatest(log_device, epoch, id));
  if (!seq) return false;
  GATELOG_ASSIGN_OR_RETURN(Statement select,
                           records.database.Prepare("SELECT flags & ?2 FROM event WHERE seq = ?1"));
  select.Bind(1, static_cast<std::int64_t>(*seq));
  select.Bind(2, kFlagErased);
  GATELOG_ASSIGN_OR_RETURN(const bool found, select.Step());
  return found && select.Integer(0) != 0;
}

}  // namespace

absl::Status ErasedAnchors::Load(Database& database) {
  GATELOG_ASSIGN_OR_RETURN(Statement select,
                           database.Prepare("SELECT log_device, anchors FROM log_state"));
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return absl::OkStatus();
    for (const model::Anchor& anchor : DecodeAnchors(select.Bytes(1))) {
      if (!model::IsWithoutPerson(anchor)) continue;
      marked_[static_cast<model::DeviceId>(select.Integer(0))].insert(anchor.id);
    }
  }
}

absl::Status ErasedAnchors::Mark(const RecordLookup& records, model::DeviceId log_device) {
  Database& database = records.database;
  GATELOG_ASSIGN_OR_RETURN(std::optional<ports::LogState> state,
                           ReadLogState(database, log_device));
  if (!state) return absl::OkStatus();
  for (model::Anchor& anchor : state->anchors) {
    GATELOG_ASSIGN_OR_RETURN(const bool erased,
                             IsErased(records, log_device, state->epoch, anchor.id));
    if (!erased) continue;
    anchor = model::WithoutPerson(anchor);
    marked_[log_device].insert(anchor.id);
  }
  GATELOG_ASSIGN_OR_RETURN(
      Statement update,
      database.Prepare("UPDATE log_state SET anchors = ?2 WHERE log_device = ?1"));
  const std::string bytes = EncodeAnchors(state->anchors);
  update.Bind(1, log_device);
  update.BindBlob(2, bytes);
  return update.Run();
}

absl::StatusOr<std::vector<model::Anchor>> ErasedAnchors::Clean(const RecordLookup& records,
                                                                const ports::Batch& batch) {
  std::vector<model::Anchor> anchors = batch.after.anchors;
  // Where an epoch opens, anchors may come from the device, of any record that it still holds.
  if (batch.after.epoch != batch.expected_epoch && batch.expected_epoch != 0) {
    for (model::Anchor& anchor : anchors) {
      GATELOG_ASSIGN_OR_RETURN(
          const bool erased, IsErased(records, batch.log_device, batch.expected_epoch, anchor.id));
      if (erased) marked_[batch.log_device].insert(anchor.id);
    }
  }
  const auto marked = marked_.find(batch.log_device);
  if (marked == marked_.end()) return anchors;
  bool any = false;
  for (model::Anchor& anchor : anchors) {
    if (!marked->second.contains(anchor.id)) continue;
    anchor = model::WithoutPerson(anchor);
    any = true;
  }
  // What an anchored window has left behind does not come back.
  if (!any) marked_.erase(marked);
  return anchors;
}

absl::StatusOr<ports::Erased> EraseUser(Database& database, ChainWriter& chain, EventIndex& index,
                                        ErasedAnchors& anchors, const std::string& user_id,
                                        const std::string& by) {
  constexpr std::uint64_t kAll = std::numeric_limits<std::int64_t>::max();
  const RecordLookup records{database, index.writing(), kAll};
  GATELOG_ASSIGN_OR_RETURN(const std::optional<Person> person, FindPerson(database, user_id));
  if (!person) {
    return absl::NotFoundError(
        "Nothing in the store tells of this user; look the ID up with 'gatelog event query'.");
  }
  evidence::ErasedImages images;
  GATELOG_RETURN_IF_ERROR(EraseImages(database, chain, *person, images));
  evidence::ErasedEvents events;
  std::set<model::DeviceId> logs;
  GATELOG_RETURN_IF_ERROR(EraseEvents(records, chain, *person, events, logs));
  for (const model::DeviceId log : logs) GATELOG_RETURN_IF_ERROR(anchors.Mark(records, log));
  GATELOG_RETURN_IF_ERROR(index.ErasePeople(database, {person->id}, 0, kAll));
  GATELOG_ASSIGN_OR_RETURN(Statement remove, database.Prepare("DELETE FROM person WHERE id = ?1"));
  remove.Bind(1, person->id);
  GATELOG_RETURN_IF_ERROR(remove.Run());
  // Keys that have moved between the pages of this index leave copies behind; built anew, it has
  // none.
  GATELOG_RETURN_IF_ERROR(database.Execute("REINDEX person"));
  GATELOG_RETURN_IF_ERROR(chain.AddEntry(evidence::ErasureEntry{.events = events.count(),
                                                                .events_digest = events.Finish(),
                                                                .images = images.count(),
                                                                .images_digest = images.Finish(),
                                                                .by = by}));
  return ports::Erased{.events = events.count(), .images = images.count()};
}

absl::StatusOr<bool> EmptyWriteAheadLog(Database& database) {
  // One row: whether a reader or writer was in the way, and two sizes.
  GATELOG_ASSIGN_OR_RETURN(const std::int64_t busy,
                           database.QueryInteger("PRAGMA wal_checkpoint(TRUNCATE)"));
  return busy == 0;
}

}  // namespace gatelog::store
