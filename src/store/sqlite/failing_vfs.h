#pragma once

namespace gatelog::testing {

// A layer under SQLite for tests, registered as kName while the object lives; one at a time. Files
// opened through it must be closed before. Passes everything on to the usual file system, except
// where it is told to fail. Any thread.
class FailingVfs {
 public:
  static constexpr char kName[] = "gatelog-failing";

  FailingVfs();
  ~FailingVfs();
  FailingVfs(const FailingVfs&) = delete;
  FailingVfs& operator=(const FailingVfs&) = delete;

  // Every sync of a write-ahead log reports an I/O error.
  void FailSyncs(bool fail);
  // Every write to a write-ahead log finds the disk full.
  void FillDisk(bool full);
  // Syncs of write-ahead logs that succeeded.
  int wal_syncs() const;
};

}  // namespace gatelog::testing
