#include "apps/gatelog-sim/services/terminal_services.h"

#include <algorithm>

#include "apps/gatelog-sim/services/biometric_service.h"
#include "apps/gatelog-sim/services/card_service.h"
#include "apps/gatelog-sim/services/clock_service.h"
#include "apps/gatelog-sim/services/door_service.h"
#include "apps/gatelog-sim/services/machine_service.h"
#include "apps/gatelog-sim/services/schedule_service.h"
#include "apps/gatelog-sim/services/thermal_service.h"
#include "apps/gatelog-sim/services/tna_service.h"
#include "apps/gatelog-sim/services/user_service.h"

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
std::span<const Entry> Entries() {
  static constexpr Entry kEntries[] = {
      {"gsdk.card.Card", &Make<CardService>},
      {"gsdk.face.Face", &Make<FaceService>},
      {"gsdk.finger.Finger", &Make<FingerService>},
      {"gsdk.thermal.Thermal", &Make<ThermalService>},
      {"gsdk.tna.TNA", &Make<TnaService>},
      {"gsdk.user.User", &Make<UserService>},
      {"gsdk.device.Device", &Make<MachineService>},
      {"gsdk.door.Door", &Make<DoorService>},
      {"gsdk.schedule.Schedule", &Make<ScheduleService>},
      {"gsdk.system.System", &Make<SystemService>},
      {"gsdk.time.Time", &Make<TimeService>},
  };
  return kEntries;
}

}  // namespace

bool IsHere(const Terminal& terminal, std::uint32_t device) {
  const auto& slaves = terminal.identity().rs485_slave_ids();
  return device == terminal.id() || std::find(slaves.begin(), slaves.end(), device) != slaves.end();
}

absl::Status CheckAddressee(const Terminal& terminal, std::uint32_t device) {
  if (device == terminal.id()) return absl::OkStatus();
  if (IsHere(terminal, device)) {
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

std::unique_ptr<CallServer> MakeTerminalServices(Terminal& terminal) {
  return std::make_unique<TerminalServices>(terminal);
}

}  // namespace gatelog::sim
