// What the store costs over the bare DBMS: ingest, growth, queries, on SQLite and on PostgreSQL.
// See script/bench.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bench/nats_reference.h"
#include "bench/report.h"
#include "bench/site_load.h"
#include "bench/store/bare_postgres.h"
#include "bench/store/bare_sqlite.h"
#include "bench/store/ceilings.h"
#include "bench/store/follower.h"
#include "store/postgres/postgres_store.h"
#include "store/sqlite/sqlite_database.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/support/postgres_server.h"
#include "tests/support/temp_directory.h"

namespace gatelog::bench {
namespace {

constexpr std::int64_t kCacheKib = 128 * 1024;  // of each connection, ours and the bare ones
constexpr int kCheckpointPages = 16'384;
constexpr char kSharedBuffers[] = "2GB";  // of PostgreSQL
constexpr int kPage = 100;
constexpr int kTurns = 6;  // of a query, in which all its variants are asked
// Put into our store when it is full, so that its last segment is open and has many events.
constexpr std::uint64_t kOpenEvents = 200'000;

struct Options {
  std::vector<std::string> stores = {"sqlite", "postgresql"};
  std::uint64_t events = 10'000'000;
  std::uint64_t round_events = 1'000'000;
  int per_commit = 10'000;
  int rounds = 5;
  int queries = 101;
  std::vector<std::string> kinds = {"i", "ii", "iii", "iv", "v"};  // of queries
  bool follow = true;
  bool json = false;
};

void Progress(const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); }

template <typename T>
T Require(absl::StatusOr<T> result) {
  if (!result.ok()) {
    std::fprintf(stderr, "%s\n", result.status().ToString().c_str());
    std::exit(1);
  }
  return *std::move(result);
}

double SecondsOf(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Our store, freshly made, and what is asked of it beside the port.
class OurStore {
 public:
  virtual ~OurStore() = default;
  virtual ports::EventStore& store() = 0;
  // Returns when everything that goes on beside the commits is done.
  virtual void Settle() {}
  virtual double Bytes() = 0;
  // Closes the store for good and returns the data directory in which a gateway finds it, where
  // there is such a one.
  virtual std::optional<std::string> HandOver() { return std::nullopt; }
};

class OurSqlite final : public OurStore {
 public:
  OurSqlite()
      : store_(Require(store::SqliteStore::Open({.directory = directory_.path(),
                                                 .writer_cache_kib = kCacheKib,
                                                 .reader_cache_kib = kCacheKib,
                                                 .checkpoint_pages = kCheckpointPages}))) {}

  ports::EventStore& store() override { return *store_; }
  double Bytes() override {
    // As the file will be when the write-ahead log has come into it.
    const auto database = Require(
        store::Database::Open({.path = directory_.path() + "/gatelog.db", .read_only = true}));
    return static_cast<double>(Require(database->QueryInteger("PRAGMA page_count")) *
                               Require(database->QueryInteger("PRAGMA page_size")));
  }

  std::optional<std::string> HandOver() override {
    store_.reset();
    return directory_.path();
  }

 private:
  testing::TempDirectory directory_;
  std::unique_ptr<store::SqliteStore> store_;
};

class OurPostgres final : public OurStore {
 public:
  explicit OurPostgres(const std::string& url)
      : url_(url), store_(Require(postgres::PostgresStore::Open({.url = url}))) {}

  ports::EventStore& store() override { return *store_; }
  void Settle() override {
    while (store_->segments_to_index() > 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
  double Bytes() override {
    auto session = Require(postgres::Connection::Open({.url = url_}));
    return static_cast<double>(Require(session->QueryInteger(
        "SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class AS c WHERE c.relnamespace "
        "= 'gatelog'::regnamespace AND c.relkind = 'r'")));
  }

 private:
  const std::string url_;
  std::unique_ptr<postgres::PostgresStore> store_;
};

// A DBMS, and how both kinds of stores are made in it.
struct Dbms {
  std::string name;
  std::function<std::unique_ptr<OurStore>()> ours;
  std::function<std::unique_ptr<BareStore>()> bare;
  double bytes_goal = 0;
};

Dbms Sqlite() {
  return {.name = "sqlite",
          .ours = [] { return std::make_unique<OurSqlite>(); },
          .bare = [] { return std::make_unique<BareSqlite>(kCacheKib, kCheckpointPages); },
          .bytes_goal = 110};
}

Dbms Postgres() {
  const auto new_database = [] {
    static testing::PostgresServer server(kSharedBuffers);
    return server.NewDatabase();
  };
  return {.name = "postgresql",
          .ours = [=] { return std::make_unique<OurPostgres>(new_database()); },
          .bare = [=] { return std::make_unique<BarePostgres>(new_database()); },
          .bytes_goal = 300};
}

void Commit(ports::EventStore& store, const std::vector<ports::Batch>& batches) {
  for (const absl::Status& result : Require(store.Commit(batches))) {
    if (!result.ok()) Require(absl::StatusOr<int>(result));
  }
}

using Take = std::function<void(const std::vector<ports::Batch>&)>;

// How fast the events are taken, and the slowest commit.
struct Filled {
  double seconds = 0;
  double worst = 0;                // of a commit, seconds
  std::vector<double> rates = {};  // events/s of each 100,000
};

Filled Fill(SiteLoad& load, std::uint64_t events, int per_commit, const Take& take) {
  constexpr std::uint64_t kWindow = 100'000;
  Filled filled;
  double window_seconds = 0;
  std::uint64_t window = 0;
  for (std::uint64_t done = 0; done < events;) {
    const std::uint64_t left = events - done;
    const std::vector<ports::Batch> batches =
        load.Next(static_cast<int>(std::min<std::uint64_t>(left, per_commit)));
    const double seconds = SecondsOf([&] { take(batches); });
    for (const ports::Batch& batch : batches) {
      done += batch.events.size();
      window += batch.events.size();
    }
    filled.seconds += seconds;
    filled.worst = std::max(filled.worst, seconds);
    window_seconds += seconds;
    if (window < kWindow) continue;
    filled.rates.push_back(static_cast<double>(window) / std::exchange(window_seconds, 0));
    window = 0;
  }
  return filled;
}

double IngestOurs(const Dbms& dbms, SiteLoad::Order order, const Options& options) {
  const auto ours = dbms.ours();
  SiteLoad load(order, options.round_events);
  Filled filled = Fill(load, options.round_events, options.per_commit,
                       [&](const auto& batches) { Commit(ours->store(), batches); });
  filled.seconds += SecondsOf([&] { ours->Settle(); });
  return static_cast<double>(options.round_events) / filled.seconds;
}

double IngestBare(const Dbms& dbms, SiteLoad::Order order, const Options& options) {
  const auto bare = dbms.bare();
  SiteLoad load(order, options.round_events);
  const Filled filled = Fill(load, options.round_events, options.per_commit,
                             [&](const auto& batches) { bare->Insert(batches); });
  return static_cast<double>(options.round_events) / filled.seconds;
}

Result Ingest(const Dbms& dbms, SiteLoad::Order order, const Options& options) {
  const char* name = order == SiteLoad::Order::kLive ? "live order" : "catch-up order";
  Result result{.workload = dbms.name + " ingest, " + name, .unit = "events/s", .goal = 0.7};
  std::vector<double> ours;
  std::vector<double> bare;
  for (int round = 0; round < options.rounds; ++round) {
    ours.push_back(IngestOurs(dbms, order, options));
    bare.push_back(IngestBare(dbms, order, options));
    Progress(result.workload + ": round " + std::to_string(round + 1));
  }
  result.ours = Median(ours);
  result.ceiling = Median(bare);
  return result;
}

// One query, asked of both; `k` varies what is asked for.
struct Question {
  std::string name;
  std::function<std::size_t(int k)> ours;
  std::function<std::size_t(int k)> bare;
  bool same_rows = true;
  std::optional<double> goal_of_ours = {};  // ms; none: within twice the bare layout
};

std::string UserOf(int k) { return std::to_string(100 + k * 997 % 49'000); }
model::DeviceId DeviceOf(int k) {
  return SiteLoad::kFirstDevice + static_cast<model::DeviceId>(k * 37 % SiteLoad::kDevices);
}
std::int64_t DayOf(int k) { return SiteLoad::kFirstSecond + k % 29 * SiteLoad::kDay; }
std::int64_t WeekOf(int k) { return SiteLoad::kFirstSecond + k % 23 * SiteLoad::kDay; }
std::uint64_t PlaceOf(int k, std::uint64_t events) {
  return static_cast<std::uint64_t>(k) * 982'451'653u % events;
}

std::vector<Question> Questions(ports::EventStore& store, BareStore& bare, std::uint64_t events) {
  const auto read = [&store](ports::EventQuery query) {
    query.payload_alone = true;  // as the service reads
    return Require(store.Read(query)).events.size();
  };
  constexpr auto kNewest = ports::Order::kNewestFirst;
  std::vector<Question> questions;
  questions.push_back({"i: one user, newest 100",
                       [=](int k) {
                         return read(
                             {.filter = {.users = {UserOf(k)}}, .order = kNewest, .limit = kPage});
                       },
                       [&](int k) { return bare.NewestOfPerson(UserOf(k), kPage); }});
  questions.push_back(
      {"ii: one device, one day",
       [=](int k) {
         ports::EventFilter filter{.log_devices = {DeviceOf(k)}};
         filter.from_s = DayOf(k);
         filter.to_s = DayOf(k) + SiteLoad::kDay;
         return read({.filter = filter, .limit = ports::kQueryLimitMax});
       },
       [&](int k) { return bare.OfDevice(DeviceOf(k), DayOf(k), DayOf(k) + SiteLoad::kDay); }});
  questions.push_back({"iii: one code in a week, newest 100",
                       [=](int k) {
                         ports::EventFilter filter{.codes = {SiteLoad::kDenied}};
                         filter.from_s = WeekOf(k);
                         filter.to_s = WeekOf(k) + 7 * SiteLoad::kDay;
                         return read({.filter = filter, .order = kNewest, .limit = kPage});
                       },
                       [&](int k) {
                         return bare.NewestOfCode(SiteLoad::kDenied, WeekOf(k),
                                                  WeekOf(k) + 7 * SiteLoad::kDay, kPage);
                       }});
  questions.push_back(
      {"iv: count by code and hour, one day",
       [&store](int k) {
         ports::CountQuery query{.by_code = true, .by_span_s = 3'600};
         query.filter.from_s = DayOf(k);
         query.filter.to_s = DayOf(k) + SiteLoad::kDay;
         return Require(store.Count(query)).size();
       },
       [&](int k) { return bare.CountByCodeAndHour(DayOf(k), DayOf(k) + SiteLoad::kDay); },
       false,  // an hour in two segments is two rows of the bare layout
       5});
  questions.push_back(
      {"v: one page by key",
       [=](int k) { return read({.after_seq = PlaceOf(k, events), .limit = kPage}); },
       [&bare, events](int k) { return bare.PageAfter(PlaceOf(k, events), kPage); }});
  return questions;
}

bool IsAsked(const Question& question, const Options& options) {
  const std::string kind = question.name.substr(0, question.name.find(':'));
  return std::find(options.kinds.begin(), options.kinds.end(), kind) != options.kinds.end();
}

Result Ask(const std::string& dbms, const Question& question, int times) {
  std::vector<double> ours;
  std::vector<double> bare;
  std::size_t rows_ours = 0;
  std::size_t rows_bare = 0;
  // In turns of all k, so that each finds the processor's caches as it left them and pays for none
  // of the other's work; the first turn of each only warms.
  const auto ask_all = [times](const std::function<std::size_t(int)>& ask, std::vector<double>& ms) {
    std::size_t rows = 0;
    for (int k = 0; k < times; ++k) {
      ms.push_back(1e3 * SecondsOf([&] { rows += ask(k); }));
    }
    return rows;
  };
  for (int turn = 0; turn < kTurns; ++turn) {
    rows_ours = ask_all(question.ours, ours);
    rows_bare = ask_all(question.bare, bare);
    if (turn == 0) {
      ours.clear();
      bare.clear();
    }
  }
  Result result{.workload = dbms + " query " + question.name,
                .unit = "ms",
                .ours = Median(ours),
                .ceiling = Median(bare),
                .goal = question.goal_of_ours ? std::nullopt : std::optional<double>(2),
                .goal_of_ours = question.goal_of_ours,
                .less_is_better = true};
  if (question.same_rows && rows_ours != rows_bare) {
    result.invalid = "ours found " + std::to_string(rows_ours) + " rows, the bare layout " +
                     std::to_string(rows_bare);
  }
  Progress(result.workload);
  return result;
}

// The median of some of the windows: one is at the mercy of whatever else the machine does.
double RateAt(const std::vector<double>& rates, bool end) {
  constexpr std::ptrdiff_t kWindows = 5;
  const auto some = std::min<std::ptrdiff_t>(kWindows, std::ssize(rates));
  if (some == 0) return 0;
  return end ? Median({rates.end() - some, rates.end()})
             : Median({rates.begin(), rates.begin() + some});
}

// The whole store over gRPC, against reading the bare one from end to end in pages as large. Ours
// is closed for it.
std::optional<Result> Follow(const std::string& dbms, OurStore& ours, BareStore& bare,
                             const Options& options) {
  constexpr int kBatch = 8'192;
  const std::optional<std::string> directory = ours.HandOver();
  if (!directory) return std::nullopt;
  Follower follower(*directory);
  const auto events = static_cast<double>(options.events);
  std::vector<double> followed;
  std::vector<double> read;
  for (int round = 0; round < options.rounds; ++round) {
    followed.push_back(events / follower.Follow(options.events));
    read.push_back(events / SecondsOf([&] {
                     for (std::uint64_t seq = 0; seq < options.events; seq += kBatch) {
                       bare.PageAfter(seq, kBatch);
                     }
                   }));
    Progress(dbms + " follow: round " + std::to_string(round + 1));
  }
  return Result{.workload = dbms + " follow, a backlog over gRPC",
                .unit = "events/s",
                .ours = Median(followed),
                .ceiling = Median(read),
                .goal_of_ours = 1'000'000};
}

std::vector<Result> GrowAndAsk(const Dbms& dbms, const Options& options) {
  const auto ours = dbms.ours();
  const auto bare = dbms.bare();
  SiteLoad load(SiteLoad::Order::kLive, options.events + kOpenEvents);
  SiteLoad bare_load(SiteLoad::Order::kLive, options.events + kOpenEvents);
  const Filled filled = Fill(load, options.events, options.per_commit,
                             [&](const auto& batches) { Commit(ours->store(), batches); });
  Progress(dbms.name + ": our store is filled");
  const Filled theirs = Fill(bare_load, options.events, options.per_commit,
                             [&](const auto& batches) { bare->Insert(batches); });
  Progress(dbms.name + ": the bare one is filled");
  ours->Settle();
  bare->Settle();
  const auto events = static_cast<double>(options.events);
  std::vector<Result> results = {
      {.workload = dbms.name + " ingest, full against empty",
       .unit = "events/s",
       .ours = RateAt(filled.rates, true),
       .ceiling = RateAt(filled.rates, false),
       .goal = 0.8},
      {.workload = dbms.name + " longest commit",
       .unit = "ms",
       .ours = 1e3 * filled.worst,
       .peer = 1e3 * theirs.worst,
       .goal_of_ours = 100,
       .less_is_better = true},
      {.workload = dbms.name + " size",
       .unit = "bytes/event",
       .ours = ours->Bytes() / events,
       .peer = bare->Bytes() / events,
       .goal_of_ours = dbms.bytes_goal,
       .less_is_better = true},
  };
  for (const Question& question : Questions(ours->store(), *bare, options.events)) {
    if (IsAsked(question, options)) {
      results.push_back(Ask(dbms.name, question, options.queries));
    }
  }
  // The bare layout stays as it is, its last segment closed: an open one is not its best.
  Fill(load, kOpenEvents, options.per_commit,
       [&](const auto& batches) { Commit(ours->store(), batches); });
  for (Question& question : Questions(ours->store(), *bare, options.events)) {
    if (!IsAsked(question, options)) continue;
    question.name += ", a segment open";
    question.same_rows = false;
    results.push_back(Ask(dbms.name, question, options.queries));
  }
  if (options.follow) {
    if (auto followed = Follow(dbms.name, *ours, *bare, options)) results.push_back(*followed);
  }
  return results;
}

int Main(int argc, char** argv) {
  CLI::App app("What the store costs over the bare DBMS.");
  Options options;
  app.add_option("--store", options.stores, "sqlite, postgresql, or both")
      ->check(CLI::IsMember({"sqlite", "postgresql"}))
      ->capture_default_str();
  app.add_option("--events", options.events, "in the store that is queried")->capture_default_str();
  app.add_option("--round-events", options.round_events, "of one round of ingest")
      ->capture_default_str();
  app.add_option("--per-commit", options.per_commit, "events in a commit")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--rounds", options.rounds, "of ingest, of which the median counts")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--queries", options.queries, "of each kind")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--kinds", options.kinds, "of queries: i, ii, iii, iv, v")
      ->check(CLI::IsMember({"i", "ii", "iii", "iv", "v"}))
      ->capture_default_str();
  app.add_flag("--follow,!--no-follow", options.follow, "through a gateway; SQLite only");
  app.add_flag("--json", options.json, "a list of results instead of a table");
  CLI11_PARSE(app, argc, argv);
  std::vector<Result> results;
  std::vector<double> deliveries;
  const auto run_reference = [&] { deliveries.push_back(NatsDeliveriesPerSecond()); };
  run_reference();
  for (const std::string& name : options.stores) {
    const Dbms dbms = name == "sqlite" ? Sqlite() : Postgres();
    results.push_back(Ingest(dbms, SiteLoad::Order::kLive, options));
    run_reference();
    results.push_back(Ingest(dbms, SiteLoad::Order::kCatchUp, options));
    run_reference();
    for (Result& result : GrowAndAsk(dbms, options)) results.push_back(std::move(result));
    run_reference();
  }
  const double delivered = Median(deliveries);
  for (Result& result : results) JudgeCeiling(delivered, result);
  results.push_back({.workload = "reference: nats-server, one subscriber",
                     .unit = "messages/s",
                     .ours = delivered});
  const std::string text = options.json ? JsonOf(results) : TableOf(results);
  std::fputs(text.c_str(), stdout);
  return 0;
}

}  // namespace
}  // namespace gatelog::bench

int main(int argc, char** argv) { return gatelog::bench::Main(argc, argv); }
