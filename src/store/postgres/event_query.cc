#include "store/postgres/event_query.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "model/event.h"
#include "store/postgres/event_filter.h"
#include "store/postgres/event_writer.h"

namespace gatelog::postgres {
namespace {

constexpr char kColumns[] = "seq, log_device, epoch, arrival_ms, phase, flags, payload";

// An event of which all is known but what its payload tells.
absl::StatusOr<ports::StoredEvent> EventOf(const Connection& connection, std::uint64_t seq,
                                           const TailEvent& header, bool payload_alone) {
  ports::StoredEvent stored;
  stored.seq = seq;
  stored.log_device = header.log_device;
  stored.epoch = header.epoch;
  stored.arrival = Timestamp(std::chrono::milliseconds(header.arrival_ms));
  stored.phase = static_cast<ports::Phase>(header.phase);
  stored.erased = (header.flags & kFlagErased) != 0;
  // Passed on, bytes that are no message would spoil the answer that they are in.
  if (payload_alone && model::ParseEventId(header.payload) != 0) {
    stored.event.payload.assign(header.payload);
    return stored;
  }
  absl::StatusOr<model::Event> event = model::ParseEvent(header.payload);
  if (!event.ok()) {
    return absl::DataLossError(absl::StrCat("The store in the ", connection.name(),
                                            " is damaged (event ", stored.seq, ": ",
                                            event.status().message(), "); restore a backup."));
  }
  stored.event = *std::move(event);
  return stored;
}

absl::StatusOr<ports::StoredEvent> EventOfRow(const Connection& connection, const Result& rows,
                                              int row, bool payload_alone) {
  return EventOf(connection, static_cast<std::uint64_t>(rows.Integer(row, 0)),
                 {.arrival_ms = rows.Integer(row, 3),
                  .log_device = static_cast<model::DeviceId>(rows.Integer(row, 1)),
                  .epoch = static_cast<model::Epoch>(rows.Integer(row, 2)),
                  .flags = static_cast<std::uint8_t>(rows.Integer(row, 5)),
                  .phase = static_cast<std::uint8_t>(rows.Integer(row, 4)),
                  .payload = rows.Bytes(row, 6)},
                 payload_alone);
}

// What is to be read of a segment.
struct Piece {
  Segment segment;
  SeqRange range;
};

// Whether times within [min, max] may be asked for.
bool TimestampsMeet(const ports::EventFilter& wanted, std::int64_t min, std::int64_t max) {
  return (wanted.from_s == 0 || max >= wanted.from_s) && (wanted.to_s == 0 || min < wanted.to_s);
}

// Whether a segment may have an event of the filter's times.
bool TimesMeet(const ports::EventFilter& wanted, const Segment& segment) {
  if (!segment.indexed && segment.tail == nullptr) return true;
  const TimeBounds bounds = segment.indexed ? segment.bounds : segment.tail->bounds();
  const auto milliseconds = [](Timestamp time) { return time.time_since_epoch().count(); };
  if (!TimestampsMeet(wanted, bounds.timestamp_min, bounds.timestamp_max)) return false;
  if (wanted.arrival_from != Timestamp{} &&
      bounds.arrival_max < milliseconds(wanted.arrival_from)) {
    return false;
  }
  return wanted.arrival_to == Timestamp{} || bounds.arrival_min < milliseconds(wanted.arrival_to);
}

// From the first slice of the segment that may have events of the filter's times to the last.
SeqRange Narrowed(const ports::EventFilter& wanted, const Segment& segment, SeqRange range) {
  if (segment.slices == nullptr || (wanted.from_s == 0 && wanted.to_s == 0)) return range;
  const auto meets = [&](const Slice& slice) {
    return TimestampsMeet(wanted, slice.timestamp_min, slice.timestamp_max);
  };
  const std::vector<Slice>& slices = *segment.slices;
  const auto first = std::find_if(slices.begin(), slices.end(), meets);
  if (first == slices.end()) return {.first = range.last + 1, .last = range.last};
  const auto last = std::find_if(slices.rbegin(), slices.rend(), meets);
  const auto begin = [&](auto slice) {
    return segment.first + static_cast<std::uint64_t>(slice - slices.begin()) * kSliceEvents;
  };
  return {.first = std::max(range.first, begin(first)),
          .last = std::min(range.last, begin(last.base()) - 1)};
}

// One read on its way through the segments.
class Reading {
 public:
  Reading(Connection& connection, const ports::EventQuery& query, Filter filter)
      : connection_(connection), query_(query), filter_(std::move(filter)) {}

  // How many of the segments, from `next` on, are to be read together: as many as it takes to fill
  // the page if they have as much as those before.
  std::size_t HowManyTogether(const std::vector<Piece>& pieces, std::size_t next,
                              const ports::EventPage& page) const {
    if (filter_.path != Path::kPeople || read_ == 0) return 1;
    const std::size_t room = query_.limit - page.events.size();
    const std::size_t wanted = room * read_ / std::max<std::size_t>(page.events.size(), 1) + 1;
    const std::size_t most = std::min({wanted, Connection::kTogetherMax, pieces.size() - next});
    std::size_t together = 1;
    while (together < most && pieces[next].segment.indexed &&
           pieces[next + together].segment.indexed) {
      ++together;
    }
    return together;
  }

  // As Read below, of segments that have indexes.
  absl::StatusOr<bool> ReadTogether(std::span<const Piece> pieces, ports::EventPage& page) {
    std::vector<Connection::Statement> statements;
    for (const Piece& piece : pieces) {
      GATELOG_ASSIGN_OR_RETURN(
          Connection::Statement statement,
          StatementOf(piece.segment, piece.range.first, piece.range.last, page));
      statements.push_back(std::move(statement));
    }
    GATELOG_ASSIGN_OR_RETURN(const std::vector<Result> results,
                             connection_.QueryTogether(statements, query_.stop));
    for (const Result& rows : results) {
      ++read_;
      GATELOG_RETURN_IF_ERROR(TakeRows(rows, page));
      if (page.events.size() < query_.limit) continue;
      page.more = true;
      page.seq_reached = page.events.back().seq;
      return true;
    }
    return false;
  }

  // Adds to the page what matches of the piece. True: the page is full, or enough was looked at.
  absl::StatusOr<bool> Read(const Piece& piece, ports::EventPage& page) {
    const Segment& segment = piece.segment;
    auto [first, last] = piece.range;
    ++read_;
    const bool newest_first = query_.order == ports::Order::kNewestFirst;
    const bool in_memory = IsInMemory(segment);
    // A stretch at a time, so that a read which finds little comes to an end.
    const bool bounded = !in_memory && !Leads(segment);
    while (first <= last) {
      std::uint64_t from = first;
      std::uint64_t to = last;
      std::uint64_t stretch = last - first + 1;
      if (bounded) stretch = std::min(stretch, ports::kLookedAtMax);
      // Where all events match, so many of them are the page: seq has no holes.
      if (filter_.conditions.empty()) {
        stretch = std::min(stretch, std::uint64_t{query_.limit - page.events.size()});
      }
      newest_first ? from = last - stretch + 1 : to = first + stretch - 1;
      GATELOG_RETURN_IF_ERROR(in_memory ? SelectFound(segment, from, to, page)
                                        : Select(segment, from, to, page));
      if (page.events.size() == query_.limit) {
        page.more = true;
        page.seq_reached = page.events.back().seq;
        return true;
      }
      if (bounded) looked_at_ += to - from + 1;
      if (looked_at_ >= ports::kLookedAtMax) {
        page.more = true;
        page.seq_reached = newest_first ? from : to;
        return true;
      }
      newest_first ? last = from - 1 : first = to + 1;
    }
    return false;
  }

 private:
  // Whether the filter's path leads to its events past all others.
  bool Leads(const Segment& segment) const {
    switch (filter_.path) {
      case Path::kAll:
        return segment.indexed && filter_.conditions.empty();
      case Path::kCodes:
        return segment.indexed && filter_.exact;
      default:
        return segment.indexed;
    }
  }

  // Whether the segment's tail can tell which events match.
  bool IsInMemory(const Segment& segment) const {
    return !segment.indexed && segment.tail != nullptr &&
           (query_.filter.cards.empty() || segment.tail->has_payloads());
  }

  absl::Status SelectFound(const Segment& segment, std::uint64_t first, std::uint64_t last,
                           ports::EventPage& page) {
    const bool newest_first = query_.order == ports::Order::kNewestFirst;
    const std::vector<std::size_t> places =
        segment.tail->Search({query_.filter, filter_.people}, first - segment.first,
                             last - segment.first, newest_first, query_.limit - page.events.size());
    page.events.reserve(page.events.size() + places.size());
    std::vector<ports::StoredEvent> found;
    found.reserve(places.size());
    for (const std::size_t place : places) {
      const TailEvent event = segment.tail->At(place);
      if (event.payload.data() == nullptr) return SelectPlaces(segment, places, page);
      GATELOG_ASSIGN_OR_RETURN(
          ports::StoredEvent stored,
          EventOf(connection_, segment.first + place, event, query_.payload_alone));
      found.push_back(std::move(stored));
    }
    std::move(found.begin(), found.end(), std::back_inserter(page.events));
    return absl::OkStatus();
  }

  absl::Status SelectPlaces(const Segment& segment, const std::vector<std::size_t>& places,
                            ports::EventPage& page) {
    const bool newest_first = query_.order == ports::Order::kNewestFirst;
    std::vector<std::int64_t> seqs;
    seqs.reserve(places.size());
    for (const std::size_t place : places) {
      seqs.push_back(static_cast<std::int64_t>(segment.first + place));
    }
    GATELOG_ASSIGN_OR_RETURN(
        const Result rows,
        connection_.Query(absl::StrCat("SELECT ", kColumns, " FROM ", PartitionOf(segment),
                                       " WHERE seq = ANY($1::bigint[]) ORDER BY seq",
                                       newest_first ? " DESC" : ""),
                          Params().AddNumbers(seqs), query_.stop));
    return TakeRows(rows, page);
  }

  absl::Status TakeRows(const Result& rows, ports::EventPage& page) {
    const std::size_t room = query_.limit - page.events.size();
    const int taken = static_cast<int>(std::min(room, static_cast<std::size_t>(rows.rows())));
    page.events.reserve(page.events.size() + static_cast<std::size_t>(taken));
    for (int row = 0; row < taken; ++row) {
      GATELOG_ASSIGN_OR_RETURN(ports::StoredEvent event,
                               EventOfRow(connection_, rows, row, query_.payload_alone));
      page.events.push_back(std::move(event));
    }
    return absl::OkStatus();
  }

  absl::Status Select(const Segment& segment, std::uint64_t first, std::uint64_t last,
                      ports::EventPage& page) {
    GATELOG_ASSIGN_OR_RETURN(const Connection::Statement statement,
                             StatementOf(segment, first, last, page));
    if (segment.indexed && filter_.planned_once) {
      GATELOG_ASSIGN_OR_RETURN(const std::vector<Result> results,
                               connection_.QueryTogether({&statement, 1}, query_.stop));
      return TakeRows(results.front(), page);
    }
    GATELOG_ASSIGN_OR_RETURN(const Result rows,
                             connection_.Query(statement.sql, statement.params, query_.stop));
    return TakeRows(rows, page);
  }

  // Selects what matches in the range, as much as the page has room for.
  absl::StatusOr<Connection::Statement> StatementOf(const Segment& segment, std::uint64_t first,
                                                    std::uint64_t last,
                                                    const ports::EventPage& page) {
    const std::string table = PartitionOf(segment);
    std::vector<std::string> conditions = filter_.conditions;
    Params params = filter_.params;
    const auto add = [&](const char* condition, std::uint64_t number) {
      params.Add(static_cast<std::int64_t>(number));
      conditions.push_back(absl::StrCat(condition, params.last()));
    };
    // Of a whole segment they say nothing, and planning with them takes time.
    if (first > segment.first) add("seq >= ", first);
    if (last + 1 < segment.end) add("seq <= ", last);
    const bool by_key = filter_.path == Path::kLog;
    if (by_key) {
      if (first > segment.first) {
        GATELOG_RETURN_IF_ERROR(AddEdge(table, first - 1, false, conditions, params));
      }
      if (last + 1 < segment.end) {
        GATELOG_RETURN_IF_ERROR(AddEdge(table, last + 1, true, conditions, params));
      }
    }
    const char* direction = query_.order == ports::Order::kNewestFirst ? " DESC" : "";
    const std::string order = by_key ? absl::StrCat("epoch", direction, ", id", direction)
                                     : absl::StrCat("seq", direction);
    params.Add(static_cast<std::int64_t>(query_.limit - page.events.size()));
    std::string sql = absl::StrCat(
        "SELECT ", kColumns, " FROM ", table, conditions.empty() ? "" : " WHERE ",
        absl::StrJoin(conditions, " AND "), " ORDER BY ", order, " LIMIT ", params.last());
    return Connection::Statement{std::move(sql), std::move(params)};
  }

  // Within one log, (epoch, ID) goes up as seq does: an event of the log at the edge of the range,
  // or near it, is a place in the index from which to go on. That none is near says that the log
  // has few events.
  absl::Status AddEdge(const std::string& table, std::uint64_t seq, bool upper,
                       std::vector<std::string>& conditions, Params& params) {
    constexpr std::int64_t kNear = 1'000;
    const auto edge = static_cast<std::int64_t>(seq);
    Params near;
    near.Add(upper ? edge : edge - kNear).Add(upper ? edge + kNear : edge);
    near.Add(query_.filter.log_devices[0]);
    GATELOG_ASSIGN_OR_RETURN(
        const Result rows,
        connection_.Query(absl::StrCat("SELECT epoch, id FROM ", table,
                                       " WHERE seq >= $1 AND seq <= $2 AND log_device = $3 ORDER "
                                       "BY seq",
                                       upper ? "" : " DESC", " LIMIT 1"),
                          near, query_.stop));
    if (rows.rows() == 0) return absl::OkStatus();
    params.Add(rows.Integer(0, 0));
    const std::string epoch = params.last();
    params.Add(rows.Integer(0, 1));
    conditions.push_back(
        absl::StrCat("(epoch, id) ", upper ? "<" : ">", " (", epoch, ", ", params.last(), ")"));
    return absl::OkStatus();
  }

  Connection& connection_;
  const ports::EventQuery& query_;
  const Filter filter_;
  std::uint64_t looked_at_ = 0;
  std::size_t read_ = 0;  // segments
};

}  // namespace

absl::StatusOr<ports::EventPage> ReadEvents(Connection& connection, const Segments& segments,
                                            const ports::EventQuery& query, SeqRange visible) {
  if (query.limit == 0 || query.limit > ports::kQueryLimitMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("A page has 1 to ", ports::kQueryLimitMax, " events, not ", query.limit, "."));
  }
  if (query.stop.stop_requested()) return absl::CancelledError("The read was given up.");
  const bool newest_first = query.order == ports::Order::kNewestFirst;
  const std::uint64_t after = std::max(query.after_seq, visible.first - 1);
  std::uint64_t newest = visible.last;
  if (query.before_seq != 0) newest = std::min(newest, query.before_seq - 1);

  ports::EventPage page;
  page.seq_reached = newest_first ? after + 1 : std::max(newest, after);
  if (newest <= after) return page;
  GATELOG_ASSIGN_OR_RETURN(Filter filter, FilterOf(connection, query.filter, query.stop));
  if (!filter.possible) return page;

  std::vector<Piece> pieces;
  for (Segment& segment : segments.Between(after + 1, newest)) {
    if (!TimesMeet(query.filter, segment)) continue;
    SeqRange range{.first = std::max(segment.first, after + 1),
                   .last = std::min(segment.end - 1, newest)};
    // A log's events are found by their keys, and the key at the edge of a range would have to be
    // looked up.
    if (filter.path != Path::kLog) range = Narrowed(query.filter, segment, range);
    if (range.first <= range.last) pieces.push_back({std::move(segment), range});
  }
  if (newest_first) std::reverse(pieces.begin(), pieces.end());
  Reading reading(connection, query, std::move(filter));
  for (std::size_t next = 0; next < pieces.size();) {
    const std::size_t together = reading.HowManyTogether(pieces, next, page);
    GATELOG_ASSIGN_OR_RETURN(const bool done,
                             together > 1 ? reading.ReadTogether({&pieces[next], together}, page)
                                          : reading.Read(pieces[next], page));
    if (done) return page;
    next += together;
  }
  return page;
}

}  // namespace gatelog::postgres
