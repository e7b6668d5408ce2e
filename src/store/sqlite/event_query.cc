#include "store/sqlite/event_query.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "model/event.h"
#include "store/sqlite/event_conditions.h"
#include "store/sqlite/event_writer.h"
#include "store/sqlite/stop_guard.h"

namespace gatelog::store {
namespace {

const char* IndexOf(Path path) {
  switch (path) {
    case Path::kAll:
      return "NOT INDEXED";
    case Path::kLog:
      return "INDEXED BY event_key";
    case Path::kPeople:
      return "INDEXED BY event_person";
    case Path::kImages:
      return "INDEXED BY event_image";
  }
  return "";
}

// Within one log, (epoch, ID) goes up as seq does: the index gives the right order, and a seq that
// is an event of this log, as at a page's edge, is a place in the index from which to go on.
absl::Status AddIndexEdge(Database& database, model::DeviceId log_device, std::uint64_t seq,
                          const char* comparison, Conditions& conditions) {
  if (seq == 0) return absl::OkStatus();
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database.Prepare("SELECT epoch, id FROM event WHERE seq = ?1 AND log_device = ?2"));
  select.Bind(1, static_cast<std::int64_t>(seq));
  select.Bind(2, log_device);
  GATELOG_ASSIGN_OR_RETURN(const bool found, select.Step());
  if (!found) return absl::OkStatus();
  conditions.Add(absl::StrCat("(epoch, id) ", comparison, " (?, ?)"), select.Integer(0));
  conditions.values.emplace_back(select.Integer(1));
  return absl::OkStatus();
}

struct Range {
  std::uint64_t above;  // exclusive
  std::uint64_t below;  // exclusive
};

absl::StatusOr<Statement> Compile(Database& database, const ports::EventQuery& query, Range range,
                                  Filter filter) {
  Conditions& conditions = filter.conditions;
  conditions.Add("seq > ?", static_cast<std::int64_t>(range.above));
  conditions.Add("seq < ?", static_cast<std::int64_t>(range.below));
  const bool by_key = filter.path == Path::kLog || filter.path == Path::kImages;
  if (by_key) {
    const model::DeviceId log_device = query.filter.log_devices[0];
    GATELOG_RETURN_IF_ERROR(AddIndexEdge(database, log_device, query.after_seq, ">", conditions));
    GATELOG_RETURN_IF_ERROR(AddIndexEdge(database, log_device, query.before_seq, "<", conditions));
  }
  const char* direction = query.order == ports::Order::kNewestFirst ? " DESC" : "";
  const std::string order =
      by_key ? absl::StrCat("epoch", direction, ", id", direction) : absl::StrCat("seq", direction);
  GATELOG_ASSIGN_OR_RETURN(
      Statement select,
      database.Prepare(absl::StrCat(
          "SELECT seq, log_device, epoch, arrival_ms, phase, payload, flags FROM event ",
          IndexOf(filter.path), " WHERE ", absl::StrJoin(conditions.sql, " AND "), " ORDER BY ",
          order, " LIMIT ?")));
  const int bound = BindValues(conditions.values, select);
  select.Bind(bound + 1, query.limit);
  return select;
}

absl::StatusOr<ports::StoredEvent> EventOfRow(Database& database, const Statement& row) {
  ports::StoredEvent stored;
  stored.seq = static_cast<std::uint64_t>(row.Integer(0));
  stored.log_device = static_cast<model::DeviceId>(row.Integer(1));
  stored.epoch = static_cast<model::Epoch>(row.Integer(2));
  stored.arrival = Timestamp(std::chrono::milliseconds(row.Integer(3)));
  stored.phase = static_cast<ports::Phase>(row.Integer(4));
  stored.erased = (row.Integer(6) & kFlagErased) != 0;
  absl::StatusOr<model::Event> event = model::ParseEvent(row.Bytes(5));
  if (!event.ok()) {
    return absl::DataLossError(absl::StrCat(database.path(), " is damaged (event ", stored.seq,
                                            ": ", event.status().message(),
                                            "); keep a copy of it and restore a backup."));
  }
  stored.event = *std::move(event);
  return stored;
}

}  // namespace

absl::StatusOr<ports::EventPage> ReadEvents(Database& database, const ports::EventQuery& query,
                                            SeqRange visible) {
  if (query.limit == 0 || query.limit > ports::kQueryLimitMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("A page has 1 to ", ports::kQueryLimitMax, " events, not ", query.limit, "."));
  }
  const bool newest_first = query.order == ports::Order::kNewestFirst;
  const std::uint64_t after = std::max(query.after_seq, visible.first - 1);
  std::uint64_t newest = visible.last;
  if (query.before_seq != 0) newest = std::min(newest, query.before_seq - 1);

  ports::EventPage page;
  page.seq_reached = newest_first ? after + 1 : std::max(newest, after);
  if (newest <= after) return page;

  GATELOG_ASSIGN_OR_RETURN(Filter filter, FilterOf(database, query.filter));
  if (!filter.possible) return page;
  const StopGuard stop(database, query.stop);
  GATELOG_RETURN_IF_ERROR(stop.status());
  GATELOG_ASSIGN_OR_RETURN(Statement select,
                           Compile(database, query, {after, newest + 1}, std::move(filter)));
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) break;
    GATELOG_ASSIGN_OR_RETURN(ports::StoredEvent event, EventOfRow(database, select));
    page.events.push_back(std::move(event));
  }
  GATELOG_RETURN_IF_ERROR(stop.status());
  if (page.events.size() == query.limit) {
    page.more = true;
    page.seq_reached = page.events.back().seq;
  }
  return page;
}

}  // namespace gatelog::store
