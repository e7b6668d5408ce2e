#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "evidence/chain.h"
#include "evidence/ledger.h"
#include "model/personal_part.h"
#include "store/sqlite/sqlite_database.h"
#include "store/sqlite/store_audit.h"

namespace gatelog::store {

// One walk along the chain of a store: block by block, then the tables as a whole. Everything that
// is not OK is a finding (kDataLoss) or an error of the file. One thread.
class AuditPass {
 public:
  AuditPass(Database& database, const AuditOptions& options)
      : database_(database), options_(options) {}

  // Which blocks' events and images were taken away, and what of people. At the beginning of each
  // piece.
  absl::Status LoadPrunes();
  // The block that follows report().blocks: itself, its events and entries, and the seals on it.
  absl::Status CheckNextBlock();
  // When all blocks are checked, in the same moment as the last one: that there is nothing besides
  // what the chain knows.
  absl::Status CheckTables();

  const AuditReport& report() const { return report_; }

 private:
  struct BlockRow {
    evidence::Block block;
    bool whole = false;  // both digests have their size
  };
  struct Blocks {
    std::uint64_t first;
    std::uint64_t last;
  };

  // audit_pass.cc
  absl::StatusOr<BlockRow> ReadBlock(std::uint64_t number);
  absl::Status CheckHead(const BlockRow& row, bool pruned);
  absl::Status CheckSeals(const evidence::Block& block);
  absl::Status CheckSeal(const evidence::Seal& seal, const evidence::Block& block);
  absl::Status CheckManifest(const evidence::Seal& seal);
  absl::Status CheckKeptHeads();
  static bool Contains(const std::vector<Blocks>& ranges, std::uint64_t block);
  // Whether the rows of a pruned block may still be there: those of the newest prune are deleted
  // in steps.
  static bool MayBeLeft(const std::vector<Blocks>& ranges, std::uint64_t block);

  // audit_events.cc
  absl::Status CheckEvents(const evidence::Block& block);
  // Of a block that is pruned: whether its events are still to be deleted, which are then all
  // there.
  absl::StatusOr<bool> EventsAreLeft(const evidence::Block& block);
  absl::Status CheckEvent(const Statement& row, std::uint64_t seq);
  // What is wrong with an event whose leaf is another one, as far as it can be told.
  std::string WhatIsWrong(const Statement& row, const evidence::EventPlace& place) const;

  // audit_entries.cc
  absl::Status CheckEntries(const evidence::Block& block);
  absl::Status CompareEntry(const evidence::Entry& entry);
  absl::Status CompareGap(const evidence::GapEntry& gap);
  absl::Status CompareEpoch(const evidence::EpochEntry& epoch);
  absl::Status CompareImages(const evidence::ImagesEntry& images);
  absl::Status CompareAbsence(const model::RecordKey& key,
                              const evidence::ImagesEntry::Absence& absence);
  absl::Status CompareImage(const model::RecordKey& key, const evidence::ImagesEntry::Image& image);

  // audit_tables.cc
  absl::Status CheckNothingOutside();
  absl::Status CheckEpochs();
  absl::Status CheckLogs();
  absl::Status CheckErased();
  absl::Status CheckErasedRow(std::uint64_t block, std::uint64_t seq,
                              std::uint64_t oldest_event) const;
  absl::Status CheckErasure(std::uint64_t block, std::uint64_t events,
                            const evidence::Digest& digest) const;
  absl::Status CheckErasedImages();
  absl::Status CheckCounts();
  absl::Status CheckPeople();
  absl::Status CheckMeta();

  Database& database_;
  const AuditOptions& options_;
  AuditReport report_;
  evidence::Ledger ledger_;
  evidence::BlockBuilder builder_;
  evidence::Leaves leaves_;
  model::SplitEvent split_;
  std::string store_salt_;
  bool event_left_ = false;          // in this piece: so have the pruned blocks that follow
  std::uint64_t prunes_loaded_ = 0;  // the last block whose prunes are known
  std::vector<Blocks> events_pruned_;
  std::vector<Blocks> images_pruned_;
  std::uint64_t people_seq_ = 1;    // events before it tell of nobody
  std::uint64_t images_found_ = 0;  // when they were looked at
  // The first thing whose mark is not right; whether it is itself wrong shows in the block's head.
  std::string suspect_event_;
  std::string suspect_entry_;
  std::string suspect_mark_;
  // By block: what an erasure says it took away.
  std::map<std::uint64_t, evidence::ErasureEntry> erasures_;
  // By block: where that of an erasure by retention begins.
  std::map<std::uint64_t, std::uint64_t> people_pruned_;
};

}  // namespace gatelog::store
