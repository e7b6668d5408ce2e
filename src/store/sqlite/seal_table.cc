#include "store/sqlite/seal_table.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace gatelog::store {
namespace {

// How far an epoch stands now. Nothing: there is no such epoch.
absl::StatusOr<std::optional<evidence::ManifestRow>> StateOf(Database& database,
                                                             model::DeviceId log_device,
                                                             model::Epoch epoch) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database.Prepare(
          "SELECT e.first, coalesce(e.next, s.next), coalesce(e.events, s.epoch_events), "
          "coalesce(e.gaps, s.epoch_gaps), coalesce(e.missing, s.epoch_missing) "
          "FROM epoch AS e JOIN log_state AS s ON s.log_device = e.log_device "
          "WHERE e.log_device = ?1 AND e.epoch = ?2"));
  select.Bind(1, log_device);
  select.Bind(2, epoch);
  GATELOG_ASSIGN_OR_RETURN(const bool found, select.Step());
  if (!found) return std::nullopt;
  return evidence::ManifestRow{.log_device = log_device,
                               .epoch = epoch,
                               .first = static_cast<model::EventId>(select.Integer(0)),
                               .next = static_cast<model::EventId>(select.Integer(1)),
                               .events = static_cast<std::uint64_t>(select.Integer(2)),
                               .gaps = static_cast<std::uint64_t>(select.Integer(3)),
                               .missing = static_cast<std::uint64_t>(select.Integer(4))};
}

absl::StatusOr<evidence::Digest> WriteManifest(Database& database, std::uint64_t seal,
                                               const ChainWriter::Epochs& epochs) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement insert,
      database.Prepare("INSERT INTO seal_manifest (seal, log_device, epoch, first, next, events, "
                       "gaps, missing) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"));
  evidence::ManifestDigest digest;
  for (const auto& [log_device, epoch] : epochs) {
    GATELOG_ASSIGN_OR_RETURN(const std::optional<evidence::ManifestRow> row,
                             StateOf(database, log_device, epoch));
    if (!row) continue;
    digest.Add(*row);
    insert.Bind(1, static_cast<std::int64_t>(seal));
    insert.Bind(2, row->log_device);
    insert.Bind(3, row->epoch);
    insert.Bind(4, row->first);
    insert.Bind(5, row->next);
    insert.Bind(6, static_cast<std::int64_t>(row->events));
    insert.Bind(7, static_cast<std::int64_t>(row->gaps));
    insert.Bind(8, static_cast<std::int64_t>(row->missing));
    GATELOG_RETURN_IF_ERROR(insert.Run());
  }
  return digest.Finish();
}

absl::Status InsertSeal(Database& database, const evidence::Seal& seal) {
  GATELOG_ASSIGN_OR_RETURN(Statement insert, database.Prepare(absl::StrCat(
                                                 "INSERT INTO seal (", kSealColumns,
                                                 ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")));
  insert.Bind(1, static_cast<std::int64_t>(seal.number));
  insert.Bind(2, seal.time_ms);
  insert.Bind(3, static_cast<std::int64_t>(seal.block));
  insert.BindBlob(4, evidence::BytesOf(seal.head));
  insert.BindBlob(5, evidence::BytesOf(seal.previous));
  insert.BindBlob(6, evidence::BytesOf(seal.manifest));
  insert.BindBlob(7, evidence::BytesOf(seal.key));
  insert.BindBlob(8, seal.signature);
  return insert.Run();
}

}  // namespace

std::optional<evidence::Seal> SealOfRow(const Statement& row) {
  evidence::Seal seal{.number = static_cast<std::uint64_t>(row.Integer(0)),
                      .time_ms = row.Integer(1),
                      .block = static_cast<std::uint64_t>(row.Integer(2)),
                      .signature = std::string(row.Bytes(7))};
  const bool whole = evidence::ToDigest(row.Bytes(3), seal.head) &&
                     evidence::ToDigest(row.Bytes(4), seal.previous) &&
                     evidence::ToDigest(row.Bytes(5), seal.manifest) &&
                     evidence::ToDigest(row.Bytes(6), seal.key) &&
                     seal.signature.size() == evidence::kSignatureBytes;
  if (!whole) return std::nullopt;
  return seal;
}

absl::StatusOr<std::optional<evidence::Seal>> ReadLastSeal(Database& database) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select, database.Prepare(absl::StrCat("SELECT ", kSealColumns,
                                                      " FROM seal ORDER BY number DESC LIMIT 1")));
  GATELOG_ASSIGN_OR_RETURN(const bool any, select.Step());
  if (!any) return std::nullopt;
  std::optional<evidence::Seal> seal = SealOfRow(select);
  if (!seal) {
    return absl::DataLossError(absl::StrCat(database.path(), " is damaged (seal ",
                                            select.Integer(0),
                                            "); keep a copy of it and restore a backup."));
  }
  return seal;
}

absl::StatusOr<std::optional<evidence::Seal>> WriteSeal(Database& database,
                                                        const ChainWriter& chain,
                                                        const evidence::ChainHead& head,
                                                        const evidence::SealKey& key) {
  GATELOG_ASSIGN_OR_RETURN(const std::optional<evidence::Seal> last, ReadLastSeal(database));
  if (head.block == (last ? last->block : 0)) return std::nullopt;
  evidence::Seal seal{.number = last ? last->number + 1 : 1,
                      .time_ms = chain.clock().Now().time_since_epoch().count(),
                      .block = head.block,
                      .head = head.digest};
  if (last) seal.previous = evidence::SealDigest(*last);
  GATELOG_ASSIGN_OR_RETURN(seal.manifest, WriteManifest(database, seal.number, chain.unsealed()));
  key.Sign(seal);
  GATELOG_RETURN_IF_ERROR(InsertSeal(database, seal));
  return seal;
}

}  // namespace gatelog::store
