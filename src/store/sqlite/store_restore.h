#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/store_upkeep.h"

namespace gatelog::store {

struct Restored {
  ports::StoreReport report;
  std::string replaced;  // where the store lies that was there before; empty: there was none
};

// Puts a backup into a data directory that no gateway uses, as a new incarnation: cursors of any
// earlier time are then foreign and refused, so that no follower takes a seq for what it was
// before. The backup is copied, brought up to this program's version, and checked before anything
// changes; the store that was there keeps its content under another name. A crash at any moment
// leaves the old store, or the new one, or one whose opening says that it must be restored again.
//
// kAlreadyExists: there is a store and `replace` is false. kFailedPrecondition: a gateway uses the
// directory, or keeps its store elsewhere, or the backup is of a newer version or another program.
// kDataLoss: the backup is damaged. kNotFound: there is no backup. kCancelled: `progress` said no.
// Blocking.
absl::StatusOr<Restored> RestoreStore(const std::string& backup, const std::string& directory,
                                      bool replace, const ports::CheckProgress& progress);

}  // namespace gatelog::store
