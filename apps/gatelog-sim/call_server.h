#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace gatelog::sim {

class Terminal;

// What serves the calls of the API at a terminal. It stands above the terminal, which is handed it
// by whoever makes both: services/terminal_services.h. Threads and errors are those of
// services/service.h.
class CallServer {
 public:
  virtual ~CallServer() = default;

  // `method` is a full name such as "gsdk.schedule.Schedule/Add". kUnimplemented where the terminal
  // does not serve it.
  virtual absl::StatusOr<std::string> Call(std::string_view method, std::string_view request) = 0;
};

// The terminal outlives what this makes of it.
using MakeCallServer = std::unique_ptr<CallServer> (*)(Terminal& terminal);

}  // namespace gatelog::sim
