#pragma once

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "apps/gatelog-sim/terminal.h"

namespace gatelog::sim {

// When people come and go: spreads the records of a past over its days and hours, many at eight in
// the morning and few at night or on a Sunday.
class ActivityCurve {
 public:
  // Unix seconds; at least an hour apart.
  ActivityCurve(std::uint32_t from, std::uint32_t to);

  // The moment by which this share (0 to 1) of all activity has passed.
  std::uint32_t At(double share) const;

 private:
  std::uint32_t from_;
  std::uint32_t to_;
  std::vector<double> until_;  // activity up to the end of each hour
};

// Writes a new terminal's log as if it had made `count` records up to now: as many of the newest as
// the log holds, the others have been overwritten. In one transaction: a simulator that is killed
// meanwhile begins this terminal again. `progress` is told now and then how many records were
// written since it was last told.
absl::Status MakeHistory(Terminal& terminal, LogDatabase& database, std::uint32_t count,
                         const std::function<void(std::uint32_t)>& progress);

}  // namespace gatelog::sim
