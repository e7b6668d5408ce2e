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
#include "store/sqlite/event_query.h"
#include "store/sqlite/log_state_table.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/segments.h"

namespace gatelog::store {
namespace {

constexpr std::int64_t kCacheKib = 16 * 1024;

// A stretch of IDs, both ends in it.
struct Range {
  model::EventId first = 0;
  model::EventId last = 0;
};

struct Epoch {
  model::DeviceId log_device = 0;
  model::Epoch epoch = 0;
  model::EventId first = 0;
  model::EventId next = 0;
  std::uint64_t events = 0;  // that were ever stored in it
};

class Check {
 public:
  Check(Database& database, const ports::CheckProgress& progress)
      : database_(database), progress_(progress) {}

  absl::StatusOr<ports::StoreReport> Run();

 private:
  absl::Status Begin(std::string_view part, double done) {
    if (progress_ == nullptr || progress_(part, done)) return absl::OkStatus();
    return absl::CancelledError("The check was given up.");
  }
  absl::Status Fault(const std::string& what) const {
    return absl::DataLossError(absl::StrCat(database_.path(), " is damaged: ", what,
                                            ". Keep a copy of it and restore a backup."));
  }
  // A fault if the query has a row; `describe` makes words of it.
  template <typename Describe>
  absl::Status FaultIfAny(std::string_view sql, Describe describe);

  // What the blocks say is there.
  absl::Status LoadBounds();
  absl::Status CheckRecords();
  absl::Status CheckEpochs();
  absl::Status CheckEpoch(const Epoch& epoch);
  absl::Status CheckOrder();
  absl::Status CheckTotals();
  absl::Status CheckReferences();
  absl::Status Count();

  Database& database_;
  const ports::CheckProgress& progress_;
  ports::StoreReport report_;
  PrunedThrough pruned_;
};

template <typename Describe>
absl::Status Check::FaultIfAny(std::string_view sql, Describe describe) {
  GATELOG_ASSIGN_OR_RETURN(Statement select, database_.Prepare(sql));
  GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
  return row ? Fault(describe(select)) : absl::OkStatus();
}

absl::Status Check::LoadBounds() {
  GATELOG_ASSIGN_OR_RETURN(pruned_, ReadPrunedThrough(database_));
  GATELOG_ASSIGN_OR_RETURN(
      const std::int64_t newest,
      database_.QueryInteger(
          "SELECT first_seq + events - 1 FROM block ORDER BY number DESC LIMIT 1"));
  report_.first_seq = pruned_.first_seq;
  report_.last_seq = static_cast<std::uint64_t>(newest);
  return absl::OkStatus();
}

// Every event as a client would read it: what SQLite cannot judge, the bytes that a device sent.
absl::Status Check::CheckRecords() {
  const std::uint64_t last = report_.last_seq;
  ports::EventQuery query{.after_seq = pruned_.first_seq - 1, .limit = ports::kQueryLimitMax};
  while (query.after_seq < last) {
    constexpr double kFrom = 0.3;
    constexpr double kShare = 0.2;
    GATELOG_RETURN_IF_ERROR(Begin("records", kFrom + kShare * static_cast<double>(query.after_seq) /
                                                         static_cast<double>(last)));
    GATELOG_ASSIGN_OR_RETURN(const ports::EventPage page,
                             ReadEvents(database_, query, {pruned_.first_seq, last}));
    query.after_seq = page.seq_reached;
  }
  return absl::OkStatus();
}

// Events and gaps fill [first, next) of the epoch, each ID once; before its first event, if events
// were pruned, there are as many holes as events are gone.
absl::Status Check::CheckEpoch(const Epoch& epoch) {
  const auto of_epoch = [&](std::string_view sql) -> absl::StatusOr<Statement> {
    GATELOG_ASSIGN_OR_RETURN(Statement select, database_.Prepare(sql));
    select.Bind(1, epoch.log_device);
    select.Bind(2, epoch.epoch);
    return select;
  };
  GATELOG_ASSIGN_OR_RETURN(
      Statement events,
      of_epoch("SELECT id, id FROM event WHERE log_device = ?1 AND epoch = ?2 ORDER BY id"));
  GATELOG_ASSIGN_OR_RETURN(
      Statement gaps,
      of_epoch("SELECT first, last FROM gap WHERE log_device = ?1 AND epoch = ?2 ORDER BY first"));
  const auto next_of = [](Statement& select) -> absl::StatusOr<std::optional<Range>> {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return std::nullopt;
    return Range{static_cast<model::EventId>(select.Integer(0)),
                 static_cast<model::EventId>(select.Integer(1))};
  };
  const std::string where =
      absl::StrCat("log device ", epoch.log_device, ", epoch ", epoch.epoch, ": ");
  GATELOG_ASSIGN_OR_RETURN(std::optional<Range> event, next_of(events));
  GATELOG_ASSIGN_OR_RETURN(std::optional<Range> gap, next_of(gaps));
  std::uint64_t due = epoch.first;
  std::uint64_t counted = 0;
  std::uint64_t pruned = 0;
  while (event || gap) {
    const bool takes_event = event && (!gap || event->first < gap->first);
    const Range range = takes_event ? *event : *gap;
    if (range.first > due && counted == 0 && pruned_.events_block > 0) {
      pruned += range.first - due;
    } else if (range.first > due) {
      return Fault(absl::StrCat(where, "IDs ", due, " to ", range.first - 1,
                                " are neither an event nor in a gap"));
    }
    if (range.first < due || range.last < range.first) {
      return Fault(
          absl::StrCat(where, "ID ", range.first, " is there twice, or below the epoch's first"));
    }
    due = std::uint64_t{range.last} + 1;
    counted += takes_event ? 1 : 0;
    GATELOG_ASSIGN_OR_RETURN((takes_event ? event : gap), next_of(takes_event ? events : gaps));
  }
  if (due < epoch.next && counted == 0 && pruned_.events_block > 0) {
    pruned += epoch.next - due;
    due = epoch.next;
  }
  if (counted + pruned != epoch.events) {
    return Fault(absl::StrCat(where, epoch.events, " events were stored, of which ", counted,
                              " are there and ", pruned, " are pruned"));
  }
  if (due == epoch.next) return absl::OkStatus();
  return Fault(
      absl::StrCat(where, "the next ID is ", epoch.next, ", but the records end before ", due));
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
  for (const char* table : {"event", "gap", "epoch"}) {
    GATELOG_RETURN_IF_ERROR(FaultIfAny(
        absl::StrCat("SELECT DISTINCT t.log_device FROM ", table,
                     " AS t WHERE NOT EXISTS (SELECT 1 FROM log_state AS s WHERE s.log_device = "
                     "t.log_device AND t.epoch BETWEEN 1 AND s.epoch)"),
        [&](const Statement& row) {
          return absl::StrCat("there is a row in ", table, " of log device ", row.Integer(0),
                              " in an epoch that does not exist");
        }));
  }
  std::vector<Epoch> epochs;
  {
    GATELOG_ASSIGN_OR_RETURN(
        Statement select,
        database_.Prepare("SELECT e.log_device, e.epoch, e.first, coalesce(e.next, s.next), "
                          "coalesce(e.events, s.epoch_events) FROM epoch AS e JOIN log_state AS s "
                          "ON s.log_device = e.log_device"));
    while (true) {
      GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
      if (!row) break;
      epochs.push_back({static_cast<model::DeviceId>(select.Integer(0)),
                        static_cast<model::Epoch>(select.Integer(1)),
                        static_cast<model::EventId>(select.Integer(2)),
                        static_cast<model::EventId>(select.Integer(3)),
                        static_cast<std::uint64_t>(select.Integer(4))});
    }
  }
  report_.epochs = epochs.size();
  for (std::size_t i = 0; i < epochs.size(); ++i) {
    constexpr double kFrom = 0.5;
    constexpr double kShare = 0.3;
    GATELOG_RETURN_IF_ERROR(
        Begin("events and gaps",
              kFrom + kShare * static_cast<double>(i) / static_cast<double>(epochs.size())));
    GATELOG_RETURN_IF_ERROR(CheckEpoch(epochs[i]));
  }
  return absl::OkStatus();
}

absl::Status Check::CheckOrder() {
  GATELOG_ASSIGN_OR_RETURN(Statement select,
                           database_.Prepare("SELECT min(seq), max(seq), count(*) FROM event"));
  GATELOG_RETURN_IF_ERROR(select.Step().status());
  const std::int64_t lowest = select.Integer(0);
  const std::int64_t highest = select.Integer(1);
  const std::int64_t count = select.Integer(2);
  const auto first = static_cast<std::int64_t>(pruned_.first_seq);
  const auto last = static_cast<std::int64_t>(report_.last_seq);
  // Of what is pruned, the newest rows may still be there.
  const bool begins = pruned_.events_block == 0 ? lowest == 1 : lowest <= first;
  const bool whole =
      count == 0 ? first == last + 1 : begins && highest == last && count == highest - lowest + 1;
  if (whole) return absl::OkStatus();
  return Fault(absl::StrCat(count, " events are numbered from ", lowest, " to ", highest,
                            "; there should be ", first, " to ", last));
}

absl::Status Check::CheckTotals() {
  struct Total {
    const char* name;
    const char* rows;
    bool less = false;  // retention took some of them
  };
  const bool events_pruned = pruned_.events_block > 0;
  const bool any_pruned = events_pruned || pruned_.images_block > 0;
  for (const Total& total :
       {Total{"events", "SELECT log_device, count(*) AS number FROM event", events_pruned},
        Total{"gaps", "SELECT log_device, count(*) AS number FROM gap"},
        Total{"missing", "SELECT log_device, sum(last - first + 1) AS number FROM gap"},
        Total{"images",
              "SELECT log_device, count(*) AS number FROM (SELECT log_device FROM image UNION ALL "
              "SELECT log_device FROM erased_image)",
              pruned_.images_block > 0},
        Total{"images_wanted", "SELECT log_device, count(*) AS number FROM event WHERE flags & 1",
              events_pruned},
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

absl::Status Check::CheckReferences() {
  // An event may be pruned before its image, never after an older one.
  const char* among_events =
      pruned_.events_block == 0
          ? ""
          : " AND EXISTS (SELECT 1 FROM event AS f INDEXED BY event_key WHERE f.log_device = "
            "i.log_device AND (f.epoch, f.id) < (i.epoch, i.id))";
  GATELOG_RETURN_IF_ERROR(FaultIfAny(
      absl::StrCat("SELECT i.log_device, i.id FROM image AS i WHERE NOT EXISTS (SELECT 1 FROM "
                   "event AS e WHERE e.log_device = i.log_device AND e.epoch = i.epoch AND e.id = "
                   "i.id AND e.timestamp = i.timestamp AND e.code = i.code)",
                   among_events),
      [](const Statement& row) {
        return absl::StrCat("log device ", row.Integer(0), ": the image of event ", row.Integer(1),
                            " has no event");
      }));
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
  GATELOG_RETURN_IF_ERROR(LoadBounds());
  GATELOG_RETURN_IF_ERROR(CheckRecords());
  GATELOG_ASSIGN_OR_RETURN(report_.incarnation, ReadIncarnation(database_));
  GATELOG_RETURN_IF_ERROR(CheckEpochs());
  GATELOG_RETURN_IF_ERROR(Begin("order of commits", 0.8));
  GATELOG_RETURN_IF_ERROR(CheckOrder());
  GATELOG_RETURN_IF_ERROR(Begin("totals", 0.85));
  GATELOG_RETURN_IF_ERROR(CheckTotals());
  GATELOG_RETURN_IF_ERROR(Begin("images and people", 0.9));
  GATELOG_RETURN_IF_ERROR(CheckReferences());
  GATELOG_RETURN_IF_ERROR(Count());
  return report_;
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
