#include "tests/support/disk_vfs.h"

#include <sqlite3.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "base/mutex.h"

namespace gatelog::testing {

struct DiskVfs::State {
  std::string name;
  sqlite3_vfs vfs{};
  sqlite3_vfs* usual = nullptr;

  mutable Mutex mutex;
  std::vector<DiskOperation> record GUARDED_BY(mutex);
  int wal_syncs GUARDED_BY(mutex) = 0;
  std::uint64_t calls GUARDED_BY(mutex) = 0;
  std::uint64_t fail_at GUARDED_BY(mutex) = kNever;
  Fault fault GUARDED_BY(mutex) = Fault::kIoError;
  Lasting lasting GUARDED_BY(mutex) = Lasting::kOnce;
  bool has_failed GUARDED_BY(mutex) = false;

  static constexpr std::uint64_t kNever = UINT64_MAX;

  // Counts a call; true: it is to fail with `fault`.
  bool Fails(bool needs_space) GATELOG_REQUIRES(mutex) {
    const std::uint64_t call = calls++;
    if (call < fail_at || (call > fail_at && lasting == Lasting::kOnce)) return false;
    if (fault == Fault::kNoSpace && !needs_space) return false;
    has_failed = true;
    return true;
  }
};

namespace {

// SQLite's view of an open file; the usual file system's follows it in memory.
struct DiskFile {
  sqlite3_file base;
  DiskVfs::State* state;
  std::string* name;  // null: not recorded
  bool is_wal;
  bool syncs_directory;  // the first sync also syncs the directory, as SQLite's own layer does

  sqlite3_file* usual() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

DiskFile& Ours(sqlite3_file* file) { return *reinterpret_cast<DiskFile*>(file); }
sqlite3_file* Usual(sqlite3_file* file) { return Ours(file).usual(); }
const sqlite3_io_methods& UsualMethods(sqlite3_file* file) { return *Usual(file)->pMethods; }

int Close(sqlite3_file* file) {
  const int code = UsualMethods(file).xClose(Usual(file));
  delete std::exchange(Ours(file).name, nullptr);
  return code;
}

int Read(sqlite3_file* file, void* data, int size, sqlite3_int64 offset) {
  return UsualMethods(file).xRead(Usual(file), data, size, offset);
}

int Write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
  DiskFile& ours = Ours(file);
  if (ours.name == nullptr) return UsualMethods(file).xWrite(Usual(file), data, size, offset);
  DiskVfs::State& state = *ours.state;
  MutexLock lock(state.mutex);
  const bool fails = state.Fails(true);
  if (fails && state.fault == DiskVfs::Fault::kIoError) return SQLITE_IOERR_WRITE;
  const int written = fails ? size / 2 : size;
  if (written > 0) {
    const int code = UsualMethods(file).xWrite(Usual(file), data, written, offset);
    if (code != SQLITE_OK) return code;
    state.record.push_back(
        {DiskOperation::Kind::kWrite, *ours.name, static_cast<std::uint64_t>(offset),
         std::string(static_cast<const char*>(data), static_cast<std::size_t>(written))});
  }
  return fails ? SQLITE_FULL : SQLITE_OK;
}

int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  DiskFile& ours = Ours(file);
  if (ours.name == nullptr) return UsualMethods(file).xTruncate(Usual(file), size);
  DiskVfs::State& state = *ours.state;
  MutexLock lock(state.mutex);
  if (state.Fails(false)) return SQLITE_IOERR_TRUNCATE;
  const int code = UsualMethods(file).xTruncate(Usual(file), size);
  if (code != SQLITE_OK) return code;
  state.record.push_back(
      {DiskOperation::Kind::kTruncate, *ours.name, static_cast<std::uint64_t>(size)});
  return SQLITE_OK;
}

int Sync(sqlite3_file* file, int /*flags*/) {
  DiskFile& ours = Ours(file);
  if (ours.name == nullptr) return SQLITE_OK;
  DiskVfs::State& state = *ours.state;
  MutexLock lock(state.mutex);
  if (state.Fails(false)) {
    state.record.push_back({DiskOperation::Kind::kFailedSync, *ours.name});
    return SQLITE_IOERR_FSYNC;
  }
  state.record.push_back({DiskOperation::Kind::kSync, *ours.name});
  if (std::exchange(ours.syncs_directory, false)) {
    state.record.push_back({DiskOperation::Kind::kSyncDirectory, *ours.name});
  }
  if (ours.is_wal) ++state.wal_syncs;
  return SQLITE_OK;
}

int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  return UsualMethods(file).xFileSize(Usual(file), size);
}
int Lock(sqlite3_file* file, int level) { return UsualMethods(file).xLock(Usual(file), level); }
int Unlock(sqlite3_file* file, int level) { return UsualMethods(file).xUnlock(Usual(file), level); }
int CheckReservedLock(sqlite3_file* file, int* reserved) {
  return UsualMethods(file).xCheckReservedLock(Usual(file), reserved);
}
int FileControl(sqlite3_file* file, int operation, void* argument) {
  return UsualMethods(file).xFileControl(Usual(file), operation, argument);
}
int SectorSize(sqlite3_file* file) { return UsualMethods(file).xSectorSize(Usual(file)); }
int DeviceCharacteristics(sqlite3_file* file) {
  return UsualMethods(file).xDeviceCharacteristics(Usual(file));
}
int ShmMap(sqlite3_file* file, int region, int size, int extend, void volatile** memory) {
  return UsualMethods(file).xShmMap(Usual(file), region, size, extend, memory);
}
int ShmLock(sqlite3_file* file, int offset, int count, int flags) {
  return UsualMethods(file).xShmLock(Usual(file), offset, count, flags);
}
void ShmBarrier(sqlite3_file* file) { UsualMethods(file).xShmBarrier(Usual(file)); }
int ShmUnmap(sqlite3_file* file, int remove) {
  return UsualMethods(file).xShmUnmap(Usual(file), remove);
}

constexpr sqlite3_io_methods kMethods = {
    .iVersion = 2,  // without memory-mapped files
    .xClose = Close,
    .xRead = Read,
    .xWrite = Write,
    .xTruncate = Truncate,
    .xSync = Sync,
    .xFileSize = FileSize,
    .xLock = Lock,
    .xUnlock = Unlock,
    .xCheckReservedLock = CheckReservedLock,
    .xFileControl = FileControl,
    .xSectorSize = SectorSize,
    .xDeviceCharacteristics = DeviceCharacteristics,
    .xShmMap = ShmMap,
    .xShmLock = ShmLock,
    .xShmBarrier = ShmBarrier,
    .xShmUnmap = ShmUnmap,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

DiskVfs::State& StateOf(sqlite3_vfs* vfs) { return *static_cast<DiskVfs::State*>(vfs->pAppData); }

std::string NameOf(const char* path) {
  const char* slash = std::strrchr(path, '/');
  return slash == nullptr ? path : slash + 1;
}

int Open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* flags_out) {
  DiskVfs::State& state = StateOf(vfs);
  auto& ours = *new (file) DiskFile{.base = {},
                                    .state = &state,
                                    .name = nullptr,
                                    .is_wal = (flags & SQLITE_OPEN_WAL) != 0,
                                    .syncs_directory = false};
  constexpr int kRecorded = SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL;
  constexpr int kSyncsDirectory = SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL;
  const bool recorded = path != nullptr && (flags & kRecorded) != 0;
  MutexLock lock(state.mutex);
  const bool created = recorded && access(path, F_OK) != 0;
  const int code = state.usual->xOpen(state.usual, path, ours.usual(), flags, flags_out);
  if (code != SQLITE_OK) return code;
  ours.base.pMethods = &kMethods;
  if (!recorded) return SQLITE_OK;
  ours.name = new std::string(NameOf(path));
  ours.syncs_directory = (flags & SQLITE_OPEN_CREATE) != 0 && (flags & kSyncsDirectory) != 0;
  if (created) state.record.push_back({DiskOperation::Kind::kCreate, *ours.name});
  return SQLITE_OK;
}

int Delete(sqlite3_vfs* vfs, const char* path, int sync_directory) {
  DiskVfs::State& state = StateOf(vfs);
  MutexLock lock(state.mutex);
  const int code = state.usual->xDelete(state.usual, path, 0);
  if (code != SQLITE_OK) return code;
  state.record.push_back({DiskOperation::Kind::kDelete, NameOf(path)});
  if (sync_directory != 0) {
    state.record.push_back({DiskOperation::Kind::kSyncDirectory, NameOf(path)});
  }
  return SQLITE_OK;
}

}  // namespace

DiskVfs::DiskVfs() : state_(std::make_unique<State>()) {
  static std::atomic<int> number = 0;
  sqlite3_initialize();
  state_->name = "gatelog-disk-" + std::to_string(++number);
  state_->usual = sqlite3_vfs_find(nullptr);
  state_->vfs = *state_->usual;
  state_->vfs.zName = state_->name.c_str();
  state_->vfs.pNext = nullptr;
  state_->vfs.pAppData = state_.get();
  state_->vfs.szOsFile = static_cast<int>(sizeof(DiskFile)) + state_->usual->szOsFile;
  state_->vfs.xOpen = Open;
  state_->vfs.xDelete = Delete;
  if (sqlite3_vfs_register(&state_->vfs, 0) != SQLITE_OK) std::abort();
}

DiskVfs::~DiskVfs() { sqlite3_vfs_unregister(&state_->vfs); }

const std::string& DiskVfs::name() const { return state_->name; }

std::size_t DiskVfs::recorded() const {
  MutexLock lock(state_->mutex);
  return state_->record.size();
}

std::vector<DiskOperation> DiskVfs::TakeRecord() {
  MutexLock lock(state_->mutex);
  return std::exchange(state_->record, {});
}

int DiskVfs::wal_syncs() const {
  MutexLock lock(state_->mutex);
  return state_->wal_syncs;
}

void DiskVfs::FailAfter(std::uint64_t calls, Fault fault, Lasting lasting) {
  MutexLock lock(state_->mutex);
  state_->fail_at = state_->calls + calls;
  state_->fault = fault;
  state_->lasting = lasting;
  state_->has_failed = false;
}

void DiskVfs::Heal() {
  MutexLock lock(state_->mutex);
  state_->fail_at = State::kNever;
}

bool DiskVfs::has_failed() const {
  MutexLock lock(state_->mutex);
  return state_->has_failed;
}

std::uint64_t DiskVfs::calls() const {
  MutexLock lock(state_->mutex);
  return state_->calls;
}

}  // namespace gatelog::testing
