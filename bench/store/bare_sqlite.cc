#include "bench/store/bare_sqlite.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace gatelog::bench {
namespace {

constexpr char kColumns[] =
    "seq INTEGER PRIMARY KEY, log_device INTEGER, epoch INTEGER, id INTEGER, timestamp INTEGER, "
    "code INTEGER, sub_code INTEGER, person INTEGER, arrival_ms INTEGER, payload BLOB";
constexpr char kRead[] = "seq, log_device, epoch, arrival_ms, payload";

void Require(bool done, sqlite3* database) {
  if (done) return;
  std::fprintf(stderr, "bare SQLite: %s\n", sqlite3_errmsg(database));
  std::exit(1);
}

}  // namespace

BareSqlite::BareSqlite(std::int64_t cache_kib, int checkpoint_pages) {
  const std::string path = directory_.path() + "/bare.db";
  Require(sqlite3_open(path.c_str(), &database_) == SQLITE_OK, database_);
  Execute(
      fmt::format("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -{}; "
                  "PRAGMA wal_autocheckpoint = {}; PRAGMA temp_store = MEMORY; "
                  "CREATE TABLE person (id INTEGER PRIMARY KEY, user_id TEXT UNIQUE)",
                  cache_kib, checkpoint_pages));
  OpenSegment();
}

BareSqlite::~BareSqlite() {
  sqlite3_finalize(insert_);
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(database_);
}

void BareSqlite::Execute(const std::string& sql) {
  Require(sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK, database_);
}

sqlite3_stmt* BareSqlite::Prepare(const std::string& sql) {
  sqlite3_stmt*& statement = statements_[sql];
  if (statement == nullptr) {
    Require(sqlite3_prepare_v3(database_, sql.c_str(), -1, SQLITE_PREPARE_PERSISTENT, &statement,
                               nullptr) == SQLITE_OK,
            database_);
  }
  return statement;
}

void BareSqlite::OpenSegment() {
  const int number = static_cast<int>(segments_.size());
  segments_.push_back({.number = number, .first_seq = seq_});
  Execute(fmt::format("CREATE TABLE event{} ({})", number, kColumns));
  sqlite3_finalize(insert_);
  insert_ = nullptr;
  const std::string sql =
      fmt::format("INSERT INTO event{} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", number);
  Require(sqlite3_prepare_v2(database_, sql.c_str(), -1, &insert_, nullptr) == SQLITE_OK,
          database_);
}

void BareSqlite::CloseSegment() {
  const int number = segments_.back().number;
  Execute(
      fmt::format("CREATE INDEX person{0} ON event{0} (person) WHERE person IS NOT NULL; "
                  "CREATE INDEX code{0} ON event{0} (code, timestamp); "
                  "CREATE INDEX record{0} ON event{0} (log_device, epoch, id)",
                  number));
  OpenSegment();
}

std::int64_t BareSqlite::PersonOf(const std::string& user) {
  const auto [found, added] = people_.emplace(user, static_cast<std::int64_t>(people_.size()) + 1);
  if (!added) return found->second;
  sqlite3_stmt* insert = Prepare("INSERT INTO person VALUES (?, ?)");
  sqlite3_bind_int64(insert, 1, found->second);
  sqlite3_bind_text(insert, 2, user.data(), static_cast<int>(user.size()), SQLITE_STATIC);
  Require(sqlite3_step(insert) == SQLITE_DONE, database_);
  sqlite3_reset(insert);
  return found->second;
}

void BareSqlite::InsertEvent(const ports::Batch& batch, const model::Event& event) {
  segments_.back().Add(event.timestamp);
  sqlite3_bind_int64(insert_, 1, static_cast<std::int64_t>(++seq_));
  sqlite3_bind_int64(insert_, 2, batch.log_device);
  sqlite3_bind_int64(insert_, 3, batch.after.epoch);
  sqlite3_bind_int64(insert_, 4, event.id);
  sqlite3_bind_int64(insert_, 5, event.timestamp);
  sqlite3_bind_int64(insert_, 6, event.code);
  sqlite3_bind_int64(insert_, 7, event.sub_code);
  if (event.user_id.empty()) {
    sqlite3_bind_null(insert_, 8);
  } else {
    sqlite3_bind_int64(insert_, 8, PersonOf(event.user_id));
  }
  sqlite3_bind_int64(insert_, 9, batch.arrival.time_since_epoch().count());
  sqlite3_bind_blob(insert_, 10, event.payload.data(), static_cast<int>(event.payload.size()),
                    SQLITE_STATIC);
  Require(sqlite3_step(insert_) == SQLITE_DONE, database_);
  sqlite3_reset(insert_);
}

void BareSqlite::Insert(std::span<const ports::Batch> batches) {
  Execute("BEGIN IMMEDIATE");
  for (const ports::Batch& batch : batches) {
    for (const model::Event& event : batch.events) InsertEvent(batch, event);
  }
  Execute("COMMIT");
  if (segments_.back().events >= kSegmentEvents) CloseSegment();
}

void BareSqlite::Settle() {
  if (segments_.back().events > 0) CloseSegment();
}

std::size_t BareSqlite::Rows(sqlite3_stmt* statement, std::vector<std::int64_t> values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    sqlite3_bind_int64(statement, static_cast<int>(i) + 1, values[i]);
  }
  std::size_t rows = 0;
  const int columns = sqlite3_column_count(statement);
  while (true) {
    const int code = sqlite3_step(statement);
    if (code == SQLITE_DONE) break;
    Require(code == SQLITE_ROW, database_);
    // Whoever asks wants the values.
    for (int column = 0; column < columns; ++column) sqlite3_column_blob(statement, column);
    ++rows;
  }
  sqlite3_reset(statement);
  return rows;
}

std::size_t BareSqlite::NewestOfPerson(const std::string& user, int limit) {
  const auto person = people_.find(user);
  if (person == people_.end()) return 0;
  std::size_t rows = 0;
  for (auto segment = segments_.rbegin();
       segment != segments_.rend() && rows < static_cast<std::size_t>(limit); ++segment) {
    rows += Rows(
        Prepare(fmt::format("SELECT {} FROM event{} WHERE person = ? ORDER BY seq DESC LIMIT ?",
                            kRead, segment->number)),
        {person->second, limit - static_cast<std::int64_t>(rows)});
  }
  return rows;
}

std::size_t BareSqlite::OfDevice(model::DeviceId device, std::int64_t from_s, std::int64_t to_s) {
  std::size_t rows = 0;
  for (const BareSegment& segment : segments_) {
    if (!segment.Overlaps(from_s, to_s)) continue;
    const bool open = &segment == &segments_.back();
    rows +=
        Rows(Prepare(fmt::format("SELECT {} FROM event{} {} WHERE log_device = ? AND epoch = 1 "
                                 "AND timestamp >= ? AND timestamp < ? ORDER BY id",
                                 kRead, segment.number,
                                 open ? "" : fmt::format("INDEXED BY record{}", segment.number))),
             {device, from_s, to_s});
  }
  return rows;
}

std::size_t BareSqlite::NewestOfCode(std::uint32_t code, std::int64_t from_s, std::int64_t to_s,
                                     int limit) {
  std::size_t rows = 0;
  for (auto segment = segments_.rbegin();
       segment != segments_.rend() && rows < static_cast<std::size_t>(limit); ++segment) {
    if (!segment->Overlaps(from_s, to_s)) continue;
    rows += Rows(Prepare(fmt::format("SELECT {} FROM event{} WHERE code = ? AND timestamp >= ? AND "
                                     "timestamp < ? ORDER BY timestamp DESC LIMIT ?",
                                     kRead, segment->number)),
                 {code, from_s, to_s, limit - static_cast<std::int64_t>(rows)});
  }
  return rows;
}

std::size_t BareSqlite::CountByCodeAndHour(std::int64_t from_s, std::int64_t to_s) {
  std::size_t rows = 0;
  for (const BareSegment& segment : segments_) {
    if (!segment.Overlaps(from_s, to_s)) continue;
    rows += Rows(Prepare(fmt::format("SELECT code, timestamp / 3600, count(*) FROM event{} WHERE "
                                     "timestamp >= ? AND timestamp < ? GROUP BY 1, 2",
                                     segment.number)),
                 {from_s, to_s});
  }
  return rows;
}

std::size_t BareSqlite::PageAfter(std::uint64_t seq, int limit) {
  std::size_t rows = 0;
  for (const BareSegment& segment : segments_) {
    if (segment.first_seq + segment.events <= seq || rows >= static_cast<std::size_t>(limit))
      continue;
    rows += Rows(Prepare(fmt::format("SELECT {} FROM event{} WHERE seq > ? ORDER BY seq LIMIT ?",
                                     kRead, segment.number)),
                 {static_cast<std::int64_t>(seq), limit - static_cast<std::int64_t>(rows)});
  }
  return rows;
}

double BareSqlite::Bytes() {
  Execute("PRAGMA wal_checkpoint(TRUNCATE)");
  return static_cast<double>(std::filesystem::file_size(directory_.path() + "/bare.db"));
}

}  // namespace gatelog::bench
