#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "apps/gatelog-sim/services/service.h"

namespace gatelog::sim {

// The services of one terminal, each made at its first call: a terminal that nobody calls has none.
// Threads and errors are those of Service.
class TerminalServices {
 public:
  // `terminal` outlives it.
  explicit TerminalServices(Terminal& terminal) : terminal_(terminal) {}

  // `method` is a full name such as "gsdk.schedule.Schedule/Add". kUnimplemented where the terminal
  // does not serve it.
  absl::StatusOr<std::string> Call(std::string_view method, std::string_view request);

 private:
  Terminal& terminal_;
  std::vector<std::pair<std::string_view, std::unique_ptr<Service>>> services_;  // made so far
};

}  // namespace gatelog::sim
