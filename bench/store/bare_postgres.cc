#include "bench/store/bare_postgres.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace gatelog::bench {
namespace {

constexpr int kColumns = 10;
constexpr char kTable[] =
    "(seq bigint, arrival_ms bigint, timestamp bigint, log_device integer, epoch integer, "
    "id integer, code integer, person integer, sub_code smallint, payload bytea)";
constexpr char kRead[] = "seq, log_device, epoch, arrival_ms, payload";

template <typename T>
T Require(absl::StatusOr<T> result) {
  if (!result.ok()) {
    std::fprintf(stderr, "bare PostgreSQL: %s\n", result.status().ToString().c_str());
    std::exit(1);
  }
  return *std::move(result);
}
void Require(const absl::Status& status) {
  Require(status.ok() ? absl::StatusOr<int>(0) : absl::StatusOr<int>(status));
}

}  // namespace

BarePostgres::BarePostgres(const std::string& url)
    : session_(Require(postgres::Connection::Open({.url = url}))) {
  Require(session_->Execute(
      "DROP SCHEMA IF EXISTS bare CASCADE; CREATE SCHEMA bare; SET synchronous_commit = on; "
      "SET maintenance_work_mem = '128MB'; SET plan_cache_mode = force_generic_plan"));
  OpenSegment();
}

BarePostgres::~BarePostgres() { Require(session_->Execute("DROP SCHEMA bare CASCADE")); }

void BarePostgres::OpenSegment() {
  const int number = static_cast<int>(segments_.size());
  segments_.push_back({.number = number, .first_seq = seq_});
  Require(session_->Execute(fmt::format("CREATE TABLE bare.event{} {}", number, kTable)));
}

void BarePostgres::CloseSegment() {
  for (const char* columns :
       // Of blocks alone, the times' index makes a count fast and tempts the planner nowhere else.
       {"USING btree (seq)", "USING btree (person, seq)", "USING btree (code, timestamp)",
        "USING btree (log_device, timestamp)", "USING brin (timestamp)"}) {
    Require(session_->Execute(
        fmt::format("CREATE INDEX ON bare.event{} {}", segments_.back().number, columns)));
  }
  Require(session_->Execute(fmt::format("ANALYZE bare.event{}", segments_.back().number)));
  OpenSegment();
}

void BarePostgres::AddEvent(const ports::Batch& batch, const model::Event& event,
                            postgres::BinaryRows& rows) {
  segments_.back().Add(event.timestamp);
  rows.BeginRow(kColumns);
  rows.AddInt64(static_cast<std::int64_t>(++seq_));
  rows.AddInt64(batch.arrival.time_since_epoch().count());
  rows.AddInt64(event.timestamp);
  rows.AddInt32(batch.log_device);
  rows.AddInt32(batch.after.epoch);
  rows.AddInt32(event.id);
  rows.AddInt32(event.code);
  if (event.user_id.empty()) {
    rows.AddNull();
  } else {
    rows.AddInt32(people_.emplace(event.user_id, static_cast<std::int64_t>(people_.size()) + 1)
                      .first->second);
  }
  rows.AddInt16(event.sub_code);
  rows.AddBytes(event.payload);
}

void BarePostgres::Insert(std::span<const ports::Batch> batches) {
  postgres::BinaryRows rows;
  for (const ports::Batch& batch : batches) {
    for (const model::Event& event : batch.events) AddEvent(batch, event, rows);
  }
  Require(session_->CopyIn(
      fmt::format("COPY bare.event{} FROM STDIN (FORMAT binary)", segments_.back().number),
      rows.Finish()));
  if (segments_.back().events >= kSegmentEvents) CloseSegment();
}

void BarePostgres::Settle() {
  if (segments_.back().events > 0) CloseSegment();
}

std::size_t BarePostgres::Rows(const std::string& sql, const postgres::Params& params) {
  return static_cast<std::size_t>(Require(session_->Query(sql, params)).rows());
}

std::size_t BarePostgres::NewestOfPerson(const std::string& user, int limit) {
  const auto person = people_.find(user);
  if (person == people_.end()) return 0;
  // All in one: the server goes on to the next segment only as far as the page needs.
  std::string sql;
  for (auto segment = segments_.rbegin(); segment != segments_.rend(); ++segment) {
    sql +=
        fmt::format("{}(SELECT {} FROM bare.event{} WHERE person = $1::integer ORDER BY seq DESC)",
                    sql.empty() ? "" : " UNION ALL ", kRead, segment->number);
  }
  postgres::Params params;
  params.Add(person->second).Add(limit);
  return Rows(sql + " LIMIT $2::bigint", params);
}

std::size_t BarePostgres::OfDevice(model::DeviceId device, std::int64_t from_s, std::int64_t to_s) {
  std::size_t rows = 0;
  for (const BareSegment& segment : segments_) {
    if (!segment.Overlaps(from_s, to_s)) continue;
    postgres::Params params;
    params.Add(device).Add(from_s).Add(to_s);
    rows += Rows(fmt::format("SELECT {} FROM bare.event{} WHERE log_device = $1::integer AND "
                             "timestamp >= $2::bigint AND timestamp < $3::bigint",
                             kRead, segment.number),
                 params);
  }
  return rows;
}

std::size_t BarePostgres::NewestOfCode(std::uint32_t code, std::int64_t from_s, std::int64_t to_s,
                                       int limit) {
  std::size_t rows = 0;
  for (auto segment = segments_.rbegin();
       segment != segments_.rend() && rows < static_cast<std::size_t>(limit); ++segment) {
    if (!segment->Overlaps(from_s, to_s)) continue;
    postgres::Params params;
    params.Add(code).Add(from_s).Add(to_s).Add(limit - static_cast<std::int64_t>(rows));
    rows +=
        Rows(fmt::format("SELECT {} FROM bare.event{} WHERE code = $1::integer AND timestamp >= "
                         "$2::bigint AND timestamp < $3::bigint ORDER BY timestamp DESC "
                         "LIMIT $4::bigint",
                         kRead, segment->number),
             params);
  }
  return rows;
}

std::size_t BarePostgres::CountByCodeAndHour(std::int64_t from_s, std::int64_t to_s) {
  std::size_t rows = 0;
  for (const BareSegment& segment : segments_) {
    if (!segment.Overlaps(from_s, to_s)) continue;
    postgres::Params params;
    params.Add(from_s).Add(to_s);
    rows += Rows(fmt::format("SELECT code, timestamp / 3600, count(*) FROM bare.event{} WHERE "
                             "timestamp >= $1::bigint AND timestamp < $2::bigint GROUP BY 1, 2",
                             segment.number),
                 params);
  }
  return rows;
}

std::size_t BarePostgres::PageAfter(std::uint64_t seq, int limit) {
  std::size_t rows = 0;
  for (const BareSegment& segment : segments_) {
    if (segment.first_seq + segment.events <= seq || rows >= static_cast<std::size_t>(limit)) {
      continue;
    }
    postgres::Params params;
    params.Add(static_cast<std::int64_t>(seq)).Add(limit - static_cast<std::int64_t>(rows));
    rows +=
        Rows(fmt::format("SELECT {} FROM bare.event{} WHERE seq > $1::bigint ORDER BY seq LIMIT "
                         "$2::bigint",
                         kRead, segment.number),
             params);
  }
  return rows;
}

double BarePostgres::Bytes() {
  return static_cast<double>(Require(session_->QueryInteger(
      "SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class AS c WHERE c.relnamespace = "
      "'bare'::regnamespace AND c.relkind = 'r'")));
}

}  // namespace gatelog::bench
