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
#include "store/sqlite/person_table.h"
#include "store/sqlite/pruned_records.h"

namespace gatelog::store {
namespace {

constexpr std::uint64_t kAllEvents = std::numeric_limits<std::int64_t>::max();

// Of a transaction in which people are erased: so few that a commit behind it hardly waits.
constexpr std::size_t kErasedEventsMax = 500;
constexpr std::uint64_t kErasedImagesMax = 64;
constexpr std::uint64_t kEventsLookedAtMax = 5'000;

// One erasure, in the open transaction and the block under way.
class Eraser {
 public:
  Eraser(const RecordLookup& records, ChainWriter& chain)
      : database_(records.database), records_(records), chain_(chain) {}

  // The event tells of nobody afterwards.
  absl::Status EraseEvent(const TellingEvent& event);
  // The bytes of the image that is gone; nothing: there was none.
  absl::StatusOr<std::optional<std::uint64_t>> EraseImage(const model::RecordKey& key);
  // When everything is taken out.
  absl::Status Finish(ErasedAnchors& anchors, const std::string& by);

  std::uint64_t events() const { return seqs_.size(); }
  std::uint64_t images() const { return images_.size(); }

 private:
  Database& database_;
  const RecordLookup& records_;
  ChainWriter& chain_;
  model::SplitEvent split_;
  std::vector<std::uint64_t> seqs_;
  std::vector<model::RecordKey> images_;
  std::map<model::DeviceId, std::set<model::EventId>> ids_;
};

absl::Status Eraser::EraseEvent(const TellingEvent& event) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement update,
      database_.Prepare("UPDATE event SET person = NULL, temperature = 0, flags = flags | ?2, "
                        "payload = ?3 WHERE seq = ?1"));
  GATELOG_ASSIGN_OR_RETURN(
      Statement insert,
      database_.Prepare("INSERT INTO erased (seq, block, commitment) VALUES (?1, ?2, ?3)"));
  model::SplitPersonalPart(event.payload, split_);
  const evidence::Digest commitment =
      chain_.leaves().Personal(event.salt, event.seq, split_.personal_part);
  update.Bind(1, static_cast<std::int64_t>(event.seq));
  update.Bind(2, kFlagErased);
  update.BindBlob(3, split_.public_part);
  GATELOG_RETURN_IF_ERROR(update.Run());
  insert.Bind(1, static_cast<std::int64_t>(event.seq));
  insert.Bind(2, static_cast<std::int64_t>(chain_.block()));
  insert.BindBlob(3, evidence::BytesOf(commitment));
  GATELOG_RETURN_IF_ERROR(insert.Run());
  seqs_.push_back(event.seq);
  ids_[event.key.log_device].insert(event.key.id);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::uint64_t>> Eraser::EraseImage(const model::RecordKey& key) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement remove,
      database_.Prepare("DELETE FROM image WHERE log_device = ?1 AND epoch = ?2 AND id = ?3 "
                        "RETURNING length(payload)"));
  remove.Bind(1, key.log_device);
  remove.Bind(2, key.epoch);
  remove.Bind(3, key.id);
  GATELOG_ASSIGN_OR_RETURN(const bool found, remove.Step());
  if (!found) return std::nullopt;
  const auto bytes = static_cast<std::uint64_t>(remove.Integer(0));
  GATELOG_ASSIGN_OR_RETURN(
      Statement insert,
      database_.Prepare(
          "INSERT INTO erased_image (log_device, epoch, id, block) VALUES (?1, ?2, ?3, ?4)"));
  insert.Bind(1, key.log_device);
  insert.Bind(2, key.epoch);
  insert.Bind(3, key.id);
  insert.Bind(4, static_cast<std::int64_t>(chain_.block()));
  GATELOG_RETURN_IF_ERROR(insert.Run());
  images_.push_back(key);
  return bytes;
}

absl::Status Eraser::Finish(ErasedAnchors& anchors, const std::string& by) {
  for (const auto& [log_device, ids] : ids_) {
    GATELOG_RETURN_IF_ERROR(anchors.Mark(records_, log_device, ids));
  }
  evidence::ErasedEvents events;
  std::sort(seqs_.begin(), seqs_.end());
  for (const std::uint64_t seq : seqs_) events.Add(seq);
  evidence::ErasedImages images;
  std::sort(images_.begin(), images_.end());
  for (const model::RecordKey& key : images_) images.Add(key);
  return chain_.AddEntry(evidence::ErasureEntry{.events = events.count(),
                                                .events_digest = events.Finish(),
                                                .images = images.count(),
                                                .images_digest = images.Finish(),
                                                .by = by});
}

// An event as it is read before it is rewritten.
struct OldEvent {
  TellingEvent event;  // without salt and payload
  std::string salt;
  std::string payload;

  TellingEvent Whole() const {
    TellingEvent whole = event;
    whole.salt = salt;
    whole.payload = payload;
    return whole;
  }
};

absl::Status EraseEventsOf(const RecordLookup& records, const Person& person, Eraser& eraser) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      records.database.Prepare(
          "SELECT log_device, epoch, id, payload FROM event WHERE seq = ?1 AND person = ?2"));
  GATELOG_ASSIGN_OR_RETURN(const std::vector<std::uint64_t> seqs, records.EventsOf(person.id));
  for (const std::uint64_t seq : seqs) {
    select.Bind(1, static_cast<std::int64_t>(seq));
    select.Bind(2, person.id);
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) {  // retention has taken it
      select.Reset();
      continue;
    }
    const OldEvent old{.event = {.seq = seq,
                                 .key = {static_cast<model::DeviceId>(select.Integer(0)),
                                         static_cast<model::Epoch>(select.Integer(1)),
                                         static_cast<model::EventId>(select.Integer(2))},
                                 .person = person.id},
                       .salt = person.salt,
                       .payload = std::string(select.Bytes(3))};
    select.Reset();
    GATELOG_RETURN_IF_ERROR(eraser.EraseEvent(old.Whole()));
  }
  return absl::OkStatus();
}

absl::Status EraseImagesOf(Database& database, const Person& person, Eraser& eraser) {
  std::vector<model::RecordKey> keys;
  {
    GATELOG_ASSIGN_OR_RETURN(
        Statement select,
        database.Prepare("SELECT log_device, epoch, id FROM image WHERE person = ?1"));
    select.Bind(1, person.id);
    while (true) {
      GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
      if (!row) break;
      keys.push_back({static_cast<model::DeviceId>(select.Integer(0)),
                      static_cast<model::Epoch>(select.Integer(1)),
                      static_cast<model::EventId>(select.Integer(2))});
    }
  }
  for (const model::RecordKey& key : keys) {
    GATELOG_RETURN_IF_ERROR(eraser.EraseImage(key).status());
  }
  return absl::OkStatus();
}

// Whether the store may know nothing of the record's person: erased, or pruned with the event.
absl::StatusOr<bool> IsErased(const RecordLookup& records, model::DeviceId log_device,
                              model::Epoch epoch, model::EventId id) {
  GATELOG_ASSIGN_OR_RETURN(Statement select,
                           records.database.Prepare("SELECT flags & ?2 FROM event WHERE seq = ?1"));
  // The record that an anchor is of stands in the newest epoch that has the ID.
  for (; epoch > 0; --epoch) {
    const model::RecordKey key{log_device, epoch, id};
    GATELOG_ASSIGN_OR_RETURN(const std::optional<std::uint64_t> seq, records.Find(key));
    if (seq) {
      select.Bind(1, static_cast<std::int64_t>(*seq));
      select.Bind(2, kFlagErased);
      GATELOG_ASSIGN_OR_RETURN(const bool found, select.Step());
      if (found) return select.Integer(0) != 0;
      select.Reset();
    }
    GATELOG_ASSIGN_OR_RETURN(const bool pruned, IsPrunedRecord(records.database, key));
    if (pruned) return true;
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

absl::Status ErasedAnchors::Mark(const RecordLookup& records, model::DeviceId log_device,
                                 const std::set<model::EventId>& erased) {
  Database& database = records.database;
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database.Prepare("SELECT epoch, anchors FROM log_state WHERE log_device = ?1"));
  select.Bind(1, log_device);
  GATELOG_ASSIGN_OR_RETURN(const bool known, select.Step());
  if (!known) return absl::OkStatus();
  const auto epoch = static_cast<model::Epoch>(select.Integer(0));
  std::vector<model::Anchor> anchors = DecodeAnchors(select.Bytes(1));
  select.Reset();
  bool any = false;
  for (model::Anchor& anchor : anchors) {
    // Few of the events are among the newest of their log, and each look is one into lists.
    if (!erased.contains(anchor.id)) continue;
    GATELOG_ASSIGN_OR_RETURN(const bool gone, IsErased(records, log_device, epoch, anchor.id));
    if (!gone) continue;
    anchor = model::WithoutPerson(anchor);
    marked_[log_device].insert(anchor.id);
    any = true;
  }
  if (!any) return absl::OkStatus();
  GATELOG_ASSIGN_OR_RETURN(
      Statement update,
      database.Prepare("UPDATE log_state SET anchors = ?2 WHERE log_device = ?1"));
  const std::string bytes = EncodeAnchors(anchors);
  update.Bind(1, log_device);
  update.BindBlob(2, bytes);
  return update.Run();
}

absl::StatusOr<std::vector<model::Anchor>> ErasedAnchors::Clean(const RecordLookup& records,
                                                                const ports::Batch& batch) {
  std::vector<model::Anchor> anchors = batch.after.anchors;
  // Where an epoch opens, anchors may come from the device, of any record that it still holds from
  // before.
  if (batch.after.epoch != batch.expected_epoch && batch.expected_epoch != 0) {
    for (model::Anchor& anchor : anchors) {
      if (anchor.id >= batch.after.epoch_first) continue;
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
  GATELOG_ASSIGN_OR_RETURN(const std::vector<Person> people, FindPeople(database, user_id));
  if (people.empty()) {
    return absl::NotFoundError(
        "Nothing in the store tells of this user; look the ID up with 'gatelog event query'.");
  }
  const RecordLookup records{database, index.writing(), kAllEvents};
  Eraser eraser(records, chain);
  GATELOG_ASSIGN_OR_RETURN(Statement remove, database.Prepare("DELETE FROM person WHERE id = ?1"));
  std::set<std::int64_t> ids;
  for (const Person& person : people) {
    GATELOG_RETURN_IF_ERROR(EraseImagesOf(database, person, eraser));
    GATELOG_RETURN_IF_ERROR(EraseEventsOf(records, person, eraser));
    remove.Bind(1, person.id);
    GATELOG_RETURN_IF_ERROR(remove.Run());
    ids.insert(person.id);
  }
  GATELOG_RETURN_IF_ERROR(index.ErasePeople(database, ids, 0, kAllEvents));
  GATELOG_RETURN_IF_ERROR(IndexPeopleAnew(database));
  GATELOG_RETURN_IF_ERROR(eraser.Finish(anchors, by));
  return ports::Erased{.events = eraser.events(), .images = eraser.images()};
}

absl::Status VisitTelling(Database& database, std::uint64_t first, std::uint64_t end,
                          absl::FunctionRef<absl::StatusOr<bool>(const TellingEvent&)> take) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database.Prepare("SELECT e.seq, e.log_device, e.epoch, e.id, e.person, p.salt, e.payload "
                       "FROM event AS e NOT INDEXED LEFT JOIN person AS p ON p.id = "
                       "e.person WHERE e.seq >= ?1 AND e.seq < ?2 AND e.flags & ?3 = 0 ORDER BY "
                       "e.seq"));
  GATELOG_ASSIGN_OR_RETURN(const std::string store_salt, ReadStoreSalt(database));
  select.Bind(1, static_cast<std::int64_t>(first));
  select.Bind(2, static_cast<std::int64_t>(end));
  select.Bind(3, kFlagErased);
  model::SplitEvent split;
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return absl::OkStatus();
    const bool named = !select.IsNull(4);
    TellingEvent event{.seq = static_cast<std::uint64_t>(select.Integer(0)),
                       .key = {static_cast<model::DeviceId>(select.Integer(1)),
                               static_cast<model::Epoch>(select.Integer(2)),
                               static_cast<model::EventId>(select.Integer(3))},
                       .person = select.Integer(4),
                       .salt = named ? select.Bytes(5) : std::string_view(store_salt),
                       .payload = select.Bytes(6)};
    if (event.salt.size() != evidence::kSaltBytes) {
      return absl::DataLossError(absl::StrCat(database.path(), " is damaged (event ", event.seq,
                                              " names a person who is not there); keep a copy of "
                                              "it and restore a backup."));
    }
    if (!named) {
      model::SplitPersonalPart(event.payload, split);
      if (split.personal_part.empty()) continue;
    }
    GATELOG_ASSIGN_OR_RETURN(const bool more, take(event));
    if (!more) return absl::OkStatus();
  }
}

absl::StatusOr<ErasedPeople> ErasePeople(Database& database, ChainWriter& chain, EventIndex& index,
                                         ErasedAnchors& anchors, std::uint64_t first,
                                         std::uint64_t end, const std::string& by) {
  ErasedPeople erased{.next_seq = std::min(end, first + kEventsLookedAtMax)};
  std::vector<OldEvent> events;
  const auto take = [&](const TellingEvent& event) {
    events.push_back({event, std::string(event.salt), std::string(event.payload)});
    return absl::StatusOr<bool>(events.size() < kErasedEventsMax);
  };
  GATELOG_RETURN_IF_ERROR(VisitTelling(database, first, erased.next_seq, take));
  if (events.size() == kErasedEventsMax) erased.next_seq = events.back().event.seq + 1;
  if (events.empty()) return erased;
  const RecordLookup records{database, index.writing(), kAllEvents};
  Eraser eraser(records, chain);
  std::set<std::int64_t> people;
  for (const OldEvent& event : events) {
    if (eraser.images() == kErasedImagesMax) {
      erased.next_seq = event.event.seq;
      break;
    }
    GATELOG_ASSIGN_OR_RETURN(const std::optional<std::uint64_t> image_bytes,
                             eraser.EraseImage(event.event.key));
    erased.image_bytes += image_bytes.value_or(0);
    GATELOG_RETURN_IF_ERROR(eraser.EraseEvent(event.Whole()));
    if (event.event.person != 0) people.insert(event.event.person);
  }
  erased.events = eraser.events();
  erased.images = eraser.images();
  GATELOG_RETURN_IF_ERROR(eraser.Finish(anchors, by));
  GATELOG_RETURN_IF_ERROR(index.ErasePeople(database, people, first, erased.next_seq));
  // Of whom an event tells that comes later: none before it tells of anybody any more.
  std::unordered_set<std::int64_t> unreferred(people.begin(), people.end());
  GATELOG_RETURN_IF_ERROR(records.KeepGone(unreferred, erased.next_seq));
  GATELOG_RETURN_IF_ERROR(DeletePeople(database, unreferred, erased.gone));
  return erased;
}

}  // namespace gatelog::store
