#include "store/sqlite/segments.h"

#include <algorithm>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace gatelog::store {
namespace {

using evidence::EntryKind;
using evidence::Pruned;

absl::StatusOr<std::optional<std::uint64_t>> BlockOfSeal(Database& database, std::uint64_t seal) {
  GATELOG_ASSIGN_OR_RETURN(Statement select,
                           database.Prepare("SELECT block FROM seal WHERE number = ?1"));
  select.Bind(1, static_cast<std::int64_t>(seal));
  GATELOG_ASSIGN_OR_RETURN(const bool found, select.Step());
  if (!found) return std::nullopt;
  return static_cast<std::uint64_t>(select.Integer(0));
}

// The first seal that covers the block, or the number behind the last seal. Seals are numbered from
// 1 without holes, and their blocks ascend.
absl::StatusOr<std::uint64_t> FirstSealOver(Database& database, std::uint64_t block) {
  GATELOG_ASSIGN_OR_RETURN(const std::int64_t newest,
                           database.QueryInteger("SELECT max(number) FROM seal"));
  std::uint64_t low = 1;
  std::uint64_t high = static_cast<std::uint64_t>(newest) + 1;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    GATELOG_ASSIGN_OR_RETURN(const std::optional<std::uint64_t> covered,
                             BlockOfSeal(database, middle));
    if (covered && *covered >= block) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

// Adds the blocks up to `last` to the segment. False: one of them is too young.
absl::StatusOr<bool> AddBlocks(Database& database, std::uint64_t first, std::uint64_t last,
                               Timestamp before, Segment& segment) {
  GATELOG_ASSIGN_OR_RETURN(Statement select,
                           database.Prepare("SELECT time_ms, first_seq, events FROM block WHERE "
                                            "number BETWEEN ?1 AND ?2 ORDER BY number"));
  select.Bind(1, static_cast<std::int64_t>(first));
  select.Bind(2, static_cast<std::int64_t>(last));
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) break;
    const std::int64_t time_ms = select.Integer(0);
    if (time_ms >= before.time_since_epoch().count()) return false;
    if (segment.last_ms == 0) segment.first_ms = time_ms;
    segment.last_ms = time_ms;
    segment.next_seq = static_cast<std::uint64_t>(select.Integer(1) + select.Integer(2));
    segment.events += static_cast<std::uint64_t>(select.Integer(2));
  }
  segment.last_block = last;
  return true;
}

// Also if nothing of the kind is in it, so that finding it never takes long.
bool IsFull(const Segment& segment) {
  const std::uint64_t blocks = segment.last_block - segment.first_block + 1;
  return segment.events >= kSegmentEvents || segment.images >= kSegmentImages ||
         blocks >= kSegmentBlocks;
}

struct BlockEvents {
  std::uint64_t first_seq;
  std::uint64_t next_seq;  // of the block behind it
};

absl::StatusOr<BlockEvents> EventsOfBlock(Database& database, std::uint64_t number) {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select, database.Prepare("SELECT first_seq, events FROM block WHERE number = ?1"));
  select.Bind(1, static_cast<std::int64_t>(number));
  GATELOG_ASSIGN_OR_RETURN(const bool there, select.Step());
  if (!there) {
    return absl::DataLossError(absl::StrCat(database.path(), " is damaged (block ", number,
                                            "); keep a copy of it and restore a backup."));
  }
  const auto first = static_cast<std::uint64_t>(select.Integer(0));
  return BlockEvents{first, first + static_cast<std::uint64_t>(select.Integer(1))};
}

}  // namespace

absl::Status VisitImages(
    Database& database, std::uint64_t first, std::uint64_t last,
    absl::FunctionRef<absl::StatusOr<bool>(std::uint64_t, const evidence::ImagesEntry&)> take) {
  GATELOG_ASSIGN_OR_RETURN(Statement select,
                           database.Prepare("SELECT block, body FROM entry WHERE block BETWEEN ?1 "
                                            "AND ?2 AND kind = ?3 ORDER BY block, n"));
  select.Bind(1, static_cast<std::int64_t>(first));
  select.Bind(2, static_cast<std::int64_t>(last));
  select.Bind(3, static_cast<int>(EntryKind::kImages));
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return absl::OkStatus();
    const auto entry =
        evidence::DecodeEntry(static_cast<std::uint8_t>(EntryKind::kImages), select.Bytes(1));
    if (!entry) {
      return absl::DataLossError(absl::StrCat(database.path(), " is damaged (block ",
                                              select.Integer(0),
                                              "); keep a copy of it and restore a backup."));
    }
    GATELOG_ASSIGN_OR_RETURN(const bool more, take(static_cast<std::uint64_t>(select.Integer(0)),
                                                   std::get<evidence::ImagesEntry>(*entry)));
    if (!more) return absl::OkStatus();
  }
}

absl::StatusOr<std::optional<Segment>> NextSegment(Database& database, std::uint64_t after_block,
                                                   Timestamp before) {
  GATELOG_ASSIGN_OR_RETURN(std::uint64_t seal, FirstSealOver(database, after_block + 1));
  std::optional<Segment> found;
  Segment reaching{.first_block = after_block + 1};
  std::uint64_t first = reaching.first_block;
  for (; !found || !IsFull(*found); ++seal) {
    GATELOG_ASSIGN_OR_RETURN(const std::optional<std::uint64_t> last, BlockOfSeal(database, seal));
    if (!last) break;
    GATELOG_ASSIGN_OR_RETURN(const bool old, AddBlocks(database, first, *last, before, reaching));
    if (!old) break;
    const auto count = [&](std::uint64_t, const evidence::ImagesEntry& entry) {
      reaching.images += entry.images.size();
      return absl::StatusOr<bool>(true);
    };
    GATELOG_RETURN_IF_ERROR(VisitImages(database, first, *last, count));
    found = reaching;
    first = *last + 1;
  }
  return found;
}

absl::StatusOr<std::uint64_t> PeopleSeqOf(Database& database, const evidence::PruneEntry& entry) {
  GATELOG_ASSIGN_OR_RETURN(const BlockEvents events, EventsOfBlock(database, entry.first_block));
  return events.first_seq + entry.removed;
}

absl::StatusOr<std::uint64_t> FirstSeqOf(Database& database, std::uint64_t block) {
  GATELOG_ASSIGN_OR_RETURN(const BlockEvents events, EventsOfBlock(database, block));
  return events.first_seq;
}

absl::StatusOr<std::uint64_t> BlockOfEvent(Database& database, std::uint64_t seq,
                                           std::uint64_t first, std::uint64_t last) {
  // The last one that does not begin behind it: blocks without events begin where the next does.
  while (first < last) {
    const std::uint64_t middle = first + (last - first + 1) / 2;
    GATELOG_ASSIGN_OR_RETURN(const std::uint64_t begin, FirstSeqOf(database, middle));
    if (begin <= seq) {
      first = middle;
    } else {
      last = middle - 1;
    }
  }
  return first;
}

absl::StatusOr<PrunedThrough> ReadPrunedThrough(Database& database) {
  PrunedThrough through;
  std::optional<evidence::PruneEntry> people;  // the newest
  GATELOG_ASSIGN_OR_RETURN(
      Statement select, database.Prepare("SELECT body FROM entry INDEXED BY entry_rare WHERE kind "
                                         "IN (7, 8, 9) AND kind = 7 ORDER BY block, n"));
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) break;
    const auto entry =
        evidence::DecodeEntry(static_cast<std::uint8_t>(EntryKind::kPrune), select.Bytes(0));
    if (!entry) {
      return absl::DataLossError(
          absl::StrCat(database.path(),
                       " is damaged (an entry of the chain cannot be read); keep "
                       "a copy of it and restore a backup."));
    }
    const auto& prune = std::get<evidence::PruneEntry>(*entry);
    if (prune.what == Pruned::kPeople) {
      people = prune;
    } else if (prune.what == Pruned::kEvents) {
      through.events_block = std::max(through.events_block, prune.last_block);
    } else if (prune.last_block > through.images_block) {
      through.images_from = prune.first_block;
      through.images_block = prune.last_block;
    }
  }
  if (people) {
    GATELOG_ASSIGN_OR_RETURN(through.people_seq, PeopleSeqOf(database, *people));
    GATELOG_ASSIGN_OR_RETURN(const BlockEvents last, EventsOfBlock(database, people->last_block));
    const bool whole = last.next_seq <= through.people_seq;
    through.people_block = people->last_block - (whole ? 0 : 1);
  }
  if (through.events_block == 0) return through;
  GATELOG_ASSIGN_OR_RETURN(const BlockEvents last, EventsOfBlock(database, through.events_block));
  through.first_seq = last.next_seq;
  return through;
}

}  // namespace gatelog::store
