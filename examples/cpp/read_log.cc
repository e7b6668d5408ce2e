// Reads a terminal's log and prints live events in words.
//   gatelog code list -o json > event_code.json
//   read_log localhost:4000 ca.crt event_code.json 127.0.0.1 51211
#include <grpcpp/grpcpp.h>

#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "gsdk/connect.grpc.pb.h"
#include "gsdk/event.grpc.pb.h"

using gsdk::connect::Connect;
using gsdk::event::Event;
using Codes = std::map<std::pair<std::uint32_t, std::uint32_t>, std::string>;

void Check(const grpc::Status& status) {
  if (status.ok()) return;
  std::cerr << status.error_message() << '\n';
  std::exit(1);
}

void Show(const gsdk::event::EventLog& event, const Codes& codes) {
  const auto code = codes.find({event.eventcode(), event.subcode()});
  std::cout << event.deviceid() << ' ' << event.id() << ' ' << event.timestamp() << ' '
            << (event.userid().empty() ? std::to_string(event.entityid()) : event.userid()) << ' '
            << (code == codes.end() ? std::to_string(event.eventcode()) : code->second)
            << std::endl;
}

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  Codes codes;
  std::ifstream code_file(argv[3]), ca_file(argv[2]);
  const auto table = nlohmann::json::parse(code_file);
  for (const auto& entry : table["entries"]) {
    codes[{entry["event_code"].get<unsigned>(), entry["sub_code"].get<unsigned>()}] = entry["desc"];
  }
  const std::string ca{std::istreambuf_iterator<char>(ca_file), {}};
  const auto channel = grpc::CreateChannel(argv[1], grpc::SslCredentials({ca, "", ""}));
  const auto events = Event::NewStub(channel);
  grpc::ClientContext connecting, enabling, living;

  gsdk::connect::ConnectRequest link;
  link.mutable_connectinfo()->set_ipaddr(argv[4]);
  link.mutable_connectinfo()->set_port(std::stoi(argv[5]));
  gsdk::connect::ConnectResponse device;
  Check(Connect::NewStub(channel)->Connect(&connecting, link, &device));
  gsdk::event::EnableMonitoringRequest enable;
  enable.set_deviceid(device.deviceid());
  gsdk::event::EnableMonitoringResponse enabled;
  Check(events->EnableMonitoring(&enabling, enable, &enabled));

  gsdk::event::SubscribeRealtimeLogRequest wanted;
  wanted.set_queuesize(1024);
  wanted.add_deviceids(device.deviceid());
  const auto live = events->SubscribeRealtimeLog(&living, wanted);
  live->WaitForInitialMetadata();  // in force before the log is read: nothing falls between the two

  gsdk::event::GetLogRequest read;
  read.set_deviceid(device.deviceid());
  read.set_maxnumoflog(16384);
  for (gsdk::event::GetLogResponse page;; page.Clear()) {
    grpc::ClientContext reading;
    Check(events->GetLog(&reading, read, &page));
    if (page.events().empty()) break;
    for (const auto& event : page.events()) Show(event, codes);
    read.set_starteventid(page.events().rbegin()->id() + 1);
  }
  for (gsdk::event::EventLog event; live->Read(&event);) {
    if (event.id() >= read.starteventid()) Show(event, codes);
  }
  Check(live->Finish());
}
