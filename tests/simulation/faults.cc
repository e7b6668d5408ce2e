#include "tests/simulation/faults.h"

#include <numeric>

#include "base/log.h"

namespace gatelog::simulation {
namespace {

constexpr std::array<const char*, kFaultCount> kNames = {
    "link lost",
    "link dead in silence",
    "link flapping",
    "device unreachable",
    "device busy with another gateway",
    "reply late",
    "reply overtaken",
    "reply repeated",
    "page cut short",
    "read refused",
    "push lost",
    "all pushes lost",
    "keep-alive lost",
    "push doubled",
    "push early",
    "push forged",
    "record overwritten while the link was down",
    "record overwritten while the link was up",
    "log cleared",
    "log emptied",
    "counter restarted by a clear",
    "factory reset",
    "factory reset, IDs beyond the old ones",
    "newest records lost",
    "terminal swapped",
    "records encoded otherwise",
    "record unreadable",
    "record decayed",
    "hole in the IDs",
    "clock back an hour",
    "clock back to 2000",
    "image gone",
    "image never written",
    "images of an earlier life left",
    "store slow",
    "store I/O error",
    "store full",
    "commit of unknown outcome, written",
    "commit of unknown outcome, not written",
    "process killed",
    "process beside another",
    "store pruned",
    "follower lost",
    "follower overtaken by pruning",
};

}  // namespace

const char* FaultName(Fault fault) { return kNames[static_cast<std::size_t>(fault)]; }

void FaultCounts::Note(Fault fault, std::uint32_t device) {
  ++counts_[static_cast<std::size_t>(fault)];
  Log(LogLevel::kTrace, FaultName(fault), {{"device", device}});
}

std::uint64_t FaultCounts::total() const {
  const std::uint64_t all = std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
  return all - of(Fault::kUnreadOverwritten) - of(Fault::kRingOverwritten) - of(Fault::kImageGone) -
         of(Fault::kImageUnwritten) - of(Fault::kReplyDelayed) - of(Fault::kFollowerOvertaken);
}

}  // namespace gatelog::simulation
