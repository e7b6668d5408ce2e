#include "apps/gatelog/device_calls.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "apps/gatelog/failure.h"
#include "apps/gatelog/proto_json.h"
#include "apps/gatelog/time_words.h"
#include "base/status_macros.h"

namespace gatelog::cli {
namespace {

using v1::Devices;
using Change = v1::ChangeAcceptanceRequest;

constexpr std::int64_t kMilliseconds = 1'000;
constexpr int kSearch_s = 5;
constexpr int kSearchMax_s = 60;

Layout AcceptedLayout() {
  return {{{"DEVICE", true}, {"PROVED BY"}},
          {{"device_id", "/device_id"},
           {"has_key", "/has_key"},
           {"has_certificate", "/has_certificate"}}};
}

std::string ProofWords(const v1::AcceptedDevice& device) {
  std::vector<std::string> parts;
  if (device.has_certificate()) parts.push_back("its certificate, over TLS");
  if (device.has_key()) parts.push_back("its key");
  return parts.empty() ? "being on this machine" : absl::StrJoin(parts, ", and ");
}

absl::Status Show(Session& session, const v1::Acceptance& acceptance) {
  RecordWriter writer = session.Writer(AcceptedLayout());
  for (const v1::AcceptedDevice& device : acceptance.devices()) {
    GATELOG_RETURN_IF_ERROR(
        writer.Add({{absl::StrCat(device.device_id()), ProofWords(device)}, ToJson(device)}));
  }
  GATELOG_RETURN_IF_ERROR(writer.Finish());
  if (acceptance.everybody()) {
    session.Say("Every device that calls is accepted, not only those that are named.");
  } else if (writer.count() == 0) {
    session.Say("No device that calls is accepted. Let one in: gatelog device accept add ID.");
  }
  return absl::OkStatus();
}

absl::Status ListAccepted(Session& session) {
  GATELOG_ASSIGN_OR_RETURN(Connection * gateway, session.gateway());
  GATELOG_ASSIGN_OR_RETURN(
      const v1::Acceptance acceptance,
      gateway->Call(gateway->devices(), &Devices::Stub::GetAcceptance, v1::GetAcceptanceRequest()));
  return Show(session, acceptance);
}

absl::Status ChangeAccepted(Session& session, const Change& change) {
  GATELOG_ASSIGN_OR_RETURN(Connection * gateway, session.gateway());
  GATELOG_ASSIGN_OR_RETURN(
      const v1::Acceptance acceptance,
      gateway->Call(gateway->devices(), &Devices::Stub::ChangeAcceptance, change));
  return Show(session, acceptance);
}

absl::Status Accept(Session& session, const std::vector<std::uint32_t>& ids,
                    const std::string& key) {
  const bool hex = key.size() % 2 == 0 && std::all_of(key.begin(), key.end(), [](char c) {
                     return absl::ascii_isxdigit(static_cast<unsigned char>(c));
                   });
  if (!hex) {
    return UsageError("The key is not in hexadecimal: an even number of digits 0-9 and a-f.");
  }
  Change change;
  for (const std::uint32_t id : ids) {
    v1::CallingDevice& device = *change.add_add();
    device.set_device_id(id);
    device.set_key(absl::HexStringToBytes(key));
  }
  return ChangeAccepted(session, change);
}

absl::Status AcceptNoLonger(Session& session, const std::vector<std::uint32_t>& ids) {
  GATELOG_RETURN_IF_ERROR(session.Confirm(
      absl::StrCat("Accept calls of ", absl::StrJoin(ids, ", "),
                   " no longer? Links that they opened are ended. Keys and certificates that are "
                   "known of them are forgotten, also for links that the gateway opens. Stored "
                   "events stay.")));
  Change change;
  change.mutable_remove()->Add(ids.begin(), ids.end());
  return ChangeAccepted(session, change);
}

absl::Status AcceptAll(Session& session, bool off) {
  Change change;
  change.set_everybody(off ? Change::EVERYBODY_BY_ID : Change::EVERYBODY_ACCEPTED);
  return ChangeAccepted(session, change);
}

absl::Status ListPending(Session& session) {
  GATELOG_ASSIGN_OR_RETURN(Connection * gateway, session.gateway());
  GATELOG_ASSIGN_OR_RETURN(
      const gsdk::connect::GetPendingListResponse response,
      gateway->Call(gateway->connect(), &gsdk::connect::Connect::Stub::GetPendingList,
                    gsdk::connect::GetPendingListRequest()));
  RecordWriter writer =
      session.Writer({{{"DEVICE", true}, {"ADDRESS"}, {"TYPE"}, {session.TimeTitle("LAST CALL")}},
                      {{"deviceID", "/deviceID"},
                       {"type", "/type"},
                       {"IPAddr", "/IPAddr"},
                       {"lastTry", "/lastTry"}}});
  for (const gsdk::connect::PendingDeviceInfo& device : response.deviceinfos()) {
    GATELOG_RETURN_IF_ERROR(writer.Add(
        {{absl::StrCat(device.deviceid()), device.ipaddr(), gsdk::device::Type_Name(device.type()),
          FormatMilliseconds(std::int64_t{device.lasttry()} * kMilliseconds, session.zone())},
         ToJson(device)}));
  }
  GATELOG_RETURN_IF_ERROR(writer.Finish());
  session.Say(writer.count() == 0 ? "No device has called that is not linked."
                                  : "Let them in: gatelog device accept add ID.");
  return absl::OkStatus();
}

absl::Status Search(Session& session, int seconds) {
  using gsdk::connect::SearchDeviceInfo;
  constexpr int kAnswer_s = 10;  // for the gateway to answer once the search is over
  GATELOG_ASSIGN_OR_RETURN(Connection * gateway, session.gateway());
  const Interrupt::Watch watch(session.interrupt());
  gsdk::connect::SearchDeviceRequest request;
  request.set_timeout(static_cast<std::uint32_t>(seconds * kMilliseconds));
  GATELOG_ASSIGN_OR_RETURN(
      const gsdk::connect::SearchDeviceResponse response,
      gateway->Call(gateway->connect(), &gsdk::connect::Connect::Stub::SearchDevice, request,
                    seconds + kAnswer_s));
  RecordWriter writer = session.Writer({{{"DEVICE", true}, {"ADDRESS"}, {"TYPE"}, {"LINKED"}},
                                        {{"deviceID", "/deviceID"},
                                         {"type", "/type"},
                                         {"useDHCP", "/useDHCP"},
                                         {"connectionMode", "/connectionMode"},
                                         {"IPAddr", "/IPAddr"},
                                         {"port", "/port"},
                                         {"useSSL", "/useSSL"},
                                         {"serverAddr", "/serverAddr"}}});
  for (const SearchDeviceInfo& device : response.deviceinfos()) {
    const bool calls = device.connectionmode() == gsdk::connect::DEVICE_TO_SERVER;
    GATELOG_RETURN_IF_ERROR(writer.Add(
        {{absl::StrCat(device.deviceid()),
          calls ? device.ipaddr() : absl::StrCat(device.ipaddr(), ":", device.port()),
          gsdk::device::Type_Name(device.type()),
          absl::StrCat(calls ? absl::StrCat("it calls ", device.serveraddr()) : "it is called",
                       device.usessl() ? ", over TLS" : "")},
         ToJson(device)}));
  }
  GATELOG_RETURN_IF_ERROR(writer.Finish());
  if (writer.count() == 0)
    session.Say("No device has answered. Not every network lets a search through.");
  return absl::OkStatus();
}

void AddAcceptVerbs(CLI::App& accept, Session& session) {
  CLI::App* list = AddVerb(accept, "list", "Devices that are let in when they call",
                           "  gatelog device accept list\n");
  list->callback([&session] { session.run = [&session] { return ListAccepted(session); }; });

  auto ids = std::make_shared<std::vector<std::uint32_t>>();
  auto key = std::make_shared<std::string>();
  CLI::App* add = AddVerb(accept, "add", "Let devices in when they call",
                          "  gatelog device accept add 541000001 541000002\n"
                          "  gatelog device accept add 541000003 --key "
                          "000102030405060708090a0b0c0d0e0f\n");
  add->add_option("ID", *ids, "devices")->required();
  add->add_option("--key", *key,
                  "secret that they share with the gateway, 16 to 64 bytes in hexadecimal; needed "
                  "from other machines");
  add->callback([&session, ids, key] {
    session.run = [&session, ids, key] { return Accept(session, *ids, *key); };
  });

  auto gone = std::make_shared<std::vector<std::uint32_t>>();
  CLI::App* remove = AddVerb(accept, "remove", "Let devices in no longer",
                             "  gatelog device accept remove 541000001\n");
  remove->add_option("ID", *gone, "devices")->required();
  remove->callback([&session, gone] {
    session.run = [&session, gone] { return AcceptNoLonger(session, *gone); };
  });

  auto off = std::make_shared<bool>(false);
  CLI::App* all = AddVerb(accept, "all", "Let every device in that calls",
                          "  gatelog device accept all\n"
                          "  gatelog device accept all --off\n");
  all->add_flag("--off", *off, "only those that are named, again");
  all->callback(
      [&session, off] { session.run = [&session, off] { return AcceptAll(session, *off); }; });
}

}  // namespace

void AddDeviceCallVerbs(CLI::App& noun, Session& session) {
  CLI::App* accept = noun.add_subcommand("accept", "Which devices are let in when they call");
  accept->require_subcommand(1);
  AddAcceptVerbs(*accept, session);

  CLI::App* pending = AddVerb(noun, "pending", "Devices that called and were not let in",
                              "  gatelog device pending\n");
  pending->callback([&session] { session.run = [&session] { return ListPending(session); }; });

  auto seconds = std::make_shared<int>(kSearch_s);
  CLI::App* search = AddVerb(noun, "search", "Look for devices on this machine and its networks",
                             "  gatelog device search\n"
                             "  gatelog device search --seconds 20\n");
  search
      ->add_option("--seconds", *seconds,
                   absl::StrCat("how long to wait for answers, 1 to ", kSearchMax_s))
      ->type_name("SECONDS")
      ->check(CLI::Range(1, kSearchMax_s).description(""))
      ->capture_default_str();
  search->callback([&session, seconds] {
    session.run = [&session, seconds] { return Search(session, *seconds); };
  });
}

}  // namespace gatelog::cli
