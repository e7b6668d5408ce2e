#include "store/postgres/store_check.h"

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/event.h"
#include "model/personal_part.h"
#include "store/postgres/event_writer.h"
#include "store/postgres/pruner.h"
#include "store/postgres/schema.h"
#include "store/postgres/segments.h"
#include "store/postgres/tail.h"

namespace gatelog::postgres {
namespace {

constexpr std::int64_t kEventsPerPage = 10'000;

// The events that were not pruned, or are not counted as pruned yet.
constexpr char kEvents[] =
    "(SELECT e.* FROM gatelog.event AS e LEFT JOIN gatelog.pruned AS p ON p.log_device = "
    "e.log_device AND p.epoch = e.epoch WHERE e.id::bigint >= coalesce(p.below, 0)) AS event";

// The IDs of each epoch that are accounted for, from where those end that were pruned.
constexpr char kRecords[] =
    "WITH begin AS (SELECT e.log_device, e.epoch, greatest(e.first, p.below) AS first FROM "
    "gatelog.epoch AS e LEFT JOIN gatelog.pruned AS p ON p.log_device = e.log_device AND p.epoch = "
    "e.epoch), "
    "record AS (SELECT log_device, epoch::bigint AS epoch, id::bigint AS first, id::bigint AS last "
    "FROM gatelog.event UNION ALL SELECT log_device, epoch, first, last FROM gatelog.gap), "
    "left_over AS (SELECT r.* FROM record AS r LEFT JOIN gatelog.pruned AS p ON p.log_device = "
    "r.log_device AND p.epoch = r.epoch WHERE r.first >= coalesce(p.below, 0)) ";

// The images that are recorded or known not to come, also of events that are hidden already: their
// log counts them until they are counted as pruned.
constexpr char kAbsences[] =
    "(SELECT e.log_device FROM gatelog.event AS e JOIN gatelog.log_state AS l ON l.log_device = "
    "e.log_device LEFT JOIN gatelog.image_absence AS a ON a.log_device = e.log_device AND a.epoch "
    "= e.epoch AND a.id = "
    "e.id::bigint WHERE e.flags & 1 <> 0 AND (a.id IS NOT NULL OR e.epoch < l.epoch) AND NOT "
    "EXISTS (SELECT 1 FROM gatelog.image AS i WHERE i.log_device = e.log_device AND i.epoch = "
    "e.epoch AND i.id = e.id::bigint)) AS absence";

class Check {
 public:
  Check(Connection& connection, const ports::CheckProgress& progress, const std::stop_token& stop)
      : connection_(connection), progress_(progress), stop_(stop) {}

  absl::StatusOr<ports::StoreReport> Run();

 private:
  absl::Status Begin(std::string_view part, double done) {
    return ports::BeginPart(progress_, part, done);
  }
  absl::Status Fault(const std::string& what) const {
    return absl::DataLossError(absl::StrCat("The store in the ", connection_.name(),
                                            " is damaged: ", what, ". Restore a backup."));
  }
  // A fault if the query has a row; `describe` makes words of it.
  template <typename Describe>
  absl::Status FaultIfAny(const std::string& sql, Describe describe);

  absl::Status CheckOrder();
  absl::Status CheckSegments();
  absl::Status CheckEpochs();
  absl::Status CheckRecords();
  absl::Status CheckPruned();
  absl::Status CheckEvents();
  absl::Status CheckHours();
  absl::Status CheckSlices();
  absl::Status CheckTotals();
  absl::Status CheckReferences();
  absl::Status Count();

  Connection& connection_;
  const ports::CheckProgress& progress_;
  const std::stop_token& stop_;
  PrunedThrough through_;
  ports::StoreReport report_;
};

template <typename Describe>
absl::Status Check::FaultIfAny(const std::string& sql, Describe describe) {
  GATELOG_ASSIGN_OR_RETURN(const Result rows,
                           connection_.Query(absl::StrCat(sql, " LIMIT 1"), {}, stop_));
  return rows.rows() == 0 ? absl::OkStatus() : Fault(describe(rows));
}

std::string LogOf(const Result& rows) {
  return absl::StrCat("log device ", rows.Integer(0, 0), ", epoch ", rows.Integer(0, 1));
}

absl::Status Check::CheckOrder() {
  GATELOG_ASSIGN_OR_RETURN(
      const Result rows,
      connection_.Query("SELECT min(seq), max(seq), count(*) FROM gatelog.event WHERE seq >= $1",
                        Params().Add(static_cast<std::int64_t>(through_.first_seq)), stop_));
  report_.events = static_cast<std::uint64_t>(rows.Integer(0, 2));
  report_.first_seq = through_.first_seq;
  report_.last_seq = through_.first_seq - 1;
  if (report_.events == 0) return absl::OkStatus();
  report_.first_seq = static_cast<std::uint64_t>(rows.Integer(0, 0));
  report_.last_seq = static_cast<std::uint64_t>(rows.Integer(0, 1));
  if (report_.first_seq == through_.first_seq &&
      report_.events == report_.last_seq + 1 - report_.first_seq) {
    return absl::OkStatus();
  }
  return Fault(absl::StrCat(report_.events, " events are numbered from ", report_.first_seq, " to ",
                            report_.last_seq, "; the first should be ", through_.first_seq));
}

absl::Status Check::CheckSegments() {
  const std::string first = absl::StrCat(through_.first_seq);
  return FaultIfAny(absl::StrCat("SELECT first_seq FROM gatelog.segment WHERE first_seq < ", first,
                                 " AND end_seq > ", first),
                    [&](const Result& rows) {
                      return absl::StrCat("events are shown from seq ", first,
                                          " on, which is in the middle of the segment from seq ",
                                          rows.Integer(0, 0));
                    });
}

absl::Status Check::CheckEpochs() {
  GATELOG_RETURN_IF_ERROR(FaultIfAny(
      "SELECT s.log_device, s.epoch FROM gatelog.log_state AS s LEFT JOIN (SELECT log_device, "
      "count(*) AS number, max(epoch) AS newest FROM gatelog.epoch GROUP BY log_device) AS e ON "
      "e.log_device = s.log_device LEFT JOIN gatelog.epoch AS n ON n.log_device = s.log_device AND "
      "n.epoch = s.epoch WHERE s.epoch <> coalesce(e.number, 0) OR s.epoch <> coalesce(e.newest, "
      "0) OR s.epoch_first <> coalesce(n.first, 0)",
      [](const Result& rows) {
        return absl::StrCat(LogOf(rows), ": the epochs of this log do not bear that out");
      }));
  for (const char* table : {"gap", "epoch", "image", "image_absence"}) {
    GATELOG_RETURN_IF_ERROR(FaultIfAny(
        absl::StrCat("SELECT t.log_device, t.epoch FROM gatelog.", table,
                     " AS t WHERE NOT EXISTS (SELECT 1 FROM gatelog.log_state AS s WHERE "
                     "s.log_device = t.log_device AND t.epoch BETWEEN 1 AND s.epoch)"),
        [&](const Result& rows) {
          return absl::StrCat("there is a row in ", table, " of ", LogOf(rows),
                              ", which does not exist");
        }));
  }
  return absl::OkStatus();
}

absl::Status Check::CheckRecords() {
  GATELOG_RETURN_IF_ERROR(FaultIfAny(
      absl::StrCat(kRecords,
                   "SELECT o.log_device, o.epoch, o.first, coalesce(o.before + 1, e.first) FROM "
                   "(SELECT *, lag(last) OVER (PARTITION BY log_device, epoch ORDER BY first) AS "
                   "before FROM left_over) AS o LEFT JOIN begin AS e USING (log_device, epoch) "
                   "WHERE o.first IS DISTINCT FROM coalesce(o.before + 1, e.first)"),
      [](const Result& rows) {
        return absl::StrCat(LogOf(rows), ": record ", rows.Integer(0, 2), " is where ",
                            rows.Integer(0, 3), " is due");
      }));
  return FaultIfAny(
      absl::StrCat(kRecords,
                   "SELECT e.log_device, e.epoch, e.next, coalesce(r.reached, b.first) FROM "
                   "gatelog.epochs AS e JOIN begin AS b USING (log_device, epoch) LEFT JOIN "
                   "(SELECT log_device, epoch, max(last) + 1 AS reached FROM left_over GROUP BY 1, "
                   "2) AS r USING (log_device, epoch) WHERE e.next <> coalesce(r.reached, "
                   "b.first)"),
      [](const Result& rows) {
        return absl::StrCat(LogOf(rows), ": the next record is ", rows.Integer(0, 2),
                            ", but what is stored ends before ", rows.Integer(0, 3));
      });
}

// Below where an epoch was pruned, each ID was an event that is counted, or is in a gap.
absl::Status Check::CheckPruned() {
  GATELOG_RETURN_IF_ERROR(FaultIfAny(
      "SELECT p.log_device, p.epoch, p.events, p.below - e.first - coalesce(g.missing, 0) FROM "
      "gatelog.pruned AS p LEFT JOIN gatelog.epoch AS e ON e.log_device = p.log_device AND e.epoch "
      "= p.epoch LEFT JOIN LATERAL (SELECT sum(last - first + 1)::bigint AS missing FROM "
      "gatelog.gap AS g WHERE g.log_device = p.log_device AND g.epoch = p.epoch AND g.first < "
      "p.below) AS g ON true WHERE e.epoch IS NULL OR p.below > 0 AND p.events <> p.below - "
      "e.first - coalesce(g.missing, 0) OR p.below = 0 AND p.events <> 0",
      [](const Result& rows) {
        return absl::StrCat(LogOf(rows), ": ", rows.Integer(0, 2),
                            " events are counted as pruned, and ", rows.Integer(0, 3),
                            " are not there");
      }));
  return FaultIfAny(
      "SELECT r.log_device, r.epoch, r.first FROM gatelog.pruned_record AS r LEFT JOIN "
      "gatelog.pruned AS p ON p.log_device = r.log_device AND p.epoch = r.epoch WHERE r.last < "
      "r.first OR r.last >= coalesce(p.below, 0) OR length(r.records) = 0 OR length(r.records) % "
      "12 <> 0",
      [](const Result& rows) {
        return absl::StrCat(LogOf(rows), ": the pruned records from ", rows.Integer(0, 2),
                            " on are not as they were pruned");
      });
}

// What the columns of an event say that its record does not; empty: nothing.
std::string_view ColumnThatDiffers(const model::Event& event, const Result& rows, int row) {
  constexpr int kFirst = 1;  // behind seq
  struct Column {
    std::string_view name;
    std::uint64_t value;
  };
  int column = kFirst;
  for (const Column& wanted :
       {Column{"id", event.id}, Column{"timestamp", event.timestamp},
        Column{"device", event.device}, Column{"code", event.code},
        Column{"sub_code", event.sub_code}, Column{"entity", event.entity_id},
        Column{"tna_key", event.tna_key}, Column{"temperature", event.temperature}}) {
    if (static_cast<std::uint64_t>(rows.Integer(row, column++)) != wanted.value) return wanted.name;
  }
  const std::int64_t flags = rows.Integer(row, column++);
  if (((flags & kFlagHasImage) != 0) != event.has_image) return "flags";
  if (((flags & kFlagChangedOnDevice) != 0) != event.changed_on_device) return "flags";
  return rows.Bytes(row, column) == event.user_id ? "" : "person";
}

absl::Status Check::CheckEvents() {
  constexpr int kPayloadColumn = 11;
  for (std::uint64_t seq = report_.first_seq; seq <= report_.last_seq;) {
    constexpr double kFrom = 0.3;
    constexpr double kShare = 0.5;
    GATELOG_RETURN_IF_ERROR(
        Begin("events", kFrom + kShare * static_cast<double>(seq - report_.first_seq) /
                                    static_cast<double>(report_.events)));
    Params params;
    params.Add(static_cast<std::int64_t>(seq)).Add(kEventsPerPage);
    GATELOG_ASSIGN_OR_RETURN(
        const Result rows,
        connection_.Query("SELECT e.seq, e.id, e.timestamp, e.device, e.code, e.sub_code, "
                          "e.entity, e.tna_key, e.temperature, e.flags, p.user_id, e.payload FROM "
                          "gatelog.event AS e LEFT JOIN gatelog.person AS p ON p.id = e.person "
                          "WHERE e.seq >= $1 ORDER BY e.seq LIMIT $2",
                          params, stop_));
    if (rows.rows() == 0) return Fault(absl::StrCat("there is no event from seq ", seq, " on"));
    model::SplitEvent split;
    for (int row = 0; row < rows.rows(); ++row) {
      const absl::StatusOr<model::Event> event = model::ParseEvent(rows.Bytes(row, kPayloadColumn));
      const std::string where = absl::StrCat("the event with seq ", rows.Integer(row, 0));
      if (!event.ok()) return Fault(absl::StrCat(where, ": ", event.status().message()));
      if (rows.Integer(row, 0) < static_cast<std::int64_t>(through_.people_seq)) {
        model::SplitPersonalPart(rows.Bytes(row, kPayloadColumn), split);
        if (!split.personal_part.empty()) {
          return Fault(absl::StrCat(where, " tells of a person, which was pruned"));
        }
      }
      const std::string_view column = ColumnThatDiffers(*event, rows, row);
      if (column.empty()) continue;
      return Fault(
          absl::StrCat(where, ": its ", std::string(column), " is not what its record says"));
    }
    seq = static_cast<std::uint64_t>(rows.Integer(rows.rows() - 1, 0)) + 1;
  }
  return absl::OkStatus();
}

absl::Status Check::CheckHours() {
  return FaultIfAny(
      absl::StrCat("SELECT segment, hour, code, sub_code, k.events, c.events FROM "
                   "gatelog.count_hour AS k FULL JOIN (SELECT s.first_seq AS segment, e.timestamp "
                   "/ ",
                   kHourSeconds,
                   " AS hour, e.code, e.sub_code, count(*) AS events FROM gatelog.segment AS s "
                   "JOIN gatelog.event AS e ON e.seq >= s.first_seq AND e.seq < s.end_seq WHERE "
                   "s.indexed AND s.first_seq >= ",
                   through_.first_seq,
                   " GROUP BY 1, 2, 3, 4) AS c USING (segment, hour, code, sub_code) WHERE "
                   "k.events IS DISTINCT FROM c.events AND segment >= ",
                   through_.first_seq),
      [](const Result& rows) {
        return absl::StrCat("of code ", rows.Integer(0, 2), ".", rows.Integer(0, 3),
                            " in the hour ", rows.Integer(0, 1), " since 1970, ",
                            rows.Integer(0, 4), " events are counted, and ", rows.Integer(0, 5),
                            " are in the segment from seq ", rows.Integer(0, 0));
      });
}

absl::Status Check::CheckSlices() {
  return FaultIfAny(
      absl::StrCat("SELECT segment, n * ", kSliceEvents,
                   " FROM (SELECT s.first_seq AS segment, t.n - 1 AS n, t.t0, t.t1 FROM "
                   "gatelog.segment AS s CROSS JOIN LATERAL unnest(s.slice_min, s.slice_max) "
                   "WITH ORDINALITY AS t(t0, t1, n) WHERE s.indexed) AS k FULL JOIN (SELECT "
                   "s.first_seq AS segment, (e.seq - s.first_seq) / ",
                   kSliceEvents,
                   " AS n, min(e.timestamp) AS t0, max(e.timestamp) AS t1 FROM gatelog.segment AS "
                   "s JOIN gatelog.event AS e ON e.seq >= s.first_seq AND e.seq < s.end_seq WHERE "
                   "s.indexed AND s.first_seq >= ",
                   through_.first_seq,
                   " GROUP BY 1, 2) AS c USING (segment, n) WHERE (k.t0, k.t1) IS DISTINCT FROM "
                   "(c.t0, c.t1) AND segment >= ",
                   through_.first_seq),
      [](const Result& rows) {
        return absl::StrCat("the times of the events from ", rows.Integer(0, 1),
                            " on in the segment from seq ", rows.Integer(0, 0),
                            " are not what their segment says");
      });
}

absl::Status Check::CheckTotals() {
  struct Total {
    const char* name;
    const char* rows;
    const char* pruned = "nothing";  // and so many are not there any more
    const char* where = "";
  };
  const std::string events = absl::StrCat("count(*) AS number FROM ", kEvents);
  const std::string wanted = absl::StrCat(events, " WHERE flags & 1 <> 0");
  const std::string absent = absl::StrCat("count(*) AS number FROM ", kAbsences);
  for (const Total& total :
       {Total{"events", events.c_str(), "events"},
        Total{"images_wanted", wanted.c_str(), "images_wanted"},
        Total{"gaps", "count(*) AS number FROM gatelog.gap"},
        Total{"missing", "sum(last - first + 1)::bigint AS number FROM gatelog.gap"},
        Total{"images", "count(*) AS number FROM gatelog.image", "images"},
        // Of logs of which nothing with an image was pruned.
        Total{"images_absent", absent.c_str(), "nothing",
              " AND coalesce(p.images + p.images_wanted, 0) = 0"}}) {
    const std::string number =
        absl::StrCat("coalesce(t.number, 0) + coalesce(p.", total.pruned, ", 0)");
    GATELOG_RETURN_IF_ERROR(FaultIfAny(
        absl::StrCat("SELECT s.log_device, s.epoch, s.", total.name, ", ", number,
                     " FROM gatelog.log_state AS s LEFT JOIN (SELECT log_device, ", total.rows,
                     " GROUP BY log_device) AS t USING (log_device) LEFT JOIN (SELECT log_device, "
                     "sum(events)::bigint AS events, sum(images_wanted)::bigint AS images_wanted, "
                     "sum(images)::bigint AS images, 0::bigint AS nothing FROM gatelog.pruned "
                     "GROUP BY log_device) AS p USING (log_device) WHERE s.",
                     total.name, " <> ", number, total.where),
        [&](const Result& rows) {
          return absl::StrCat("log device ", rows.Integer(0, 0), " counts ", rows.Integer(0, 2),
                              " ", total.name, ", and has ", rows.Integer(0, 3));
        }));
  }
  return absl::OkStatus();
}

absl::Status Check::CheckReferences() {
  GATELOG_RETURN_IF_ERROR(FaultIfAny(
      "SELECT i.log_device, i.epoch, i.id FROM gatelog.image AS i WHERE NOT EXISTS (SELECT 1 FROM "
      "gatelog.event AS e WHERE e.log_device = i.log_device AND e.epoch = i.epoch AND e.id::bigint "
      "= i.id AND e.timestamp = i.timestamp AND e.code = i.code) AND NOT EXISTS (SELECT 1 FROM "
      "gatelog.pruned AS p WHERE p.log_device = i.log_device AND p.epoch = i.epoch AND i.id < "
      "p.below)",
      [](const Result& rows) {
        return absl::StrCat(LogOf(rows), ": the image of event ", rows.Integer(0, 2),
                            " has no event");
      }));
  return FaultIfAny(
      absl::StrCat("SELECT e.seq FROM gatelog.event AS e WHERE seq >= ", through_.first_seq,
                   " AND person IS NOT NULL AND NOT EXISTS (SELECT 1 FROM gatelog.person AS p "
                   "WHERE p.id = e.person)"),
      [](const Result& rows) {
        return absl::StrCat("the event with seq ", rows.Integer(0, 0),
                            " names a person who is not there");
      });
}

absl::Status Check::Count() {
  GATELOG_ASSIGN_OR_RETURN(report_.incarnation, ReadIncarnation(connection_));
  GATELOG_ASSIGN_OR_RETURN(
      const Result rows,
      connection_.Query(
          "SELECT (SELECT value FROM gatelog.meta WHERE key = 'schema_version'), count(*), "
          "coalesce(sum(epoch), 0)::bigint, coalesce(sum(gaps), 0)::bigint, coalesce(sum(missing), "
          "0)::bigint, coalesce(sum(images), 0)::bigint, (SELECT "
          "sum(pg_total_relation_size(oid))::bigint FROM pg_class WHERE relnamespace = "
          "'gatelog'::regnamespace AND relkind = 'r') FROM gatelog.log_state",
          {}, stop_));
  const auto number = [&](int column) {
    return static_cast<std::uint64_t>(rows.Integer(0, column));
  };
  report_.version = rows.Integer(0, 0);
  report_.logs = number(1);
  report_.epochs = number(2);
  report_.gaps = number(3);
  report_.missing = number(4);
  report_.images = number(5);
  report_.bytes = number(6);
  return absl::OkStatus();
}

absl::StatusOr<ports::StoreReport> Check::Run() {
  GATELOG_RETURN_IF_ERROR(Begin("order of commits", 0));
  GATELOG_ASSIGN_OR_RETURN(through_, ReadPrunedThrough(connection_));
  GATELOG_RETURN_IF_ERROR(CheckSegments());
  GATELOG_RETURN_IF_ERROR(CheckOrder());
  GATELOG_RETURN_IF_ERROR(Begin("records", 0.1));
  GATELOG_RETURN_IF_ERROR(CheckEpochs());
  GATELOG_RETURN_IF_ERROR(CheckRecords());
  GATELOG_RETURN_IF_ERROR(CheckPruned());
  GATELOG_RETURN_IF_ERROR(CheckEvents());
  GATELOG_RETURN_IF_ERROR(Begin("counts by the hour", 0.8));
  GATELOG_RETURN_IF_ERROR(CheckHours());
  GATELOG_RETURN_IF_ERROR(CheckSlices());
  GATELOG_RETURN_IF_ERROR(Begin("totals", 0.9));
  GATELOG_RETURN_IF_ERROR(CheckTotals());
  GATELOG_RETURN_IF_ERROR(Begin("images and people", 0.95));
  GATELOG_RETURN_IF_ERROR(CheckReferences());
  GATELOG_RETURN_IF_ERROR(Count());
  return report_;
}

}  // namespace

absl::StatusOr<ports::StoreReport> CheckStore(Connection& connection,
                                              const ports::CheckProgress& progress,
                                              const std::stop_token& stop) {
  return Check(connection, progress, stop).Run();
}

}  // namespace gatelog::postgres
