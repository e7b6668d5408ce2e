#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "apps/gatelog-sim/call_server.h"
#include "apps/gatelog-sim/services/service.h"

namespace gatelog::sim {

// The services of one terminal, each made at its first call: a terminal that nobody calls has none.
// Threads and errors are those of Service.
class TerminalServices final : public CallServer {
 public:
  // `terminal` outlives it.
  explicit TerminalServices(Terminal& terminal) : terminal_(terminal) {}

  absl::StatusOr<std::string> Call(std::string_view method, std::string_view request) override;

 private:
  Terminal& terminal_;
  std::vector<std::pair<std::string_view, std::unique_ptr<Service>>> services_;  // made so far
};

// A MakeCallServer.
std::unique_ptr<CallServer> MakeTerminalServices(Terminal& terminal);

}  // namespace gatelog::sim
