#include "apps/gatelog-sim/services/machine_service.h"

#include "apps/gatelog-sim/services/system_config.h"
#include "base/status_macros.h"

namespace gatelog::sim {
namespace {

namespace device = gsdk::device;

constexpr std::uint32_t kConfigReset = 0x4500;
constexpr std::uint32_t kDatabaseReset = 0x4501;
constexpr std::uint32_t kConfigResetNetworkKept = 0x4503;

}  // namespace

std::span<const MachineService::Method> MachineService::Methods() {
  static constexpr Method kMethods[] = {
      {"Lock", &Serve<&MachineService::Lock>},
      {"Unlock", &Serve<&MachineService::Unlock>},
      {"Reboot", &Serve<&MachineService::Reboot>},
      {"FactoryReset", &Serve<&MachineService::FactoryReset>},
      {"ClearDB", &Serve<&MachineService::ClearDB>},
      {"ResetConfig", &Serve<&MachineService::ResetConfig>},
  };
  return kMethods;
}

absl::Status MachineService::SetLocked(bool locked) {
  GATELOG_ASSIGN_OR_RETURN(gsdk::system::SystemConfig system, ReadSystemConfig(terminal_));
  system.set_islocked(locked);
  return SaveSystemConfig(terminal_, system);
}

absl::StatusOr<device::LockResponse> MachineService::Lock(const device::LockRequest&) {
  GATELOG_RETURN_IF_ERROR(SetLocked(true));
  return device::LockResponse();
}

absl::StatusOr<device::UnlockResponse> MachineService::Unlock(const device::UnlockRequest&) {
  GATELOG_RETURN_IF_ERROR(SetLocked(false));
  return device::UnlockResponse();
}

absl::StatusOr<device::RebootResponse> MachineService::Reboot(const device::RebootRequest&) {
  if (!terminal_.restart) {
    return absl::FailedPreconditionError("This terminal cannot restart now.");
  }
  GATELOG_RETURN_IF_ERROR(terminal_.restart());
  return device::RebootResponse();
}

absl::StatusOr<device::FactoryResetResponse> MachineService::FactoryReset(
    const device::FactoryResetRequest&) {
  GATELOG_RETURN_IF_ERROR(terminal_.FactoryReset());
  return device::FactoryResetResponse();
}

absl::StatusOr<device::ClearDBResponse> MachineService::ClearDB(const device::ClearDBRequest&) {
  const absl::Status changed = terminal_.Change([&]() -> absl::Status {
    GATELOG_RETURN_IF_ERROR(terminal_.users().Clear());
    return terminal_.StageCode(kDatabaseReset);
  });
  if (!changed.ok()) return changed;
  return device::ClearDBResponse();
}

absl::StatusOr<device::ResetConfigResponse> MachineService::ResetConfig(
    const device::ResetConfigRequest& request) {
  SettingStore& store = terminal_.store();
  const auto reset = [&]() -> absl::Status {
    GATELOG_RETURN_IF_ERROR(store.Wipe(terminal_.id(), SettingStore::Area::kConfig));
    if (request.withnetwork()) {
      GATELOG_RETURN_IF_ERROR(store.Wipe(terminal_.id(), SettingStore::Area::kNetwork));
    }
    if (request.withdb()) {
      GATELOG_RETURN_IF_ERROR(store.Wipe(terminal_.id(), SettingStore::Area::kDatabase));
    }
    terminal_.ResetImageFilters();
    return terminal_.StageCode(request.withnetwork() ? kConfigReset : kConfigResetNetworkKept);
  };
  const absl::Status changed =
      request.withnetwork() ? terminal_.ChangeAndDisconnect("its network settings are reset", reset)
                            : terminal_.Change(reset);
  if (!changed.ok()) return changed;
  return device::ResetConfigResponse();
}

}  // namespace gatelog::sim
