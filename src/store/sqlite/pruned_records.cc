#include "store/sqlite/pruned_records.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "base/status_macros.h"
#include "model/event.h"
#include "store/sqlite/event_query.h"

namespace gatelog::store {
namespace {

// Of a log's oldest pruned records, given up in one transaction at most.
constexpr std::int64_t kForgottenPerStep = 2'000;

constexpr char kTables[] = R"sql(
CREATE TABLE pruned_record (
  log_device INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  id INTEGER NOT NULL,
  fingerprint INTEGER NOT NULL,
  PRIMARY KEY (log_device, epoch, id)
) STRICT, WITHOUT ROWID;
)sql";

absl::Status ForgetOldest(Database& database, model::DeviceId log_device, model::Epoch epoch,
                          model::EventId newest) {
  if (newest > ports::kIdsRemembered) {
    GATELOG_ASSIGN_OR_RETURN(
        Statement ids,
        database.Prepare("DELETE FROM pruned_record WHERE log_device = ?1 AND epoch = ?2 AND id IN "
                         "(SELECT id FROM pruned_record WHERE log_device = ?1 AND epoch = ?2 AND "
                         "id <= ?3 ORDER BY id LIMIT ?4)"));
    ids.Bind(1, log_device);
    ids.Bind(2, epoch);
    ids.Bind(3, newest - ports::kIdsRemembered);
    ids.Bind(4, kForgottenPerStep);
    GATELOG_RETURN_IF_ERROR(ids.Run());
  }
  if (epoch <= ports::kEpochsRemembered) return absl::OkStatus();
  GATELOG_ASSIGN_OR_RETURN(
      Statement epochs,
      database.Prepare("DELETE FROM pruned_record WHERE log_device = ?1 AND (epoch, id) IN "
                       "(SELECT epoch, id FROM pruned_record WHERE log_device = ?1 AND "
                       "epoch <= ?2 ORDER BY epoch, id LIMIT ?3)"));
  epochs.Bind(1, log_device);
  epochs.Bind(2, epoch - ports::kEpochsRemembered);
  epochs.Bind(3, kForgottenPerStep);
  return epochs.Run();
}

absl::Status ReadPruned(Database& database, model::DeviceId log_device,
                        const ports::RecordRange& range, std::vector<model::Anchor>& anchors) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database.Prepare("SELECT id, fingerprint FROM pruned_record WHERE log_device = ?1 AND "
                       "epoch = ?2 AND id BETWEEN ?3 AND ?4 ORDER BY id"));
  select.Bind(1, log_device);
  select.Bind(2, range.epoch);
  select.Bind(3, range.first);
  select.Bind(4, range.last);
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return absl::OkStatus();
    anchors.push_back({static_cast<model::EventId>(select.Integer(0)),
                       static_cast<std::uint64_t>(select.Integer(1))});
  }
}

// Also those that are not shown any more and still have their row.
absl::Status ReadStored(const IndexedEvents& events, model::DeviceId log_device,
                        const ports::RecordRange& range, std::vector<model::Anchor>& anchors) {
  IndexedEvents all = events;
  all.visible.first = 1;
  ports::EventQuery query;
  query.filter.log_devices = {log_device};
  query.filter.epoch = range.epoch;
  query.filter.first_id = range.first;
  query.filter.last_id = range.last;
  query.limit = ports::kQueryLimitMax;
  for (bool more = true; more;) {
    GATELOG_ASSIGN_OR_RETURN(const ports::EventPage page, ReadEvents(all, query));
    for (const ports::StoredEvent& stored : page.events) {
      const bool person_is_gone = stored.erased || stored.seq < events.visible.first;
      const model::Anchor anchor = model::AnchorOf(stored.event);
      anchors.push_back(person_is_gone ? model::WithoutPerson(anchor) : anchor);
    }
    query.after_seq = page.seq_reached;
    more = page.more;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status AddPrunedRecords(Database& database, const Clock& /*clock*/) {
  return database.Execute(kTables);
}

absl::Status WritePrunedRecords(Database& database, std::span<const PrunedRecord> records) {
  std::map<std::pair<model::DeviceId, model::Epoch>, model::EventId> newest;
  GATELOG_ASSIGN_OR_RETURN(
      Statement insert,
      database.Prepare("INSERT OR REPLACE INTO pruned_record VALUES (?1, ?2, ?3, ?4)"));
  for (const PrunedRecord& record : records) {
    const model::Anchor anchor = model::WithoutPerson(record.anchor);
    insert.Bind(1, record.log_device);
    insert.Bind(2, record.epoch);
    insert.Bind(3, anchor.id);
    insert.Bind(4, static_cast<std::int64_t>(anchor.fingerprint));
    GATELOG_RETURN_IF_ERROR(insert.Run());
    model::EventId& of_epoch = newest[{record.log_device, record.epoch}];
    of_epoch = std::max(of_epoch, anchor.id);
  }
  for (const auto& [log, id] : newest) {
    GATELOG_RETURN_IF_ERROR(ForgetOldest(database, log.first, log.second, id));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> IsPrunedRecord(Database& database, const model::RecordKey& key) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database.Prepare(
          "SELECT 1 FROM pruned_record WHERE log_device = ?1 AND epoch = ?2 AND id = ?3"));
  select.Bind(1, key.log_device);
  select.Bind(2, key.epoch);
  select.Bind(3, key.id);
  return select.Step();
}

absl::StatusOr<std::vector<model::Anchor>> ReadAnchors(const IndexedEvents& events,
                                                       model::DeviceId log_device,
                                                       std::span<const ports::RecordRange> ranges) {
  // Of an epoch, the pruned ones come first.
  std::vector<model::Anchor> anchors;
  for (const ports::RecordRange& range : ranges) {
    GATELOG_RETURN_IF_ERROR(ReadPruned(events.database, log_device, range, anchors));
    GATELOG_RETURN_IF_ERROR(ReadStored(events, log_device, range, anchors));
  }
  return anchors;
}

}  // namespace gatelog::store
