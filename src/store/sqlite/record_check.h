#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/identity.h"
#include "store/sqlite/index_key.h"
#include "store/sqlite/sqlite_database.h"

namespace gatelog::store {

// Whether events and gaps fill [first, next) of every epoch, each ID once. Events are looked at in
// the order of seq, in which those of one log are in the order of their records: one pass does it
// for all logs. Faults are told as words; empty: there is none.
class RecordCheck {
 public:
  // Whether the oldest events may be gone.
  explicit RecordCheck(bool pruned) : pruned_(pruned) {}

  // Reads the epochs and gaps.
  absl::Status Load(Database& database);
  std::string Take(model::DeviceId log_device, model::Epoch epoch, model::EventId id,
                   bool has_image);
  // After the last event.
  std::string Finish();

  std::size_t epochs() const { return epochs_.size(); }
  struct Totals {
    std::uint64_t events = 0;
    std::uint64_t images_wanted = 0;
    model::RecordKey oldest = {};
  };
  // Whether the record is older than every event of its log that was looked at.
  bool MayBePruned(const model::RecordKey& key) const;
  Totals TotalsOf(model::DeviceId log_device) const;

 private:
  // A stretch of IDs, both ends in it.
  struct Range {
    model::EventId first = 0;
    model::EventId last = 0;
  };
  struct Epoch {
    model::EventId first = 0;
    model::EventId next = 0;
    std::uint64_t events = 0;  // that were ever stored in it
    std::vector<Range> gaps = {};
    std::size_t gap = 0;  // the next one
    std::uint64_t due = 0;
    std::uint64_t counted = 0;
    std::uint64_t pruned = 0;
  };

  std::string TakeRange(const Range& range, Epoch& epoch) const;
  static std::string NameOf(std::int64_t key);

  const bool pruned_;
  std::map<std::int64_t, Epoch> epochs_;  // by LogKey
  std::unordered_map<std::int64_t, Epoch*> places_;
  std::unordered_map<model::DeviceId, Totals> totals_;
};

}  // namespace gatelog::store
