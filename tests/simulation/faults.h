#pragma once

#include <array>
#include <cstdint>

namespace gatelog::simulation {

// Everything that a world does to the core. README.md says where each is done.
enum class Fault : std::size_t {
  kLinkLost,             // told at once, also in the middle of a page
  kLinkDead,             // in silence: found when nothing has come for kSilenceMax
  kLinkFlapping,         // lost again as soon as it is there
  kDeviceUnreachable,    // for a while
  kDeviceBusy,           // another gateway holds the device's one session
  kReplyDelayed,         // by more than kLateReply
  kReplyOvertaken,       // a frame comes after others that were sent later
  kReplyRepeated,        // a page comes twice
  kPageCut,              // fewer records than there are
  kReadRefused,          // the device answers with an error
  kPushLost,             // one push
  kPushesLost,           // all of them, until the link is lost
  kKeepAliveLost,        //
  kPushDoubled,          //
  kPushEarly,            // the record can be read only later
  kPushForged,           // of a record that is not there
  kUnreadOverwritten,    // the ring goes on while the link is down
  kRingOverwritten,      // and while it is up, between two pages
  kLogCleared,           // by somebody else, who leaves the record of it
  kLogEmptied,           // without a record of it
  kCounterRestarted,     // cleared, and the IDs begin at 1 again
  kFactoryReset,         //
  kFactoryResetBeyond,   // the new IDs soon lie beyond the old ones
  kNewestLost,           // 1 to 100 records, the counter goes back too
  kTerminalSwapped,      // another terminal under the same ID
  kFirmwareReencodes,    // the same records in other bytes
  kRecordUnreadable,     //
  kRecordDecays,         // was readable, is not any more
  kHole,                 // IDs without a record
  kClockBack,            // an hour
  kClockTo2000,          //
  kImageGone,            // an event says that there is an image, and there is none
  kImageUnwritten,       // as before, from the beginning
  kImagesLeft,           // of an earlier life of the counter
  kStoreSlow,            //
  kStoreIoError,         // until the process is started again
  kStoreFull,            // until there is room again
  kCommitUnknownDone,    // reported as failed, but written
  kCommitUnknownUndone,  // reported as failed, and not written
  kProcessKilled,        // between any two steps
  kProcessBeside,        // a gateway that was thought dead goes on over the same store
  kStorePruned,          // retention takes events, from the oldest on
  kFollowerLost,         // the client's link; its newest batch may be lost with it
  kFollowerOvertaken,    // what it had not seen was pruned
  kCount
};

inline constexpr std::size_t kFaultCount = static_cast<std::size_t>(Fault::kCount);

const char* FaultName(Fault fault);

// How often each was done.
class FaultCounts {
 public:
  // Also says it in the log, when that shows traces. `device`: the one it is done to, 0: none.
  void Note(Fault fault, std::uint32_t device = 0);
  void Add(const FaultCounts& other) {
    for (std::size_t i = 0; i < kFaultCount; ++i) counts_[i] += other.counts_[i];
  }
  std::uint64_t of(Fault fault) const { return counts_[static_cast<std::size_t>(fault)]; }
  // Without what only follows from others: records overwritten, images gone, late replies,
  // followers overtaken.
  std::uint64_t total() const;

 private:
  std::array<std::uint64_t, kFaultCount> counts_ = {};
};

}  // namespace gatelog::simulation
