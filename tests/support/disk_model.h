#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace gatelog::testing {

// One thing that a program did to the files of a directory.
struct DiskOperation {
  enum class Kind {
    kCreate,
    kDelete,
    kWrite,          // `bytes` at `position`
    kTruncate,       // to `position` bytes
    kSync,           // of a file's content: what was written to it before is certain
    kFailedSync,     // reported an error: what was written before may or may not be there for ever
    kSyncDirectory,  // creations and deletions before are certain
  };
  Kind kind = Kind::kWrite;
  std::string name;
  std::uint64_t position = 0;
  std::string bytes = {};
};

// Files by name.
using DiskImage = std::map<std::string, std::string>;

// What a power cut leaves of what was not synced.
enum class Unsynced {
  kLost,    // nothing
  kKept,    // all of it, as if everything had just been written out
  kChance,  // of each operation all, nothing, or some sectors
};

inline constexpr std::size_t kSectorBytes = 512;  // written whole or not at all

// The files of one directory as a disk and its cache hold them. What was not synced survives a
// power cut by chance, each operation for itself and in any order; a write also in part, sector by
// sector, and one that makes a file longer may leave it longer but empty there. After a sync that
// failed the cache says "written" of what may not be on the disk, as Linux does: a later sync does
// not make it certain, only writing it again does.
class DiskModel {
 public:
  using Random = std::mt19937_64;

  // `random` decides what a failed sync has left.
  void Apply(const DiskOperation& operation, Random& random);

  // What programs see, also after a process was killed.
  DiskImage Cached() const;
  DiskImage AfterPowerCut(Unsynced unsynced, Random& random) const;

 private:
  struct Change {
    bool truncates = false;
    std::uint64_t position = 0;
    std::string bytes = {};
  };
  struct File {
    std::string cached;
    std::string certain;  // without `pending`
    std::vector<Change> pending;
  };
  struct NameChange {
    std::string name;
    std::size_t file;  // in files_; kNone: deleted
  };
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  static void Make(const Change& change, std::string& content);
  static void MakeByChance(const Change& change, std::string& content, double keep, Random& random);
  static std::string Survivor(const File& file, Unsynced unsynced, Random& random);
  void Write(const DiskOperation& operation);

  std::vector<File> files_;  // also those without a name
  std::map<std::string, std::size_t> names_;
  std::map<std::string, std::size_t> certain_names_;
  std::vector<NameChange> pending_names_;
};

}  // namespace gatelog::testing
