#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "model/gap.h"
#include "ports/event_store.h"
#include "tests/simulation/modelled_device.h"
#include "tests/support/memory_store.h"

namespace gatelog::simulation {

// What somebody was shown, in the order of its coming.
struct Shown {
  std::uint64_t seq = 0;
  model::RecordKey key;
};

// What somebody was told that he missed, because it had been pruned by then. Both are included.
struct Missed {
  std::uint64_t first_seq = 0;
  std::uint64_t last_seq = 0;
};

// Compares what is stored with what the devices wrote. What was pruned counts as stored: it was,
// and must not be again. Each check returns an empty text if it holds, else what does not.
class Verdict {
 public:
  Verdict(testing::MemoryStore& store, std::vector<const ModelledDevice*> devices);

  // What must hold at any moment, also while the devices misbehave.
  std::string Invariants();
  // And once every device could be read in peace.
  std::string AtTheEnd();
  // Each event once, in the order of commits, and none that was taken back; what is not among them
  // was `missed`, and nothing else.
  std::string CheckShown(const std::vector<Shown>& shown, const std::vector<Missed>& missed);

  std::size_t events() const { return events_.size(); }
  std::size_t gap_count() const { return gap_count_; }
  std::size_t epoch_count() const;
  std::size_t image_count() const { return images_.size(); }

 private:
  // One epoch of a log device as the store has it.
  struct StoredEpoch {
    model::EventId first = 0;
    model::EventId next = 0;
    std::map<model::EventId, std::uint64_t> records;  // serials
    std::vector<model::Gap> gaps;                     // ascending
  };
  struct StoredLog {
    const ModelledDevice* device = nullptr;
    std::map<model::Epoch, StoredEpoch> epochs;
    std::map<std::uint64_t, model::Epoch> epoch_of;  // by serial
  };

  static std::string Name(const StoredLog& log);
  std::string Load();
  std::string LoadStates();
  std::string LoadEvent(const ports::StoredEvent& stored);
  static std::string CheckCover(const StoredEpoch& epoch);
  static std::string CheckLineage(const StoredLog& log, const StoredEpoch& epoch);
  static bool CanTell(const StoredLog& log, const StoredEpoch& epoch,
                      const std::pair<const model::EventId, std::uint64_t>& before,
                      model::EventId id, model::EventId newest);
  static std::string CheckNeeded(const StoredLog& log, model::Epoch number);
  static std::string CheckGaps(const StoredLog& log, const StoredEpoch& epoch);
  static std::string CheckGap(const StoredLog& log, const StoredEpoch& epoch, const model::Gap& gap,
                              std::uint64_t following);
  static std::string CheckStanding(const StoredLog& log);
  static std::string CheckPath(const StoredLog& log);
  std::string CheckImages();

  testing::MemoryStore& store_;
  std::vector<ports::StoredEvent> events_;
  std::map<model::RecordKey, model::Image> images_;
  std::map<model::DeviceId, StoredLog> logs_;
  std::size_t gap_count_ = 0;
};

}  // namespace gatelog::simulation
