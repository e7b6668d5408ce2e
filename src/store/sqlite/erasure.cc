#include "store/sqlite/erasure.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/personal_part.h"
#include "store/sqlite/event_writer.h"
#include "store/sqlite/log_state_table.h"

namespace gatelog::store {
namespace {

constexpr std::int64_t kEventsPerStep = 1'000;  // read before they are rewritten

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

struct OldEvent {
  std::int64_t seq;
  model::DeviceId log_device;
  std::string payload;
};

// The person's next events, in the order of seq. Rewritten ones are not his any more.
absl::StatusOr<std::vector<OldEvent>> NextEvents(Database& database, const Person& person) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database.Prepare("SELECT seq, log_device, payload FROM event INDEXED BY event_person "
                       "WHERE person = ?1 ORDER BY seq LIMIT ?2"));
  select.Bind(1, person.id);
  select.Bind(2, kEventsPerStep);
  std::vector<OldEvent> events;
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return events;
    events.push_back({select.Integer(0), static_cast<model::DeviceId>(select.Integer(1)),
                      std::string(select.Bytes(2))});
  }
}

absl::Status EraseEvents(Database& database, ChainWriter& chain, const Person& person,
                         evidence::ErasedEvents& erased, std::set<model::DeviceId>& logs) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement update,
      database.Prepare("UPDATE event SET person = NULL, temperature = 0, flags = flags | ?2, "
                       "payload = ?3 WHERE seq = ?1"));
  GATELOG_ASSIGN_OR_RETURN(
      Statement insert,
      database.Prepare("INSERT INTO erased (seq, block, commitment) VALUES (?1, ?2, ?3)"));
  model::SplitEvent split;
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const std::vector<OldEvent> events, NextEvents(database, person));
    if (events.empty()) return absl::OkStatus();
    for (const OldEvent& event : events) {
      const auto seq = static_cast<std::uint64_t>(event.seq);
      model::SplitPersonalPart(event.payload, split);
      const evidence::Digest commitment =
          chain.leaves().Personal(person.salt, seq, split.personal_part);
      update.Bind(1, event.seq);
      update.Bind(2, kFlagErased);
      update.BindBlob(3, split.public_part);
      GATELOG_RETURN_IF_ERROR(update.Run());
      insert.Bind(1, event.seq);
      insert.Bind(2, static_cast<std::int64_t>(chain.block()));
      insert.BindBlob(3, evidence::BytesOf(commitment));
      GATELOG_RETURN_IF_ERROR(insert.Run());
      erased.Add(seq);
      logs.insert(event.log_device);
    }
  }
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

// Whether the store may know nothing of the record's person: erased, or pruned with the event.
absl::StatusOr<bool> IsErased(Database& database, model::DeviceId log_device, model::Epoch epoch,
                              model::EventId id) {
  GATELOG_ASSIGN_OR_RETURN(Statement select,
                           database.Prepare("SELECT flags & ?4 FROM event INDEXED BY event_key "
                                            "WHERE log_device = ?1 AND epoch = ?2 AND id = ?3 "
                                            "UNION ALL SELECT ?4 FROM pruned_record "
                                            "WHERE log_device = ?1 AND epoch = ?2 AND id = ?3"));
  // The record that an anchor is of stands in the newest epoch that has the ID.
  for (; epoch > 0; --epoch) {
    select.Bind(1, log_device);
    select.Bind(2, epoch);
    select.Bind(3, id);
    select.Bind(4, kFlagErased);
    GATELOG_ASSIGN_OR_RETURN(const bool found, select.Step());
    if (found) return select.Integer(0) != 0;
    select.Reset();
  }
  return false;
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

absl::Status ErasedAnchors::Mark(Database& database, model::DeviceId log_device) {
  GATELOG_ASSIGN_OR_RETURN(std::optional<ports::LogState> state,
                           ReadLogState(database, log_device));
  if (!state) return absl::OkStatus();
  for (model::Anchor& anchor : state->anchors) {
    GATELOG_ASSIGN_OR_RETURN(const bool erased,
                             IsErased(database, log_device, state->epoch, anchor.id));
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

absl::StatusOr<std::vector<model::Anchor>> ErasedAnchors::Clean(Database& database,
                                                                const ports::Batch& batch) {
  std::vector<model::Anchor> anchors = batch.after.anchors;
  // Where an epoch opens, anchors may come from the device, of any record that it still holds from
  // before.
  if (batch.after.epoch != batch.expected_epoch && batch.expected_epoch != 0) {
    for (model::Anchor& anchor : anchors) {
      if (anchor.id >= batch.after.epoch_first) continue;
      GATELOG_ASSIGN_OR_RETURN(
          const bool erased, IsErased(database, batch.log_device, batch.expected_epoch, anchor.id));
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

absl::StatusOr<ports::Erased> EraseUser(Database& database, ChainWriter& chain,
                                        ErasedAnchors& anchors, const std::string& user_id,
                                        const std::string& by) {
  GATELOG_ASSIGN_OR_RETURN(const std::optional<Person> person, FindPerson(database, user_id));
  if (!person) {
    return absl::NotFoundError(
        "Nothing in the store tells of this user; look the ID up with 'gatelog event query'.");
  }
  evidence::ErasedImages images;
  GATELOG_RETURN_IF_ERROR(EraseImages(database, chain, *person, images));
  evidence::ErasedEvents events;
  std::set<model::DeviceId> logs;
  GATELOG_RETURN_IF_ERROR(EraseEvents(database, chain, *person, events, logs));
  for (const model::DeviceId log : logs) GATELOG_RETURN_IF_ERROR(anchors.Mark(database, log));
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
