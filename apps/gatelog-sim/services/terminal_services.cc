#include "apps/gatelog-sim/services/terminal_services.h"

#include <algorithm>

namespace gatelog::sim {
namespace {

template <typename T>
std::unique_ptr<Service> Make(Terminal& terminal) {
  return std::make_unique<T>(terminal);
}

struct Entry {
  std::string_view name;
  std::unique_ptr<Service> (*make)(Terminal& terminal);
};

// What a terminal serves. Services of a terminal and their capabilities (identity.cc) go together.
std::span<const Entry> Entries() { return {}; }

}  // namespace

absl::Status CheckAddressee(const Terminal& terminal, std::uint32_t device) {
  if (device == terminal.id()) return absl::OkStatus();
  const auto& slaves = terminal.identity().rs485_slave_ids();
  if (std::find(slaves.begin(), slaves.end(), device) != slaves.end()) {
    return absl::UnimplementedError(absl::StrCat("Device ", device, " is a slave of ",
                                                 terminal.id(),
                                                 " and has no settings of its own; ask that."));
  }
  return absl::NotFoundError(
      absl::StrCat("Device ", device, " is not here; this is device ", terminal.id(), "."));
}

absl::Status NoSuchMethod(std::string_view method) {
  return absl::UnimplementedError(
      absl::StrCat("This terminal does not serve ", std::string(method), "."));
}

absl::StatusOr<std::string> TerminalServices::Call(std::string_view method,
                                                   std::string_view request) {
  const std::size_t slash = method.find('/');
  if (slash == std::string_view::npos) {
    return absl::InvalidArgumentError("A method's name is SERVICE/METHOD.");
  }
  const std::string_view name = method.substr(0, slash);
  const std::string_view rest = method.substr(slash + 1);
  for (const auto& [made_name, service] : services_) {
    if (made_name == name) return service->Call(rest, request);
  }
  for (const Entry& entry : Entries()) {
    if (entry.name != name) continue;
    services_.emplace_back(entry.name, entry.make(terminal_));
    return services_.back().second->Call(rest, request);
  }
  return NoSuchMethod(method);
}

}  // namespace gatelog::sim
