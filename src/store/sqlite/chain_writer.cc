#include "store/sqlite/chain_writer.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace gatelog::store {
namespace {

absl::Status Damaged(const Database& database, const char* what) {
  return absl::DataLossError(absl::StrCat(database.path(), " is damaged (", what,
                                          "); keep a copy of it and restore a backup."));
}

// The epoch that an entry changes; epoch 0: none.
std::pair<model::DeviceId, model::Epoch> EpochOf(const evidence::Entry& entry) {
  return std::visit(
      [](const auto& one) -> std::pair<model::DeviceId, model::Epoch> {
        if constexpr (requires { one.epoch; }) {
          return {one.log_device, one.epoch};
        } else {
          return {0, 0};
        }
      },
      entry);
}

// Whether more than kUnsealedLookedAtMax events, or entries, are in blocks after this one. Without
// looking at each.
absl::StatusOr<bool> ManyAfter(Database& database, std::int64_t block) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database.Prepare(
          "SELECT (SELECT first_seq + events FROM block ORDER BY number DESC LIMIT 1) - "
          "(SELECT first_seq FROM block WHERE number > ?1 ORDER BY number LIMIT 1) > ?2 OR "
          "EXISTS (SELECT 1 FROM entry WHERE block > ?1 LIMIT 1 OFFSET ?2)"));
  select.Bind(1, block);
  select.Bind(2, kUnsealedLookedAtMax);
  GATELOG_RETURN_IF_ERROR(select.Step().status());
  return select.Integer(0) != 0;
}

}  // namespace

absl::StatusOr<evidence::ChainHead> ReadChainHead(Database& database) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database.Prepare("SELECT number, head FROM block ORDER BY number DESC LIMIT 1"));
  GATELOG_ASSIGN_OR_RETURN(const bool any, select.Step());
  evidence::ChainHead head;
  if (!any) return head;
  head.block = static_cast<std::uint64_t>(select.Integer(0));
  if (!evidence::ToDigest(select.Bytes(1), head.digest)) {
    return Damaged(database, "the newest block has no head");
  }
  return head;
}

absl::StatusOr<std::string> ReadStoreSalt(Database& database) {
  GATELOG_ASSIGN_OR_RETURN(Statement select,
                           database.Prepare("SELECT value FROM secret WHERE name = 'salt'"));
  GATELOG_ASSIGN_OR_RETURN(const bool any, select.Step());
  if (!any || select.Bytes(0).size() != evidence::kSaltBytes) {
    return Damaged(database, "the salt of its events is gone");
  }
  return std::string(select.Bytes(0));
}

absl::Status ChainWriter::Load() {
  GATELOG_ASSIGN_OR_RETURN(store_salt_, ReadStoreSalt(database_));
  GATELOG_ASSIGN_OR_RETURN(head_, ReadChainHead(database_));
  written_ = head_;
  return LoadUnsealed();
}

absl::Status ChainWriter::LoadUnsealed() {
  GATELOG_ASSIGN_OR_RETURN(
      const std::int64_t sealed,
      database_.QueryInteger("SELECT block FROM seal ORDER BY number DESC LIMIT 1"));
  GATELOG_ASSIGN_OR_RETURN(const bool many, ManyAfter(database_, sealed));
  if (many) {
    GATELOG_ASSIGN_OR_RETURN(Statement epochs,
                             database_.Prepare("SELECT log_device, epoch FROM epoch"));
    return LoadUnsealedEpochs(std::move(epochs));
  }
  GATELOG_ASSIGN_OR_RETURN(
      Statement events,
      database_.Prepare("SELECT DISTINCT log_device, epoch FROM event NOT INDEXED WHERE seq >= "
                        "(SELECT first_seq FROM block WHERE number > ?1 ORDER BY number LIMIT 1)"));
  events.Bind(1, sealed);
  GATELOG_RETURN_IF_ERROR(LoadUnsealedEpochs(std::move(events)));
  return LoadUnsealedEntries(sealed);
}

absl::Status ChainWriter::LoadUnsealedEpochs(Statement rows) {
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, rows.Step());
    if (!row) return absl::OkStatus();
    unsealed_.emplace(static_cast<model::DeviceId>(rows.Integer(0)),
                      static_cast<model::Epoch>(rows.Integer(1)));
  }
}

absl::Status ChainWriter::LoadUnsealedEntries(std::int64_t sealed) {
  GATELOG_ASSIGN_OR_RETURN(Statement entries,
                           database_.Prepare("SELECT kind, body FROM entry WHERE block > ?1"));
  entries.Bind(1, sealed);
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, entries.Step());
    if (!row) return absl::OkStatus();
    const std::optional<evidence::Entry> entry =
        evidence::DecodeEntry(static_cast<std::uint8_t>(entries.Integer(0)), entries.Bytes(1));
    if (!entry) return Damaged(database_, "an entry of the chain cannot be read");
    const auto epoch = EpochOf(*entry);
    if (epoch.second != 0) unsealed_.insert(epoch);
  }
}

void ChainWriter::Begin(std::uint64_t first_seq) { builder_.Begin(head_, first_seq); }

std::int32_t ChainWriter::AddEvent(const evidence::EventPlace& place, std::string_view payload,
                                   std::string_view salt) {
  return builder_.AddEvent(place, payload, salt);
}

absl::Status ChainWriter::AddEntry(const evidence::Entry& entry) {
  const evidence::EntryKind kind = evidence::KindOf(entry);
  const std::string body = evidence::EncodeEntry(entry);
  GATELOG_ASSIGN_OR_RETURN(
      Statement insert,
      database_.Prepare(
          "INSERT INTO entry (block, n, kind, mark, body) VALUES (?1, ?2, ?3, ?4, ?5)"));
  insert.Bind(1, static_cast<std::int64_t>(builder_.number()));
  insert.Bind(2, builder_.entries());
  insert.Bind(3, static_cast<int>(kind));
  insert.Bind(4, builder_.AddEntry(kind, body));
  insert.BindBlob(5, body);
  const auto epoch = EpochOf(entry);
  if (epoch.second != 0) unsealed_.insert(epoch);
  return insert.Run();
}

absl::Status ChainWriter::Finish() {
  const evidence::Block block = builder_.Finish(clock_.Now());
  GATELOG_ASSIGN_OR_RETURN(
      Statement insert,
      database_.Prepare("INSERT INTO block (number, time_ms, first_seq, events, entries, "
                        "events_digest, head) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"));
  insert.Bind(1, static_cast<std::int64_t>(block.number));
  insert.Bind(2, block.time_ms);
  insert.Bind(3, static_cast<std::int64_t>(block.first_seq));
  insert.Bind(4, block.events);
  insert.Bind(5, block.entries);
  insert.BindBlob(6, evidence::BytesOf(block.events_digest));
  insert.BindBlob(7, evidence::BytesOf(block.head));
  written_ = {block.number, block.head};
  return insert.Run();
}

}  // namespace gatelog::store
