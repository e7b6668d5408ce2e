#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/disk_model.h"

namespace gatelog::testing {

// A layer under SQLite for tests: passes files on to the usual file system, but for syncs, which it
// only notes; records every change in the order in which it was made; and fails when told to.
// Registered under name() while the object lives; files opened through it must be closed before.
// The shared-memory file is not recorded: it does not outlive a power cut. Any thread.
class DiskVfs {
 public:
  DiskVfs();
  ~DiskVfs();
  DiskVfs(const DiskVfs&) = delete;
  DiskVfs& operator=(const DiskVfs&) = delete;

  const std::string& name() const;

  // How many changes were recorded, and all of them. Names are without their directory.
  std::size_t recorded() const;
  std::vector<DiskOperation> TakeRecord();

  // Syncs of write-ahead logs that succeeded.
  int wal_syncs() const;

  enum class Fault {
    kIoError,  // nothing is written; what a failed sync was for is in doubt
    kNoSpace,  // half of it is written; syncs succeed
  };
  enum class Lasting { kOnce, kUntilHealed };
  // The call that follows `calls` more writes, truncations and syncs fails, and with kUntilHealed
  // all after it. With kNoSpace, syncs and truncations are counted but succeed.
  void FailAfter(std::uint64_t calls, Fault fault, Lasting lasting);
  void FailNow(Fault fault) { FailAfter(0, fault, Lasting::kUntilHealed); }
  void Heal();
  // Whether a call has failed since the last FailAfter.
  bool has_failed() const;
  // Writes, truncations and syncs so far.
  std::uint64_t calls() const;

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace gatelog::testing
