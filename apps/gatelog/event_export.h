#pragma once

#include <string>

#include "absl/status/status.h"
#include "apps/gatelog/session.h"
#include "gatelog/v1/events.pb.h"

namespace gatelog::cli {

struct ExportOptions {
  std::string file;       // empty: standard output
  bool punches = false;   // who was recognised when, for programs that reckon working time
  bool tna_only = false;  // of them those with a T&A key
};

// Writes every stored event that passes the filter, oldest first. A gateway that is restarted
// meanwhile is waited for, and the export goes on where it was. A file comes under its name only
// when it is whole.
absl::Status ExportEvents(Session& session, v1::Filter filter, const ExportOptions& options);

}  // namespace gatelog::cli
