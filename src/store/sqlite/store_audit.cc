#include "store/sqlite/store_audit.h"

#include <filesystem>
#include <memory>
#include <system_error>

#include "absl/strings/match.h"
#include "base/status_macros.h"
#include "store/sqlite/audit_pass.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/schema_check.h"
#include "store/sqlite/sqlite_database.h"

namespace gatelog::store {
namespace {

constexpr std::uint64_t kEventsPerPiece = 100'000;  // read in one moment
constexpr std::uint64_t kBlocksPerPiece = 20'000;

// What other programs read through, or what would act on what is written.
absl::Status CheckSchema(Database& database) {
  GATELOG_ASSIGN_OR_RETURN(const std::string wrong, FindForeignSchema(database));
  return wrong.empty() ? absl::OkStatus() : evidence::Finding(wrong);
}

// One piece. True: everything is checked, the tables as a whole too.
absl::StatusOr<bool> CheckPiece(Database& database, AuditPass& pass, const AuditOptions& options) {
  GATELOG_ASSIGN_OR_RETURN(Snapshot snapshot, Snapshot::Begin(database));
  GATELOG_ASSIGN_OR_RETURN(const std::int64_t newest,
                           database.QueryInteger("SELECT max(number) FROM block"));
  GATELOG_RETURN_IF_ERROR(pass.LoadPrunes());
  const std::uint64_t events_before = pass.report().events;
  const std::uint64_t blocks_before = pass.report().blocks;
  while (pass.report().blocks < static_cast<std::uint64_t>(newest)) {
    GATELOG_RETURN_IF_ERROR(pass.CheckNextBlock());
    if (pass.report().events - events_before >= kEventsPerPiece ||
        pass.report().blocks - blocks_before >= kBlocksPerPiece) {
      break;
    }
  }
  if (options.progress &&
      !options.progress(pass.report().blocks, static_cast<std::uint64_t>(newest))) {
    return absl::CancelledError();
  }
  if (pass.report().blocks < static_cast<std::uint64_t>(newest)) return false;
  GATELOG_RETURN_IF_ERROR(pass.CheckTables());
  return true;
}

absl::StatusOr<AuditReport> Audit(const AuditOptions& options) {
  // Without a write-ahead log nobody has the file open, and nothing need be written beside it.
  std::error_code ignored;
  const bool alone = !std::filesystem::exists(options.path + "-wal", ignored);
  GATELOG_ASSIGN_OR_RETURN(
      const std::unique_ptr<Database> database,
      Database::Open({.path = options.path, .read_only = true, .immutable = alone}));
  GATELOG_RETURN_IF_ERROR(CheckSchemaVersion(*database));
  GATELOG_RETURN_IF_ERROR(CheckSchema(*database));
  AuditPass pass(*database, options);
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const bool done, CheckPiece(*database, pass, options));
    if (done) return pass.report();
  }
}

}  // namespace

absl::StatusOr<AuditReport> AuditStore(const AuditOptions& options) {
  absl::StatusOr<AuditReport> report = Audit(options);
  // A file that cannot be read says nothing about what was committed. Sentences about it begin with
  // its name, findings never do.
  const bool unreadable = absl::IsDataLoss(report.status()) &&
                          absl::StartsWith(report.status().message(), options.path);
  if (!unreadable) return report;
  return absl::FailedPreconditionError(report.status().message());
}

}  // namespace gatelog::store
