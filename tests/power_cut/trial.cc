#include "tests/power_cut/trial.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "store/sqlite/sqlite_registry.h"
#include "store/sqlite/sqlite_store.h"
#include "store/sqlite/store_check.h"
#include "tests/support/disk_vfs.h"
#include "tests/support/temp_directory.h"

namespace gatelog::power_cut {
namespace {

using store::Database;
using store::SqliteRegistry;
using store::SqliteStore;

constexpr int kFurtherSteps = 3;

absl::Status Wrong(const std::string& what) { return absl::InternalError(what); }

absl::Status CheckContents(const std::string& directory, const SqliteStore& store,
                           const Allowed& allowed) {
  GATELOG_ASSIGN_OR_RETURN(const Contents contents, ReadContents(directory));
  if (contents.last_seq != store.last_seq()) {
    return Wrong(absl::StrCat("shows seq ", store.last_seq(), ", holds ", contents.last_seq));
  }
  const auto found = std::find(allowed.contents.begin(), allowed.contents.end(), contents);
  if (found != allowed.contents.end()) return absl::OkStatus();
  if (allowed.in_doubt && contents.last_seq >= allowed.last_seq) return absl::OkStatus();
  if (!allowed.in_doubt && allowed.contents.empty() && allowed.last_seq == 0) {
    return absl::OkStatus();  // nothing was promised yet
  }
  return Wrong(absl::StrCat("holds events up to seq ", contents.last_seq,
                            " and is in no state that was acknowledged or asked for; "
                            "acknowledged is seq ",
                            allowed.last_seq));
}

// Whoever read up to `seq` before gets everything after it that is still kept, once, in order.
absl::Status CheckFollowing(SqliteStore& store, std::uint64_t seq) {
  seq = std::max(seq, store.first_seq() - 1);
  while (true) {
    GATELOG_ASSIGN_OR_RETURN(const ports::EventPage page,
                             store.Read({.after_seq = seq, .limit = 1000}));
    for (const ports::StoredEvent& event : page.events) {
      if (event.seq != ++seq)
        return Wrong(absl::StrCat("seq ", event.seq, " where ", seq, " is due"));
    }
    if (!page.more) break;
  }
  if (seq == store.last_seq()) return absl::OkStatus();
  return Wrong(absl::StrCat("a follower ends at seq ", seq, ", the store at ", store.last_seq()));
}

absl::Status CheckWhole(const std::string& directory) {
  GATELOG_ASSIGN_OR_RETURN(std::unique_ptr<Database> database,
                           Database::Open({.path = directory + "/gatelog.db", .read_only = true}));
  return store::CheckStore(*database, nullptr).status();
}

absl::Status Try(const std::string& directory, const std::string& vfs, const Allowed& allowed,
                 std::uint64_t seed, const Settings& settings) {
  Workload workload(seed);
  GATELOG_ASSIGN_OR_RETURN(const std::unique_ptr<SqliteStore> store,
                           SqliteStore::Open({.directory = directory,
                                              .readers = 1,
                                              .checkpoint_pages = settings.checkpoint_pages,
                                              .vfs = vfs,
                                              .index = kSmallSegments,
                                              .clock = &workload.clock()}));
  if (allowed.incarnation != 0 && store->incarnation() != allowed.incarnation) {
    return Wrong("cursors that were handed out are not valid any more");
  }
  GATELOG_RETURN_IF_ERROR(CheckWhole(directory));
  GATELOG_RETURN_IF_ERROR(CheckContents(directory, *store, allowed));

  GATELOG_ASSIGN_OR_RETURN(const std::unique_ptr<SqliteRegistry> registry,
                           SqliteRegistry::Open(*store));
  GATELOG_RETURN_IF_ERROR(workload.Begin(*store));
  for (int step = 0; step < kFurtherSteps; ++step) {
    GATELOG_RETURN_IF_ERROR(workload.Step(*store, *registry));
  }
  GATELOG_RETURN_IF_ERROR(CheckWhole(directory));
  return CheckFollowing(*store, allowed.last_seq);
}

}  // namespace

std::string TryImage(const testing::DiskImage& image, const Allowed& allowed, std::uint64_t seed,
                     const Settings& settings) {
  const testing::TempDirectory directory(testing::TempDirectory::Place::kMemory);
  const testing::DiskVfs vfs;  // notes syncs and makes none, which makes this fast
  WriteImage(image, directory.path());
  if (allowed.left_open) WriteOpenLockFile(directory.path());
  const absl::Status status = Try(directory.path(), vfs.name(), allowed, seed, settings);
  return status.ok() ? std::string() : status.ToString();
}

}  // namespace gatelog::power_cut
