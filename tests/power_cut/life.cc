#include "tests/power_cut/life.h"

#include <fstream>
#include <memory>
#include <sstream>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "store/sqlite/data_directory.h"
#include "store/sqlite/opening.h"
#include "store/sqlite/sqlite_database.h"
#include "tests/support/temp_directory.h"

namespace gatelog::power_cut {
namespace {

using store::Database;
using store::SqliteRegistry;
using store::SqliteStore;
using store::Statement;

class Fingerprint {
 public:
  void Add(std::string_view bytes) {
    constexpr std::uint64_t kPrime = 1099511628211ULL;  // FNV-1a
    for (const char c : bytes) value_ = (value_ ^ static_cast<unsigned char>(c)) * kPrime;
    value_ = (value_ ^ 0x100) * kPrime;  // an end that no byte can be
  }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 14695981039346656037ULL;
};

// Every value of every row of every table, in a fixed order.
absl::Status AddTable(Database& database, const std::string& table, Fingerprint& fingerprint) {
  std::string list;
  {
    GATELOG_ASSIGN_OR_RETURN(Statement select,
                             database.Prepare("SELECT name FROM pragma_table_info(?1)"));
    select.BindText(1, table);
    while (true) {
      GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
      if (!row) break;
      absl::StrAppend(&list, list.empty() ? "" : " || '|' || ", "quote(",
                      std::string(select.Bytes(0)), ")");
    }
  }
  GATELOG_ASSIGN_OR_RETURN(Statement select, database.Prepare(absl::StrCat(
                                                 "SELECT ", list, " FROM ", table, " ORDER BY 1")));
  fingerprint.Add(table);
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
    if (!row) return absl::OkStatus();
    fingerprint.Add(select.Bytes(0));
  }
}

// The store and the registry of one process. The registry goes first.
struct Process {
  std::unique_ptr<SqliteStore> store;
  std::unique_ptr<SqliteRegistry> registry;
};

absl::StatusOr<Process> Open(const std::string& directory, const std::string& vfs,
                             const Clock& clock, const Settings& settings) {
  Process process;
  GATELOG_ASSIGN_OR_RETURN(process.store,
                           SqliteStore::Open({.directory = directory,
                                              .readers = 1,
                                              .checkpoint_pages = settings.checkpoint_pages,
                                              .vfs = vfs,
                                              .index = kSmallSegments,
                                              .clock = &clock,
                                              .synchronous_for_test = settings.synchronous}));
  GATELOG_ASSIGN_OR_RETURN(process.registry, SqliteRegistry::Open(*process.store));
  // As the gateway does at its start; from then on every connection has seen the file.
  GATELOG_RETURN_IF_ERROR(process.registry->Load().status());
  return process;
}

class Living {
 public:
  Living(const LifePlan& plan, const Settings& settings)
      : plan_(plan), settings_(settings), workload_(plan.seed) {}

  absl::StatusOr<Life> Run(const testing::DiskModel& disk) {
    WriteImage(disk.Cached(), directory_.path());
    if (plan_.left_open) WriteOpenLockFile(directory_.path());
    if (plan_.fault_at) vfs_.FailAfter(*plan_.fault_at, plan_.fault, plan_.lasting);
    life_.disk = disk;
    const absl::Status lived = LiveOn();
    // What closing the store does to the disk is no part of a life that was cut off.
    life_.fault_calls = vfs_.calls();
    life_.record = vfs_.TakeRecord();
    if (process_.store != nullptr) life_.pruned = process_.store->first_seq() - 1;
    process_ = {};
    GATELOG_RETURN_IF_ERROR(lived);
    return std::move(life_);
  }

 private:
  // An error is a surprise; what the fault explains is the life's end.
  absl::Status Surprise(const absl::Status& error) {
    if (vfs_.has_failed()) {
      life_.end = error;
      return absl::OkStatus();
    }
    return error;
  }

  absl::Status LiveOn() {
    absl::StatusOr<Process> opened =
        Open(directory_.path(), vfs_.name(), workload_.clock(), settings_);
    if (!opened.ok()) return Surprise(opened.status());
    process_ = *std::move(opened);
    life_.incarnation = process_.store->incarnation();
    if (absl::Status begun = workload_.Begin(*process_.store); !begun.ok()) return Surprise(begun);
    GATELOG_RETURN_IF_ERROR(Acknowledge(0));
    for (int step = 0; step < plan_.steps; ++step) {
      const std::size_t submitted_at = vfs_.recorded();
      const absl::Status done = workload_.Step(*process_.store, *process_.registry);
      if (done.ok()) {
        GATELOG_RETURN_IF_ERROR(Acknowledge(submitted_at));
      } else if (plan_.fault == testing::DiskVfs::Fault::kNoSpace && vfs_.has_failed()) {
        GATELOG_RETURN_IF_ERROR(GoOnWithSpace(done));
      } else {
        life_.in_doubt_at = submitted_at;
        GATELOG_RETURN_IF_ERROR(Surprise(done));
        return TryOn();
      }
    }
    return absl::OkStatus();
  }

  // A full disk changes nothing, and is forgotten when there is space.
  absl::Status GoOnWithSpace(const absl::Status& refusal) {
    if (!absl::IsResourceExhausted(refusal)) return refusal;
    GATELOG_ASSIGN_OR_RETURN(const Contents contents, ReadContents(directory_.path()));
    if (contents != life_.moments.back().contents) {
      return absl::InternalError("a transaction that was refused has changed the store");
    }
    vfs_.Heal();
    GATELOG_RETURN_IF_ERROR(process_.store->Commit({}).status());
    return workload_.Begin(*process_.store);
  }

  // After a failure for good, whatever is tried must be refused.
  absl::Status TryOn() {
    for (int step = 0; step < plan_.steps_after_failure; ++step) {
      const auto result = process_.store->Commit({});
      if (!result.ok()) continue;
      return absl::InternalError(
          absl::StrCat("the store takes commits again after ", life_.end.ToString()));
    }
    return absl::OkStatus();
  }

  absl::Status Acknowledge(std::size_t submitted_at) {
    Moment moment{submitted_at, vfs_.recorded(), {}};
    GATELOG_ASSIGN_OR_RETURN(moment.contents, ReadContents(directory_.path()));
    if (moment.contents.last_seq != process_.store->last_seq()) {
      return absl::InternalError(absl::StrCat("the file ends with seq ", moment.contents.last_seq,
                                              ", the store shows ", process_.store->last_seq()));
    }
    life_.moments.push_back(moment);
    return absl::OkStatus();
  }

  const LifePlan plan_;
  const Settings settings_;
  testing::TempDirectory directory_{testing::TempDirectory::Place::kMemory};
  testing::DiskVfs vfs_;
  Workload workload_;
  Process process_;
  Life life_;
};

}  // namespace

absl::StatusOr<Life> Live(const testing::DiskModel& disk, const LifePlan& plan,
                          const Settings& settings) {
  return Living(plan, settings).Run(disk);
}

absl::StatusOr<Contents> ReadContents(const std::string& directory) {
  GATELOG_ASSIGN_OR_RETURN(std::unique_ptr<Database> database,
                           Database::Open({.path = directory + "/gatelog.db", .read_only = true}));
  std::vector<std::string> tables;
  {
    GATELOG_ASSIGN_OR_RETURN(
        Statement select,
        // Lists are made from the rows, and a start goes on with it; that they agree is checked.
        database->Prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT IN "
                          "('index_segment', 'posting', 'hour_count') ORDER BY name"));
    while (true) {
      GATELOG_ASSIGN_OR_RETURN(const bool row, select.Step());
      if (!row) break;
      tables.emplace_back(select.Bytes(0));
    }
  }
  Fingerprint fingerprint;
  for (const std::string& table : tables) {
    GATELOG_RETURN_IF_ERROR(AddTable(*database, table, fingerprint));
  }
  GATELOG_ASSIGN_OR_RETURN(
      const std::int64_t last_seq,
      // All events may have been taken away; the chain knows of them.
      database->QueryInteger(
          "SELECT first_seq + events - 1 FROM block ORDER BY number DESC LIMIT 1"));
  return Contents{fingerprint.value(), static_cast<std::uint64_t>(last_seq)};
}

testing::DiskModel DiskWithNewStore() {
  const testing::TempDirectory directory(testing::TempDirectory::Place::kMemory);
  const auto locked = store::DataDirectory::Lock(directory.path());
  testing::DiskModel disk;
  if (!locked.ok() || !store::PrepareDatabaseFile(**locked).ok()) return disk;
  std::ifstream file(directory.path() + "/gatelog.db", std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  testing::DiskModel::Random random;  // nothing is left to it
  using Kind = testing::DiskOperation::Kind;
  for (const Kind kind : {Kind::kCreate, Kind::kWrite, Kind::kSync, Kind::kSyncDirectory}) {
    disk.Apply({kind, "gatelog.db", 0, content.str()}, random);
  }
  return disk;
}

void WriteOpenLockFile(const std::string& directory) {
  std::ofstream(directory + "/gatelog.lock") << "1\nopen\n";
}

void WriteImage(const testing::DiskImage& image, const std::string& directory) {
  for (const auto& [name, content] : image) {
    std::ofstream(directory + "/" + name, std::ios::binary) << content;
  }
}

}  // namespace gatelog::power_cut
