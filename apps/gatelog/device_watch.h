#pragma once

#include "absl/status/status.h"
#include "apps/gatelog/session.h"

namespace gatelog::cli {

// Shows how far each device's log is stored: bars redrawn in place on a terminal, lines now and
// then elsewhere, both on standard error; with an output format other than table, the devices on
// standard output whenever they change. Ends OK on Ctrl-C, and with `until_stored` when every
// device is connected and has no lag.
absl::Status WatchDevices(Session& session, bool until_stored);

}  // namespace gatelog::cli
