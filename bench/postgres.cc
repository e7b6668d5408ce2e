// How fast a store in PostgreSQL takes events and answers, beside the bare server.
//
//   postgres URL [EVENTS] [EVENTS_PER_COMMIT]     default: 1,000,000 in commits of 10,000
//
// URL: an empty database. Load: 1,000 log devices, 50,000 users, a tenth of the events without one,
// 2 % with code 0x1900, over 30 days; in live order (each event the next device's) or, with
// EVENTS_PER_TURN of 100, in turns. Prints events per second through Commit, of the bare COPY of
// the same rows with indexes built after each segment, the time until all segments are indexed,
// bytes per event, and five queries: i. one user's last 100; ii. one device's day; iii. one code's
// newest 100 of a week; iv. a day's count by code and hour; v. a page of 1,000.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "store/postgres/connection.h"
#include "store/postgres/postgres_store.h"
#include "tests/support/records.h"

namespace gatelog {
namespace {

constexpr int kDevices = 1'000;
constexpr int kUsers = 50'000;
constexpr model::DeviceId kFirstDevice = 541'000'001;
constexpr std::int64_t kBegin = 1'700'000'000 - 1'700'000'000 % 86'400;
constexpr std::int64_t kDays = 30;

class Load {
 public:
  Load(int events, int per_turn) : events_(events), per_turn_(per_turn) {
    for (int i = 0; i < kDevices; ++i) {
      states_.push_back({.log_device = kFirstDevice + static_cast<model::DeviceId>(i)});
    }
  }

  std::vector<ports::Batch> Next(int events) {
    std::vector<ports::Batch> batches;
    for (int made = 0; made < events;) {
      ports::LogState& state = states_[turn_++ % kDevices];
      testing::BatchMaker maker(state);
      if (state.epoch == 0) maker.OpenEpoch(1, 1);
      const int share = std::max(per_turn_, events / kDevices);
      for (int i = 0; i < share && made < events; ++i, ++made) maker.Add(Event(state));
      batches.push_back(maker.Make());
      state = batches.back().after;
    }
    return batches;
  }

 private:
  model::Event Event(const ports::LogState& state) {
    random_ = random_ * 6'364'136'223'846'793'005u + 1'442'695'040'888'963'407u;
    const auto pick = [this](int shift, unsigned below) {
      return static_cast<std::uint32_t>(random_ >> shift) % below;
    };
    model::Event event;
    event.timestamp = static_cast<std::uint32_t>(kBegin + made_++ * kDays * 86'400 / events_);
    event.device = state.log_device;
    event.code = pick(20, 50) == 0 ? 0x1900 : 0x1300 + pick(40, 5) * 0x100;
    event.sub_code = pick(24, 4);
    if (pick(28, 10) != 0) event.user_id = std::to_string(pick(32, kUsers));
    return event;
  }

  const std::int64_t events_;
  const int per_turn_;
  std::int64_t made_ = 0;
  std::vector<ports::LogState> states_;
  std::size_t turn_ = 0;
  std::uint64_t random_ = 1;
};

using Steady = std::chrono::steady_clock;
double SecondsSince(Steady::time_point start) {
  return std::chrono::duration<double>(Steady::now() - start).count();
}

template <typename T>
T Must(absl::StatusOr<T> result) {
  if (!result.ok()) {
    std::fprintf(stderr, "%s\n", result.status().ToString().c_str());
    std::exit(1);
  }
  return *std::move(result);
}
void Must(const absl::Status& status) {
  Must(absl::StatusOr<int>(status.ok() ? absl::StatusOr<int>(0) : status));
}

void Ingest(postgres::PostgresStore& store, int events, int per_commit, int per_turn) {
  Load load(events, per_turn);
  double seconds = 0;
  double longest = 0;
  double first_tenth = 0;
  for (int done = 0; done < events; done += per_commit) {
    const std::vector<ports::Batch> batches = load.Next(std::min(per_commit, events - done));
    const auto start = Steady::now();
    Must(store.Commit(batches));
    const double took = SecondsSince(start);
    seconds += took;
    longest = std::max(longest, took);
    if (done < events / 10) first_tenth = seconds;
  }
  const auto start = Steady::now();
  while (store.segments_to_index() > 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  const double rest = SecondsSince(start);
  std::printf(
      "commit of %d: %.0f events/s; first tenth %.0f; longest %.1f ms; with the wait for "
      "indexes (%.2f s) %.0f events/s\n",
      per_commit, events / seconds, events / 10 / first_tenth, 1e3 * longest, rest,
      events / (seconds + rest));
}

// What the server alone does with the same rows: COPY in the same batches, synced, indexes built
// when a segment is full, by the same session.
void Bare(const std::string& url, int events, int per_commit, int per_turn) {
  auto session = Must(postgres::Connection::Open({.url = url}));
  Must(
      session->Execute("DROP SCHEMA IF EXISTS bare CASCADE; CREATE SCHEMA bare; SET "
                       "synchronous_commit = on; SET maintenance_work_mem = '128MB'"));
  Load load(events, per_turn);
  double copying = 0;
  double indexing = 0;
  std::int64_t seq = 0;
  std::string table;
  int in_segment = static_cast<int>(postgres::PostgresStore::kSegmentEvents);
  const auto index = [&] {
    if (table.empty()) return;
    const auto start = Steady::now();
    for (const char* columns : {"(seq)", "(log_device, epoch, id)", "(person, seq)", "(code, seq)",
                                "(device, seq)", "(timestamp)"}) {
      Must(session->Execute(absl::StrCat("CREATE INDEX ON ", table, " ", columns)));
    }
    indexing += SecondsSince(start);
  };
  for (int done = 0; done < events; done += per_commit) {
    if (in_segment + per_commit > static_cast<int>(postgres::PostgresStore::kSegmentEvents)) {
      index();
      table = absl::StrCat("bare.event_", seq);
      Must(session->Execute(absl::StrCat("CREATE TABLE ", table, " (LIKE gatelog.event)")));
      in_segment = 0;
    }
    in_segment += per_commit;
    const std::vector<ports::Batch> batches = load.Next(std::min(per_commit, events - done));
    const auto start = Steady::now();
    postgres::BinaryRows rows;
    for (const ports::Batch& batch : batches) {
      for (const model::Event& event : batch.events) {
        rows.BeginRow(17);
        rows.AddInt64(++seq);
        rows.AddInt64(batch.arrival.time_since_epoch().count());
        rows.AddInt64(event.timestamp);
        rows.AddInt32(batch.log_device);
        rows.AddInt32(1);
        rows.AddInt32(event.id);
        rows.AddInt32(event.device);
        rows.AddInt32(0);
        rows.AddInt32(0);
        rows.AddInt32(event.code);
        event.user_id.empty() ? rows.AddNull() : rows.AddInt32(std::atoi(event.user_id.c_str()));
        rows.AddInt16(event.sub_code);
        rows.AddInt16(0);
        rows.AddInt16(0);
        rows.AddInt16(1);
        rows.AddBytes("");
        rows.AddBytes(event.payload);
      }
    }
    Must(session->CopyIn(absl::StrCat("COPY ", table, " FROM STDIN (FORMAT binary)"),
                         rows.Finish()));
    copying += SecondsSince(start);
  }
  index();
  std::printf("bare COPY of %d: %.0f events/s; with indexes %.0f events/s\n", per_commit,
              events / copying, events / (copying + indexing));
  Must(session->Execute("DROP SCHEMA bare CASCADE"));
}

template <typename Query>
void Time(const char* name, Query query) {
  constexpr int kRuns = 50;
  std::vector<double> times;
  std::size_t rows = 0;
  for (int run = 0; run < kRuns; ++run) {
    const auto start = Steady::now();
    rows = query(run);
    times.push_back(1e3 * SecondsSince(start));
  }
  std::sort(times.begin(), times.end());
  std::printf("%-36s %8.3f ms, fastest %.3f (%zu rows)\n", name, times[times.size() / 2], times[0],
              rows);
}

void Queries(postgres::PostgresStore& store) {
  const auto read = [&](ports::EventQuery query) { return Must(store.Read(query)).events.size(); };
  constexpr std::int64_t kDay = 86'400;
  Time("log states", [&](int) { return Must(store.LoadLogStates()).size(); });
  Time("i. one user, last 100", [&](int run) {
    return read({.filter = {.users = {std::to_string(run * 997 % kUsers)}},
                 .order = ports::Order::kNewestFirst,
                 .limit = 100});
  });
  Time("ii. one device, one day", [&](int run) {
    const std::int64_t from = kBegin + (run % kDays) * kDay;
    return read({.filter = {.log_devices = {kFirstDevice + static_cast<model::DeviceId>(run * 17)},
                            .from_s = from,
                            .to_s = from + kDay},
                 .limit = ports::kQueryLimitMax});
  });
  Time("ii. the same by device", [&](int run) {
    const std::int64_t from = kBegin + (run % kDays) * kDay;
    return read({.filter = {.devices = {kFirstDevice + static_cast<model::DeviceId>(run * 17)},
                            .from_s = from,
                            .to_s = from + kDay},
                 .limit = ports::kQueryLimitMax});
  });
  Time("iii. one code, a week, newest 100", [&](int run) {
    const std::int64_t from = kBegin + (run % 23) * kDay;
    return read({.filter = {.codes = {0x1900}, .from_s = from, .to_s = from + 7 * kDay},
                 .order = ports::Order::kNewestFirst,
                 .limit = 100});
  });
  Time("iv. count by code and hour, a day", [&](int run) {
    const std::int64_t from = kBegin + (run % kDays) * kDay;
    return Must(store.Count({.filter = {.from_s = from, .to_s = from + kDay},
                             .by_code = true,
                             .by_span_s = 3'600}))
        .size();
  });
  Time("v. page of 1,000", [&](int run) {
    return read(
        {.after_seq = store.last_seq() / 50 * static_cast<std::uint64_t>(run), .limit = 1'000});
  });
}

int Main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "postgres URL [EVENTS] [EVENTS_PER_COMMIT] [EVENTS_PER_TURN]\n");
    return 2;
  }
  const std::string url = argv[1];
  const int events = argc > 2 ? std::atoi(argv[2]) : 1'000'000;
  const int per_commit = argc > 3 ? std::atoi(argv[3]) : 10'000;
  const int per_turn = argc > 4 ? std::atoi(argv[4]) : 1;
  auto store = Must(postgres::PostgresStore::Open({.url = url}));
  Ingest(*store, events, per_commit, per_turn);
  Queries(*store);
  auto session = Must(postgres::Connection::Open({.url = url}));
  const auto bytes = Must(session->QueryInteger(
      "SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class AS c WHERE c.relnamespace = "
      "'gatelog'::regnamespace AND c.relkind IN ('r')"));
  std::printf("%.0f bytes per event\n",
              static_cast<double>(bytes) / static_cast<double>(store->last_seq()));
  store.reset();
  Bare(url, events, per_commit, per_turn);
  return 0;
}

}  // namespace
}  // namespace gatelog

int main(int argc, char** argv) { return gatelog::Main(argc, argv); }
