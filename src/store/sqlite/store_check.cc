#include "store/sqlite/store_check.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/identity.h"
#include "store/sqlite/data_directory.h"
#include "store/sqlite/event_index.h"
#include "store/sqlite/event_row.h"
#include "store/sqlite/index_check.h"
#include "store/sqlite/log_state_table.h"
#include "store/sqlite/record_check.h"
#include "store/sqlite/record_lookup.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/schema_check.h"
#include "store/sqlite/segments.h"

namespace gatelog::store {
namespace {

constexpr std::int64_t kCacheKib = 16 * 1024;

class Check {
 public:
  Check(Database& database, const ports::CheckProgress& progress)
      : database_(database), progress_(progress) {}

  absl::StatusOr<ports::StoreReport> Run();

 private:
  absl::Status Begin(std::string_view part, double done) {
    return ports::BeginPart(progress_, part, done);
  }
  absl::Status Fault(const std::string& what) const {
    return absl::DataLossError(absl::StrCat(database_.path(), " is damaged: ", what,
                                            ". Keep a copy of it and restore a backup."));
  }
  // A fault if the query has a row; `describe` makes words of it.
  template <typename Describe>
  absl::Status FaultIfAny(std::string_view sql, Describe describe);

  // Tables, indexes, views and triggers.
  absl::Status CheckSchema();
  // What the blocks say is there.
  absl::Status LoadBounds();
  absl::Status CheckRecords();
  absl::Status CheckEpochs();
  // The first and the last event.
  absl::Status CheckEnds();
  // Of pruned events, that those that are left begin where a block does.
  absl::Status CheckRest(std::uint64_t lowest) const;
  absl::Status CheckOrder();
  absl::Status CheckLists();
  absl::Status CheckTotals();
  absl::Status CheckEventTotals();
  absl::Status CheckImages();
  absl::Status CheckReferences();
  absl::Status Count();

  Database& database_;
  const ports::CheckProgress& progress_;
  ports::StoreReport report_;
  PrunedThrough pruned_;
  std::optional<RecordCheck> records_;
};

template <typename Describe>
absl::Status Check::FaultIfAny(std::string_view sql, Describe describe) {
  GATELOG_ASSIGN_OR_RETURN(Statement select, database_.Prepare(sql));
  GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
  return row ? Fault(describe(select)) : absl::OkStatus();
}

absl::Status Check::CheckSchema() {
  GATELOG_ASSIGN_OR_RETURN(const std::string fault, FindForeignSchema(database_));
  return fault.empty() ? absl::OkStatus() : Fault(fault);
}

absl::Status Check::LoadBounds() {
  GATELOG_ASSIGN_OR_RETURN(pruned_, ReadPrunedThrough(database_));
  records_.emplace(pruned_.events_block > 0);
  GATELOG_ASSIGN_OR_RETURN(
      const std::int64_t newest,
      database_.QueryInteger(
          "SELECT first_seq + events - 1 FROM block ORDER BY number DESC LIMIT 1"));
  report_.first_seq = pruned_.first_seq;
  report_.last_seq = static_cast<std::uint64_t>(newest);
  return absl::OkStatus();
}

// Every event as a client would read it, which tells what SQLite cannot judge, the bytes that a
// device sent; and whether the records of each epoch are whole.
absl::Status Check::CheckRecords() {
  GATELOG_RETURN_IF_ERROR(records_->Load(database_));
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database_.Prepare(absl::StrCat("SELECT ", kEventColumns, " FROM event ORDER BY seq")));
  for (std::uint64_t looked_at = 0;; ++looked_at) {
    constexpr double kFrom = 0.3;
    constexpr double kShare = 0.2;
    constexpr std::uint64_t kPerStep = 16'384;
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) break;
    if (looked_at % kPerStep == 0) {
      GATELOG_RETURN_IF_ERROR(
          Begin("records", kFrom + kShare * static_cast<double>(SeqOf(select)) /
                                       static_cast<double>(report_.last_seq + 1)));
    }
    const bool shown = SeqOf(select) >= pruned_.first_seq;
    if (shown) GATELOG_RETURN_IF_ERROR(EventOfRow(database_, select).status());
    const std::string fault =
        records_->Take(static_cast<model::DeviceId>(select.Integer(kLogDeviceColumn)),
                       static_cast<model::Epoch>(select.Integer(kEpochColumn)),
                       static_cast<model::EventId>(select.Integer(kIdColumn)),
                       (select.Integer(kFlagsColumn) & kFlagHasImage) != 0);
    if (!fault.empty()) return Fault(fault);
  }
  const std::string fault = records_->Finish();
  if (!fault.empty()) return Fault(fault);
  report_.epochs = records_->epochs();
  return absl::OkStatus();
}

absl::Status Check::CheckLists() {
  GATELOG_ASSIGN_OR_RETURN(const std::vector<ClosedSegment> closed, ReadClosedSegments(database_));
  for (const ClosedSegment& segment : closed) {
    constexpr double kFrom = 0.5;
    constexpr double kShare = 0.3;
    GATELOG_RETURN_IF_ERROR(
        Begin("lists", kFrom + kShare * static_cast<double>(segment.first_seq) /
                                   static_cast<double>(closed.back().end_seq())));
    if (segment.end_seq() > report_.last_seq + 1) {
      return Fault(absl::StrCat("there are lists of events behind the last, ", report_.last_seq));
    }
    GATELOG_ASSIGN_OR_RETURN(const std::string fault,
                             CheckSegment(database_, segment, pruned_.first_seq));
    if (!fault.empty()) return Fault(fault);
  }
  if (closed.empty()) return absl::OkStatus();
  GATELOG_ASSIGN_OR_RETURN(const std::string fault,
                           CheckNoOtherLists(database_, closed.back().end_seq()));
  return fault.empty() ? absl::OkStatus() : Fault(fault);
}

absl::Status Check::CheckEpochs() {
  GATELOG_RETURN_IF_ERROR(FaultIfAny(
      "SELECT log_device, epoch FROM log_state AS s WHERE epoch <> (SELECT count(*) FROM epoch AS "
      "e WHERE e.log_device = s.log_device) OR epoch <> (SELECT coalesce(max(epoch), 0) FROM epoch "
      "AS e WHERE e.log_device = s.log_device) OR epoch_first <> (SELECT coalesce(max(first), 0) "
      "FROM epoch AS e WHERE e.log_device = s.log_device AND e.epoch = s.epoch)",
      [](const Statement& row) {
        return absl::StrCat("log device ", row.Integer(0), " stands in epoch ", row.Integer(1),
                            ", which its epochs do not bear out");
      }));
  for (const char* table : {"gap", "epoch"}) {
    GATELOG_RETURN_IF_ERROR(FaultIfAny(
        absl::StrCat("SELECT DISTINCT t.log_device FROM ", table,
                     " AS t WHERE NOT EXISTS (SELECT 1 FROM log_state AS s WHERE s.log_device = "
                     "t.log_device AND t.epoch BETWEEN 1 AND s.epoch)"),
        [&](const Statement& row) {
          return absl::StrCat("there is a row in ", table, " of log device ", row.Integer(0),
                              " in an epoch that does not exist");
        }));
  }
  return absl::OkStatus();
}

absl::Status Check::CheckEnds() {
  GATELOG_ASSIGN_OR_RETURN(const std::int64_t lowest,
                           database_.QueryInteger("SELECT min(seq) FROM event"));
  GATELOG_ASSIGN_OR_RETURN(const std::int64_t highest,
                           database_.QueryInteger("SELECT max(seq) FROM event"));
  const auto first = static_cast<std::int64_t>(pruned_.first_seq);
  const auto last = static_cast<std::int64_t>(report_.last_seq);
  // Of what is pruned, the newest rows may still be there.
  const bool begins = pruned_.events_block == 0 ? lowest == 1 : lowest >= 1 && lowest <= first;
  const bool none = lowest == 0 && highest == 0;
  if (none && first == last + 1) return absl::OkStatus();
  if (!none && begins && highest == last) {
    return lowest < first ? CheckRest(static_cast<std::uint64_t>(lowest)) : absl::OkStatus();
  }
  return Fault(absl::StrCat("the events are numbered from ", lowest, " to ", highest,
                            "; there should be ", first, " to ", last));
}

absl::Status Check::CheckRest(std::uint64_t lowest) const {
  GATELOG_ASSIGN_OR_RETURN(const std::uint64_t block,
                           BlockOfEvent(database_, lowest, 1, pruned_.events_block));
  GATELOG_ASSIGN_OR_RETURN(const std::uint64_t begin, FirstSeqOf(database_, block));
  if (begin == lowest) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      database_.path(), " holds events of block ", block, " from seq ", lowest,
      " on, which were pruned and go together: somebody added them, or an older gatelog was "
      "stopped while it deleted them. Keep a copy of it, start the gateway once, which deletes "
      "them, and check again."));
}

absl::Status Check::CheckOrder() {
  GATELOG_ASSIGN_OR_RETURN(Statement select,
                           database_.Prepare("SELECT min(seq), max(seq), count(*) FROM event"));
  GATELOG_RETURN_IF_ERROR(select.Step().status());
  const std::int64_t count = select.Integer(2);
  if (count == 0 || count == select.Integer(1) - select.Integer(0) + 1) return absl::OkStatus();
  return Fault(absl::StrCat(count, " events are numbered from ", select.Integer(0), " to ",
                            select.Integer(1)));
}

absl::Status Check::CheckEventTotals() {
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database_.Prepare("SELECT log_device, events, images_wanted FROM log_state"));
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return absl::OkStatus();
    const RecordCheck::Totals there =
        records_->TotalsOf(static_cast<model::DeviceId>(select.Integer(0)));
    const auto compare = [&](int column, std::uint64_t number, const char* name) -> absl::Status {
      const auto counted = static_cast<std::uint64_t>(select.Integer(column));
      // Retention took some of them.
      const bool right = pruned_.events_block > 0 ? counted >= number : counted == number;
      if (right) return absl::OkStatus();
      return Fault(absl::StrCat("log device ", select.Integer(0), " counts ", counted, " ", name,
                                ", and has ", number));
    };
    GATELOG_RETURN_IF_ERROR(compare(1, there.events, "events"));
    GATELOG_RETURN_IF_ERROR(compare(2, there.images_wanted, "images_wanted"));
  }
}

absl::Status Check::CheckTotals() {
  GATELOG_RETURN_IF_ERROR(CheckEventTotals());
  struct Total {
    const char* name;
    const char* rows;
    bool less = false;  // retention took some of them
  };
  const bool any_pruned = pruned_.events_block > 0 || pruned_.images_block > 0;
  for (const Total& total :
       {Total{"gaps", "SELECT log_device, count(*) AS number FROM gap"},
        Total{"missing", "SELECT log_device, sum(last - first + 1) AS number FROM gap"},
        Total{"images",
              "SELECT log_device, count(*) AS number FROM (SELECT log_device FROM image UNION ALL "
              "SELECT log_device FROM erased_image)",
              pruned_.images_block > 0},
        // What is told of by no row any more cannot be told from what was pruned.
        any_pruned ? Total{"images_absent",
                           "SELECT log_device, count(*) AS number FROM image_absence", true}
                   : Total{"images_absent",
                           "SELECT log_device, count(*) AS number FROM image_absences AS a WHERE "
                           "NOT EXISTS (SELECT 1 FROM erased_image AS x WHERE x.log_device = "
                           "a.log_device AND x.epoch = a.epoch AND x.id = a.id)"}}) {
    GATELOG_RETURN_IF_ERROR(
        FaultIfAny(absl::StrCat("SELECT s.log_device, s.", total.name,
                                ", coalesce(number, 0) FROM log_state AS ", "s LEFT JOIN (",
                                total.rows, " GROUP BY log_device) USING (log_device) WHERE ", "s.",
                                total.name, total.less ? " < " : " <> ", "coalesce(number, 0)"),
                   [&](const Statement& row) {
                     return absl::StrCat("log device ", row.Integer(0), " counts ", row.Integer(1),
                                         " ", total.name, ", and has ", row.Integer(2));
                   }));
  }
  return absl::OkStatus();
}

absl::Status Check::CheckImages() {
  GATELOG_ASSIGN_OR_RETURN(const IndexView view,
                           LoadIndex(database_, report_.last_seq, IndexShape{}));
  const RecordLookup records{database_, view, report_.last_seq};
  GATELOG_ASSIGN_OR_RETURN(
      Statement images,
      database_.Prepare("SELECT log_device, epoch, id, timestamp, code FROM image"));
  GATELOG_ASSIGN_OR_RETURN(
      Statement event,
      database_.Prepare("SELECT 1 FROM event WHERE seq = ?1 AND timestamp = ?2 AND code = ?3"));
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, images.Step());
    if (!row) return absl::OkStatus();
    const model::RecordKey key{static_cast<model::DeviceId>(images.Integer(0)),
                               static_cast<model::Epoch>(images.Integer(1)),
                               static_cast<model::EventId>(images.Integer(2))};
    GATELOG_ASSIGN_OR_RETURN(const std::optional<std::uint64_t> seq, records.Find(key));
    event.Reset();
    event.Bind(1, static_cast<std::int64_t>(seq.value_or(0)));
    event.Bind(2, images.Integer(3));
    event.Bind(3, images.Integer(4));
    GATELOG_ASSIGN_OR_RETURN(const bool found, event.Step());
    if (found) continue;
    // An event may be pruned before its image, never after an older one.
    const bool may_be_pruned = pruned_.events_block > 0 && records_->MayBePruned(key);
    if (!may_be_pruned) {
      return Fault(absl::StrCat("log device ", key.log_device, ": the image of event ", key.id,
                                " has no event"));
    }
  }
}

absl::Status Check::CheckReferences() {
  GATELOG_RETURN_IF_ERROR(CheckImages());
  return FaultIfAny(
      "SELECT seq FROM event AS e WHERE person IS NOT NULL AND NOT EXISTS (SELECT 1 FROM person AS "
      "p WHERE p.id = e.person)",
      [](const Statement& row) {
        return absl::StrCat("the event with seq ", row.Integer(0),
                            " names a person who is not there");
      });
}

absl::Status Check::Count() {
  const auto number = [&](std::string_view sql, std::uint64_t& out) -> absl::Status {
    GATELOG_ASSIGN_OR_RETURN(const std::int64_t value, database_.QueryInteger(sql));
    out = static_cast<std::uint64_t>(value);
    return absl::OkStatus();
  };
  GATELOG_ASSIGN_OR_RETURN(report_.version, database_.QueryInteger("PRAGMA user_version"));
  GATELOG_RETURN_IF_ERROR(number("SELECT count(*) FROM log_state", report_.logs));
  report_.events = report_.last_seq + 1 - report_.first_seq;
  GATELOG_RETURN_IF_ERROR(number("SELECT sum(gaps) FROM log_state", report_.gaps));
  GATELOG_RETURN_IF_ERROR(number("SELECT sum(missing) FROM log_state", report_.missing));
  GATELOG_RETURN_IF_ERROR(number("SELECT count(*) FROM image", report_.images));
  std::uint64_t pages = 0;
  std::uint64_t page_bytes = 0;
  GATELOG_RETURN_IF_ERROR(number("PRAGMA page_count", pages));
  GATELOG_RETURN_IF_ERROR(number("PRAGMA page_size", page_bytes));
  report_.bytes = pages * page_bytes;
  return absl::OkStatus();
}

absl::StatusOr<ports::StoreReport> Check::Run() {
  GATELOG_ASSIGN_OR_RETURN(Snapshot snapshot, Snapshot::Begin(database_));
  GATELOG_RETURN_IF_ERROR(CheckSchemaVersion(database_));
  GATELOG_RETURN_IF_ERROR(Begin("pages and indexes", 0));
  GATELOG_RETURN_IF_ERROR(database_.CheckPages("integrity_check"));
  GATELOG_RETURN_IF_ERROR(CheckSchema());
  GATELOG_RETURN_IF_ERROR(LoadBounds());
  GATELOG_ASSIGN_OR_RETURN(report_.incarnation, ReadIncarnation(database_));
  GATELOG_RETURN_IF_ERROR(CheckEnds());
  GATELOG_RETURN_IF_ERROR(CheckEpochs());
  GATELOG_RETURN_IF_ERROR(CheckRecords());
  GATELOG_RETURN_IF_ERROR(CheckLists());
  GATELOG_RETURN_IF_ERROR(Begin("order of commits", 0.8));
  GATELOG_RETURN_IF_ERROR(CheckOrder());
  GATELOG_RETURN_IF_ERROR(Begin("totals", 0.85));
  GATELOG_RETURN_IF_ERROR(CheckTotals());
  GATELOG_RETURN_IF_ERROR(Begin("images and people", 0.9));
  GATELOG_RETURN_IF_ERROR(CheckReferences());
  GATELOG_RETURN_IF_ERROR(Count());
  return report_;
}

// Holds gateways off a store that is to be read as a file; null: `path` is no gateway's.
absl::StatusOr<std::unique_ptr<DataDirectory>> HoldOff(const std::string& path) {
  const std::filesystem::path file(path);
  const std::string directory = file.has_parent_path() ? file.parent_path().string() : ".";
  if (file.filename() != "gatelog.db") return nullptr;
  absl::StatusOr<std::unique_ptr<DataDirectory>> held = DataDirectory::LockForReading(directory);
  if (!absl::IsFailedPrecondition(held.status())) return held;
  return absl::FailedPreconditionError(
      absl::StrCat(held.status().message(),
                   " Ask that one: 'gatelog store check' without a file checks the store of the "
                   "gateway that runs."));
}

}  // namespace

absl::StatusOr<ports::StoreReport> CheckStore(Database& database,
                                              const ports::CheckProgress& progress) {
  GATELOG_ASSIGN_OR_RETURN(const ports::StoreReport report, Check(database, progress).Run());
  // What a gateway reads when it starts, by a moment of its own.
  GATELOG_RETURN_IF_ERROR(ReadLogStates(database).status());
  return report;
}

absl::StatusOr<ports::StoreReport> CheckStoreFile(const std::string& path,
                                                  const ports::CheckProgress& progress) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error) {
    return absl::NotFoundError(absl::StrCat(path, " cannot be read: ", error.message(), "."));
  }
  if (size == 0) {
    return absl::DataLossError(absl::StrCat(
        path, " is empty, so it is no store; restore a backup, or check another file."));
  }
  GATELOG_ASSIGN_OR_RETURN(const std::unique_ptr<DataDirectory> held, HoldOff(path));
  // Without its shared-memory file SQLite could not read a log without writing beside it.
  const auto log_size = std::filesystem::file_size(path + "-wal", error);
  if (!error && log_size > 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("Beside ", path, " lies ", path,
                     "-wal, which a gateway that was killed has left; start "
                     "the gateway, which takes it in, and check the store while it runs."));
  }
  GATELOG_ASSIGN_OR_RETURN(
      std::unique_ptr<Database> database,
      Database::Open({.path = path, .read_only = true, .cache_kib = kCacheKib, .immutable = true}));
  return CheckStore(*database, progress);
}

}  // namespace gatelog::store
