#include "apps/gatelog-sim/identity.h"

#include "absl/strings/str_format.h"
#include "apps/gatelog-sim/users.h"
#include "gsdk/device.pb.h"

namespace gatelog::sim {
namespace {

constexpr std::uint32_t kInputPorts = 4;
constexpr std::uint32_t kRelays = 4;

bool IsFaceStation(const Place& place) { return place.thermal; }

// Scanning fingers, faces and cards by remote control is not simulated: clients that ask first are
// told so.
gsdk::device::CapabilityInfo MakeCapabilityInfo(const Place& place, bool images) {
  gsdk::device::CapabilityInfo info;
  info.set_type(IsFaceStation(place) ? gsdk::device::FACESTATION_F2 : gsdk::device::BIOSTATION_3);
  info.set_maxnumofuser(kUsersMax);
  info.set_pinsupported(true);
  info.set_usernamesupported(true);
  info.set_userphotosupported(true);
  info.set_alphanumericidsupported(true);
  info.set_imagelogsupported(images);
  info.set_tnasupported(place.time_attendance);
  info.set_jobcodesupported(place.time_attendance);
  info.set_dstsupported(true);
  info.set_qrsupported(true);
  return info;
}

gsdk::device::DeviceCapability MakeDeviceCapability(const Place& place, DeviceLog::Limits limits,
                                                    bool images) {
  gsdk::device::DeviceCapability capability;
  capability.set_maxusers(kUsersMax);
  capability.set_maxeventlogs(limits.records);
  capability.set_maximagelogs(images ? limits.images : 0);
  capability.set_maxblacklists(kBlacklistMax);
  capability.set_maxcards(kUsersMax * kCardsPerUserMax);
  capability.set_maxfaces(kUsersMax * kFacesPerUserMax);
  capability.set_maxfingerprints(kUsersMax * kFingersPerUserMax);
  capability.set_maxusernames(kUsersMax);
  capability.set_maxuserimages(kUsersMax);
  capability.set_maxuserjobs(kUsersMax);
  capability.set_maxcardsperuser(kCardsPerUserMax);
  capability.set_maxfacesperuser(kFacesPerUserMax);
  capability.set_maxfingerprintsperuser(kFingersPerUserMax);
  capability.set_maxinputports(kInputPorts);
  capability.set_maxrelays(kRelays);
  capability.set_maxrs485channels(1);
  capability.set_camerasupported(images);
  capability.set_tampersupported(true);
  // What clients ask before they ask for its keys, which are shown on it.
  capability.set_displaysupported(place.time_attendance);
  capability.set_thermalsupported(place.thermal);
  capability.set_masksupported(true);
  capability.set_cardinputsupported(true);
  capability.set_fingerprintinputsupported(true);
  capability.set_faceinputsupported(true);
  capability.set_idinputsupported(true);
  capability.set_pininputsupported(true);
  capability.set_updateusersupported(true);
  return capability;
}

}  // namespace

terminal::v1::Identity MakeIdentity(const Place& place, DeviceLog::Limits limits, bool images) {
  terminal::v1::Identity identity;
  identity.set_device_id(place.device);
  // 02: an address given out locally, not one of a maker of network cards.
  identity.set_mac_address(absl::StrFormat("02:00:%02X:%02X:%02X:%02X", place.device >> 24,
                                           place.device >> 16 & 0xFF, place.device >> 8 & 0xFF,
                                           place.device & 0xFF));
  identity.set_model_name(IsFaceStation(place) ? "FSF2-SIM" : "BS3-SIM");
  identity.set_firmware_version("1.2.0");
  identity.set_kernel_version("1.1.0");
  identity.set_core_version("1.6.0");
  identity.set_board_version("1.0.0");
  identity.set_capability_info(MakeCapabilityInfo(place, images).SerializeAsString());
  identity.set_device_capability(MakeDeviceCapability(place, limits, images).SerializeAsString());
  for (const std::uint32_t slave : place.slaves) identity.add_rs485_slave_ids(slave);
  return identity;
}

}  // namespace gatelog::sim
