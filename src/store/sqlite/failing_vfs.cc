#include "store/sqlite/failing_vfs.h"

#include <sqlite3.h>

#include <atomic>
#include <cstdlib>

namespace gatelog::testing {
namespace {

std::atomic<bool> fail_syncs = false;
std::atomic<bool> disk_full = false;
std::atomic<int> successful_wal_syncs = 0;

// SQLite calls through a table of functions that a file begins with. Files keep the usual table,
// but for write-ahead logs a copy of it in which two functions are ours.
const sqlite3_io_methods* usual_methods = nullptr;
sqlite3_io_methods failing_methods;
sqlite3_vfs failing_vfs;

int FailingWrite(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
  return disk_full ? SQLITE_FULL : usual_methods->xWrite(file, data, size, offset);
}

int FailingSync(sqlite3_file* file, int flags) {
  if (fail_syncs) return SQLITE_IOERR_FSYNC;
  ++successful_wal_syncs;
  return usual_methods->xSync(file, flags);
}

int FailingOpen(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* flags_out) {
  sqlite3_vfs* usual = sqlite3_vfs_find(nullptr);
  const int code = usual->xOpen(usual, name, file, flags, flags_out);
  if (code != SQLITE_OK || (flags & SQLITE_OPEN_WAL) == 0) return code;
  usual_methods = file->pMethods;
  failing_methods = *usual_methods;
  failing_methods.xWrite = FailingWrite;
  failing_methods.xSync = FailingSync;
  file->pMethods = &failing_methods;
  return SQLITE_OK;
}

}  // namespace

FailingVfs::FailingVfs() {
  sqlite3_initialize();
  failing_vfs = *sqlite3_vfs_find(nullptr);
  failing_vfs.zName = kName;
  failing_vfs.pNext = nullptr;
  failing_vfs.xOpen = FailingOpen;
  fail_syncs = false;
  disk_full = false;
  successful_wal_syncs = 0;
  if (sqlite3_vfs_register(&failing_vfs, 0) != SQLITE_OK) std::abort();
}

FailingVfs::~FailingVfs() { sqlite3_vfs_unregister(&failing_vfs); }

void FailingVfs::FailSyncs(bool fail) { fail_syncs = fail; }
void FailingVfs::FillDisk(bool full) { disk_full = full; }
int FailingVfs::wal_syncs() const { return successful_wal_syncs; }

}  // namespace gatelog::testing
