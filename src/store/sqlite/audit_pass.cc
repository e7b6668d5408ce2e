#include "store/sqlite/audit_pass.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "store/sqlite/chain_writer.h"
#include "store/sqlite/seal_table.h"
#include "store/sqlite/segments.h"

namespace gatelog::store {

using evidence::Finding;

absl::Status AuditPass::LoadPrunes() {
  event_left_ = false;  // more may have been deleted since the piece before
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database_.Prepare("SELECT block, n, mark, body FROM entry INDEXED BY entry_rare WHERE kind "
                        "IN (7, 8, 9) AND kind = 7 AND block > ?1 ORDER BY block, n"));
  select.Bind(1, static_cast<std::int64_t>(prunes_loaded_));
  std::optional<evidence::PruneEntry> people;
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) break;
    prunes_loaded_ = static_cast<std::uint64_t>(select.Integer(0));
    // One that is not what was committed shows in its block.
    constexpr auto kPrune = evidence::EntryKind::kPrune;
    const evidence::Digest leaf = leaves_.Entry(
        prunes_loaded_, static_cast<std::uint32_t>(select.Integer(1)), kPrune, select.Bytes(3));
    if (evidence::MarkOf(leaf) != select.Integer(2)) continue;
    const auto entry = evidence::DecodeEntry(static_cast<std::uint8_t>(kPrune), select.Bytes(3));
    if (!entry) continue;
    const auto& prune = std::get<evidence::PruneEntry>(*entry);
    if (prune.what == evidence::Pruned::kPeople) {
      people = prune;
    } else {
      (prune.what == evidence::Pruned::kEvents ? events_pruned_ : images_pruned_)
          .push_back({prune.first_block, prune.last_block});
    }
  }
  if (!people) return absl::OkStatus();
  const absl::StatusOr<std::uint64_t> seq = PeopleSeqOf(database_, *people);
  if (!seq.ok()) {
    return Finding(absl::StrCat("block ", people->first_block,
                                ", from which on people are said to be pruned, is missing"));
  }
  people_seq_ = std::max(people_seq_, *seq);
  return absl::OkStatus();
}

bool AuditPass::Contains(const std::vector<Blocks>& ranges, std::uint64_t block) {
  return std::any_of(ranges.begin(), ranges.end(), [block](const Blocks& range) {
    return block >= range.first && block <= range.last;
  });
}

bool AuditPass::MayBeLeft(const std::vector<Blocks>& ranges, std::uint64_t block) {
  const auto newest = std::max_element(
      ranges.begin(), ranges.end(),
      [](const Blocks& one, const Blocks& other) { return one.last < other.last; });
  return newest != ranges.end() && block >= newest->first && block <= newest->last;
}

absl::StatusOr<AuditPass::BlockRow> AuditPass::ReadBlock(std::uint64_t number) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database_.Prepare("SELECT number, time_ms, first_seq, events, entries, events_digest, head "
                        "FROM block WHERE number >= ?1 ORDER BY number LIMIT 1"));
  select.Bind(1, static_cast<std::int64_t>(number));
  GATELOG_ASSIGN_OR_RETURN(const bool found, select.Step());
  if (!found || static_cast<std::uint64_t>(select.Integer(0)) != number) {
    return Finding(absl::StrCat("block ", number, " is missing"));
  }
  BlockRow row;
  row.block = {.number = number,
               .time_ms = select.Integer(1),
               .first_seq = static_cast<std::uint64_t>(select.Integer(2)),
               .events = static_cast<std::uint32_t>(select.Integer(3)),
               .entries = static_cast<std::uint32_t>(select.Integer(4))};
  row.whole = evidence::ToDigest(select.Bytes(5), row.block.events_digest) &&
              evidence::ToDigest(select.Bytes(6), row.block.head) &&
              select.Integer(3) == row.block.events && select.Integer(4) == row.block.entries;
  return row;
}

absl::Status AuditPass::CheckNextBlock() {
  const std::uint64_t number = report_.blocks + 1;
  if (store_salt_.empty()) {
    absl::StatusOr<std::string> salt = ReadStoreSalt(database_);
    if (absl::IsDataLoss(salt.status())) return Finding("the store's salt is missing, or is none");
    GATELOG_ASSIGN_OR_RETURN(store_salt_, std::move(salt));
  }
  GATELOG_ASSIGN_OR_RETURN(const BlockRow row, ReadBlock(number));
  const std::uint64_t expected_seq = report_.events + report_.pruned_events + 1;
  if (row.block.first_seq != expected_seq) {
    return Finding(absl::StrCat("block ", number, " begins at event ", row.block.first_seq,
                                "; the blocks before it end at event ", expected_seq - 1));
  }
  bool pruned = Contains(events_pruned_, number) && row.block.events > 0;
  builder_.Begin(report_.head, expected_seq);
  suspect_event_.clear();
  suspect_entry_.clear();
  suspect_mark_.clear();
  GATELOG_RETURN_IF_ERROR(CheckEntries(row.block));
  if (pruned) {
    GATELOG_ASSIGN_OR_RETURN(const bool left, EventsAreLeft(row.block));
    pruned = !left;
  }
  if (pruned) {
    ledger_.TakePruned();
  } else {
    GATELOG_RETURN_IF_ERROR(CheckEvents(row.block));
  }
  GATELOG_RETURN_IF_ERROR(CheckHead(row, pruned));
  (pruned ? report_.pruned_events : report_.events) += row.block.events;
  report_.entries += row.block.entries;
  report_.unsealed_events += row.block.events;
  report_.unsealed_blocks += 1;
  report_.head_time_ms = row.block.time_ms;
  report_.head = {number, row.block.head};
  report_.blocks = number;
  return CheckSeals(row.block);
}

absl::Status AuditPass::CheckHead(const BlockRow& row, bool pruned) {
  const Timestamp time{std::chrono::milliseconds(row.block.time_ms)};
  const evidence::Block computed =
      pruned ? builder_.FinishWithout(row.block.events, row.block.events_digest, time)
             : builder_.Finish(time);
  const std::string block = absl::StrCat("block ", row.block.number);
  if (!row.whole) return Finding(absl::StrCat(block, ": its numbers or digests are no such"));
  if (computed.events_digest != row.block.events_digest) {
    if (!suspect_event_.empty()) return Finding(suspect_event_);
    return Finding(absl::StrCat(block, ": its digest of events is not what was committed"));
  }
  if (computed.head != row.block.head) {
    if (!suspect_entry_.empty()) return Finding(suspect_entry_);
    return Finding(
        absl::StrCat(block, ": its time, its numbers or its head are not what was committed"));
  }
  // What is under the head is right, so a mark that disagrees is what was changed.
  if (!suspect_mark_.empty()) return Finding(suspect_mark_);
  return absl::OkStatus();
}

absl::Status AuditPass::CheckSeals(const evidence::Block& block) {
  if (report_.last_seal && block.number <= report_.last_seal->block) return absl::OkStatus();
  const std::uint64_t number = report_.seals + 1;
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database_.Prepare(absl::StrCat("SELECT ", kSealColumns,
                                     " FROM seal WHERE number >= ?1 ORDER BY number LIMIT 1")));
  select.Bind(1, static_cast<std::int64_t>(number));
  GATELOG_ASSIGN_OR_RETURN(const bool found, select.Step());
  if (!found) return absl::OkStatus();
  if (static_cast<std::uint64_t>(select.Integer(0)) != number) {
    return Finding(absl::StrCat("seal ", number, " is missing"));
  }
  const std::optional<evidence::Seal> seal = SealOfRow(select);
  if (!seal) return Finding(absl::StrCat("seal ", number, ": its digests are no such"));
  if (seal->block > block.number) return absl::OkStatus();
  return CheckSeal(*seal, block);
}

absl::Status AuditPass::CheckSeal(const evidence::Seal& seal, const evidence::Block& block) {
  const std::string name = absl::StrCat("seal ", seal.number);
  if (!evidence::SignatureIsGood(seal)) {
    return Finding(absl::StrCat(name, ": it is not what was signed"));
  }
  const bool known = options_.keys.empty() || std::find(options_.keys.begin(), options_.keys.end(),
                                                        seal.key) != options_.keys.end();
  if (!known) return Finding(absl::StrCat(name, " was signed with another key"));
  if (seal.block != block.number || seal.head != block.head) {
    return Finding(absl::StrCat(name, " says that block ", seal.block,
                                " had another head: the chain was written anew before it"));
  }
  const evidence::Digest previous =
      report_.last_seal ? evidence::SealDigest(*report_.last_seal) : evidence::Digest{};
  if (seal.previous != previous) {
    return Finding(absl::StrCat(name, " follows another seal than the one before it"));
  }
  GATELOG_RETURN_IF_ERROR(CheckManifest(seal));
  if (std::find(report_.keys.begin(), report_.keys.end(), seal.key) == report_.keys.end()) {
    report_.keys.push_back(seal.key);
  }
  report_.seals = seal.number;
  report_.last_seal = seal;
  report_.unsealed_blocks = 0;
  report_.unsealed_events = 0;
  return absl::OkStatus();
}

absl::Status AuditPass::CheckManifest(const evidence::Seal& seal) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database_.Prepare("SELECT log_device, epoch, first, next, events, gaps, missing FROM "
                        "seal_manifest WHERE seal = ?1 ORDER BY log_device, epoch"));
  select.Bind(1, static_cast<std::int64_t>(seal.number));
  std::vector<evidence::ManifestRow> rows;
  evidence::ManifestDigest digest;
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool any, select.Step());
    if (!any) break;
    rows.push_back({.log_device = static_cast<model::DeviceId>(select.Integer(0)),
                    .epoch = static_cast<model::Epoch>(select.Integer(1)),
                    .first = static_cast<model::EventId>(select.Integer(2)),
                    .next = static_cast<model::EventId>(select.Integer(3)),
                    .events = static_cast<std::uint64_t>(select.Integer(4)),
                    .gaps = static_cast<std::uint64_t>(select.Integer(5)),
                    .missing = static_cast<std::uint64_t>(select.Integer(6))});
    const bool fits =
        select.Integer(0) == rows.back().log_device && select.Integer(1) == rows.back().epoch &&
        select.Integer(2) == rows.back().first && select.Integer(3) == rows.back().next;
    if (!fits) {
      return Finding(absl::StrCat("seal ", seal.number, ": its manifest is not what was signed"));
    }
    digest.Add(rows.back());
  }
  if (digest.Finish() != seal.manifest) {
    return Finding(absl::StrCat("seal ", seal.number, ": its manifest is not what was signed"));
  }
  const bool after_pruned = !Contains(events_pruned_, seal.block + 1);
  return ledger_.TakeManifest(seal.number, rows, after_pruned);
}

absl::Status AuditPass::CheckKeptHeads() {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database_.Prepare(absl::StrCat("SELECT ", kSealColumns, " FROM seal WHERE number = ?1")));
  for (const evidence::HeadLine& line : options_.heads) {
    select.Bind(1, static_cast<std::int64_t>(line.number));
    GATELOG_ASSIGN_OR_RETURN(const bool found, select.Step());
    if (!found) {
      return Finding(absl::StrCat("seal ", line.number,
                                  " is among the heads that were kept elsewhere and not in the "
                                  "store: its end was cut off, or an older copy put in its place"));
    }
    const std::optional<evidence::Seal> seal = SealOfRow(select);
    if (!seal || evidence::HeadLineOf(*seal) != line) {
      return Finding(absl::StrCat("seal ", line.number,
                                  " is another one than the heads that were kept elsewhere say: "
                                  "the store was written anew"));
    }
    ++report_.heads_compared;
    select.Reset();
  }
  return absl::OkStatus();
}

absl::Status AuditPass::CheckTables() {
  GATELOG_RETURN_IF_ERROR(CheckNothingOutside());
  GATELOG_RETURN_IF_ERROR(CheckKeptHeads());
  GATELOG_RETURN_IF_ERROR(CheckErased());
  GATELOG_RETURN_IF_ERROR(CheckErasedImages());
  GATELOG_RETURN_IF_ERROR(CheckCounts());
  GATELOG_RETURN_IF_ERROR(CheckEpochs());
  GATELOG_RETURN_IF_ERROR(CheckLogs());
  GATELOG_RETURN_IF_ERROR(CheckPeople());
  return CheckMeta();
}

}  // namespace gatelog::store
