#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "apps/gatelog/device_calls.h"
#include "apps/gatelog/device_view.h"
#include "apps/gatelog/device_watch.h"
#include "apps/gatelog/failure.h"
#include "apps/gatelog/proto_json.h"
#include "apps/gatelog/session.h"
#include "base/status_macros.h"

namespace gatelog::cli {
namespace {

using v1::Devices;

// What the capabilities that matter to somebody who reads logs are called.
constexpr std::pair<const char*, const char*> kCapabilities[] = {
    {"cardSupported", "cards"},           {"fingerSupported", "fingerprints"},
    {"faceSupported", "faces"},           {"PINSupported", "PINs"},
    {"QRSupported", "QR codes"},          {"imageLogSupported", "image logs"},
    {"TNASupported", "T&A keys"},         {"jobCodeSupported", "job codes"},
    {"userPhotoSupported", "user photos"}};

// What follows '?' in an address may be a key, which is never shown.
std::string WithoutKey(const std::string& address) { return address.substr(0, address.find('?')); }

absl::Status Add(Session& session, const std::vector<std::string>& addresses, bool no_collect) {
  GATELOG_ASSIGN_OR_RETURN(Connection * gateway, session.gateway());
  const Interrupt::Watch watch(session.interrupt());
  RecordWriter writer = session.Writer(DeviceLayout());
  absl::Status last;
  bool behind = false;
  for (const std::string& address : addresses) {
    if (session.interrupt().requested()) return Interrupted();
    v1::AddRequest request;
    request.set_address(address);
    request.set_no_collect(no_collect);
    const auto response = gateway->Call(gateway->devices(), &Devices::Stub::Add, request);
    if (response.ok()) {
      GATELOG_RETURN_IF_ERROR(
          writer.Add(DeviceRecord(response->device(), absl::ToUnixMillis(absl::Now()))));
      behind = behind || response->device().lag() > 0;
      continue;
    }
    // The others may still succeed; a gateway that is gone or a Ctrl-C ends it.
    if (ExitCodeOf(response.status()) != kExitFailed) return response.status();
    if (!last.ok()) session.Say(std::string(last.message()));
    last = Failed(absl::StrCat(WithoutKey(address),
                               " was not added: ", std::string(response.status().message())));
  }
  GATELOG_RETURN_IF_ERROR(writer.Finish());
  if (behind)
    session.Say("What is on the device is being stored now; see it: gatelog device watch");
  return last;
}

absl::Status Remove(Session& session, const std::vector<std::uint32_t>& devices) {
  GATELOG_RETURN_IF_ERROR(
      session.Confirm(absl::StrCat("Remove ", devices.size() == 1 ? "device " : "devices ",
                                   absl::StrJoin(devices, ", "), "? What is stored stays.")));
  GATELOG_ASSIGN_OR_RETURN(Connection * gateway, session.gateway());
  absl::Status last;
  for (const std::uint32_t device : devices) {
    v1::RemoveRequest request;
    request.set_device_id(device);
    const auto response = gateway->Call(gateway->devices(), &Devices::Stub::Remove, request);
    if (response.ok()) {
      session.Say(absl::StrCat("Removed device ", device, "."));
      continue;
    }
    if (ExitCodeOf(response.status()) != kExitFailed) return response.status();
    if (!last.ok()) session.Say(std::string(last.message()));
    last = response.status();
  }
  return last;
}

absl::Status List(Session& session) {
  GATELOG_ASSIGN_OR_RETURN(Connection * gateway, session.gateway());
  GATELOG_ASSIGN_OR_RETURN(
      const v1::ListResponse response,
      gateway->Call(gateway->devices(), &Devices::Stub::List, v1::ListRequest()));
  RecordWriter writer = session.Writer(DeviceLayout());
  for (const v1::Device& device : response.devices()) {
    GATELOG_RETURN_IF_ERROR(writer.Add(DeviceRecord(device, response.now_ms())));
  }
  if (writer.count() == 0) session.Say("No devices yet. Add one: gatelog device add ADDRESS.");
  return writer.Finish();
}

// The list with one device in it.
absl::StatusOr<v1::ListResponse> FindDevice(Connection& gateway, std::uint32_t id) {
  GATELOG_ASSIGN_OR_RETURN(
      v1::ListResponse response,
      gateway.Call(gateway.devices(), &Devices::Stub::List, v1::ListRequest()));
  const auto found = std::ranges::find(response.devices(), id, &v1::Device::device_id);
  if (found != response.devices().end()) {
    const v1::Device device = *found;
    response.clear_devices();
    *response.add_devices() = device;
    return response;
  }
  return Failed(absl::StrCat("The gateway has no device ", id,
                             ". 'gatelog device list' shows those it has."));
}

using Pairs = std::vector<std::pair<std::string, std::string>>;

Pairs InfoPairs(const gsdk::device::FactoryInfo& info,
                const gsdk::device::CapabilityInfo& capability) {
  std::vector<std::string> abilities;
  const Json json = ToJson(capability);
  for (const auto& [field, words] : kCapabilities) {
    if (json.value(field, false)) abilities.emplace_back(words);
  }
  const std::string users =
      capability.maxnumofuser() == 0 ? "" : FormatCount(capability.maxnumofuser());
  return {{"MAC address", info.macaddr()},
          {"kernel", info.kernelversion()},
          {"core", info.bscoreversion()},
          {"board", info.boardversion()},
          {"type", gsdk::device::Type_Name(capability.type())},
          {"users at most", users},
          {"works with", absl::StrJoin(abilities, ", ")}};
}

absl::Status Info(Session& session, std::uint32_t id) {
  using gsdk::device::Device;
  GATELOG_ASSIGN_OR_RETURN(Connection * gateway, session.gateway());
  GATELOG_ASSIGN_OR_RETURN(const v1::ListResponse found, FindDevice(*gateway, id));
  const v1::Device& device = found.devices(0);
  Json json = {{"device", ToJson(device)}};
  Pairs pairs = DevicePairs(device, found.now_ms(), session.zone());
  if (device.state() == v1::LINK_STATE_CONNECTED) {
    gsdk::device::GetInfoRequest info_request;
    info_request.set_deviceid(id);
    GATELOG_ASSIGN_OR_RETURN(
        const gsdk::device::GetInfoResponse info,
        gateway->Call(gateway->device(), &Device::Stub::GetInfo, info_request));
    gsdk::device::GetCapabilityInfoRequest capability_request;
    capability_request.set_deviceid(id);
    GATELOG_ASSIGN_OR_RETURN(
        const gsdk::device::GetCapabilityInfoResponse capability,
        gateway->Call(gateway->device(), &Device::Stub::GetCapabilityInfo, capability_request));
    json["info"] = ToJson(info.info());
    json["capInfo"] = ToJson(capability.capinfo());
    const Pairs more = InfoPairs(info.info(), capability.capinfo());
    pairs.insert(pairs.end(), more.begin(), more.end());
  } else {
    session.Say("The device is not connected; this is what the gateway knows without it.");
  }
  switch (session.format()) {
    case Format::kTable:
      return session.out().Write(FormatPairs(pairs));
    case Format::kJson:
      return session.out().Write(FormatJson(json));
    case Format::kJsonl:
      return session.out().Write(FormatJsonLine(json));
    case Format::kCsv:
      break;
  }
  RecordWriter writer = session.Writer(DeviceLayout());
  GATELOG_RETURN_IF_ERROR(writer.Add(DeviceRecord(device, found.now_ms())));
  return writer.Finish();
}

void AddChanging(CLI::App& noun, Session& session) {
  auto addresses = std::make_shared<std::vector<std::string>>();
  auto no_collect = std::make_shared<bool>(false);
  CLI::App* add = AddVerb(noun, "add", "Connect to devices and collect their logs from now on",
                          "  gatelog device add 192.168.1.20\n"
                          "  gatelog device add 127.0.0.1 127.0.0.2:51211\n");
  add->add_option("ADDRESS", *addresses,
                  "HOST, HOST:PORT (default: port 51211), or terminal://HOST:PORT?key=HEX with the "
                  "key that gateway and device share")
      ->required();
  add->add_flag("--no-collect", *no_collect, "keep the link, but do not store the device's log");
  add->callback([&session, addresses, no_collect] {
    session.run = [&session, addresses, no_collect] {
      return Add(session, *addresses, *no_collect);
    };
  });

  auto ids = std::make_shared<std::vector<std::uint32_t>>();
  CLI::App* remove = AddVerb(noun, "remove", "Forget devices; what is stored stays",
                             "  gatelog device remove 541000001\n");
  remove->add_option("ID", *ids, "the devices' IDs")->required();
  remove->callback(
      [&session, ids] { session.run = [&session, ids] { return Remove(session, *ids); }; });
}

}  // namespace

void AddDeviceCommands(CLI::App& app, Session& session) {
  CLI::App* noun = app.add_subcommand("device", "The devices that the gateway collects from");
  noun->require_subcommand(1);
  AddChanging(*noun, session);
  AddDeviceCallVerbs(*noun, session);

  CLI::App* list =
      AddVerb(*noun, "list",
              "Every device: its link, newest event, records still to be stored and missing "
              "ones, images, clock",
              "  gatelog device list\n"
              "  gatelog device list -o json\n");
  list->callback([&session] { session.run = [&session] { return List(session); }; });

  auto id = std::make_shared<std::uint32_t>();
  CLI::App* info = AddVerb(*noun, "info", "All that is known of one device",
                           "  gatelog device info 541000001\n");
  info->add_option("ID", *id, "the device's ID")->required();
  info->callback([&session, id] { session.run = [&session, id] { return Info(session, *id); }; });

  auto until_stored = std::make_shared<bool>(false);
  CLI::App* watch =
      AddVerb(*noun, "watch", "See how the devices' logs are being stored, until Ctrl-C",
              "  gatelog device watch\n"
              "  gatelog device watch --until-stored\n");
  watch->add_flag("--until-stored", *until_stored, "end when every log is stored whole");
  watch->callback([&session, until_stored] {
    session.run = [&session, until_stored] { return WatchDevices(session, *until_stored); };
  });
}

}  // namespace gatelog::cli
