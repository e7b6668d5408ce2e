#include "store/postgres/log_table.h"

#include <algorithm>
#include <array>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "store/postgres/event_writer.h"

namespace gatelog::postgres {
namespace {

// An anchor is stored as its ID and fingerprint, big-endian.
constexpr std::size_t kIdBytes = 4;
constexpr std::size_t kFingerprintBytes = 8;
constexpr std::size_t kAnchorBytes = kIdBytes + kFingerprintBytes;

void AppendNumber(std::uint64_t number, std::size_t bytes, std::string& out) {
  for (std::size_t i = bytes; i > 0; --i) out.push_back(static_cast<char>(number >> (8 * (i - 1))));
}

std::uint64_t NumberOf(std::string_view bytes) {
  std::uint64_t number = 0;
  for (const char c : bytes) number = number << 8 | static_cast<unsigned char>(c);
  return number;
}

// The updates as columns, in the order of kColumns.
constexpr int kNumbers = 13;
constexpr char kColumns[] =
    "log_device, before_epoch, before_next, epoch, epoch_first, generation, next, opened, events, "
    "images_wanted, images_absent, images_unsettled, gaps, missing";

Params ColumnsOf(const std::vector<const LogUpdate*>& updates) {
  std::vector<std::uint32_t> devices;
  std::array<std::vector<std::int64_t>, kNumbers> columns;
  for (const LogUpdate* update : updates) {
    devices.push_back(update->after->log_device);
    const ports::LogState& after = *update->after;
    const auto number = [](std::uint64_t n) { return static_cast<std::int64_t>(n); };
    const std::array<std::int64_t, kNumbers> row = {update->before.epoch,
                                                    update->before.next,
                                                    after.epoch,
                                                    after.epoch_first,
                                                    number(after.generation),
                                                    after.next,
                                                    update->opened ? 1 : 0,
                                                    number(update->events),
                                                    number(update->images_wanted),
                                                    number(update->images_absent),
                                                    number(update->images_unsettled),
                                                    number(update->gaps),
                                                    number(update->missing)};
    for (std::size_t i = 0; i < row.size(); ++i) columns[i].push_back(row[i]);
  }
  Params params;
  params.AddOids(devices);
  for (const std::vector<std::int64_t>& column : columns) params.AddNumbers(column);
  return params;
}

// Whether an update only adds events to a log: most do.
bool OnlyAdvances(const LogUpdate& update) {
  return update.before.epoch != 0 && !update.opened && update.gaps == 0 &&
         update.images_absent == 0 && update.images_wanted == update.images_unsettled &&
         update.after->generation == update.before.generation;
}

Params AdvancesOf(const std::vector<const LogUpdate*>& updates) {
  std::vector<std::uint32_t> devices;
  std::array<std::vector<std::int64_t>, 5> columns;
  for (const LogUpdate* update : updates) {
    devices.push_back(update->after->log_device);
    columns[0].push_back(update->before.epoch);
    columns[1].push_back(update->before.next);
    columns[2].push_back(update->after->next);
    columns[3].push_back(static_cast<std::int64_t>(update->events));
    columns[4].push_back(static_cast<std::int64_t>(update->images_wanted));
  }
  Params params;
  params.AddOids(devices);
  for (const std::vector<std::int64_t>& column : columns) params.AddNumbers(column);
  return params;
}

std::string UnnestedColumns() {
  std::string sql = "unnest($1::oid[]";
  for (int i = 0; i < kNumbers; ++i) absl::StrAppend(&sql, ", $", i + 2, "::bigint[]");
  return absl::StrCat(sql, ") AS u(", kColumns, ")");
}

// Rows of log_anchor.
struct AnchorRows {
  std::vector<std::uint32_t> devices;
  std::vector<std::int64_t> epochs;
  std::vector<std::int64_t> nexts;
  std::vector<std::string> anchors;

  void Add(model::DeviceId log_device, model::Epoch epoch, model::EventId next,
           const Anchors& list) {
    devices.push_back(log_device);
    epochs.push_back(epoch);
    nexts.push_back(next);
    anchors.push_back(EncodeAnchors(list));
  }
  absl::Status Write(Connection& connection) const;
};

absl::Status AnchorRows::Write(Connection& connection) const {
  if (devices.empty()) return absl::OkStatus();
  Params params;
  params.AddOids(devices).AddNumbers(epochs).AddNumbers(nexts).AddBytesList(anchors);
  return connection
      .Query(
          "INSERT INTO gatelog.log_anchor (log_device, epoch, next, anchors) SELECT * FROM "
          "unnest($1::oid[], $2::bigint[], $3::bigint[], $4::bytea[]) ON CONFLICT (log_device) "
          "DO UPDATE SET epoch = excluded.epoch, next = excluded.next, anchors = "
          "excluded.anchors",
          params)
      .status();
}

void KeepNewest(Anchors& anchors) {
  if (anchors.size() <= model::kAnchorCount) return;
  anchors.erase(anchors.begin(), anchors.end() - static_cast<std::ptrdiff_t>(model::kAnchorCount));
}

bool ByLowerId(const model::Anchor& a, const model::Anchor& b) { return a.id < b.id; }

// Brings each log's anchors, which are those of where they were written last, to where the log
// stands: from the records that came since.
absl::Status CatchUp(Connection& connection, std::unordered_map<model::DeviceId, Anchors>& all) {
  // Few records of each log: the planner must not read all of them for that.
  GATELOG_RETURN_IF_ERROR(connection.Execute(
      "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL "
      "enable_mergejoin = off"));
  const auto add = [&](const Result& events) {
    for (int row = 0; row < events.rows(); ++row) {
      const absl::StatusOr<model::Event> event = model::ParseEvent(events.Bytes(row, 1));
      if (!event.ok()) continue;  // whoever reads the event says so
      const model::Anchor anchor = model::AnchorOf(*event);
      const bool erased = (events.Integer(row, 2) & kFlagErased) != 0;
      all[static_cast<model::DeviceId>(events.Integer(row, 0))].push_back(
          erased ? model::WithoutPerson(anchor) : anchor);
    }
  };
  constexpr char kEvents[] =
      "SELECT a.log_device, e.payload, e.flags FROM gatelog.log_anchor AS a JOIN "
      "gatelog.log_state AS s "
      "ON s.log_device = a.log_device AND s.epoch = a.epoch AND s.next > a.next CROSS JOIN LATERAL "
      "(SELECT payload, flags FROM gatelog.event AS v WHERE v.log_device = a.log_device AND "
      "v.epoch = "
      "a.epoch AND v.id >= a.next::oid AND v.seq ";
  GATELOG_ASSIGN_OR_RETURN(
      const std::int64_t unindexed,
      connection.QueryInteger("SELECT coalesce((SELECT min(first_seq) FROM gatelog.segment WHERE "
                              "NOT indexed), 9223372036854775807)"));
  GATELOG_ASSIGN_OR_RETURN(const Result indexed_events,
                           connection.Query(absl::StrCat(kEvents, "< ", unindexed, ") AS e")));
  add(indexed_events);
  // What has no indexes is read from end to end once, for all logs together.
  GATELOG_RETURN_IF_ERROR(connection.Execute(
      "SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on; SET LOCAL enable_nestloop = "
      "off"));
  GATELOG_ASSIGN_OR_RETURN(const Result other_events,
                           connection.Query(absl::StrCat(kEvents, ">= ", unindexed, ") AS e")));
  add(other_events);
  GATELOG_ASSIGN_OR_RETURN(
      const Result gaps,
      connection.Query("SELECT g.log_device, g.first, g.raw FROM gatelog.log_anchor AS a JOIN "
                       "gatelog.log_state AS s ON s.log_device = a.log_device AND s.epoch = "
                       "a.epoch JOIN gatelog.gap AS g ON g.log_device = a.log_device AND g.epoch = "
                       "a.epoch AND g.first >= a.next WHERE g.reason = $1",
                       Params().Add(static_cast<int>(model::GapReason::kUnreadable))));
  for (int row = 0; row < gaps.rows(); ++row) {
    all[static_cast<model::DeviceId>(gaps.Integer(row, 0))].push_back(model::AnchorOfUnreadable(
        static_cast<model::EventId>(gaps.Integer(row, 1)), gaps.Bytes(row, 2)));
  }
  for (auto& [log_device, anchors] : all) {
    std::stable_sort(anchors.begin(), anchors.end(), ByLowerId);
    KeepNewest(anchors);
  }
  return absl::OkStatus();
}

// Of the logs in `rows`, which are those of ReadLogStates.
absl::StatusOr<std::unordered_map<model::DeviceId, Anchors>> AnchorsOf(Connection& connection,
                                                                       const Result& rows,
                                                                       const AnchorCache& cache) {
  std::unordered_map<model::DeviceId, Anchors> anchors;
  bool all_kept = true;
  for (int row = 0; row < rows.rows() && all_kept; ++row) {
    const auto log_device = static_cast<model::DeviceId>(rows.Integer(row, 0));
    std::optional<AnchorCache::Kept> kept = cache.Find(log_device);
    all_kept = kept && kept->epoch == rows.Integer(row, 1) && kept->next == rows.Integer(row, 4);
    if (all_kept) anchors[log_device] = std::move(kept->anchors);
  }
  if (all_kept) return anchors;
  anchors.clear();
  for (int row = 0; row < rows.rows(); ++row) {
    const auto log_device = static_cast<model::DeviceId>(rows.Integer(row, 0));
    if (rows.Bytes(row, 6).size() % kAnchorBytes != 0) {
      return absl::DataLossError(absl::StrCat("The store in the ", connection.name(),
                                              " is damaged (anchors of log device ", log_device,
                                              "); restore a backup."));
    }
    anchors[log_device] = DecodeAnchors(rows.Bytes(row, 6));
  }
  GATELOG_RETURN_IF_ERROR(CatchUp(connection, anchors));
  return anchors;
}

}  // namespace

std::string EncodeAnchors(std::span<const model::Anchor> anchors) {
  std::string bytes;
  bytes.reserve(anchors.size() * kAnchorBytes);
  for (const model::Anchor& anchor : anchors) {
    AppendNumber(anchor.id, kIdBytes, bytes);
    AppendNumber(anchor.fingerprint, kFingerprintBytes, bytes);
  }
  return bytes;
}

std::vector<model::Anchor> DecodeAnchors(std::string_view bytes) {
  std::vector<model::Anchor> anchors;
  for (; bytes.size() >= kAnchorBytes; bytes.remove_prefix(kAnchorBytes)) {
    anchors.push_back({static_cast<model::EventId>(NumberOf(bytes.substr(0, kIdBytes))),
                       NumberOf(bytes.substr(kIdBytes, kFingerprintBytes))});
  }
  return anchors;
}

absl::StatusOr<bool> WriteLogs(Connection& connection, std::span<const LogUpdate> updates) {
  // The fence is part of the statement: a row that stands elsewhere is not written, and one that
  // somebody writes at the same time is waited for.
  static const std::string update_known = absl::StrCat(
      "UPDATE gatelog.log_state AS s SET epoch = u.epoch, epoch_first = u.epoch_first, "
      "generation = u.generation, next = u.next, "
      "image_next = CASE WHEN u.opened <> 0 THEN u.epoch_first ELSE s.image_next END, "
      "events = s.events + u.events, images_wanted = s.images_wanted + u.images_wanted, "
      "images_absent = s.images_absent + u.images_absent + CASE WHEN u.opened <> 0 THEN "
      "s.images_unsettled ELSE 0 END, images_unsettled = u.images_unsettled + CASE WHEN u.opened "
      "<> 0 THEN 0 ELSE s.images_unsettled END, gaps = s.gaps + u.gaps, missing = s.missing + "
      "u.missing FROM ",
      UnnestedColumns(),
      " WHERE s.log_device = u.log_device AND s.epoch = u.before_epoch AND s.next = "
      "u.before_next");
  static const std::string insert_new = absl::StrCat(
      "INSERT INTO gatelog.log_state (log_device, epoch, epoch_first, generation, next, "
      "image_next, events, images_wanted, images, images_absent, images_unsettled, gaps, missing) "
      "SELECT log_device, epoch, epoch_first, generation, next, epoch_first, events, "
      "images_wanted, 0, images_absent, images_unsettled, gaps, missing FROM ",
      UnnestedColumns(), " ON CONFLICT DO NOTHING");
  static const std::string advance =
      "UPDATE gatelog.log_state AS s SET next = u.next, events = s.events + u.events, "
      "images_wanted = s.images_wanted + u.images, images_unsettled = s.images_unsettled + "
      "u.images FROM unnest($1::oid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], "
      "$6::bigint[]) AS u(log_device, before_epoch, before_next, next, events, images) "
      "WHERE s.log_device = u.log_device AND s.epoch = u.before_epoch AND s.next = u.before_next";
  std::vector<const LogUpdate*> advanced;
  std::vector<const LogUpdate*> known;
  std::vector<const LogUpdate*> added;
  for (const LogUpdate& update : updates) {
    auto& kind = OnlyAdvances(update) ? advanced : update.before.epoch != 0 ? known : added;
    kind.push_back(&update);
  }
  const std::array<std::tuple<const std::string*, decltype(advanced)*, decltype(&AdvancesOf)>, 3>
      statements = {{{&advance, &advanced, AdvancesOf},
                     {&update_known, &known, ColumnsOf},
                     {&insert_new, &added, ColumnsOf}}};
  for (const auto& [sql, rows, params_of] : statements) {
    if (rows->empty()) continue;
    GATELOG_ASSIGN_OR_RETURN(const Result result, connection.Query(*sql, params_of(*rows)));
    if (result.changed() != static_cast<std::int64_t>(rows->size())) return false;
  }
  AnchorRows anchors;
  for (const LogUpdate& update : updates) {
    if (!update.saves_anchors) continue;
    const ports::LogState& after = *update.after;
    anchors.Add(after.log_device, after.epoch, after.next, *update.anchors);
  }
  GATELOG_RETURN_IF_ERROR(anchors.Write(connection));
  return true;
}

absl::Status SaveAnchors(Connection& connection, const AnchorCache::Logs& logs) {
  AnchorRows rows;
  for (const auto& [log_device, kept] : logs) {
    rows.Add(log_device, kept.epoch, kept.next, kept.anchors);
  }
  return rows.Write(connection);
}

absl::StatusOr<std::unordered_map<model::DeviceId, LogPosition>> ReadPositions(
    Connection& connection) {
  GATELOG_ASSIGN_OR_RETURN(
      const Result rows,
      connection.Query("SELECT log_device, epoch, next, generation FROM gatelog.log_state"));
  std::unordered_map<model::DeviceId, LogPosition> positions;
  for (int row = 0; row < rows.rows(); ++row) {
    positions[static_cast<model::DeviceId>(rows.Integer(row, 0))] = {
        .epoch = static_cast<model::Epoch>(rows.Integer(row, 1)),
        .next = static_cast<model::EventId>(rows.Integer(row, 2)),
        .generation = static_cast<model::Generation>(rows.Integer(row, 3))};
  }
  return positions;
}

Anchors AnchorsAfter(const Anchors& before, const ports::Batch& batch) {
  Anchors anchors;
  if (batch.after.epoch == batch.expected_epoch) anchors = before;
  // Older ones than these do not stay.
  const std::size_t skipped =
      batch.events.size() - std::min(batch.events.size(), model::kAnchorCount);
  for (auto event = batch.events.begin() + static_cast<std::ptrdiff_t>(skipped);
       event != batch.events.end(); ++event) {
    anchors.push_back(model::AnchorOf(*event));
  }
  for (const model::Gap& gap : batch.gaps) {
    if (gap.reason != model::GapReason::kUnreadable) continue;
    anchors.push_back(model::AnchorOfUnreadable(gap.first, gap.raw));
  }
  if (!batch.gaps.empty()) std::stable_sort(anchors.begin(), anchors.end(), ByLowerId);
  KeepNewest(anchors);
  return anchors;
}

std::optional<AnchorCache::Kept> AnchorCache::Find(model::DeviceId log_device) const {
  MutexLock lock(mutex_);
  const auto found = logs_.find(log_device);
  if (found == logs_.end()) return std::nullopt;
  return found->second;
}

void AnchorCache::Set(Logs logs) {
  MutexLock lock(mutex_);
  logs_ = std::move(logs);
}

void AnchorCache::Add(Logs logs) {
  MutexLock lock(mutex_);
  for (auto& [log_device, kept] : logs) logs_[log_device] = std::move(kept);
}

absl::StatusOr<std::vector<ports::LogState>> ReadLogStates(Connection& connection,
                                                           const AnchorCache& cache) {
  // Both statements must see the same moment.
  Transaction transaction(connection);
  GATELOG_RETURN_IF_ERROR(transaction.Begin("ISOLATION LEVEL REPEATABLE READ READ ONLY"));
  GATELOG_ASSIGN_OR_RETURN(
      const Result rows,
      connection.Query("SELECT s.log_device, s.epoch, epoch_first, generation, s.next, "
                       "image_next, anchors FROM gatelog.log_state AS s LEFT JOIN "
                       "gatelog.log_anchor AS a ON a.log_device = s.log_device ORDER BY 1"));
  GATELOG_ASSIGN_OR_RETURN(
      const Result past,
      connection.Query("SELECT log_device, epoch, first, next, generation FROM gatelog.epoch "
                       "WHERE next IS NOT NULL ORDER BY log_device, epoch"));
  GATELOG_ASSIGN_OR_RETURN(auto anchors, AnchorsOf(connection, rows, cache));
  std::vector<ports::LogState> states;
  int over = 0;
  for (int row = 0; row < rows.rows(); ++row) {
    ports::LogState& state = states.emplace_back();
    state.log_device = static_cast<model::DeviceId>(rows.Integer(row, 0));
    state.epoch = static_cast<model::Epoch>(rows.Integer(row, 1));
    state.epoch_first = static_cast<model::EventId>(rows.Integer(row, 2));
    state.generation = static_cast<model::Generation>(rows.Integer(row, 3));
    state.next = static_cast<model::EventId>(rows.Integer(row, 4));
    state.image_next = static_cast<model::EventId>(rows.Integer(row, 5));
    state.anchors = std::move(anchors[state.log_device]);
    for (; over < past.rows() && past.Integer(over, 0) <= state.log_device; ++over) {
      if (past.Integer(over, 0) != state.log_device) continue;
      state.past.push_back({.epoch = static_cast<model::Epoch>(past.Integer(over, 1)),
                            .first = static_cast<model::EventId>(past.Integer(over, 2)),
                            .next = static_cast<model::EventId>(past.Integer(over, 3)),
                            .generation = static_cast<model::Generation>(past.Integer(over, 4))});
    }
  }
  return states;
}

absl::StatusOr<std::vector<ports::LogTotals>> ReadLogTotals(Connection& connection) {
  // Epochs are numbered from 1 without holes, so the current one is also their count.
  GATELOG_ASSIGN_OR_RETURN(
      const Result rows,
      connection.Query("SELECT log_device, events, images_wanted, images, images_absent, gaps, "
                       "missing, epoch FROM gatelog.log_state ORDER BY log_device"));
  std::vector<ports::LogTotals> totals;
  for (int row = 0; row < rows.rows(); ++row) {
    const auto count = [&](int column) {
      return static_cast<std::uint64_t>(rows.Integer(row, column));
    };
    totals.push_back({.log_device = static_cast<model::DeviceId>(rows.Integer(row, 0)),
                      .events = count(1),
                      .images_wanted = count(2),
                      .images = count(3),
                      .images_absent = count(4),
                      .gaps = count(5),
                      .missing = count(6),
                      .epochs = count(7)});
  }
  return totals;
}

}  // namespace gatelog::postgres
